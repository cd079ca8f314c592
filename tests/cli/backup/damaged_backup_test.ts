import assert from "node:assert/strict";
import { SeededRandom, seedFrom } from "../../support/seeded_random.ts";
import { backup, backupJson, type CreatedJson, filesBelow } from "./backup_runs.ts";
import { startWritten } from "./written_server.ts";

Deno.test("backups share what is the same, and damage of any file is found", async (t) => {
  const random = new SeededRandom(seedFrom("BACKUP_SEED"));
  await using server = await startWritten(random, 150);
  const { dir, folder, writes } = server;
  const create = (...more: string[]): Promise<CreatedJson> => backupJson(...server.create, ...more);

  let second: CreatedJson;
  /** The log that the second backup brought. */
  let ending: string;
  await t.step("a second backup copies only what was logged since", async () => {
    const first = await create();
    assert.equal(first.sharedBytes, 0);
    const before = filesBelow(`${folder}/files`);
    await writes.run(10);
    second = await create();
    assert.equal(second.sharedBytes, first.newBytes);
    assert.ok(second.newBytes < 10 * 400, `${second.newBytes} bytes for 10 txns`);
    const after = filesBelow(`${folder}/files`);
    for (const [path, bytes] of before) assert.equal(after.get(path), bytes, `${path} was changed`);
    const added = [...after.keys()].filter((path) => !before.has(path));
    assert.equal(added.length, 1);
    ending = added[0]!;
    const same = await create("--gzip");
    assert.equal(same.newBytes, 0, "nothing was logged since, however it would be compressed");
  });

  await t.step(
    "verify names the file of which one bit was changed, or the end is missing",
    async () => {
      await writes.run(60);
      await create("--gzip");
      assert.equal((await backup("verify", folder)).code, 0);
      for (const [path, hex] of filesBelow(folder)) {
        if (path.endsWith("/lock")) continue;
        const good = Uint8Array.fromHex(hex);
        const flipped = good.slice();
        flipped[random.below(good.length)]! ^= 1 << random.below(8);
        for (const bad of [flipped, good.slice(0, -1)]) {
          Deno.writeFileSync(path, bad);
          const { code, stdout, stderr } = await backup("verify", folder);
          assert.equal(code, 1, `${path} is damaged, seed ${random.seed}`);
          assert.match(stdout + stderr, new RegExp(path.split("/").at(-1)!.replaceAll(".", "\\.")));
        }
        Deno.writeFileSync(path, good);
      }
      assert.equal((await backup("verify", folder)).code, 0);
    },
  );

  await t.step(
    "restore refuses what is damaged, and a new backup does not rely on it",
    async () => {
      const bytes = Deno.readFileSync(ending);
      Deno.removeSync(ending);
      const to = `${dir}/never`;
      const { code, stderr } = await backup("restore", folder, second.id, "--to", to);
      assert.equal(code, 1);
      assert.match(stderr, /log\..*it is missing; "backup verify/);
      assert.equal(isThere(`${to}/version-2`), false);
      const { id } = await create();
      assert.equal((await backup("verify", folder, id)).code, 0);
      assert.equal((await backup("verify", folder)).code, 1);
      Deno.writeFileSync(ending, bytes);
      assert.equal((await backup("verify", folder)).code, 0);
    },
  );

  await t.step("prune deletes the oldest, and only what nobody else needs", async () => {
    const to = `${dir}/restored`;
    await backup("restore", folder, "--to", to);
    const last: CreatedJson = await backupJson("create", "--to", folder, "--data-dir", to);
    const { backups } = await backupJson("list", folder);
    const planned = await backupJson("prune", folder, "--keep", "1", "--plan");
    assert.deepEqual(planned.wouldDelete, backups.slice(0, -1).map(({ id }: CreatedJson) => id));
    const { deleted, freedBytes } = await backupJson("prune", folder, "--keep", "1");
    assert.deepEqual(deleted, planned.wouldDelete);
    assert.ok(freedBytes > 0);
    assert.equal(filesBelow(`${folder}/files`).size, 1, "a snapshot is all that is left");
    const verified = await backupJson("verify", folder);
    assert.deepEqual(verified.backups.map(({ id }: CreatedJson) => id), [last.id]);
  });
});

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
