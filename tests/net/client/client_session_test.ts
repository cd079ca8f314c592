/**
 * What a client does when servers fall silent, go and come back: with a server of this process behind a proxy.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import {
  type ClientEvent,
  type ClientOptions,
  ConnectionLossError,
  KeeperError,
  openClient,
  SessionExpiredError,
  type ZooKeeperClient,
} from "../../../net/client/client.ts";
import { lookUpName } from "../../../net/client/name_lookup.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { TcpProxy } from "../../support/tcp_proxy.ts";

/** Sessions as short as a server grants them are over soon. */
const SHORT_MS = 300;
const LONG_MS = 20_000;

Deno.test("client session: servers that come, go and fall silent", async (t) => {
  await using server = await InProcessServer.start({
    config: { tickTime: 100, maxSessionTimeout: 60_000 },
  });
  for (const [name, run] of Object.entries(CASES)) await t.step(name, () => run(server.clientPort));
});

const CASES: Record<string, (serverPort: number) => Promise<void>> = {
  "a cut connection: the session, its ephemerals and watches go on": async (serverPort) => {
    await using proxy = new TcpProxy(serverPort);
    await using other = openAt(serverPort);
    const { client, events } = listened(proxy.port);
    await using _ = client;
    await client.create("/cut", null);
    await client.create("/cut-e", null, { mode: "ephemeral" });
    const seen: string[] = [];
    const note = (who: string) => ({ kind, path }: ClientEvent) =>
      seen.push(`${who} ${kind} ${path}`);
    await client.get("/cut", { watch: note("data") });
    await client.exists("/cut-new", { watch: note("exist") });
    await client.getChildren("/cut", { watch: note("child") });
    await client.getChildren("/cut-e", { watch: note("untouched") });
    await client.create("/lasting", null);
    await client.addWatch("/lasting", "persistent", note("persistent"));
    await client.addWatch("/lasting", "persistentRecursive", note("recursive"));
    const { sessionId, password } = client;
    proxy.target = null;
    proxy.cut();
    await eventually("it notices", () => events.includes("Disconnected"));
    assert.deepEqual([client.state === "CLOSED", client.server], [false, null]);
    await other.set("/cut", null);
    await other.set("/lasting", null);
    await other.create("/cut/c", null);
    await other.create("/cut-new", null);
    proxy.target = serverPort;
    const stat = await client.exists("/cut-e"); // asked without a connection: it waits for one
    assert.equal(stat?.ephemeralOwner, sessionId);
    assert.deepEqual([client.sessionId, client.password], [sessionId, password]);
    // events of what was missed come before the answer; lasting watches see what comes from now on
    assert.deepEqual(seen.splice(0).sort(), [
      ...["child NodeChildrenChanged /cut", "data NodeDataChanged /cut"],
      "exist NodeCreated /cut-new",
    ]);
    await client.set("/lasting", null);
    await client.create("/lasting/c", null);
    assert.deepEqual(seen.splice(0), [
      ...["persistent NodeDataChanged /lasting", "recursive NodeDataChanged /lasting"],
      ...["recursive NodeCreated /lasting/c", "persistent NodeChildrenChanged /lasting"],
    ]);
    assert.deepEqual(events, ["SyncConnected", "Disconnected", "SyncConnected"]);
  },

  "requests under way at a cut fail, and say so": async (serverPort) => {
    await using proxy = new TcpProxy(serverPort);
    await using client = openAt(proxy.port);
    await client.connected();
    proxy.isSilent = true;
    const asked = [client.get("/"), client.create("/lost", null), client.sync("/")];
    const outcomes = Promise.allSettled(asked);
    await eventually("they were sent", () => proxy.connectionCount === 1);
    proxy.cut();
    for (const outcome of await outcomes) {
      assert(outcome.status === "rejected");
      assert(outcome.reason instanceof ConnectionLossError, `${outcome.reason}`);
      assert.match(outcome.reason.message, /^ConnectionLoss for \/.*: 127\.0\.0\.1:\d+: /);
    }
    proxy.isSilent = false;
    await client.get("/");
  },

  "a silent server is left for another": async (serverPort) => {
    await using silent = new TcpProxy(serverPort);
    await using good = new TcpProxy(null);
    const servers = `127.0.0.1:${silent.port},127.0.0.1:${good.port}`;
    const events: string[] = [];
    await using client = openClient(servers, {
      sessionTimeoutMs: 1800, // a third is left to find the other
      shuffle: false,
      onEvent: ({ state }) => events.push(state),
    });
    await client.connected();
    assert.equal(client.server, `127.0.0.1:${silent.port}`);
    const { sessionId } = client;
    silent.isSilent = true;
    good.target = serverPort;
    await assert.rejects(client.get("/"), /the server has been silent for \d+ ms/);
    await client.connected();
    assert.deepEqual([client.server, client.sessionId], [`127.0.0.1:${good.port}`, sessionId]);
  },

  "a server that takes connections and says nothing is passed over": async (serverPort) => {
    await using mute = new TcpProxy(serverPort);
    mute.isSilent = true;
    await using client = openClient(`127.0.0.1:${mute.port},127.0.0.1:${serverPort}`, {
      sessionTimeoutMs: 600,
      shuffle: false,
    });
    await client.connected();
    assert.equal(client.server, `127.0.0.1:${serverPort}`);
    assert.equal(mute.acceptedCount, 1);
  },

  "an idle session lives on by pings": async (serverPort) => {
    const sessionTimeoutMs = 600;
    await using client = openAt(serverPort, { sessionTimeoutMs });
    await using other = openAt(serverPort);
    await client.create("/idle", null, { mode: "ephemeral" });
    // a session that lives twice as long as another of its kind without pings
    for (let i = 0; i < 2; i++) {
      const shadow = openAt(serverPort, { sessionTimeoutMs });
      await shadow.create("/shadow", null, { mode: "ephemeral" });
      shadow.abandon();
      await eventually("the abandoned one is over", async () => !await other.exists("/shadow"));
    }
    assert.equal(client.state, "CONNECTED");
    assert.notEqual(await other.exists("/idle"), null);
  },

  "an expired session ends the client": async (serverPort) => {
    await using proxy = new TcpProxy(serverPort);
    await using other = openAt(serverPort);
    const { client, events } = listened(proxy.port, { sessionTimeoutMs: SHORT_MS });
    await client.create("/expired", null, { mode: "ephemeral" });
    proxy.target = null;
    proxy.cut();
    await eventually("the session is over", async () => !await other.exists("/expired"));
    await eventually("it notices", () => client.state === "CONNECTING");
    const waiting = client.get("/");
    const refusal = assert.rejects(waiting, (error) => error instanceof SessionExpiredError);
    proxy.target = serverPort;
    await refusal;
    assert.equal(client.state, "CLOSED");
    await assert.rejects(client.get("/"), (error) => {
      assert(error instanceof SessionExpiredError && error instanceof KeeperError);
      assert.deepEqual([error.code, error.path], [ErrorCode.SessionExpired, "/"]);
      return true;
    });
    await assert.rejects(client.connected(), SessionExpiredError);
    assert.deepEqual(events, ["SyncConnected", "Disconnected", "Expired"]);
    await client.close();
  },

  "a session is taken over by its id and password": async (serverPort) => {
    const first = openAt(serverPort);
    await first.create("/taken", null, { mode: "ephemeral" });
    const session = { id: first.sessionId, password: first.password };
    first.abandon();
    assert.equal(first.state, "CLOSED");
    {
      await using second = openAt(serverPort, { session });
      assert.equal((await second.exists("/taken"))?.ephemeralOwner, session.id);
    }
    await using third = openAt(serverPort, { session }); // the second has ended it
    await assert.rejects(third.connected(), SessionExpiredError);
  },

  "credentials are given again at each connection": async (serverPort) => {
    await using proxy = new TcpProxy(serverPort);
    const auth = (text: string) => ({ scheme: "digest", auth: new TextEncoder().encode(text) });
    const { client, events } = listened(proxy.port, { auth: [auth("ann:1")] });
    await using _ = client;
    await client.addAuth(auth("bob:2")); // before the connection
    const users = async () => (await client.whoAmI()).map(({ user }) => user).sort();
    assert.deepEqual(await users(), ["127.0.0.1", "ann", "bob"]);
    await client.addAuth(auth("cid:3"));
    proxy.cut();
    await eventually("it is back", () => events.length === 3);
    assert.deepEqual(await users(), ["127.0.0.1", "ann", "bob", "cid"]);
  },

  "thousands of watches are put back": async (serverPort) => {
    await using proxy = new TcpProxy(serverPort);
    const { client, events } = listened(proxy.port);
    await using _ = client;
    const count = 3000;
    const name = (i: number) => `/watched-${"x".repeat(100)}-${i}`;
    let firedCount = 0;
    const watch = () => firedCount++;
    await Promise.all(Array.from({ length: count }, (_, i) => client.exists(name(i), { watch })));
    proxy.cut();
    await eventually("it is back", () => events.length === 3);
    for (const i of [0, count / 2, count - 1]) await client.create(name(i), null);
    assert.equal(firedCount, 3);
    assert.equal(client.state, "CONNECTED");
  },

  "an aborted request rejects, and its answer is nobody's": async (serverPort) => {
    await using proxy = new TcpProxy(serverPort);
    await using client = openAt(proxy.port);
    await client.connected();
    await assert.rejects(client.get("/", { signal: AbortSignal.abort("before") }), /before/);
    const reason = new Error("enough");
    const abort = new AbortController();
    const { signal } = abort;
    const requests = [
      client.get("/", { signal, watch: () => assert.fail("nobody watches") }),
      client.create("/aborted", null, { signal }),
      client.addAuth({ scheme: "digest", auth: new Uint8Array([58]) }, { signal }),
    ];
    const refusals = requests.map((request) =>
      assert.rejects(request, (error) => error === reason)
    );
    abort.abort(reason);
    await Promise.all(refusals);
    // what comes behind is answered with its own
    assert.equal((await client.exists("/aborted"))?.version, 0);
    await client.delete("/aborted");
  },

  "an answer beyond the limit fails its request alone": async (serverPort) => {
    await using client = openAt(serverPort, { maxFrameBytes: 100_000 });
    const large = new Uint8Array(300_000);
    await client.create("/large", large);
    const [before, answer, after] = await Promise.allSettled([
      ...[client.exists("/large"), client.get("/large"), client.getChildren("/")],
    ]);
    assert.equal(before?.status, "fulfilled");
    assert.equal(after?.status, "fulfilled");
    assert(answer?.status === "rejected");
    assert.match(
      answer.reason.message,
      /^The answer for \/large has 300\d+ bytes: the limit is 100000/,
    );
    await client.delete("/large");
  },

  "a request beyond the server's limit says why the connection went": async (serverPort) => {
    await using client = openAt(serverPort);
    await assert.rejects(client.create("/huge", new Uint8Array(2 << 20)), (error) => {
      assert(error instanceof ConnectionLossError);
      assert.match(error.message, /the request has 2097\d+ bytes, .* jute\.maxbuffer/);
      return true;
    });
    await client.connected();
  },

  "a listener that throws is reported, and the client goes on": async (serverPort) => {
    const reported: unknown[][] = [];
    const { error } = console;
    console.error = (...args) => reported.push(args);
    try {
      await using client = openAt(serverPort, {
        onEvent: () => {
          throw new Error("of a state");
        },
      });
      await client.getChildren("/", {
        watch: () => {
          throw new Error("of a watch");
        },
      });
      await client.getChildren("/", { watch: () => Promise.reject(new Error("of a promise")) });
      await client.create("/thrown", null);
      await client.delete("/thrown");
    } finally {
      console.error = error;
    }
    const texts = reported.map(([, error]) => `${error}`);
    for (const what of ["state", "watch", "promise"]) assert(texts.includes(`Error: of a ${what}`));
  },

  "a name is looked up at each connect, and all its addresses are tried": async (serverPort) => {
    await using proxy = new TcpProxy(serverPort);
    const asked: string[] = [];
    let addresses: string[] | Error = new Error("no such name");
    const { client, events } = listened(proxy.port, {
      shuffle: false,
      lookUp: (hostname) => {
        asked.push(hostname);
        return addresses instanceof Error ? Promise.reject(addresses) : Promise.resolve(addresses);
      },
    }, "zk.example");
    await using _ = client;
    await assert.rejects(client.connected({ timeoutMs: 1 }), (error) => {
      assert(error instanceof ConnectionLossError);
      return error.message === `ConnectionLoss: zk.example:${proxy.port}: no such name`;
    });
    addresses = ["127.0.0.2", "127.0.0.1"]; // nobody listens at the first
    await client.connected();
    assert.equal(client.server, `zk.example:${proxy.port}`);
    // it moves: the same name and port, another address
    await using moved = new TcpProxy(serverPort, "127.0.0.3", proxy.port);
    addresses = ["127.0.0.3"];
    proxy.target = null;
    proxy.cut();
    await eventually("it is back", () => events.length === 3);
    assert.equal(moved.connectionCount, 1);
    assert(asked.length >= 3 && asked.every((name) => name === "zk.example"));
  },

  "names of the operating system are found": async (serverPort) => {
    await using client = openAt(serverPort, {}, "localhost");
    await client.connected({ timeoutMs: LONG_MS });
    await assert.rejects(lookUpName("no-such-host.invalid"), /^Error: cannot look "no-such-host/);
    assert.deepEqual(await lookUpName("::1"), ["::1"]);
  },
};

Deno.test("client session: what is no ZooKeeper server is passed over", async () => {
  await using server = await InProcessServer.start();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const other = (async () => {
    using conn = await listener.accept();
    await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await conn.read(new Uint8Array(100));
    await conn.read(new Uint8Array(100));
  })();
  const hosts = [listener.addr.port, server.clientPort].map((port) => `127.0.0.1:${port}`);
  await using client = openClient(hosts.join(","), { shuffle: false });
  await client.connected();
  assert.equal(client.server, hosts[1]);
  await other;
});

Deno.test("client session: a program whose clients are closed ends", async () => {
  const module = new URL("../../../net/client/client.ts", import.meta.url).href;
  const code = `import { openClient } from "${module}";
    const [port, closed] = Deno.args;
    for (const each of [port, closed]) {
      const client = openClient("127.0.0.1:" + each, { sessionTimeoutMs: 60_000 });
      const asked = client.get("/").then(() => "answered", (error) => error.name);
      if (each === port) await asked;
      await client.close();
      console.log(await asked, client.state);
    }`;
  await using server = await InProcessServer.start();
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/program.ts`, code);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--allow-net", `${dir.path}/program.ts`],
      ...[`${server.clientPort}`, `${freePort()}`],
    ],
  }).output();
  assert.equal(
    new TextDecoder().decode(stdout),
    "answered CLOSED\nSessionExpiredError CLOSED\n",
  );
});

Deno.test("client session: without a server, requests fail after a session's time", async () => {
  const port = freePort();
  await using client = openAt(port, { sessionTimeoutMs: 200 });
  const refused = new RegExp(`^ConnectionLoss for /a: 127\\.0\\.0\\.1:${port}: .*refused`, "i");
  const outcomes = await Promise.allSettled([client.get("/a"), client.get("/a")]);
  for (const outcome of outcomes) {
    assert(outcome.status === "rejected" && outcome.reason instanceof ConnectionLossError);
    assert.match(outcome.reason.message, refused);
  }
  await assert.rejects(client.connected({ timeoutMs: 1 }), ConnectionLossError);
  await assert.rejects(client.connected({ signal: AbortSignal.abort("over") }), /over/);
  assert.equal(client.sessionId, 0n);
  assert.equal(client.state, "CONNECTING");
});

Deno.test("client session: a signal ends the wait and the client", async () => {
  const abort = new AbortController();
  const client = openAt(freePort(), { signal: abort.signal });
  const reason = new Error("changed my mind");
  const refusals = [client.connected(), client.get("/")].map((promise) =>
    assert.rejects(promise, (error) => error === reason)
  );
  abort.abort(reason);
  await Promise.all(refusals);
  assert.equal(client.state, "CLOSED");
  assert.equal(openAt(freePort(), { signal: AbortSignal.abort() }).state, "CLOSED");
});

Deno.test("client session: a close waits for a silent server only for a while", async () => {
  await using server = await InProcessServer.start({ config: { tickTime: 100 } });
  await using proxy = new TcpProxy(server.clientPort);
  const client = openAt(proxy.port, { sessionTimeoutMs: SHORT_MS });
  await client.connected();
  proxy.isSilent = true;
  const pending = client.get("/");
  const refusal = assert.rejects(pending, KeeperError);
  await client.close();
  await refusal;
  assert.equal(client.state, "CLOSED");
});

function openAt(
  port: number,
  options: ClientOptions = {},
  hostname = "127.0.0.1",
): ZooKeeperClient {
  return openClient(`${hostname}:${port}`, { sessionTimeoutMs: LONG_MS, ...options });
}

/** A client, and the states it told of. */
function listened(port: number, options: ClientOptions = {}, hostname?: string) {
  const events: string[] = [];
  const onEvent = ({ state }: ClientEvent) => events.push(state);
  return { client: openAt(port, { ...options, onEvent }, hostname), events };
}
