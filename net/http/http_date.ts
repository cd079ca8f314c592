/**
 * Times as HTTP writes them: `Thu, 26 Nov 2026 05:43:37 GMT`.
 *
 * @module
 */

/** Seconds whose text is kept: many znodes were written in the same ones. */
const KEPT_COUNT_MAX = 1000;
const texts = new Map<number, string>();

/** @param ms since 1970 */
export function httpDate(ms: number): string {
  const second = Math.floor(ms / 1000);
  const known = texts.get(second);
  if (known !== undefined) return known;
  if (texts.size >= KEPT_COUNT_MAX) texts.clear();
  const text = new Date(second * 1000).toUTCString();
  texts.set(second, text);
  return text;
}
