/**
 * Members that come, go and change under clients' eyes, in ensembles of our own and in mixed ones.
 *
 * Server 4 is in nobody's zoo.cfg but its own: it follows without a vote until a reconfig makes it a member.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { JuteDecoder } from "../../support/jute.ts";
import { PYTHON, testWith, ZK_CLI } from "../../support/prerequisites.ts";
import type { Reply } from "../../support/raw_client.ts";
import { auth, create, getData, reconfig } from "../../support/requests.ts";
import { runProcess } from "../../support/run_process.ts";
import type { Target } from "../../support/server_process.ts";
import { assertEqualTrees } from "./equal_trees.ts";
import { KazooLoad } from "./kazoo_load.ts";
import { chosen, ENSEMBLE_NEEDS, type Mix, mixText, targetsOf } from "./mixes.ts";

/** `observer` is server 4, which follows at first. */
const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"], observer: "java" },
  { leader: "denkeeper", followers: ["java", "denkeeper"], observer: "java", inCi: true },
  { leader: "java", followers: ["denkeeper", "java"], observer: "denkeeper", inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], observer: "denkeeper" },
  { leader: "java", followers: ["denkeeper", "denkeeper"], observer: "denkeeper" },
  { leader: "denkeeper", followers: ["java", "java"], observer: "java" },
];

const BOOT_VERSION = "100000000";

testReconfigs("members come, go and change their roles", async (ensemble) => {
  await startAndJoin(ensemble);
  const added = await change(ensemble, { joining: line(ensemble, 4) });
  assert.deepEqual(added, linesOf(ensemble, [1, 2, 3, 4]));
  await assertKept(ensemble, [1, 2, 3, 4]);
  await assertWrites(ensemble, "/with-4");

  const removed = await change(ensemble, { leaving: "1" });
  assert.deepEqual(removed, linesOf(ensemble, [2, 3, 4]));
  await ensemble.waitForMode(1, "follower"); // it goes on without a vote
  await assertKept(ensemble, [1, 2, 3, 4]);
  await assertWrites(ensemble, "/without-1");

  await change(ensemble, { joining: line(ensemble, 1, "observer") });
  await ensemble.waitForMode(1, "observer");
  await assertWrites(ensemble, "/1-observes");
  await change(ensemble, { joining: line(ensemble, 1) });
  await ensemble.waitForMode(1, "follower");
  await change(ensemble, { joining: line(ensemble, 2, "observer") });
  await ensemble.waitForMode(2, "observer");
  await assertKept(ensemble, [1, 2, 3, 4]);
  await assertWrites(ensemble, "/2-observes");
  await assertEqualTrees(ensemble);
});

testReconfigs("the leader is removed, and comes back after a restart of all", async (ensemble) => {
  await startAndJoin(ensemble);
  await change(ensemble, { joining: line(ensemble, 4) });
  const members = await change(ensemble, { leaving: "3" });
  assert.deepEqual(members, linesOf(ensemble, [1, 2, 4]));
  const next = await ensemble.waitForLeader([1, 2, 4]);
  await ensemble.waitForMode(3, "follower");
  assert.equal(await epochOf(ensemble, next), 2, "nobody had to try twice");
  await assertWrites(ensemble, "/without-3");
  await assertKept(ensemble, [1, 2, 3, 4]);
  await change(ensemble, { joining: line(ensemble, 3) });
  await assertKept(ensemble, [1, 2, 3, 4]);
  await assertEqualTrees(ensemble);
  for (const id of ensemble.ids) await ensemble.kill(id);
  await ensemble.startAll();
  await assertWrites(ensemble, "/restarted");
  await assertEqualTrees(ensemble);
});

testReconfigs("a follower moves to other ports, and the leader too", async (ensemble) => {
  await startAndJoin(ensemble, [1, 2, 3]);
  for (const id of [1, 3]) {
    const clientPort = freePort();
    const moved = `server.${id}=127.0.0.1:${freePort()}:${freePort()}:participant` +
      `;127.0.0.1:${clientPort}`;
    const members = await change(ensemble, { joining: moved });
    assert(members.includes(moved), members.join(" "));
    ensemble.moveClientPort(id, clientPort);
    await ensemble.waitUntilServing();
    await assertWrites(ensemble, `/moved-${id}`);
  }
  assert.notEqual(await ensemble.waitForLeader(), 3, "who moved its quorum port leads no more");
  await assertKept(ensemble, [1, 2, 3]);
  // an election finds those who moved
  const leader = await ensemble.waitForLeader();
  await ensemble.kill(leader);
  await assertWrites(ensemble, "/after-the-move");
  await ensemble.startAll([leader]);
  await assertEqualTrees(ensemble);
});

