/**
 * The text of quota nodes (`zookeeper_limits`, `zookeeper_stats`) and whether a change stays within a
 * limit (semantics section 10). Which quota a path falls under is the tree's business.
 *
 * @module
 */

/**
 * A quota's limits, or its usage. -1 is unlimited, as is a key that is missing. Numbers beyond 2 ** 53
 * are rounded towards zero to what a double holds exactly.
 */
export interface QuotaValues {
  readonly count: number;
  readonly bytes: number;
  readonly countHardLimit: number;
  readonly byteHardLimit: number;
  /** Keys that mean nothing but are written back, sorted; null when there are none. */
  readonly others: readonly (readonly [key: string, value: number])[] | null;
}

/** Usage as it is written, without limits. */
export function makeUsage(count: number, bytes: number): QuotaValues {
  return { count, bytes, countHardLimit: -1, byteHardLimit: -1, others: null };
}

/** Adds to a usage; like ZooKeeper, also to a key that was missing and so counts from -1. */
export function addUsage(
  usage: QuotaValues,
  { count, bytes }: { count: number; bytes: number },
): QuotaValues {
  return { ...usage, count: usage.count + count, bytes: usage.bytes + bytes };
}

/**
 * Reads `count=<n>,bytes=<n>=;byteHardLimit=<n>;countHardLimit=<n>`: any keys in any order, the last of
 * equal keys counts.
 *
 * @returns null on what ZooKeeper cannot read: with `enforceQuota` a change under such limits or usage
 * is refused with MarshallingError (-5), without it the usage stays as it is
 */
export function parseQuota(text: string): QuotaValues | null {
  const values = new Map<string, number>();
  const pieces = text.split(/[,;]+/);
  while (pieces.at(-1) === "") pieces.pop(); // only separators at the end are ignored
  for (const piece of pieces) {
    const parts = piece.split("=");
    while (parts.at(-1) === "") parts.pop(); // `bytes=5=` is `bytes=5`
    const [key, value] = parts;
    if (key === undefined || value === undefined) return null;
    const number = value === "" ? -1 : parseLong(value);
    if (number === null) return null;
    values.set(key, number);
  }
  const take = (key: string) => {
    const value = values.get(key) ?? -1;
    values.delete(key);
    return value;
  };
  return {
    count: take("count"),
    bytes: take("bytes"),
    countHardLimit: take("countHardLimit"),
    byteHardLimit: take("byteHardLimit"),
    others: values.size === 0 ? null : [...values],
  };
}

/** Writes what {@linkcode parseQuota} reads, as ZooKeeper does: hard limits only where there are. */
export function formatQuota(quota: QuotaValues): string {
  const text = `count=${quota.count},bytes=${quota.bytes}`;
  const rest = new Map<string, number>(quota.others ?? []);
  if (quota.byteHardLimit !== -1) rest.set("byteHardLimit", quota.byteHardLimit);
  if (quota.countHardLimit !== -1) rest.set("countHardLimit", quota.countHardLimit);
  if (rest.size === 0) return text;
  const keys = [...rest.keys()].sort((a, b) => a < b ? -1 : 1);
  // "=" before the first ";" lets parsers older than 3.7 end the byte count there
  return `${text}=;${keys.map((key) => `${key}=${rest.get(key)}`).join(";")}`;
}

/** A limit that a change would pass. */
export interface QuotaExcess {
  readonly what: "count" | "bytes";
  /** `hard`: refused with QuotaExceeded (-125). `soft`: logged only. */
  readonly severity: "hard" | "soft";
  readonly limit: number;
  /** Usage after the change. */
  readonly value: number;
}

/**
 * The first limit that a create or setData would pass, hard ones before soft ones; null when none.
 *
 * Where a hard limit is set the soft one does not matter. A change that leaves the bytes as they are is
 * not checked for bytes; one that lessens them but ends above the limit is refused. Never for delete.
 */
export function checkQuota(
  { limits, usage, countDelta, bytesDelta }: {
    limits: QuotaValues;
    usage: QuotaValues;
    /** 1 for a create, 0 for a setData. */
    countDelta: number;
    /** Length of the new data less that of the old. */
    bytesDelta: number;
  },
): QuotaExcess | null {
  const count = countDelta === 0 ? null : excess({
    what: "count",
    hardLimit: limits.countHardLimit,
    softLimit: limits.count,
    value: usage.count + countDelta,
  });
  if (count?.severity === "hard" || bytesDelta === 0) return count;
  const bytes = excess({
    what: "bytes",
    hardLimit: limits.byteHardLimit,
    softLimit: limits.bytes,
    value: usage.bytes + bytesDelta,
  });
  return bytes?.severity === "hard" ? bytes : count ?? bytes;
}

function excess({ what, hardLimit, softLimit, value }: {
  what: "count" | "bytes";
  hardLimit: number;
  softLimit: number;
  value: number;
}): QuotaExcess | null {
  const severity = hardLimit > -1 ? "hard" : "soft";
  const limit = hardLimit > -1 ? hardLimit : softLimit;
  return limit > -1 && value > limit ? { what, severity, limit, value } : null;
}

/** As Java's Long.parseLong reads it, except for the digits of other scripts; null when it throws. */
function parseLong(text: string): number | null {
  if (!/^[+-]?[0-9]+$/.test(text)) return null;
  const value = BigInt(text.replace("+", ""));
  if (BigInt.asIntN(64, value) !== value) return null;
  const max = Number.MAX_SAFE_INTEGER;
  return Math.max(-max, Math.min(max, Number(value)));
}
