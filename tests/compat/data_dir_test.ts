/**
 * A dataDir goes from the Java server to ours and back, and from ours to Java and back: the same tree,
 * the same sessions, whether the server before was stopped or killed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TARGETS } from "../support/compared.ts";
import { testWith } from "../support/prerequisites.ts";
import { RawClient } from "../support/raw_client.ts";
import {
  auth,
  check,
  create,
  Flags,
  getData,
  getEphemerals,
  multi,
  Op,
  remove,
  setAcl,
  setData,
} from "../support/requests.ts";
import { ServerProcess, type Target, word } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { dumpTree, SUPER_PROPERTIES } from "../support/tree_dump.ts";

const [JAVA, OURS] = TARGETS;
const routes: readonly (readonly Target[])[] = [[JAVA, OURS, JAVA], [OURS, JAVA, OURS]];
/** None ends by itself, however long a restart takes. */
const SESSION_MS = 600_000;
const snapshotFormats = ["", "gz", "snappy"] as const;

for (const format of snapshotFormats) {
  for (const ending of ["stop", "kill"] as const) {
    for (const route of routes) {
      const name = `dataDir, ${route.join(" to ")}, by ${ending}, ${format || "plain"} snapshots`;
      testWith(["java", "javaServer", "snappyJava"], name, () => travel(route, ending, format));
    }
  }
}

async function travel(
  route: readonly Target[],
  ending: "stop" | "kill",
  format: string,
): Promise<void> {
  using dir = makeTempDir();
  const options = {
    dataDir: `${dir.path}/data`,
    config: {
      extendedTypesEnabled: true,
      snapCount: 50,
      "4lw.commands.whitelist": "*",
      maxSessionTimeout: SESSION_MS,
    },
    properties: {
      ...SUPER_PROPERTIES,
      ...(format === "" ? {} : { "zookeeper.snapshot.compression.method": format }),
    },
  };
  let expected: string[] = [];
  let owner: { sessionId: bigint; password: Uint8Array } | undefined;
  let closed: { sessionId: bigint; password: Uint8Array } | undefined;
  for (const [stage, target] of route.entries()) {
    await using server = await ServerProcess.start(target, options);
    const port = server.clientPort;
    assert.deepEqual(await dumpTree(port), stage === 0 ? await dumpTree(port) : expected);
    if (target === "java") {
      // The Java server recomputes the digest of the tree while it replays the log.
      assert.match(await word(port, "mntr"), /^zk_digest_mismatches_count\t0$/m);
    }
    using client = await RawClient.session(port, { ...owner, timeoutMs: SESSION_MS });
    owner = { sessionId: client.sessionId, password: client.password };
    if (closed !== undefined) {
      await assert.rejects(RawClient.session(port, closed), /refused/, "a closed session is gone");
    }
    if (stage > 0) {
      const ephemerals = await client.must(getEphemerals(null));
      const paths = (ephemerals.vector(() => ephemerals.string()) ?? []).sort();
      const earlier = Array.from({ length: stage }, (_, i) => `/stage${i}/ephemeral`);
      assert.deepEqual(paths, earlier, "the session has its ephemerals");
    }
    closed = await populate(client, port, `/stage${stage}`);
    expected = await dumpTree(port);
    await server[ending]();
    const names = [...Deno.readDirSync(`${options.dataDir}/version-2`)].map(({ name }) => name);
    const suffix = format === "" ? /^snapshot\.[^.]+$/ : new RegExp(`^snapshot\\..*\\.${format}$`);
    assert(names.some((name) => suffix.test(name)), `no ${format} snapshot among ${names}`);
  }
}

/** Every kind of znode and of txn. @returns a session that was closed */
async function populate(client: RawClient, port: number, path: string) {
  await client.call(auth("digest", "bob:pw"), -4);
  await client.must(create(path, { data: "stage" }));
  const kinds = [
    create(`${path}/null`, { data: null }),
    create(`${path}/binary`, { data: new Uint8Array([0, 255, 128, 10]) }),
    create(`${path}/large`, { data: "x".repeat(70_000) }),
    create(`${path}/\u00e4\u65e5\u672c`, { data: "\u00e9" }),
    create(`${path}/ephemeral`, { flags: Flags.ephemeral, data: "mine" }),
    create(`${path}/container`, { type: Op.createContainer, flags: Flags.container }),
    create(`${path}/container/kid`),
    create(`${path}/ttl`, { flags: Flags.ttl, ttl: 10_000_000n, data: "ttl" }),
    create(`${path}/ttl-`, { flags: Flags.ttlSequential, ttl: 20_000_000n }),
    create(`${path}/acl`, { acl: [{ perms: 31, scheme: "auth", id: "" }] }),
    create(`${path}/acls`, {
      acl: [
        { perms: 1, scheme: "world", id: "anyone" },
        { perms: 31, scheme: "digest", id: "eve:x" },
        { perms: -1, scheme: "ip", id: "10.0.0.0/8" },
      ],
    }),
    setAcl(`${path}/null`, [{ perms: 31, scheme: "ip", id: "127.0.0.1" }]),
    setData("/", path),
    multi([
      create(`${path}/multi`, { data: "1" }),
      create(`${path}/multi2`, { type: Op.create2, data: "2" }),
      setData(`${path}/multi`, "2"),
      check(`${path}/multi`, 1),
      create(`${path}/gone`),
      remove(`${path}/gone`),
    ]),
    multi([create(`${path}/never`), check(`${path}/none`)]),
    multi([]),
  ];
  for (const request of kinds) await client.must(request);
  for (const failing of [create(path), remove(`${path}/none`), setData(path, "", 99)]) {
    assert.notEqual((await client.call(failing)).err, 0);
  }
  const limits = `/zookeeper/quota${path}`;
  await client.must(create(limits, { data: null }));
  await client.must(create(`${limits}/zookeeper_limits`, { data: "count=1000,bytes=-1" }));
  await client.must(create(`${limits}/zookeeper_stats`, { data: "count=0,bytes=0" }));
  for (let i = 0; i < 60; i++) {
    const made = await client.must(
      create(`${path}/s-`, { flags: Flags.sequential, data: `${i}` }),
    );
    await client.must(setData(path, `${i}`));
    if (i % 3 === 0) await client.must(remove(made.string()));
  }
  using other = await RawClient.session(port);
  await other.must(create(`${path}/theirs`, { flags: Flags.ephemeral }));
  const session = { sessionId: other.sessionId, password: other.password };
  await other.endSession();
  return session;
}

testWith(
  ["java", "javaServer"],
  "a create2 inside a multi is there for a Java server that replays our log",
  async () => {
    using dir = makeTempDir();
    const dataDir = `${dir.path}/data`;
    {
      await using ours = await ServerProcess.start("denkeeper", { dataDir });
      using client = await RawClient.session(ours.clientPort);
      await client.must(multi([create("/a", { type: Op.create2, data: "kept" })]));
      await ours.kill(); // no snapshot has it
    }
    await using java = await ServerProcess.start("java", { dataDir });
    using client = await RawClient.session(java.clientPort);
    await client.must(getData("/a"));
  },
);