testReconfigs("all members at once, with groups and weights", async (ensemble) => {
  await startAndJoin(ensemble);
  const wanted = [
    ...linesOf(ensemble, [1, 2, 3, 4]),
    "group.1=1:2",
    "group.2=3:4",
    "weight.1=1",
    "weight.2=0",
    "weight.3=1",
    "weight.4=1",
  ];
  const members = await change(ensemble, { members: wanted.join(",") });
  assert.deepEqual(members, wanted);
  await assertKept(ensemble, [1, 2, 3, 4]);
  await ensemble.kill(2); // it weighs nothing
  await assertWrites(ensemble, "/groups");
  assert.equal(await refusal(ensemble, { leaving: "2" }), -8, "all together only");
  await change(ensemble, { members: linesOf(ensemble, [1, 3, 4]).join("\n") });
  await assertWrites(ensemble, "/no-groups");
});

testReconfigs("what cannot be is refused", async (ensemble) => {
  await startAndJoin(ensemble, [1, 2, 3]);
  const far = [5, 6, 7, 8].map((id) => `server.${id}=127.0.0.1:1:${id}:participant;${id}`).join();
  const cases: [name: string, request: Parameters<typeof reconfig>[0], code: number][] = [
    ["another version", { leaving: "1", version: 7n }, -103],
    ["no number", { leaving: "x" }, -5],
    ["no address", { joining: "server.9=x" }, -8],
    ["no client port", { joining: "server.9=127.0.0.1:1:2" }, -8],
    ["one voter", { leaving: "1,2" }, -8],
    ["no quorum", { joining: far }, -13],
  ];
  for (const id of [1, 2, 3]) {
    for (const [name, request, code] of cases) {
      assert.equal(await refusal(ensemble, request, id), code, `${name}, at ${id}`);
    }
    assert.equal(await refusal(ensemble, { leaving: "1" }, id, { isSuper: false }), -102);
  }
  for (const id of [1, 2, 3]) { // nothing changes but the version, at every program
    const { err, body } = await ask(ensemble, {}, id);
    assert.equal(err, 0);
    using client = await ensemble.client(id);
    assert.deepEqual(body, (await client.call(getData("/zookeeper/config"))).body, `of ${id}`);
    assert.deepEqual(configOf(body).lines, linesOf(ensemble, [1, 2, 3]));
  }
  await assertKept(ensemble, [1, 2, 3]);
});

testReconfigs("one that is interrupted is finished by the next leader", async (ensemble) => {
  await startAndJoin(ensemble, [1, 2, 3]);
  using client = await ensemble.client(3);
  await client.call(auth("digest", "super:secret"), -4);
  await ensemble.freeze(1);
  await ensemble.freeze(2);
  await client.send(reconfig({ leaving: "3" }), 9);
  const next = `${ensemble.configFile(3)}.dynamic.next`;
  await eventually("the leader has proposed it", () => Promise.resolve(isFile(next)));
  // it is on its way to those who cannot read it yet: wait for the socket, not for them
  await eventually("it is sent", async () => (await ensemble.word(3, "mntr")) !== "");
  await ensemble.kill(3);
  ensemble.thaw(1);
  ensemble.thaw(2);
  await ensemble.waitForLeader([1, 2]);
  await eventually("the members are known", async () => {
    const found = await members(ensemble, 1).catch(() => null);
    return found?.lines.length === 2;
  });
  assert.deepEqual((await members(ensemble, 2)).lines, linesOf(ensemble, [1, 2]));
  await assertKept(ensemble, [1, 2]);
  await assertWrites(ensemble, "/finished", [1, 2]);
  await ensemble.startAll([3]); // as a follower without a vote
  await ensemble.waitForMode(3, "follower");
  await assertEqualTrees(ensemble);
});

testReconfigs("nothing acknowledged is lost while members come and go", async (ensemble) => {
  await startAndJoin(ensemble);
  await using load = await KazooLoad.start(ensemble.hosts());
  const changes = [
    { joining: () => line(ensemble, 4), leaving: null },
    { joining: null, leaving: () => ensemble.waitForLeader() },
    { joining: null, leaving: () => ensemble.waitForLeader() },
    { joining: () => linesOf(ensemble, [1, 2, 3, 4]).join(), leaving: null },
    { joining: () => line(ensemble, 2, "observer"), leaving: () => 3 },
  ];
  for (const { joining, leaving } of changes) {
    await load.progress();
    await change(ensemble, {
      joining: joining === null ? null : joining(),
      leaving: leaving === null ? null : String(await leaving()),
    });
  }
  await load.progress();
  await load.verify(ensemble);
  await assertKept(ensemble, [1, 2, 3, 4]);
  await assertEqualTrees(ensemble);
});

