/**
 * Sizes as people read them.
 *
 * @module
 */
export const MIB = 1024 * 1024;

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** To the nearest whole one. */
export function mib(bytes: number): number {
  return Math.round(bytes / MIB);
}

/** `512 bytes`, `1.5 KiB`, `23.0 MiB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
