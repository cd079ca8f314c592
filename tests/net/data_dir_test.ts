import assert from "node:assert/strict";
import { DataDirError } from "../../core/errors.ts";
import { openDataDir } from "../../net/data_dir.ts";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { DiskRoom } from "../../net/disk_full.ts";
import { purgeOldFiles } from "../../net/purge.ts";
import { LinesLogger, makeDirs } from "../model/storage_helpers.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { create } from "../support/requests.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const LOCK_MODULE = new URL("../../net/data_dir_lock.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

Deno.test("openDataDir() makes what is missing, unless told not to", () => {
  using temp = makeTempDir();
  const dataDir = `${temp.path}/deep/data`;
  assert.throws(
    () => openDataDir({ dataDir, dataLogDir: dataDir, autoCreate: false }),
    /dataDir: ".*deep\/data\/version-2" is missing and datadir\.autocreate is false/,
  );
  const dirs = openDataDir({ dataDir, dataLogDir: `${temp.path}/log`, autoCreate: true });
  assert.ok(Deno.statSync(dirs.snapshotDir).isDirectory);
  assert.equal(dirs.logDir, `${temp.path}/log/version-2`);
  assert.deepEqual([...Deno.readDirSync(dirs.snapshotDir)], []);
  openDataDir({ dataDir, dataLogDir: `${temp.path}/log`, autoCreate: false });
});

Deno.test("openDataDir() refuses what is no directory, and files in the wrong one", () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path, { separateLogs: true });
  const open = () => openDataDir({ ...dirs, autoCreate: true });
  open();
  Deno.writeTextFileSync(`${dirs.logDir}/snapshot.0`, "");
  assert.throws(open, /datalog\/version-2": it holds "snapshot\.0"/);
  Deno.removeSync(`${dirs.logDir}/snapshot.0`);
  Deno.writeTextFileSync(`${dirs.snapshotDir}/log.1`, "");
  assert.throws(open, /data\/version-2": it holds "log\.1"/);
  // the same directory by two names is one directory
  Deno.symlinkSync(dirs.dataDir, `${temp.path}/link`);
  openDataDir({ dataDir: dirs.dataDir, dataLogDir: `${temp.path}/link`, autoCreate: true });
  Deno.writeTextFileSync(`${temp.path}/file`, "");
  assert.throws(
    () => openDataDir({ dataDir: `${temp.path}/file`, dataLogDir: dirs.dataDir, autoCreate: true }),
    DataDirError,
  );
});

Deno.test("DataDirLock.acquire() refuses a second server, until the first ends in any way", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path, { separateLogs: true });
  const logger = new LinesLogger();
  const holder = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-lock",
      `--config=${CONFIG}`,
      `import { DataDirLock } from "${LOCK_MODULE}";
       DataDirLock.acquire(${JSON.stringify(dirs)}, { warn: console.log });
       console.log("locked");
       setInterval(() => {}, 1000);`,
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const output = holder.stdout.getReader();
  try {
    assert.match(new TextDecoder().decode((await output.read()).value), /^locked/);
    const refusal = new RegExp(`dataDir .*process id ${holder.pid} is using it; stop that server`);
    assert.throws(() => DataDirLock.acquire(dirs, logger), refusal);
    // one shared directory is enough
    const sharesLogDir = { ...dirs, dataDir: temp.path };
    assert.throws(() => DataDirLock.acquire(sharesLogDir, logger), /dataLogDir .*process id/);
  } finally {
    holder.kill("SIGKILL"); // it would outlive the tests, and hold their output open
    await holder.status;
    await output.cancel();
  }
  const lock = DataDirLock.acquire(dirs, logger);
  assert.throws(() => DataDirLock.acquire(dirs, logger), new RegExp(`process id ${Deno.pid}`));
  lock.release();
  DataDirLock.acquire(dirs, logger).release();
  assert.deepEqual(logger.lines, []);
  assert.deepEqual([...Deno.readDirSync(dirs.snapshotDir)], [], "nothing where Java looks");
});

Deno.test("purgeOldFiles() deletes in both directories what no kept snapshot needs", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path, { separateLogs: true });
  const whole = Uint8Array.from([1, 2, 3, 4, 5, 0, 0, 0, 1, 0x2f]);
  for (const zxid of ["1", "5", "9", "d", "11"]) {
    Deno.writeFileSync(`${dirs.snapshotDir}/snapshot.${zxid}`, whole);
  }
  Deno.truncateSync(`${dirs.snapshotDir}/snapshot.d`);
  for (const zxid of ["1", "4", "6", "a", "12"]) {
    Deno.writeFileSync(`${dirs.logDir}/log.${zxid}`, whole);
  }
  Deno.writeTextFileSync(`${dirs.snapshotDir}/currentEpoch`, "1");
  const logger = new LinesLogger();
  const purge = () => purgeOldFiles({ ...dirs, retainCount: 3, logger });
  assert.deepEqual(await purge(), ["snapshot.1", "log.1"]);
  assert.deepEqual(await purge(), []);
  const left = [dirs.snapshotDir, dirs.logDir].map((dir) =>
    [...Deno.readDirSync(dir)].map(({ name }) => name).sort()
  );
  assert.deepEqual(left, [
    ["currentEpoch", "snapshot.11", "snapshot.5", "snapshot.9", "snapshot.d"],
    ["log.12", "log.4", "log.6", "log.a"],
  ]);
});

Deno.test("the purge at start keeps what recovery had to go back to", async () => {
  using temp = makeTempDir();
  const dataDir = `${temp.path}/data`;
  const options = { dataDir, config: { "autopurge.purgeInterval": 24 } };
  {
    await using server = await InProcessServer.start(options);
    using client = await RawClient.session(server.clientPort);
    for (let i = 0; i < 5; i++) await client.must(create(`/n${i}`));
  }
  // cut short by crashes: only whoever unpacks them sees it
  for (const zxid of [2, 3, 4]) {
    Deno.writeFileSync(`${dataDir}/version-2/snapshot.${zxid}.gz`, Uint8Array.of(0x1f, 0x8b, 8));
  }
  {
    await using server = await InProcessServer.start(options);
    assert.equal(server.linesWith("snapshot skipped").length, 3);
  }
  assert.ok(
    [...Deno.readDirSync(`${dataDir}/version-2`)].some(({ name }) => name === "snapshot.0"),
  );
});

Deno.test("DiskRoom.hasRoom() writes, and leaves nothing behind", () => {
  using temp = makeTempDir();
  assert.equal(new DiskRoom({ dir: temp.path, freeBytesMin: 1 }).hasRoom(), true);
  assert.equal(new DiskRoom({ dir: temp.path, freeBytesMin: 2 ** 60 }).hasRoom(), false);
  assert.equal(new DiskRoom({ dir: `${temp.path}/gone`, freeBytesMin: 1 }).hasRoom(), false);
  assert.deepEqual([...Deno.readDirSync(temp.path)], []);
});
