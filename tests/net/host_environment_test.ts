import assert from "node:assert/strict";
import {
  directoryBytes,
  fileDescriptorCountMax,
  lowestFreeFileDescriptor,
  readEnvironment,
} from "../../net/host_environment.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const ENVI_FILE = new URL("../testdata/four_letter_words/envi.txt", import.meta.url);

Deno.test("readEnvironment() has a real server's keys in its order", () => {
  const lines = Deno.readTextFileSync(ENVI_FILE).trim().split("\n").slice(1);
  const environment = readEnvironment("3.9.4, built on 2026-01-01 00:00 UTC");
  assert.deepEqual(environment.map(([key]) => key), lines.map((line) => line.split("=")[0]));
  const values = new Map(environment);
  assert.equal(values.get("zookeeper.version"), "3.9.4, built on 2026-01-01 00:00 UTC");
  assert.equal(values.get("user.dir"), Deno.cwd());
  for (const key of ["free", "max", "total"]) {
    assert.match(values.get(`os.memory.${key}`)!, /^\d+MB$/);
  }
});

Deno.test("directoryBytes() sums the files of all depths", () => {
  using dir = makeTempDir();
  Deno.mkdirSync(`${dir.path}/version-2/deeper`, { recursive: true });
  Deno.writeFileSync(`${dir.path}/myid`, new Uint8Array(1));
  Deno.writeFileSync(`${dir.path}/version-2/log.1`, new Uint8Array(1000));
  Deno.writeFileSync(`${dir.path}/version-2/deeper/x`, new Uint8Array(20));
  assert.equal(directoryBytes(dir.path), 1021);
  assert.equal(directoryBytes(`${dir.path}/missing`), 0);
});

Deno.test("lowestFreeFileDescriptor() counts at least the standard streams", () => {
  assert.ok(lowestFreeFileDescriptor() > 2);
});

Deno.test("fileDescriptorCountMax() is the limit, or -1 where it may not be read", () => {
  const countMax = fileDescriptorCountMax();
  assert.ok(countMax === -1 || countMax > 0);
});
