/**
 * Finds the one byte that differs from what an Adler-32 was computed of.
 *
 * The checksum is two sums modulo 65521. If one byte is off by `d`, the first sum is off by `d` and the second by
 * `d` times the byte's distance from the end: so both the byte and its value follow from the two checksums. A wrong
 * byte in the checksum itself changes one of the sums only, and cannot be mistaken for this.
 *
 * @module
 */
import { adler32 } from "../../core/checksum.ts";

const BASE = 65521;

export interface WrongByte {
  /** Where in the bytes. */
  readonly at: number;
  readonly stored: number;
  readonly expected: number;
}

/** Null when more than one byte is wrong, or it cannot be told which. */
export function findWrongByte(
  bytes: Uint8Array,
  { stored, expected }: { stored: bigint; expected: number },
): WrongByte | null {
  if (stored >> 32n !== 0n) return null;
  const checksum = Number(stored);
  const first = modulo((checksum & 0xffff) - (expected & 0xffff));
  const second = modulo((checksum >>> 16) - (expected >>> 16));
  const found: WrongByte[] = [];
  for (const delta of [first, first - BASE]) {
    if (delta === 0 || Math.abs(delta) > 255) continue;
    const distance = modulo(second * inverseOf(modulo(delta)));
    for (let at = bytes.length - distance; at >= 0; at -= BASE) {
      if (at >= bytes.length) continue;
      const value = bytes[at]! + delta;
      if (value >= 0 && value <= 255) found.push({ at, stored: bytes[at]!, expected: value });
    }
  }
  const [only] = found;
  if (found.length !== 1 || only === undefined) return null;
  const restored = withByte(bytes, only);
  return adler32(1, restored, 0, restored.length) === checksum ? only : null;
}

/** A copy with the byte as it was. */
export function withByte(bytes: Uint8Array, { at, expected }: WrongByte): Uint8Array {
  const restored = bytes.slice();
  restored[at] = expected;
  return restored;
}

function modulo(value: number): number {
  return ((value % BASE) + BASE) % BASE;
}

/** By Fermat: the base is a prime. */
function inverseOf(value: number): number {
  let result = 1;
  let power = value;
  for (let exponent = BASE - 2; exponent > 0; exponent >>>= 1) {
    if (exponent & 1) result = (result * power) % BASE;
    power = (power * power) % BASE;
  }
  return result;
}
