import assert from "node:assert/strict";
import { LogCorruptError, TxnLogReader } from "../../../core/storage/txn_log_reader.ts";
import { concat, createTxn, LENGTH_MAX, logRecord } from "../../model/storage_helpers.ts";

const TORN_LOG = new URL("../../testdata/torn-log/", import.meta.url);
const HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);

interface Outcome {
  header: string;
  zxids: number[];
  offset: number;
  torn: boolean;
}

function readAll(bytes: Uint8Array, chunkBytes?: number, readBytes = Infinity): Outcome {
  let at = 0;
  const reader = new TxnLogReader({
    source: {
      read(target) {
        const count = Math.min(target.length, bytes.length - at, readBytes);
        target.set(bytes.subarray(at, at + count));
        at += count;
        return count;
      },
    },
    fileName: "log.1",
    lengthMax: LENGTH_MAX,
    ...(chunkBytes === undefined ? {} : { chunkBytes }),
  });
  const header = reader.readHeader();
  const zxids: number[] = [];
  if (header === "present") {
    while (reader.next()) {
      zxids.push(reader.zxid);
      assert.equal(reader.record().header.zxid, reader.zxid);
    }
  }
  return { header, zxids, offset: reader.offset, torn: reader.tornBecause !== null };
}

Deno.test("TxnLogReader ends at, or refuses, each kind of damage as a Java server does", () => {
  const expected = JSON.parse(Deno.readTextFileSync(new URL("expected.json", TORN_LOG)));
  const ourReason: Record<string, RegExp> = {
    bad_crc: /checksum/,
    len_negative: /record of -16 bytes/,
    len_minus_one: /record of -1 bytes/,
    len_huge: /record of 2130706432 bytes/,
    short_header: /header has 9 bytes/,
    bad_magic: /magic number is 1482184792, expected 1514884167/,
  };
  const variants = Object.entries<{ opens: boolean; lastZxid?: string }>(expected.variants);
  assert.equal(variants.length, 16);
  for (const [name, { opens, lastZxid }] of variants) {
    const bytes = Deno.readFileSync(new URL(`${name}.log`, TORN_LOG));
    for (const readBytes of [Infinity, 1, 13]) {
      if (name === "empty_file") { // 3.8.0 refuses; 3.9.3 and later delete it
        assert.equal(readAll(bytes).header, "blank", name);
      } else if (opens) {
        const { zxids, offset, torn } = readAll(bytes, 64, readBytes);
        assert.equal(zxids.length, Number(lastZxid), name);
        assert.equal(zxids.at(-1), Number(lastZxid), name);
        assert.equal(offset, zxids.length === 7 ? expected.endOfLastRecord : 877, name);
        assert.equal(torn, zxids.length !== 7 && name !== "no_padding", name);
      } else {
        assert.throws(() => readAll(bytes, 64, readBytes), (error) => {
          assert.ok(error instanceof LogCorruptError, name);
          assert.match(error.message, ourReason[name]!);
          assert.match(error.message, /"log\.1"/);
          return true;
        }, name);
      }
    }
  }
});

Deno.test("TxnLogReader reads records of all sizes through chunks of all sizes", () => {
  const sizes = [0, 1, 100, 5000, 70000, 3, 1000000, 12];
  const records = sizes.map((size, i) => logRecord(i + 1, createTxn("/a", "x".repeat(size))));
  const bytes = concat([HEADER, ...records, new Uint8Array(9000)]);
  for (const chunkBytes of [64, 1000, 4096, 1 << 20]) {
    const { zxids, offset, torn } = readAll(bytes, chunkBytes);
    assert.deepEqual(zxids, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.equal(offset, bytes.length - 9000);
    assert.equal(torn, false);
  }
});

Deno.test("TxnLogReader takes a file cut anywhere for one that ends before the cut record", () => {
  const records = [1, 2, 3].map((zxid) => logRecord(zxid, createTxn(`/n${zxid}`)));
  const ends = [16];
  for (const { length } of records) ends.push(ends.at(-1)! + length);
  const bytes = concat([HEADER, ...records]);
  for (let length = 16; length <= bytes.length; length++) {
    const whole = ends.filter((end) => end <= length).length - 1;
    const { zxids, torn } = readAll(bytes.subarray(0, length));
    assert.equal(zxids.length, whole, `cut at ${length}`);
    assert.equal(torn, !ends.includes(length), `cut at ${length}`);
  }
});

Deno.test("TxnLogReader never takes a damaged record for a good one", () => {
  const bytes = concat([HEADER, logRecord(1, createTxn("/a")), logRecord(2, createTxn("/b"))]);
  const second = 16 + logRecord(1, createTxn("/a")).length;
  for (let at = second; at < bytes.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[at]! ^= mask;
      try {
        assert.deepEqual(readAll(damaged).zxids, [1], `byte ${at}`);
      } catch (error) {
        assert.ok(error instanceof LogCorruptError, `byte ${at}: ${error}`);
      }
    }
  }
});

Deno.test("TxnLogReader calls a file blank only if it holds nothing but zeros", () => {
  assert.equal(readAll(new Uint8Array(0)).header, "blank");
  assert.equal(readAll(new Uint8Array(65552)).header, "blank");
  const zeroHeader = new Uint8Array(65552);
  zeroHeader.set(logRecord(1, createTxn("/a")), 16);
  assert.throws(() => readAll(zeroHeader), LogCorruptError);
  assert.throws(() => readAll(new Uint8Array(15)), LogCorruptError);
});

Deno.test("TxnLogReader refuses a record of a type it does not know, but reads a lone check", () => {
  const check = logRecord(1, { kind: "check", path: new Uint8Array([0x2f]), version: 3 }, {
    type: 13,
  });
  assert.deepEqual(readAll(concat([HEADER, check])).zxids, [1]);
  const unknown = logRecord(1, { kind: "error", err: -101 }, { type: 99 });
  assert.throws(() => readAll(concat([HEADER, unknown])), /cannot be decoded/);
});
