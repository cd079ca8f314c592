import assert from "node:assert/strict";
import { SeededRandom, seedFrom } from "../../support/seeded_random.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { backup, backupJson, filesBelow } from "./backup_runs.ts";
import { startWritten } from "./written_server.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;

/** A process, so that it can be killed: `deno task denkeeper`. */
function startBackup(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--no-check", "--allow-read", "--allow-write", "--allow-sys"],
      ...["--allow-net", "--allow-env", "--allow-run", MAIN, "backup", ...args],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

Deno.test("a killed backup create leaves the backups of before, and is made good by the next one", async () => {
  const random = new SeededRandom(seedFrom("BACKUP_SEED"));
  await using server = await startWritten(random, 20);
  const { folder, writes, create } = server;
  await backupJson(...create);

  for (let round = 0; round < 3; round++) {
    await writes.run(20);
    const before = filesBelow(folder);
    const child = startBackup(...create);
    // where it is killed: before it begins, when it has its lock, has a file half done, or is all but done
    const killed = random.pick(["lock", "files", "backups"]);
    const watched = Deno.watchFs(killed === "lock" ? `${folder}/lock` : `${folder}/${killed}`);
    const ended = child.status.then(() => watched.close());
    for await (const _ of watched) break;
    try {
      child.kill("SIGKILL");
    } catch { /* it was faster */ }
    await child.stderr.cancel();
    await ended.catch(() => {});
    for (const [path, bytes] of before) {
      if (!path.endsWith("/lock")) assert.equal(Deno.readFileSync(path).toHex(), bytes, path);
    }
    assert.equal((await backup("verify", folder)).code, 0, `killed at ${killed}, ${random.seed}`);
    const next = await backupJson(...create);
    assert.equal(next.range.toZxid, `0x${writes.states.at(-1)!.zxid.toString(16)}`);
    assert.equal((await backup("verify", folder)).code, 0, `after one killed at ${killed}`);
    const used = new Set<string>();
    for (const [path, hex] of filesBelow(`${folder}/backups`)) {
      assert.ok(path.endsWith(".json"), path);
      const manifest = JSON.parse(new TextDecoder().decode(Uint8Array.fromHex(hex)));
      for (const { file } of [...manifest.snapshots, ...manifest.logs]) used.add(file);
    }
    const names = [...filesBelow(`${folder}/files`).keys()].map((path) => path.split("/").at(-1)!);
    assert.deepEqual(names.sort(), [...used].sort(), "nothing unfinished is left");
  }
});

Deno.test("two backup creates at once: one says that the other is at work", async () => {
  using dir = makeTempDir();
  await using server = await InProcessServer.start();
  const create = ["create", "--to", `${dir.path}/backups`, "--data-dir", server.dataDir];
  await backupJson(...create);
  using lock = Deno.openSync(`${dir.path}/backups/lock`, { read: true, write: true });
  lock.lockSync(true);
  for (const args of [create, ["prune", `${dir.path}/backups`, "--keep", "1"]]) {
    const { code, stderr } = await backup(...args);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`the process ${Deno.pid} is doing so; try again`));
  }
});
