/**
 * The write load itself: that it finds what is missing, twice there, or of nobody.
 *
 * @module
 */
import assert from "node:assert/strict";
import { freePort } from "../../support/free_port.ts";
import { testWith } from "../../support/prerequisites.ts";
import { RawClient } from "../../support/raw_client.ts";
import { create, getChildren, getData, remove, setData } from "../../support/requests.ts";
import { ServerProcess } from "../../support/server_process.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
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

testWith(
  ["java", "javaServer", "kazoo"],
  "kazoo_load.py reports what a wiped server lost",
  async () => {
    using dir = makeTempDir();
    const clientPort = freePort();
    const hosts = `127.0.0.1:${clientPort}`;
    const options = (name: string) => ({ clientPort, dataDir: `${dir.path}/${name}` });
    let load: KazooLoad;
    {
      await using _server = await ServerProcess.start("java", options("before"));
      load = await KazooLoad.start(hosts);
      await load.stop();
    }
    await using _load = load;
    await using _server = await ServerProcess.start("java", options("after"));
    const { faults, report } = await load.check(hosts);
    assert.equal(faults.lostSessions.length, 4);
    assert(faults.lost.length > report.acknowledged / 4, "creates and sets");
  },
);
