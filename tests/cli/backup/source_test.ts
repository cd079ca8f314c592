import assert from "node:assert/strict";
import { NO_PROGRESS } from "../../../net/backup/progress.ts";
import { Repository } from "../../../net/backup/repository.ts";
import { verifyBackups } from "../../../net/backup/verify_backup.ts";
import { makeTempDir, type TempDir } from "../../support/temp_dir.ts";
import { backup, backupJson } from "./backup_runs.ts";

const TESTDATA = new URL("../../testdata/", import.meta.url).pathname;

/** A data directory of a Java server, to be changed at will. */
function copyOf(name: string, dir: TempDir): string {
  const to = `${dir.path}/data`;
  Deno.mkdirSync(`${to}/version-2`, { recursive: true });
  const parts = name === "standalone" ? ["standalone/data", "standalone/datalog"] : [name];
  for (const part of parts.map((part) => `${TESTDATA}${part}/version-2`)) {
    for (const { name } of Deno.readDirSync(part)) {
      Deno.copyFileSync(`${part}/${name}`, `${to}/version-2/${name}`);
    }
  }
  return to;
}

/** A member that answers srvr, and nothing else. */
function answering(text: string): Deno.TcpListener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(4));
      await connection.write(new TextEncoder().encode(text));
      connection.close();
    }
  })();
  return listener;
}

Deno.test("backup create leaves out what a running member has not committed", async () => {
  using dir = makeTempDir();
  const dataDir = copyOf("trunc/2-with-uncommitted", dir);
  const create = ["create", "--to", `${dir.path}/backups`, "--data-dir", dataDir];
  {
    using member = answering("Zxid: 0x100000021\nMode: follower\n");
    const { range } = await backupJson(...create, "--server", `127.0.0.1:${member.addr.port}`);
    assert.equal(range.toZxid, "0x100000021");
  }
  const all = await backup(...create);
  assert.match(all.stderr, /may not be committed; name the running member with --server/);
  assert.match(all.stdout, / to 0x100000024 /);
  {
    using standalone = answering("Zxid: 0x100000021\nMode: standalone\n");
    const server = `127.0.0.1:${standalone.addr.port}`;
    const { range, newBytes } = await backupJson(...create, "--server", server);
    assert.equal(range.toZxid, "0x100000024");
    assert.equal(newBytes, 0);
  }
  {
    using looking = answering("This ZooKeeper instance is not currently serving requests\n");
    const server = `127.0.0.1:${looking.addr.port}`;
    const { code, stderr } = await backup(...create, "--server", server);
    assert.equal(code, 1);
    assert.match(stderr, /it answers "This ZooKeeper instance is not currently serving requests"/);
  }
  assert.equal((await backup("verify", `${dir.path}/backups`)).code, 0);
});

Deno.test("backup create takes from damaged directories what can be restored, and says what not", async (t) => {
  interface Case {
    name: string;
    damage: (version2: string) => void;
    /** Null: the backup is refused. */
    range: [from: string, to: string] | null;
    says: RegExp;
    /** snapshot.0, snapshot.44, snapshot.57; log.1, log.45, log.58, through 0x5a. */
    from?: string;
  }
  const cases: Case[] = [
    {
      name: "the end of the newest log is torn",
      damage: (dir) => cut(`${dir}/log.58`, lastRecordEnd(`${dir}/log.58`) - 3),
      range: ["0x0", "0x59"],
      says: /"log.58" is taken through offset \d+ only/,
    },
    {
      name: "the newest log is damaged",
      damage: (dir) => flip(`${dir}/log.58`, 40),
      range: null,
      says: /log.58": there is a record with checksum/,
    },
    {
      name: "an old log is damaged, and the next goes on where a snapshot ends",
      damage: (dir) => flip(`${dir}/log.1`, 40),
      range: ["0x44", "0x5a"],
      says: /begins with 0x44, since .*log.1"/,
    },
    {
      name: "a log between two others is missing",
      damage: (dir) => Deno.removeSync(`${dir}/log.45`),
      range: ["0x57", "0x5a"],
      says: /begins with 0x57, since .*the txns in between are in no file/,
    },
    {
      // snapshot.0, snapshot.100000021; log.100000001, log.200000001
      name: "the log of an epoch is missing",
      from: "trunc/3-after-trunc-0x100000021",
      damage: (dir) => Deno.removeSync(`${dir}/log.100000001`),
      range: ["0x100000021", "0x200000002"],
      says: /since the txns between "snapshot.0" and "snapshot.100000021" are in no log/,
    },
    {
      name: "the newest snapshot is damaged",
      damage: (dir) => flip(`${dir}/snapshot.57`, 100),
      range: ["0x0", "0x5a"],
      says: /snapshot.57" is left out: it is damaged/,
    },
    {
      name: "no snapshot is whole",
      damage: (dir) => {
        for (const zxid of [0, 44, 57]) cut(`${dir}/snapshot.${zxid}`, 20);
      },
      range: null,
      says: /holds no snapshot that can be read/,
    },
    {
      name: "the logs are elsewhere",
      damage: (dir) => {
        for (const zxid of [1, 45, 58]) Deno.removeSync(`${dir}/log.${zxid}`);
      },
      range: ["0x57", "0x57"],
      says: /holds no txn log, only the newest snapshot can be restored/,
    },
  ];
  for (const { name, damage, range, says, from = "standalone" } of cases) {
    await t.step(name, async () => {
      using dir = makeTempDir();
      const dataDir = copyOf(from, dir);
      damage(`${dataDir}/version-2`);
      using member = answering("Zxid: 0x300000000\nMode: leader\n");
      const { code, stdout, stderr } = await backup(
        ...["create", "--to", `${dir.path}/backups`, "--data-dir", dataDir, "--json"],
        ...["--server", `127.0.0.1:${member.addr.port}`],
      );
      assert.match(stderr, says);
      assert.equal(code, range === null ? 1 : 0, stderr);
      if (range === null) return;
      const made = JSON.parse(stdout);
      assert.deepEqual([made.range.fromZxid, made.range.toZxid], range);
      const { code: verified, stdout: told } = await backup("verify", `${dir.path}/backups`);
      assert.equal(verified, 0, told);
    });
  }
});

