/**
 * Damages bytes: what a bad client, a bad disk or a bad copy does to them.
 *
 * @module
 */
import type { SeededRandom } from "../support/seeded_random.ts";

/** Numbers that decoders stumble over, as 32 bits. */
const INTERESTING = [0, -1, -2, 1, 0x7fffffff, -0x80000000, 0xffff, 0x100000, 0xfffff, 0x01000000];

/** A damaged copy; now and then the same bytes. */
export function mutate(random: SeededRandom, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let copy = bytes.slice();
  for (let times = random.between(1, 3); times > 0; times--) {
    const at = random.below(copy.length + 1);
    switch (random.below(8)) {
      case 0:
        copy = copy.slice(0, at);
        break;
      case 1:
        if (at < copy.length) copy[at]! ^= 1 << random.below(8);
        break;
      case 2:
        if (at < copy.length) copy[at] = random.uint32();
        break;
      case 3: { // a length or a count, most likely
        const aligned = random.chance(1, 2) ? at & ~3 : at;
        if (aligned + 4 > copy.length) break;
        new DataView(copy.buffer).setInt32(aligned, random.pick(INTERESTING));
        break;
      }
      case 4:
        copy = joined(copy.subarray(0, at), random.bytes(random.below(20)), copy.subarray(at));
        break;
      case 5: {
        const end = Math.min(copy.length, at + random.below(20));
        copy = joined(copy.subarray(0, at), copy.subarray(end));
        break;
      }
      case 6:
        copy.copyWithin(at, random.below(copy.length + 1), random.below(copy.length + 1));
        break;
      case 7:
        copy.fill(random.pick([0, 0xff]), at, at + random.below(16));
        break;
    }
  }
  return copy;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
