/**
 * How averages are rounded and printed: four decimals, half up, and always a decimal point.
 *
 * Tools that read `mntr` and `srvr` compare these texts, so `0.0`, `6.6667` and `1.5E7` are written
 * as ZooKeeper writes them, which is how Java writes a double.
 *
 * @module
 */

/** Rounds half up to four decimals; the exact value of the double decides, as toFixed does. */
export function roundTo4Decimals(value: number): number {
  return Number(value.toFixed(4));
}

/** `sum / count` with four decimals; 0 when nothing was counted. */
export function average(sum: number, count: number): number {
  return count === 0 ? 0 : roundTo4Decimals(sum / count);
}

/** A double as Java prints it: `14.0`, `0.001`, `5.0E-4`, `1.5E7`. */
export function formatDecimal(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude === 0 || (magnitude >= 1e-3 && magnitude < 1e7)) {
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }
  const [digits = "0", exponent = "0"] = value.toExponential().split("e");
  return `${digits.includes(".") ? digits : `${digits}.0`}E${Number(exponent)}`;
}