Deno.test("backup makes nothing of an empty path, and no folder for nothing", async () => {
  using dir = makeTempDir();
  const folder = `${dir.path}/backups`;
  const dataDir = copyOf("standalone", dir);
  const cases = [
    ["create", "--to", "", "--data-dir", dataDir],
    ["create", "--to", folder, "--data-dir", ""],
    ["create", "--to", folder, "--data-dir", dataDir, "--data-log-dir", ""],
    ["restore", folder, "--to", ""],
    ["restore", folder, "--to", dataDir, "--data-log-dir", ""],
  ];
  for (const args of cases) {
    const { code, stderr } = await backup(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, /^Cannot use "" as --[a-z-]+: name a folder/);
  }
  const { code, stderr } = await backup("create", "--to", folder, "--data-dir", dir.path);
  assert.equal(code, 1);
  assert.match(stderr, /it holds no folder "version-2"/);
  assert.throws(() => Deno.statSync(folder), Deno.errors.NotFound);
});

Deno.test("backup tells where what is done may not be what is meant", async (t) => {
  using dir = makeTempDir();
  const folder = `${dir.path}/backups`;
  const dataDir = copyOf("standalone", dir);
  const plan = ["restore", folder, "--to", `${dir.path}/to`, "--plan"];

  await t.step("a folder holds the backups of two servers", async () => {
    using other = makeTempDir();
    await backupJson("create", "--to", folder, "--data-dir", copyOf("standalone", other));
    const { id } = await backupJson("create", "--to", folder, "--data-dir", dataDir);
    const { stderr } = await backup(...plan);
    assert.ok(stderr.includes(`the backup ${id} of `), stderr);
    assert.ok(stderr.includes(`${other.path}/data": name an id`), stderr);
    assert.equal((await backup("restore", folder, id, ...plan.slice(2))).stderr, "");
  });

  await t.step("the logs were elsewhere", async () => {
    const logs = `${dir.path}/logs`;
    Deno.mkdirSync(logs);
    Deno.renameSync(`${dataDir}/version-2`, `${logs}/version-2`);
    Deno.mkdirSync(`${dataDir}/version-2`);
    Deno.copyFileSync(`${logs}/version-2/snapshot.0`, `${dataDir}/version-2/snapshot.0`);
    const create = ["create", "--to", folder, "--data-dir", dataDir, "--data-log-dir", logs];
    const { id } = await backupJson(...create);
    const toId = ["restore", folder, id, ...plan.slice(2)];
    assert.match((await backup(...toId)).stderr, /had a dataLogDir of its own, ".*\/logs"/);
    assert.equal((await backup(...toId, "--data-log-dir", `${dir.path}/log`)).stderr, "");
  });

  await t.step("the clock went back", async () => {
    using later = makeTempDir();
    const { backups } = await Repository.open(folder).list();
    const createdAt = Date.now() + 86_400_000;
    Repository.openOrMake(later.path).add({ ...backups[0]!, createdAt });
    const { stderr } = await backup("create", "--to", later.path, "--data-dir", dataDir);
    assert.match(stderr, /the clock is behind that of the backup/);
  });

  await t.step("a manifest that cannot be read keeps all files", async () => {
    Deno.writeTextFileSync(`${folder}/backups/20261126T093000Z.json`, "{");
    const { stdout, stderr } = await backup("prune", folder, "--keep", "1");
    assert.match(stdout, /^0 bytes came free$/m);
    assert.match(stderr, /no file is deleted.*"backup delete .* 20261126T093000Z" takes it away/);
    const { freedBytes } = await backupJson("delete", folder, "20261126T093000Z");
    assert.ok(freedBytes > 0);
  });
});

Deno.test("backup verify does not call a backup damaged that is deleted meanwhile", async () => {
  using dir = makeTempDir();
  const folder = `${dir.path}/backups`;
  const create = ["create", "--to", folder, "--data-dir", copyOf("standalone", dir)];
  const { id } = await backupJson(...create);
  const repository = Repository.open(folder);
  const list = await repository.list();
  await backup("delete", folder, id);
  assert.deepEqual(await verifyBackups(repository, list, NO_PROGRESS), []);
});

function cut(path: string, bytes: number): void {
  Deno.truncateSync(path, bytes);
}

function flip(path: string, offset: number): void {
  const bytes = Deno.readFileSync(path);
  bytes[offset]! ^= 1;
  Deno.writeFileSync(path, bytes);
}

/** Behind it are zeros. */
function lastRecordEnd(path: string): number {
  return Deno.readFileSync(path).findLastIndex((byte) => byte !== 0) + 1;
}
