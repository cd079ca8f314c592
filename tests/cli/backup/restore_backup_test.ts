import assert from "node:assert/strict";
import { parseRestorePoint } from "../../../net/backup/restore_point.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { RawClient } from "../../support/raw_client.ts";
import { create, exists, Flags, setData } from "../../support/requests.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { dumpTree } from "../../support/tree_dump.ts";
import { backup, backupJson } from "./backup_runs.ts";

const NOW = Date.parse("2026-11-26T12:00:00Z");

Deno.test("parseRestorePoint() reads zxids, ISO 8601 and times before now", () => {
  const local = (text: string) => new Date(text).getTime();
  const cases: [text: string, expected: number][] = [
    ["2026-11-26T09:30:00Z", Date.parse("2026-11-26T09:30:00Z")],
    ["2026-11-26 09:30:00.25Z", Date.parse("2026-11-26T09:30:00.250Z")],
    ["2026-11-26T09:30+02:00", Date.parse("2026-11-26T07:30:00Z")],
    ["2026-11-26T09:30:00+0530", Date.parse("2026-11-26T04:00:00Z")],
    ["2026-11-26T09:30:00-03", Date.parse("2026-11-26T12:30:00Z")],
    ["2026-11-26T09:30:00", local("2026-11-26T09:30:00")],
    ["2026-11-26", local("2026-11-26T00:00:00")], // not UTC, as JavaScript has it
    ["-30s", NOW - 30_000],
    ["-15m", NOW - 900_000],
    ["-1.5h", NOW - 5_400_000],
    ["-2d", NOW - 172_800_000],
  ];
  for (const [text, timeMs] of cases) {
    assert.deepEqual(parseRestorePoint(text, NOW), { kind: "time", timeMs }, text);
  }
  assert.deepEqual(parseRestorePoint("0x1A3", NOW), { kind: "zxid", zxid: 0x1a3 });
  const wrong = [
    "",
    "17",
    "0x",
    "15m",
    "-15",
    "yesterday",
    "2026-13-01",
    "2026-02-30",
    "09:30",
    "-1w",
    "-999999999d",
    "-99999999999999999999d",
  ];
  for (const text of wrong) assert.equal(parseRestorePoint(text, NOW), null, text);
});

