import assert from "node:assert/strict";
import { makeTempDir, type TempDir } from "../../support/temp_dir.ts";
import { change, runFiles, TESTDATA } from "./file_tools.ts";

/** Five snapshots and three logs. */
function dataDir(): TempDir {
  const dir = makeTempDir();
  Deno.mkdirSync(`${dir.path}/version-2`);
  const from = `${TESTDATA}fuzzy/version-2`;
  for (const zxid of ["5", "640", "a60", "a70", "b00"]) {
    Deno.copyFileSync(`${from}/snapshot.62f`, `${dir.path}/version-2/snapshot.${zxid}`);
  }
  for (const name of ["log.1", "log.637", "log.a50"]) {
    Deno.copyFileSync(`${from}/${name}`, `${dir.path}/version-2/${name}`);
  }
  return dir;
}

function namesIn({ path }: TempDir): string[] {
  return [...Deno.readDirSync(`${path}/version-2`)].map(({ name }) => name).sort();
}

Deno.test("purge keeps the newest snapshots that are whole, and the logs after them", async () => {
  using dir = dataDir();
  const before = namesIn(dir);
  const dry = await runFiles(["purge", dir.path, "-n", "3", "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.deepEqual(namesIn(dir), before);
  assert.match(
    dry.stdout,
    /^Would remove file: \w{3} \d+, 2\d{3}, [\d:]+ [AP]M\t.*\/snapshot\.640$/m,
  );
  const { code, stdout } = await runFiles(["purge", dir.path, "-n", "3"]);
  assert.equal(code, 0);
  assert.deepEqual(
    stdout.trimEnd().split("\n").map((line) => line.split("\t")[1]),
    ["snapshot.640", "snapshot.5", "log.1", "log.637"].map((name) =>
      `${dir.path}/version-2/${name}`
    ),
  );
  assert.deepEqual(namesIn(dir), ["log.a50", "snapshot.a60", "snapshot.a70", "snapshot.b00"]);
});

Deno.test("purge does not count a damaged snapshot, which looks whole", async () => {
  using dir = dataDir();
  change(`${dir.path}/version-2/snapshot.a70`, (bytes) => void (bytes[5000]! ^= 1));
  const { code, stdout, stderr } = await runFiles(["purge", dir.path, "-n", "3", "--json"]);
  assert.equal(code, 0);
  assert.match(stderr, /^snapshot\.a70 does not count as kept, it is damaged: /);
  const report = JSON.parse(stdout);
  const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  assert.deepEqual(report.removed.map(({ path }: { path: string }) => nameOf(path)), [
    "snapshot.5",
    "log.1",
  ]);
  assert.deepEqual(report.damaged, ["snapshot.a70"]);
  assert.ok(report.kept.map(nameOf).includes("log.637"));
});

Deno.test("purge takes its directories from zoo.cfg, logs first where they are named", async () => {
  using data = dataDir();
  using logs = makeTempDir();
  Deno.mkdirSync(`${logs.path}/version-2`);
  for (const name of ["log.1", "log.637", "log.a50"]) {
    Deno.renameSync(`${data.path}/version-2/${name}`, `${logs.path}/version-2/${name}`);
  }
  const file = `${logs.path}/zoo.cfg`;
  const lines = [`dataDir=${data.path}`, `dataLogDir=${logs.path}`, "clientPort=2181"];
  Deno.writeTextFileSync(file, lines.join("\n"));
  const named = await runFiles(["purge", logs.path, data.path, "-n", "3", "--dry-run"]);
  const configured = await runFiles(["purge", file, "-n", "3", "--dry-run"]);
  assert.equal(named.code, 0, named.stderr);
  assert.equal(named.stdout.split("\n").length, 5);
  assert.equal(configured.stdout, named.stdout);
});

Deno.test("purge refuses to keep fewer than 3", async () => {
  for (
    const [count, reason] of [["2", /^count should be greater than or equal to 3$/m], [
      "x",
      /^'x' can not be parsed to integer\.$/m,
    ]] as const
  ) {
    const { code, stdout, stderr } = await runFiles(["purge", "/nowhere", "-n", count]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, reason);
  }
});
