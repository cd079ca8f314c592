import assert from "node:assert/strict";
import { RotatingFile } from "../../net/rotating_file.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function filesOf(dir: string): Record<string, string> {
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
  return Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(`${dir}/${name}`)]));
}

Deno.test("RotatingFile.write() moves full files aside and drops the oldest", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/logs/x.log`;
  const file = new RotatingFile({ path, fileBytesMax: 8, backupCount: 2 });
  for (const text of ["one\n", "two\n", "three\n", "four\n", "five\n"]) file.write(encode(text));
  file.close();
  assert.deepEqual(filesOf(`${dir.path}/logs`), {
    "x.log": "five\n",
    "x.log.1": "four\n",
    "x.log.2": "three\n",
  });
});

Deno.test("RotatingFile adds to a file that is there, and counts what it holds", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/x.log`;
  Deno.writeTextFileSync(path, "old\n");
  const file = new RotatingFile({ path, fileBytesMax: 8, backupCount: 1 });
  file.write(encode("new\n"));
  assert.deepEqual(filesOf(dir.path), { "x.log": "old\nnew\n" });
  file.write(encode("next\n"));
  file.close();
  assert.deepEqual(filesOf(dir.path), { "x.log": "next\n", "x.log.1": "old\nnew\n" });
});

Deno.test("RotatingFile.write() without backups starts the file afresh", () => {
  using dir = makeTempDir();
  const file = new RotatingFile({ path: `${dir.path}/x.log`, fileBytesMax: 4, backupCount: 0 });
  file.write(encode("one\n"));
  file.write(encode("two\n"));
  file.close();
  assert.deepEqual(filesOf(dir.path), { "x.log": "two\n" });
});

Deno.test("RotatingFile.write() takes a line larger than a file may be", () => {
  using dir = makeTempDir();
  const file = new RotatingFile({ path: `${dir.path}/x.log`, fileBytesMax: 4, backupCount: 1 });
  file.write(encode("a long line\n"));
  file.write(encode("b\n"));
  file.close();
  assert.deepEqual(filesOf(dir.path), { "x.log": "b\n", "x.log.1": "a long line\n" });
});

Deno.test("RotatingFile.write() tells of a failure once, and goes on when it is over", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/logs/x.log`;
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const file = new RotatingFile({ path, fileBytesMax: 4, backupCount: 1, onError });
  file.write(encode("one\n"));
  Deno.renameSync(`${dir.path}/logs`, `${dir.path}/away`);
  file.write(encode("lost\n"));
  file.write(encode("lost\n"));
  assert.equal(errors.length, 1);
  Deno.renameSync(`${dir.path}/away`, `${dir.path}/logs`);
  file.write(encode("two\n"));
  file.close();
  assert.ok(Object.values(filesOf(`${dir.path}/logs`)).includes("two\n"));
  assert.equal(errors.length, 1);
});
