import assert from "node:assert/strict";
import { UnsentBytes } from "../../../../net/http/listener/unsent_bytes.ts";

const PIECE = 100_000;

Deno.test("UnsentBytes gives up those that have waited for longest, until the rest fits", () => {
  const given: string[] = [];
  let count = 0;
  const unsent = new UnsentBytes(3 * PIECE, () => count++);
  const add = (name: string, bytes = new Uint8Array(PIECE)) =>
    unsent.add(bytes, () => given.push(name));
  const a = add("a")!;
  add("b");
  add("c");
  assert.deepEqual([given, unsent.bytes], [[], 3 * PIECE]);
  a();
  a();
  assert.equal(unsent.bytes, 2 * PIECE, "what was sent counts no more, whatever it is told");
  add("d");
  add("e", new Uint8Array(2 * PIECE));
  assert.deepEqual([given, count, unsent.bytes], [["b", "c"], 2, 3 * PIECE]);
  add("f", new Uint8Array(9 * PIECE));
  assert.deepEqual(given, ["b", "c", "d", "e"]);
  assert.equal(unsent.bytes, 9 * PIECE, "one alone may be as large as it likes");
});

Deno.test("UnsentBytes counts what several send once, and small pieces not at all", () => {
  const unsent = new UnsentBytes(2 * PIECE, () => assert.fail("there is room"));
  const shared = new Uint8Array(2 * PIECE);
  const ends = Array.from({ length: 10 }, (_, i) => unsent.add(shared.subarray(i), () => {})!);
  for (let i = 0; i < 10; i++) assert.equal(unsent.add(new Uint8Array(1000), () => {}), null);
  assert.equal(unsent.bytes, 2 * PIECE);
  for (const end of ends.slice(1)) end();
  assert.equal(unsent.bytes, 2 * PIECE);
  ends[0]!();
  assert.equal(unsent.bytes, 0);
});