testReconfigs("clients of other programs can do it", async (ensemble) => {
  await startAndJoin(ensemble);
  const byKazoo = await runProcess([
    PYTHON,
    "-c",
    [
      "import sys",
      "from kazoo.client import KazooClient",
      "client = KazooClient(sys.argv[1], auth_data=[('digest', 'super:secret')])",
      "client.start()",
      "data, _ = client.reconfig(joining=sys.argv[2], leaving=None, new_members=None)",
      "print(data.decode())",
      "client.stop()",
    ].join("\n"),
    ensemble.hosts([1]),
    line(ensemble, 4),
  ]);
  assert.equal(byKazoo.code, 0, byKazoo.output);
  const printed = byKazoo.output.trim().split("\n");
  assert.deepEqual(printed.slice(0, -1), linesOf(ensemble, [1, 2, 3, 4]));

  const byZkCli = await runProcess([ZK_CLI, "-server", ensemble.hosts([1])], {
    stdin: "addauth digest super:secret\nreconfig -remove 4\nreconfig -remove 1,2\nquit\n",
  });
  const lines = linesOf(ensemble, [1, 2, 3]).join("\n");
  assert(
    byZkCli.output.includes(`Committed new configuration:\n${lines}\nversion=`),
    byZkCli.output,
  );
  assert.match(byZkCli.output, /KeeperErrorCode = BadArguments|Arguments are not valid/);
});

for (const mix of chosen(MIXES, targetsOf)) {
  testWith(ENSEMBLE_NEEDS, `ensemble: reconfig: one server grows (${mixText(mix)})`, async () => {
    const [one, two, three] = [mix.leader, ...mix.followers];
    await withEnsemble({
      isDynamic: true,
      config: { reconfigEnabled: true, standaloneEnabled: false },
      members: [
        { id: 1, target: one, knows: [1] },
        { id: 2, target: two, knows: [1, 2] },
        { id: 3, target: three, knows: [1, 3] },
      ],
    }, async (ensemble) => {
      await ensemble.startAll([1]);
      for (const id of [2, 3]) {
        await assertWrites(ensemble, `/before-${id}`);
        await ensemble.startAll([id]); // it takes the members of the one that leads for its own
        await change(ensemble, { joining: line(ensemble, id) });
      }
      await assertKept(ensemble, [1, 2, 3]);
      await ensemble.kill(1);
      await assertWrites(ensemble, "/without-1");
      await ensemble.startAll([1]);
      await assertEqualTrees(ensemble);
    });
  });
}

function testReconfigs(name: string, run: (ensemble: Ensemble) => Promise<void>): void {
  for (const mix of chosen(MIXES, targetsOf)) {
    testWith(ENSEMBLE_NEEDS, `ensemble: reconfig: ${name} (${mixText(mix)})`, async () => {
      const members = [mix.followers[0], mix.followers[1], mix.leader, mix.observer!];
      await withEnsemble({
        isDynamic: true,
        config: { reconfigEnabled: true },
        members: members.map((target: Target, i) => ({
          id: i + 1,
          target,
          knows: i === 3 ? [1, 2, 3, 4] : [1, 2, 3],
        })),
      }, run);
    });
  }
}

/** Server 3 leads, and the files of all are those of ZooKeeper. */
async function startAndJoin(ensemble: Ensemble, ids = [1, 2, 3, 4]): Promise<void> {
  await ensemble.startAll([2, 3]);
  const original = Deno.readTextFileSync(`${ensemble.configFile(3)}.bak`);
  assert(original.includes("server.1="), "the file as it was written");
  await ensemble.startAll(ids.filter((id) => id !== 2 && id !== 3));
  assert.equal(await ensemble.waitForLeader(), 3);
  for (const id of ids) assertFiles(ensemble, id, linesOf(ensemble, [1, 2, 3]), BOOT_VERSION);
}

type Change = NonNullable<Parameters<typeof reconfig>[0]>;

/**
 * Asks the first member; @returns the new members' lines. Java may take a new role before it answers: then
 * they are looked up.
 */
