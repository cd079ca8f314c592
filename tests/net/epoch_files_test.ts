import assert from "node:assert/strict";
import { AssertionError } from "../../core/assert.ts";
import { DataDirError } from "../../core/errors.ts";
import type { FileSystem } from "../../core/ports.ts";
import { makeZxid } from "../../core/zxid.ts";
import { DiskFullError } from "../../net/disk_full.ts";
import { EpochFiles } from "../../net/epoch_files.ts";
import { systemFiles } from "../../net/file_system.ts";
import { LinesLogger } from "../model/storage_helpers.ts";
import { DiskRecorder } from "../support/disk_recorder.ts";
import { filesWith, SmallDisk } from "../support/failing_files.ts";
import { makeTempDir } from "../support/temp_dir.ts";

function open(
  dir: string,
  { lastEpoch = 3, counter = 5, fileSystem = systemFiles }: {
    lastEpoch?: number;
    counter?: number;
    fileSystem?: FileSystem;
  } = {},
): EpochFiles {
  const lastZxid = lastEpoch < 0 ? -1 : makeZxid(lastEpoch, counter);
  return new EpochFiles({ dir, lastZxid, fileSystem, logger: new LinesLogger() });
}

function write(dir: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(`${dir}/${name}`, text);
}

function contentOf(dir: string): Record<string, string> {
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
  return Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(`${dir}/${name}`)]));
}

Deno.test("EpochFiles starts with what is on disk, the last txn being of epoch 3", () => {
  const cases: {
    files: Record<string, string>;
    accepted: number;
    current: number;
    why?: string;
  }[] = [
    { files: {}, accepted: 3, current: 3 },
    { files: { acceptedEpoch: "7", currentEpoch: "5" }, accepted: 7, current: 5 },
    { files: { acceptedEpoch: "3\nx", currentEpoch: "3\r\n" }, accepted: 3, current: 3 },
    { files: { currentEpoch: "3" }, accepted: 3, current: 3 },
    { files: { acceptedEpoch: "4" }, accepted: 4, current: 3 },
    {
      files: { acceptedEpoch: "5", currentEpoch: "4", "currentEpoch.tmp": "5" },
      accepted: 5,
      current: 4,
      why: "nobody was told of epoch 5",
    },
    {
      files: { acceptedEpoch: "4", currentEpoch: "4", "acceptedEpoch.tmp": "9" },
      accepted: 4,
      current: 4,
    },
    {
      files: { acceptedEpoch: "5", currentEpoch: "2", "currentEpoch.tmp": "4" },
      accepted: 5,
      current: 4,
    },
    {
      files: { acceptedEpoch: "3", currentEpoch: "2", "currentEpoch.tmp": "" },
      accepted: 3,
      current: 3,
      why: "accepted before its txns came",
    },
    { files: { acceptedEpoch: "4", currentEpoch: "2" }, accepted: 4, current: 3 },
  ];
  for (const { files, accepted, current, why } of cases) {
    using temp = makeTempDir();
    write(temp.path, files);
    const epochs = open(temp.path);
    const what = `${JSON.stringify(files)} ${why}`;
    assert.deepEqual([epochs.acceptedEpoch, epochs.currentEpoch], [accepted, current], what);
    const content = contentOf(temp.path);
    assert.deepEqual(Object.keys(content), ["acceptedEpoch", "currentEpoch"], what);
    assert.equal(parseInt(content.acceptedEpoch!), accepted, what);
    assert.equal(parseInt(content.currentEpoch!), current, what);
  }
});

Deno.test("EpochFiles of a member without a database, and of one that got an empty one", () => {
  using temp = makeTempDir();
  const epochs = open(temp.path, { lastEpoch: -1 });
  assert.deepEqual([epochs.acceptedEpoch, epochs.currentEpoch], [-1, -1]);
  assert.deepEqual(contentOf(temp.path), { acceptedEpoch: "-1", currentEpoch: "-1" });
  epochs.writeAccepted(1);
  assert.equal(open(temp.path, { lastEpoch: 1, counter: 0 }).currentEpoch, 1);
});