Deno.test("backup restore asks before it takes anything away, and tells what cannot be", async (t) => {
  using dir = makeTempDir();
  const folder = `${dir.path}/backups`;
  const to = `${dir.path}/data`;
  await using server = await InProcessServer.start();
  using client = await RawClient.session(server.clientPort);
  await client.must(create("/a", { data: "kept" }));
  await client.must(create("/gone", { flags: Flags.ephemeral }));
  await backupJson("create", "--to", folder, "--data-dir", server.dataDir);
  const { backups: [{ id, range }] } = await backupJson("list", folder);

  await t.step("a plan changes nothing", async () => {
    const { code, stdout } = await backup("restore", folder, "--to", to, "--plan");
    assert.equal(code, 0);
    assert.match(stdout, /^Would restore backup .* after txn 0x3, of 20.*snapshot\.3"$/m);
    assert.throws(() => Deno.statSync(to), Deno.errors.NotFound);
  });

  await t.step("--drop-ephemerals leaves sessions and ephemerals out", async () => {
    const restored = await backupJson("restore", folder, "--to", to, "--drop-ephemerals");
    assert.equal(restored.droppedEphemeralCount, 1);
    assert.equal(restored.sessionCount, 0);
    await using other = await InProcessServer.start({ dataDir: to });
    using reader = await RawClient.session(other.clientPort);
    assert.equal((await reader.call(exists("/a"))).err, 0);
    assert.equal((await reader.call(exists("/gone"))).err, -101);
  });

  await t.step("what is there is moved aside, and only when that is asked for", async () => {
    const refused = await backup("restore", folder, "--to", to);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /version-2" is not empty; .*--force/);
    const { moved } = await backupJson("restore", folder, "--to", to, "--force");
    assert.equal(moved.length, 1);
    const names = [...Deno.readDirSync(moved[0].to)].map(({ name }) => name);
    assert.ok(names.includes("snapshot.3"), names.join());
    assert.deepEqual([...Deno.readDirSync(`${to}/version-2`)].map(({ name }) => name), [
      "snapshot.3",
    ]);
  });

  await t.step("not under a server that runs", async () => {
    for (const more of [[], ["--force"]]) {
      const { code, stderr } = await backup("restore", folder, "--to", server.dataDir, ...more);
      assert.equal(code, 1);
      assert.match(stderr, more.length === 0 ? /is not empty/ : /is using it/);
    }
    Deno.writeTextFileSync(`${to}/zookeeper_server.pid`, `${Deno.pid}`);
    const { code, stderr } = await backup("restore", folder, "--to", to, "--force");
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`the process ${Deno.pid} of its zookeeper_server.pid runs`));
    Deno.removeSync(`${to}/zookeeper_server.pid`);
  });

  await t.step("what no backup reaches names the ranges", async () => {
    for (const at of ["0x4", "2100-01-01", "-300d"]) {
      const { code, stderr } = await backup(
        ...["restore", folder, "--to", `${dir.path}/other`, "--at", at],
      );
      assert.equal(code, 1, at);
      const expected = `${id}: ${range.fromZxid} to 0x3, ${range.fromTime} to `;
      assert.ok(stderr.includes(expected), stderr);
    }
    const { code } = await backup("restore", folder, "--to", to, "--at", "soon");
    assert.equal(code, 2);
  });
});

Deno.test("a member's backup, restored on all members, makes an ensemble above every zxid that was seen", async () => {
  using dir = makeTempDir();
  const folder = `${dir.path}/backups`;
  const members = [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const }));
  await withEnsemble({ members }, async (ensemble) => {
    await ensemble.startAll();
    let wanted: { zxid: bigint; dump: string[] };
    let lastZxid: bigint;
    {
      using client = await RawClient.session(ensemble.clientPort(1));
      await client.must(create("/a", { data: "before" }));
      const { zxid } = await client.call(setData("/a", "the last good one"));
      wanted = { zxid, dump: withoutConfig(await dumpTree(ensemble.clientPort(1))) };
      lastZxid = (await client.call(setData("/a", "a mistake"))).zxid;
      await client.must(create("/mistake"));
    }
    const made = await backupJson(
      ...["create", "--to", folder, "--data-dir", ensemble.dataDir(1)],
      ...["--server", `127.0.0.1:${ensemble.clientPort(1)}`],
    );
    assert.ok(BigInt(made.range.toZxid) > lastZxid);
    for (const id of ensemble.ids) await ensemble.stop(id);
    for (const id of ensemble.ids) {
      const restored = await backupJson(
        ...[
          "restore",
          folder,
          "--to",
          ensemble.dataDir(id),
          "--at",
          `0x${wanted.zxid.toString(16)}`,
        ],
        "--force",
      );
      assert.deepEqual(restored.epochs, { acceptedEpoch: 1, currentEpoch: 1 });
    }
    await ensemble.startAll();
    for (const id of ensemble.ids) {
      const dump = withoutConfig(await dumpTree(ensemble.clientPort(id)));
      assert.deepEqual(dump, wanted.dump, `member ${id}`);
    }
    // one who saw later txns is let in
    using client = await RawClient.session(ensemble.clientPort(2), { lastZxidSeen: lastZxid });
    const { zxid } = await client.call(create("/after"));
    assert.equal(zxid >> 32n, 2n);
  });
});

/** Each member sets its configuration's time by itself. */
function withoutConfig(dump: readonly string[]): string[] {
  return dump.filter((line) => !line.startsWith("/zookeeper/config "));
}
