import assert from "node:assert/strict";
import { DecodeError } from "../../../core/errors.ts";
import { JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { JuteDecoder, JuteEncoder } from "../../support/jute.ts";

Deno.test("JuteWriter writes what JuteReader and another decoder read", () => {
  const writer = new JuteWriter(1); // grows at every step
  writer.byte(255);
  writer.boolean(true);
  writer.int(-2);
  writer.long(-(2n ** 63n));
  writer.longFromNumber(-1);
  writer.zxid(0x1fffff * 2 ** 32 + 0xffffffff);
  writer.string("a");
  writer.string("é😀\ufeff");
  writer.string("");
  writer.string(null);
  writer.bytes(Uint8Array.of(1, 2));
  writer.bytes(null);
  writer.stringVector(["x", "y"]);
  writer.stringVector(null);
  const reader = new JuteReader(writer.written());
  assert.equal(reader.byte(), 255);
  assert.equal(reader.boolean(), true);
  assert.equal(reader.int(), -2);
  assert.equal(reader.long(), -(2n ** 63n));
  assert.equal(reader.longAsNumber(), -1);
  assert.equal(reader.zxid(), 0x1fffff * 2 ** 32 + 0xffffffff);
  assert.deepEqual([reader.string(), reader.string(), reader.string(), reader.string()], [
    "a",
    "é😀\ufeff",
    "",
    null,
  ]);
  assert.deepEqual(reader.bytes()?.slice(), Uint8Array.of(1, 2));
  assert.equal(reader.bytes(), null);
  assert.deepEqual(reader.stringVector(), ["x", "y"]);
  assert.equal(reader.stringVector(), null);
  assert.equal(reader.remaining, 0);
  const decoder = new JuteDecoder(writer.written());
  decoder.take(2);
  assert.deepEqual([decoder.int(), decoder.long(), decoder.long(), decoder.long()], [
    -2,
    -(2n ** 63n),
    -1n,
    0x1fffffffffffffn,
  ]);
  assert.deepEqual([decoder.string(), decoder.string()], ["a", "é😀\ufeff"]);
});

Deno.test("JuteReader refuses lengths that are negative, beyond the limit or beyond the record", () => {
  const cases: [length: number, bytesThere: number, result: number | "refused"][] = [
    [-1, 0, -1],
    [0, 0, 0],
    [5, 5, 5],
    [5, 4, "refused"],
    [10, 10, 10],
    [11, 20, "refused"],
    [-2, 20, "refused"],
    [0x7fffffff, 20, "refused"],
    [-0x80000000, 20, "refused"],
  ];
  for (const [length, bytesThere, result] of cases) {
    const bytes = new JuteEncoder().int(length).raw(new Uint8Array(bytesThere)).finish();
    const buffer = new Uint8Array(bytes.length + 100);
    buffer.set(bytes);
    const reader = new JuteReader(buffer, { lengthMax: 10 });
    reader.end = bytes.length; // what lies behind belongs to others
    if (result === "refused") assert.throws(() => reader.length(), DecodeError, `${length}`);
    else assert.equal(reader.length(), result);
  }
});

Deno.test("JuteReader refuses to read past the end of the record, with each method", () => {
  for (
    const method of ["byte", "boolean", "int", "long", "longAsNumber", "zxid", "length"] as const
  ) {
    const reader = new JuteReader(new Uint8Array(32));
    reader.position = 4;
    reader.end = 4;
    assert.throws(() => reader[method](), DecodeError, method);
    assert.equal(reader.position, 4);
  }
});

Deno.test("JuteReader.count() takes negative counts but -1 for empty vectors", () => {
  const counts: [written: number, count: number][] = [[-1, -1], [-2, 0], [-0x80000000, 0], [0, 0], [
    7,
    7,
  ]];
  for (const [written, count] of counts) {
    assert.equal(new JuteReader(new JuteEncoder().int(written).finish()).count(), count);
  }
});

Deno.test("JuteReader.boolean() takes any byte but 0 for true", () => {
  assert.equal(new JuteReader(Uint8Array.of(2)).boolean(), true);
  assert.equal(new JuteReader(Uint8Array.of(0)).boolean(), false);
});
