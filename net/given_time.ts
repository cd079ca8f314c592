/**
 * Points in time as users give them to commands.
 *
 * @module
 */
const ISO_TIME =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?([.,]\d{1,9})?(Z|[+-]\d\d:?\d\d|[+-]\d\d)?)?$/i;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * @param text `2026-11-26T09:30:00Z` (without a zone: local time), or `-15m`, as long before now
 * @returns ms since 1970; null when it is neither
 */
export function timeGiven(text: string, nowMs: number): number | null {
  const ago = /^-(\d{1,9}(?:\.\d{1,9})?)(s|m|h|d)$/.exec(text);
  const timeMs = ago === null ? parseTime(text) : nowMs - Number(ago[1]) * UNIT_MS[ago[2]!]!;
  // a Date holds no more than 270,000 years before or after 1970
  return Number.isNaN(new Date(timeMs).getTime()) ? null : timeMs;
}

function parseTime(text: string): number {
  const parts = ISO_TIME.exec(text);
  if (parts === null) return NaN;
  const [, date, time = "00:00", seconds = ":00", fraction = "", zone = ""] = parts;
  const offset = zone.replace(
    /^([+-]\d\d)(\d\d)?$/,
    (_, hours, minutes = "00") => `${hours}:${minutes}`,
  );
  const timeMs = Date.parse(
    `${date}T${time}${seconds}${fraction.replace(",", ".")}${offset.toUpperCase()}`,
  );
  // of the 31st of a month that has 30 days, another day would be made
  const day = Number(date!.slice(8));
  const [year, month] = [Number(date!.slice(0, 4)), Number(date!.slice(5, 7))];
  return day > new Date(Date.UTC(year, month, 0)).getUTCDate() ? NaN : timeMs;
}