async function change(ensemble: Ensemble, request: Change): Promise<string[]> {
  const at = ensemble.runningIds[0]!;
  await ensemble.waitUntilServing();
  const { version } = await members(ensemble, at);
  const reply = await ask(ensemble, request, at).catch((error) => {
    if (!String(error).includes("closed")) throw error;
  });
  if (reply !== undefined) {
    assert.equal(reply.err, 0);
    return configOf(reply.body).lines;
  }
  let lines: string[] = [];
  await eventually("the members are others", async () => {
    const found = await members(ensemble, at).catch(() => null);
    lines = found?.lines ?? [];
    return found !== null && found.version !== version;
  });
  return lines;
}

async function refusal(
  ensemble: Ensemble,
  request: Change,
  at = ensemble.runningIds[0]!,
  options = { isSuper: true },
): Promise<number> {
  return (await ask(ensemble, request, at, options)).err;
}

async function ask(
  ensemble: Ensemble,
  request: Change,
  at: number,
  { isSuper } = { isSuper: true },
): Promise<Reply> {
  await ensemble.waitUntilServing();
  using client = await ensemble.client(at);
  if (isSuper) await client.call(auth("digest", "super:secret"), -4);
  return await client.call(reconfig(request));
}

interface Config {
  lines: string[];
  version: string;
  mzxid: bigint;
  /** Of the znode: version, cversion, aversion. */
  versions: number[];
}

function configOf(body: Uint8Array): Config {
  const decoder = new JuteDecoder(body);
  const lines = new TextDecoder().decode(decoder.buffer()!).split("\n");
  const version = lines.pop()!.replace("version=", "");
  decoder.long(); // czxid
  const mzxid = decoder.long();
  decoder.long(); // ctime
  decoder.long(); // mtime, which a member sets when it did not see the txn
  return { lines, version, mzxid, versions: [decoder.int(), decoder.int(), decoder.int()] };
}

async function members(ensemble: Ensemble, id: number): Promise<Config> {
  using client = await ensemble.client(id);
  const { err, body } = await client.call(getData("/zookeeper/config"));
  assert.equal(err, 0);
  return configOf(body);
}

/** All tell the same members, and have them in files byte for byte like each other's. */
async function assertKept(ensemble: Ensemble, ids: readonly number[]): Promise<void> {
  await ensemble.waitUntilServing(ids);
  await ensemble.waitUntilEqual(ids);
  const expected = await members(ensemble, ids[0]!);
  for (const id of ids) {
    assert.deepEqual(await members(ensemble, id), expected, `of member ${id}`);
    assertFiles(ensemble, id, expected.lines, expected.version);
  }
}

function assertFiles(
  ensemble: Ensemble,
  id: number,
  lines: readonly string[],
  version: string,
): void {
  const path = ensemble.configFile(id);
  const dynamic = `${path}.dynamic.${version}`;
  assert.equal(Deno.readTextFileSync(dynamic), [...lines].sort().join("\n"), `of member ${id}`);
  assert(!isFile(`${path}.dynamic.next`), `member ${id} waits for nothing`);
  const config = Deno.readTextFileSync(path);
  assert(config.endsWith(`dynamicConfigFile=${dynamic}\n`), config);
  assert.doesNotMatch(config, /^(server|group|weight)/m);
  const isMember = lines.some((line) => line.startsWith(`server.${id}=`));
  if (isMember) assert.doesNotMatch(config, /^clientPort/m); // else it would be nowhere
  const names = [...Deno.readDirSync(dirname(path))].map(({ name }) => name);
  assert(!names.some((name) => name.endsWith(".tmp")), names.join(" "));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A client of each can write, as soon as the member has come to rest in its role. */
async function assertWrites(
  ensemble: Ensemble,
  path: string,
  ids = ensemble.runningIds,
): Promise<void> {
  for (const id of ids) {
    await eventually(`a client of member ${id} can write`, async () => {
      try {
        using client = await ensemble.client(id);
        const { err } = await client.call(create(`${path}-${id}`));
        return err === 0 || err === -110; // it may have been made where the answer was lost
      } catch {
        return false;
      }
    });
  }
}

async function epochOf(ensemble: Ensemble, id: number): Promise<number> {
  return Number((await ensemble.zxid(id))! >> 32n);
}

function line(ensemble: Ensemble, id: number, role = "participant"): string {
  return `server.${id}=${ensemble.address(id).replace("participant", role)}`;
}

function linesOf(ensemble: Ensemble, ids: readonly number[]): string[] {
  return ids.map((id) => line(ensemble, id));
}
