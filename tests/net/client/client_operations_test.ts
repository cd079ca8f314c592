/**
 * Every operation of the client, against both servers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import {
  type ClientEvent,
  type ClientStat,
  KeeperError,
  MultiError,
  openClient,
  type ZooKeeperClient,
} from "../../../net/client/client.ts";
import { eventually } from "../../support/eventually.ts";
import { testWith } from "../../support/prerequisites.ts";
import { ServerProcess, type Target } from "../../support/server_process.ts";
import { SUPER_PROPERTIES } from "../../support/tree_dump.ts";

const properties = { ...SUPER_PROPERTIES, "zookeeper.extendedTypesEnabled": "true" };

for (const target of ["denkeeper", "java"] as const) {
  testWith(
    target === "java" ? ["java", "javaServer"] : [],
    `client operations: all of them, with the ${target} server`,
    async (t) => {
      await using server = await ServerProcess.start(target, { properties });
      await using client = openClient(`127.0.0.1:${server.clientPort}`);
      for (const [name, run] of Object.entries(OPERATIONS)) {
        await t.step(name, () => run(client, { target, port: server.clientPort }));
      }
    },
  );
}

interface Server {
  readonly target: Target;
  readonly port: number;
}

const OPERATIONS: Record<string, (client: ZooKeeperClient, server: Server) => Promise<void>> = {
  "create, get, set, exists and delete": async (client) => {
    const created = await client.create("/znode", bytes("one"));
    assert.equal(created.path, "/znode");
    assert.equal(created.stat.dataLength, 3);
    const { data, stat } = await client.get("/znode");
    assert.equal(text(data), "one");
    assert.deepEqual(stat, created.stat);
    const changed = await client.set("/znode", bytes("second"), { version: 0 });
    assert.deepEqual([changed.version, changed.dataLength], [1, 6]);
    await fails(client.set("/znode", null, { version: 0 }), ErrorCode.BadVersion, "/znode");
    await fails(client.create("/znode", null), ErrorCode.NodeExists, "/znode");
    assert.deepEqual(await client.exists("/znode"), changed);
    await client.delete("/znode", { version: 1 });
    assert.equal(await client.exists("/znode"), null);
    await fails(client.delete("/znode"), ErrorCode.NoNode, "/znode");
    await fails(client.get("/znode"), ErrorCode.NoNode, "/znode");
  },

  "data that is null, empty, binary and large": async (client) => {
    await client.create("/data", null);
    const all = new Uint8Array(900_000).map((_, i) => i * 7);
    for (const data of [null, new Uint8Array(), new Uint8Array([0, 255, 10]), all]) {
      await client.set("/data", data);
      assert.deepEqual((await client.get("/data")).data, data);
    }
    await client.delete("/data");
  },

  "every mode of create": async (client) => {
    await client.create("/modes", null);
    assert.match(
      (await client.create("/modes/", null, { mode: "persistentSequential" })).path,
      /0$/,
    );
    const ephemeral = await client.create("/modes/e", null, { mode: "ephemeral" });
    assert.equal(ephemeral.stat.ephemeralOwner, client.sessionId);
    const sequential = await client.create("/modes/s-", null, { mode: "ephemeralSequential" });
    assert.equal(sequential.path, "/modes/s-0000000002");
    await client.create("/modes/c", null, { mode: "container" });
    await client.create("/modes/t", null, { mode: "persistentWithTtl", ttlMs: 600_000 });
    const { path } = await client.create("/modes/ts-", null, {
      mode: "persistentSequentialWithTtl",
      ttlMs: 600_000,
    });
    assert.equal(path, "/modes/ts-0000000005");
    const owner = async (path: string) => (await client.exists(path) as ClientStat).ephemeralOwner;
    assert.deepEqual([await owner("/modes/c"), await owner("/modes/t")], [0n, 0n]);
    const { children, stat } = await client.getChildren("/modes");
    assert.deepEqual(children.sort(), [
      ...["0000000000", "c", "e", "s-0000000002", "t", "ts-0000000005"],
    ]);
    assert.equal(stat.numChildren, 6);
    assert.equal(await client.getAllChildrenNumber("/modes"), 6);
    assert.deepEqual((await client.getEphemerals("/")).sort(), ["/modes/e", "/modes/s-0000000002"]);
    for (const name of children) await client.delete(`/modes/${name}`);
    await client.delete("/modes");
  },

  "what is refused before it is sent": async (client) => {
    await assert.rejects(client.get("a"), { message: "Path must start with / character" });
    await assert.rejects(client.multi([{ kind: "delete", path: "/a/" }]), {
      name: "ClientArgumentError",
    });
    await assert.rejects(
      client.create("/t", null, { mode: "persistentWithTtl" }),
      /TTL is undefined/,
    );
    await assert.rejects(client.create("/t", null, { ttlMs: 5 }), /mode persistent has no TTL/);
    await fails(client.create("/t", null, { acl: [] }), ErrorCode.InvalidAcl, null);
    await fails(client.setAcl("/", []), ErrorCode.InvalidAcl, null);
  },

  "ACLs, and who one is": async (client, { port }) => {
    await using other = openClient(`127.0.0.1:${port}`);
    const acl = [{ permissions: 31, scheme: "auth", id: "" }];
    await fails(client.create("/acl", null, { acl }), ErrorCode.InvalidAcl, "/acl");
    await other.addAuth({ scheme: "digest", auth: bytes("bob:secret") });
    await other.create("/acl", null, { acl });
    await fails(client.get("/acl"), ErrorCode.NoAuth, "/acl");
    const found = await other.getAcl("/acl");
    assert.deepEqual(found.acl.map(({ permissions, scheme }) => `${permissions} ${scheme}`), [
      "31 digest",
    ]);
    assert.match(found.acl[0]!.id, /^bob:.{28}$/);
    const stat = await other.setAcl(
      "/acl",
      [{ permissions: 1, scheme: "world", id: "anyone" }],
      { version: 0 },
    );
    assert.equal(stat.aversion, 1);
    await client.get("/acl");
    await fails(client.set("/acl", null), ErrorCode.NoAuth, "/acl");
    const me = (await other.whoAmI()).map(({ scheme, user }) => `${scheme} ${user}`).sort();
    assert.deepEqual(me, ["digest bob", "ip 127.0.0.1"]);
    await client.delete("/acl");
  },

  "multi: all, or nothing and which one failed": async (client) => {
    const results = await client.multi([
      { kind: "create", path: "/m", data: bytes("m") },
      { kind: "create", path: "/m/c", data: null, mode: "container" },
      { kind: "create", path: "/m/s", data: null, mode: "persistentSequential" },
      { kind: "create", path: "/m/t", data: null, mode: "persistentWithTtl", ttlMs: 60_000 },
      { kind: "set", path: "/m", data: bytes("n") },
      { kind: "check", path: "/m", version: 1 },
      { kind: "delete", path: "/m/c" },
    ]);
    assert.deepEqual(
      results.map((result) => result.kind === "create" ? result.path : result.kind),
      ["/m", "/m/c", "/m/s0000000001", "/m/t", "set", "check", "delete"],
    );
    assert.equal(results[4]?.kind === "set" && results[4].stat.version, 1);
    assert.deepEqual(await client.multi([]), []);
    await assert.rejects(
      client.multi([
        { kind: "create", path: "/m2", data: null },
        { kind: "check", path: "/m", version: 7 },
        { kind: "delete", path: "/m" },
      ]),
      (error) => {
        assert(error instanceof MultiError);
        assert.deepEqual(
          [error.index, error.code, error.path, error.codes],
          [1, ErrorCode.BadVersion, "/m", [0, ErrorCode.BadVersion, -2]],
        );
        return true;
      },
    );
    assert.equal(await client.exists("/m2"), null);
    const read = await client.multiRead([
      { kind: "get", path: "/m" },
      { kind: "getChildren", path: "/m" },
      { kind: "get", path: "/m2" },
    ]);
    assert.equal(read[0]?.kind === "get" && text(read[0].data), "n");
    assert.deepEqual(read[1]?.kind === "getChildren" && read[1].children.sort(), [
      ...["s0000000001", "t"],
    ]);
    assert.deepEqual(read[2], { kind: "error", code: ErrorCode.NoNode });
  },

  "sync, the configuration and reconfig": async (client) => {
    assert.equal(await client.sync("/m"), "/m");
    assert.equal(typeof (await client.getConfig()).stat.version, "number");
    await assert.rejects(client.reconfig({ leaving: "3" }), (error) => {
      assert(error instanceof KeeperError);
      return error.code === ErrorCode.ReconfigDisabled;
    });
  },

  "one-shot watches fire once, before the answers that follow": async (client) => {
    const seen: string[] = [];
    const watch = ({ kind, path }: ClientEvent) => seen.push(`${kind} ${path}`);
    await client.exists("/w", { watch });
    await client.create("/w", null);
    seen.push("created");
    await client.get("/w", { watch });
    await client.getChildren("/w", { watch });
    await client.set("/w", null);
    seen.push("set");
    await client.set("/w", null);
    await client.create("/w/c", null);
    seen.push("child");
    await client.delete("/w/c");
    await client.exists("/w", { watch });
    await client.delete("/w");
    seen.push("deleted");
    await assert.rejects(client.get("/w", { watch })); // no watch of what is not there
    await client.create("/w", null);
    await client.delete("/w");
    assert.deepEqual(seen, [
      ...["NodeCreated /w", "created", "NodeDataChanged /w", "set"],
      ...["NodeChildrenChanged /w", "child", "NodeDeleted /w", "deleted"],
    ]);
  },

  "persistent watches stay, recursive ones see what is below": async (client) => {
    const seen: string[] = [];
    const note = (who: string) => ({ kind, path }: ClientEvent) =>
      seen.push(`${who} ${kind} ${path}`);
    await client.create("/p", null);
    await client.create("/r", null);
    await client.addWatch("/p", "persistent", note("p"));
    await client.addWatch("/r", "persistentRecursive", note("r"));
    await client.create("/p/x", null);
    await client.set("/p", null);
    await client.set("/p", null);
    await client.create("/r/x", null);
    await client.create("/r/x/y", null);
    await client.delete("/r/x/y");
    assert.deepEqual(seen.splice(0), [
      ...["p NodeChildrenChanged /p", "p NodeDataChanged /p", "p NodeDataChanged /p"],
      ...["r NodeCreated /r/x", "r NodeCreated /r/x/y", "r NodeDeleted /r/x/y"],
    ]);
    await client.removeWatches("/p", "any");
    await client.removeWatches("/r", "any");
    await client.set("/p", null);
    await client.set("/r", null);
    assert.deepEqual(seen, ["p PersistentWatchRemoved /p", "r PersistentWatchRemoved /r"]);
    for (const kind of ["any", "data", "children"] as const) {
      await fails(client.removeWatches("/p", kind), ErrorCode.NoWatcher, "/p");
    }
    for (const path of ["/p/x", "/p", "/r/x", "/r"]) await client.delete(path);
  },

  "removing a kind of watch leaves the others": async (client) => {
    const seen: string[] = [];
    const note = (who: string) => ({ kind }: ClientEvent) => seen.push(`${who} ${kind}`);
    await client.create("/k", null);
    await client.get("/k", { watch: note("data") });
    await client.getChildren("/k", { watch: note("child") });
    await client.removeWatches("/k", "data");
    await client.set("/k", null);
    await client.create("/k/c", null);
    assert.deepEqual(seen, ["data DataWatchRemoved", "child NodeChildrenChanged"]);
    await client.delete("/k/c");
    await client.delete("/k");
  },

  "many requests at once are answered each with its own": async (client) => {
    await client.create("/many", null);
    const names = Array.from({ length: 300 }, (_, i) => `/many/${i}`);
    await Promise.all(names.map((path) => client.create(path, bytes(path))));
    const read = await Promise.all(names.map(async (path) => text((await client.get(path)).data)));
    assert.deepEqual(read, names);
    await Promise.all(names.map((path) => client.delete(path)));
    assert.equal((await client.getChildren("/many")).children.length, 0);
  },

  "a chroot stands before every path, and is seen nowhere": async (client, { port }) => {
    for (const path of ["/app", "/app/in", "/application"]) await client.create(path, null);
    await client.create("/application/e", null, { mode: "ephemeral" });
    const seen: string[] = [];
    const watch = ({ kind, path }: ClientEvent) => seen.push(`${kind} ${path}`);
    await using inner = openClient(`127.0.0.1:${port}/app`);
    assert.deepEqual((await inner.getChildren("/", { watch })).children, ["in"]);
    assert.equal((await inner.create("/a", null, { mode: "ephemeral" })).path, "/a");
    await inner.exists("/a", { watch });
    await client.delete("/app/a");
    await inner.create("/a", null, { mode: "ephemeral" });
    await inner.addWatch("/in", "persistentRecursive", watch);
    await client.create("/app/in/deep", null);
    assert.equal(await inner.sync("/in"), "/in");
    assert.deepEqual(seen, [
      ...["NodeChildrenChanged /", "NodeDeleted /a", "NodeCreated /in/deep"],
    ]);
    assert.deepEqual(await inner.getEphemerals("/"), ["/a"]);
    const [made] = await inner.multi([{ kind: "create", path: "/m", data: null }]);
    assert.equal(made?.kind === "create" && made.path, "/m");
    await fails(inner.get("/nothing"), ErrorCode.NoNode, "/nothing");
    await fails(inner.delete("/in"), ErrorCode.NotEmpty, "/in");
    assert.equal(typeof (await inner.getConfig()).stat.version, "number");
    assert.notEqual(await client.exists("/app/m"), null);
  },

  "closing ends the session, with its ephemerals": async (client, { port }) => {
    const other = openClient(`127.0.0.1:${port}`);
    await other.create("/gone", null, { mode: "ephemeral" });
    const waiting = other.get("/gone");
    await other.close();
    assert.notEqual((await waiting).stat.ephemeralOwner, 0n); // what was asked before is answered
    assert.equal(await client.exists("/gone"), null);
    assert.equal(other.state, "CLOSED");
    await assert.rejects(other.get("/"), { name: "SessionExpiredError" });
    await other.close();
  },

  "credentials that are refused end the client": async (_, { port }) => {
    const states: string[] = [];
    const client = openClient(`127.0.0.1:${port}`, { onEvent: ({ state }) => states.push(state) });
    await client.connected();
    const refused = client.addAuth({ scheme: "nonsense", auth: bytes("x") });
    await fails(refused, ErrorCode.AuthFailed, null);
    assert.equal(client.state, "AUTH_FAILED");
    await fails(client.get("/"), ErrorCode.AuthFailed, "/");
    await eventually("it is told", () => states.includes("AuthFailed"));
    await client.close();
  },
};

async function fails(promise: Promise<unknown>, code: number, path: string | null): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert(error instanceof KeeperError, `${error}`);
    assert.deepEqual([error.code, error.path], [code, path]);
    return true;
  });
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array | null): string | null {
  return value === null ? null : new TextDecoder().decode(value);
}
