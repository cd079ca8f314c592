import assert from "node:assert/strict";
import { ByteArena } from "../../../core/tree/byte_arena.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const MIB = 1 << 20;

Deno.test("ByteArena keeps blocks of all sizes apart while they come and go", () => {
  const arena = new ByteArena();
  const random = new SeededRandom(3);
  const below = (count: number) => random.uint32() % count;
  const sizes = [
    1,
    15,
    16,
    17,
    100,
    1008,
    1024,
    1025,
    1280,
    5000,
    65_536,
    MIB / 2,
    MIB / 2 + 1,
    MIB,
  ];
  const live: { ref: number; bytes: Uint8Array }[] = [];
  for (let i = 0; i < 3000; i++) {
    if (live.length > 0 && below(5) < 2) {
      const at = below(live.length);
      const { ref, bytes } = live[at]!;
      assert.deepEqual(arena.bytes(ref, bytes.length).slice(), bytes);
      arena.free(ref, bytes.length);
      live[at] = live.at(-1)!;
      live.pop();
    } else {
      const size = below(30) === 0 ? sizes[below(sizes.length)]! : 1 + below(3000);
      const bytes = new Uint8Array(size).fill(i);
      live.push({ ref: arena.store(bytes), bytes });
    }
  }
  for (const { ref, bytes } of live) {
    assert(ref !== 0);
    assert.deepEqual(arena.bytes(ref, bytes.length).slice(), bytes);
  }
  assert.equal(new Set(live.map(({ ref }) => ref)).size, live.length);
});

Deno.test("ByteArena.allocate() reuses a freed block for another length of its class", () => {
  const arena = new ByteArena();
  const first = arena.allocate(100);
  const second = arena.allocate(100);
  arena.free(first, 100);
  arena.free(second, 100);
  assert.equal(arena.allocate(112), second, "the class of 97 to 112 bytes");
  assert.equal(arena.allocate(97), first);
  assert.notEqual(arena.allocate(96), first);
});

Deno.test("ByteArena.allocate() gives large blocks a chunk of their own, of any length, first or not", () => {
  for (const length of [MIB / 2 + 1, MIB - 1, MIB, MIB + 1, 5 * MIB]) {
    const arena = new ByteArena();
    const ref = arena.store(new Uint8Array(length).fill(7)); // the very first block
    assert.notEqual(ref, 0, "0 is no block");
    assert.equal(arena.chunk(ref).length, length);
    const small = arena.store(Uint8Array.of(1, 2, 3));
    assert.deepEqual(arena.bytes(small, 3).slice(), Uint8Array.of(1, 2, 3));
    arena.free(ref, length);
    const again = arena.store(new Uint8Array(length).fill(8));
    assert.equal(again, ref, "the chunk's number is used again");
    assert.equal(arena.bytes(again, length).at(-1), 8);
  }
});

Deno.test("ByteArena.fitsInPlace() is true within a class only", () => {
  const arena = new ByteArena();
  const cases: [number, number, boolean][] = [
    [1, 16, true],
    [16, 17, false],
    [1024, 1025, false],
    [0, 0, false],
    [0, 5, false],
    [-1, 5, false],
    [MIB / 2, MIB / 2 + 1, false],
    [MIB, MIB, false], // chunks of their own are exactly as long as their block
  ];
  for (const [before, after, fits] of cases) {
    assert.equal(arena.fitsInPlace(before, after), fits, `${before} ${after}`);
  }
});

Deno.test("ByteArena.store() of nothing is no block, and freeing none does nothing", () => {
  const arena = new ByteArena();
  assert.equal(arena.store(new Uint8Array()), 0);
  arena.free(0, 0);
  assert.equal(arena.bytes(0, 0).length, 0);
});
