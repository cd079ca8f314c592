/**
 * The write load itself: that it finds what is missing, twice there, or of nobody.
 *
 * @module
 */
import assert from "node:assert/strict";
import { testWith } from "../../support/prerequisites.ts";
import { RawClient } from "../../support/raw_client.ts";
import { create, exists, getChildren, getData, remove, setData } from "../../support/requests.ts";
import { ServerProcess } from "../../support/server_process.ts";
import { expectedPassword } from "../raw/frame_text.ts";
import { KazooLoad } from "./kazoo_load.ts";

testWith(["java", "javaServer", "kazoo"], "kazoo_load.py reports what is wrong", async () => {
  await using server = await ServerProcess.start("java", {
    config: { maxSessionTimeout: 120_000 },
  });
  const hosts = `127.0.0.1:${server.clientPort}`;
  await using load = await KazooLoad.start(hosts);
  await load.progress(100);
  await load.stop();
  const { faults: before, report } = await load.check(hosts);
  assert.deepEqual(Object.values(before).flat(), []);
  assert(report.acknowledged >= 100);

  using client = await RawClient.session(server.clientPort);
  const childrenOf = async (path: string) => {
    const reply = await client.must(getChildren(path));
    return reply.vector(() => `${path}/${reply.string()}`)!.sort();
  };
  const [first, second] = await childrenOf("/load/w0/s");
  const payload = (await client.must(getData(second!))).buffer();
  await client.must(remove(first!));
  await client.must(create("/load/w0/s/again", { data: payload }));
  await client.must(create("/load/w0/s/nobody", { data: "7:7" }));
  await client.must(setData("/load/w1/v", "other"));
  await client.must(setData("/load/counter", "0"));
  const ephemeral = (await childrenOf("/load/w2")).find((path) => path.startsWith("/load/w2/e"))!;
  await client.must(remove(ephemeral));
  await client.endSession();

  const { faults } = await load.check(hosts);
  const paths = (texts: readonly string[]) => texts.map((text) => /\/load[^' ]*/.exec(text)?.[0]);
  assert.deepEqual(paths(faults.lost).sort(), [first, "/load/w1/v", ephemeral].sort());
  assert.deepEqual(faults.duplicated.length, 1);
  assert.deepEqual(paths(faults.unexpected), ["/load/w0/s/nobody"]);
  assert.match(faults.failures.join(), /^counted 0, acknowledged \d+ to \d+$/);
  assert.deepEqual(faults.lostSessions, []);
});

testWith(["java", "javaServer", "kazoo"], "kazoo_load.py reports lost sessions", async () => {
  await using server = await ServerProcess.start("java", {
    config: { maxSessionTimeout: 120_000 },
  });
  const hosts = `127.0.0.1:${server.clientPort}`;
  await using load = await KazooLoad.start(hosts);
  await load.stop();
  const sessionId = await ownerOf(server.clientPort, "/load/w1");
  const password = expectedPassword(sessionId);
  using session = await RawClient.session(server.clientPort, { sessionId, password });
  await session.endSession();
  const { faults } = await load.check(hosts);
  assert.deepEqual(faults, {
    lost: [],
    duplicated: [],
    unexpected: [],
    lostSessions: [`0x${sessionId.toString(16)}`],
    failures: [],
  });
});

/** The session with an ephemeral under this path. */
async function ownerOf(port: number, path: string): Promise<bigint> {
  using client = await RawClient.session(port);
  const children = await client.must(getChildren(path));
  const names = children.vector(() => children.string()!)!;
  const name = names.find((name) => name.startsWith("e"));
  const stat = (await client.must(exists(`${path}/${name}`))).rest();
  await client.endSession();
  return new DataView(stat.buffer, stat.byteOffset).getBigInt64(44); // behind four longs, three ints
}