Deno.test("EpochFiles refuses what cannot be, says what to do, and changes nothing", () => {
  const cases: [files: Record<string, string>, message: RegExp][] = [
    [
      { acceptedEpoch: "2", currentEpoch: "2" },
      /currentEpoch" says 2, but the last txn is of epoch 3/,
    ],
    [
      { acceptedEpoch: "2", currentEpoch: "2", "currentEpoch.tmp": "2" },
      /"acceptedEpoch" \(2\) does not know either/,
    ],
    [
      { acceptedEpoch: "2", currentEpoch: "2", "currentEpoch.tmp": "3" },
      /acceptedEpoch" says 2, and "currentEpoch" says 3/,
    ],
    [{ acceptedEpoch: "4", currentEpoch: "5" }, /acceptedEpoch" says 4, and "currentEpoch" says 5/],
    [{ currentEpoch: "5" }, /acceptedEpoch" is missing, and "currentEpoch" says 5/],
    [{ acceptedEpoch: "", currentEpoch: "3" }, /acceptedEpoch": "" is no epoch/],
    [{ acceptedEpoch: "3", currentEpoch: " 3" }, /currentEpoch": " 3" is no epoch/],
    [{ acceptedEpoch: "-7", currentEpoch: "3" }, /"-7" is no epoch/],
    [{ acceptedEpoch: "2097152", currentEpoch: "3" }, /above the largest supported/],
  ];
  for (const [files, message] of cases) {
    using temp = makeTempDir();
    write(temp.path, files);
    assert.throws(() => open(temp.path), (error) => {
      assert.ok(error instanceof DataDirError);
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(contentOf(temp.path), files);
  }
});

Deno.test("EpochFiles writes to the disk first, durably, and only then to memory", () => {
  using temp = makeTempDir();
  const epochs = open(temp.path);
  using recorder = new DiskRecorder(temp.path);
  epochs.writeAccepted(4);
  assert.deepEqual(recorder.take(), [
    "sync acceptedEpoch.tmp",
    "rename acceptedEpoch.tmp to acceptedEpoch",
    "sync .",
  ]);
  assert.equal(epochs.acceptedEpoch, 4);
  epochs.writeCurrent(4);
  assert.deepEqual(recorder.take(), [
    "sync currentEpoch.tmp",
    "rename currentEpoch.tmp to currentEpoch",
    "sync .",
  ]);
  assert.equal(epochs.currentEpoch, 4);
  epochs.writeAccepted(4);
  epochs.writeCurrent(4);
  assert.deepEqual(recorder.take(), [], "they are there already");
  assert.deepEqual(contentOf(temp.path), { acceptedEpoch: "4", currentEpoch: "4" });
  assert.throws(() => epochs.writeAccepted(3), AssertionError);
  assert.throws(() => epochs.writeCurrent(5), AssertionError, "it was not accepted");
});

Deno.test("EpochFiles keeps the old value, on disk and in memory, when a write fails (ZOOKEEPER-2307)", () => {
  const fail = () => {
    throw new Error("Input/output error (os error 5)");
  };
  const faults: [FileSystem, new (path: string) => Error][] = [
    [new SmallDisk(0).files, DiskFullError],
    [filesWith(() => ({ write: fail })), Error],
    [filesWith(() => ({ sync: fail })), Error],
    [{ ...systemFiles, rename: fail }, Error],
  ];
  for (const [fileSystem, kind] of faults) {
    using temp = makeTempDir();
    write(temp.path, { acceptedEpoch: "5", currentEpoch: "3" });
    const epochs = open(temp.path, { fileSystem });
    assert.throws(() => epochs.writeAccepted(6), kind);
    assert.throws(() => epochs.writeCurrent(4), kind);
    assert.deepEqual([epochs.acceptedEpoch, epochs.currentEpoch], [5, 3]);
    assert.deepEqual(contentOf(temp.path), { acceptedEpoch: "5", currentEpoch: "3" });
  }
});
