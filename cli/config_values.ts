/**
 * The kinds of value a setting can have, as zod schemas from the text in the file to a plain value.
 *
 * Each says in its error what would have been allowed, so that the message of any wrong value is
 * complete. White space around a value does not count, as in ZooKeeper.
 *
 * By zod's small form: the classic one takes 20 ms longer to make a hundred schemas, at each start.
 *
 * @module
 */

import * as z from "zod/mini";
import { parseIpRange } from "../core/auth/ip_address.ts";

const INT_MAX = 2 ** 31 - 1;

interface Range {
  min?: number;
  max?: number;
  /** What one of it is, for the message: `ms`, `KiB`. */
  unit?: string;
}

/**
 * `parse` gives undefined for text that is not allowed. One schema each, where a pipe behind a string would be three: a
 * hundred of them are made at each start.
 */
function value<T>(expected: string, parse: (text: string) => T | undefined) {
  return z.transform((text: string | undefined, context): T => {
    const parsed = text === undefined ? undefined : parse(text.trim());
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: "custom", message: expected, input: text });
    return z.NEVER;
  });
}

function rangeText({ min = -INT_MAX - 1, max = INT_MAX, unit }: Range): string {
  if (min === max) return `${min}`;
  return `an integer from ${min} to ${max}${unit === undefined ? "" : ` (${unit})`}`;
}

function within(number: number, { min = -INT_MAX - 1, max = INT_MAX }: Range): number | undefined {
  return number >= min && number <= max ? number : undefined;
}

/** Java's Integer.parseInt: decimal only. */
export function int(range: Range = {}) {
  return value(
    rangeText(range),
    (text) => /^[+-]?\d+$/.test(text) ? within(Number(text), range) : undefined,
  );
}

/** Java's Integer.getInteger, as for system properties: also `0x1f`, `#1f`, and octal `017`. */
export function javaInt(range: Range = {}) {
  return value(`${rangeText(range)}, decimal, 0x hexadecimal or 0 octal`, (text) => {
    const match = /^([+-]?)(?:(?:0[xX]|#)([0-9a-fA-F]+)|0([0-7]+)|(\d+))$/.exec(text);
    if (match === null) return undefined;
    const [, sign, hex, octal, decimal] = match;
    let magnitude = Number(decimal);
    if (hex !== undefined) magnitude = parseInt(hex, 16);
    else if (octal !== undefined) magnitude = parseInt(octal, 8);
    else if (text.replace(/^[+-]/, "").length > 1 && decimal?.startsWith("0")) return undefined;
    return within(sign === "-" ? 0 - magnitude : magnitude, range);
  });
}

export function decimal({ min, max }: { min: number; max: number }) {
  return value(`a number from ${min} to ${max}`, (text) => {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return undefined;
    return within(Number(text), { min, max });
  });
}

export function bool() {
  return value("true or false", (text) => {
    const lower = text.toLowerCase();
    return lower === "true" || lower === "false" ? lower === "true" : undefined;
  });
}

/** Settings that say `yes` and `no` where others say true and false. */
export function yesNo() {
  return value("yes or no", (text) => {
    const lower = text.toLowerCase();
    return lower === "yes" || lower === "no" ? lower === "yes" : undefined;
  });
}

/** One of some words, upper or lower case. */
export function oneOf<const T extends string>(words: readonly T[]) {
  const expected = words.map((word) => word === "" ? "nothing" : word).join(", ");
  return value(
    `one of: ${expected}`,
    (text) => words.find((word) => word.toLowerCase() === text.toLowerCase()),
  );
}

export function text() {
  return value("some text", (text) => text === "" ? undefined : text);
}

/** Words between commas; empty ones are dropped. */
export function list() {
  return value("words with commas between", (text) => {
    return text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  });
}

/** Addresses and ranges of them between commas, as text. */
export function ipRanges() {
  return value("addresses or ranges such as 10.0.0.0/8, with commas between", (text) => {
    const ranges = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
    return ranges.every((range) => parseIpRange(range) !== null) ? ranges : undefined;
  });
}

/** The start of a URL's path, or a znode's path: from a slash on, and without one at the end. */
export function slashPath() {
  return value("a path that begins with /", (text) => {
    return text.startsWith("/") ? text.replace(/(?<=.)\/+$/, "") : undefined;
  });
}

export function port() {
  return int({ min: 0, max: 65535 });
}

const HOST = /^(\[[0-9a-fA-F:.]+(%\w+)?\]|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%\w+)?|[\w.-]+)$/;

/** A name or address; IPv6 with or without brackets, which are dropped. */
export function host() {
  return value("a host name or address", (text) => {
    return HOST.test(text) ? text.replace(/^\[(.*)\]$/, "$1") : undefined;
  });
}

/** A share of what there is, or bytes; 0 for none. */
export function memoryShare() {
  const units = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
  return value("1% to 100%, bytes, bytes with K, M or G, or 0 for off", (text) => {
    const [, digits, unit] = /^(\d{1,15})(%|[kmg]?)$/i.exec(text) ?? [];
    if (digits === undefined) return undefined;
    const number = Number(digits);
    if (unit === "%") return number >= 1 && number <= 100 ? { percent: number } : undefined;
    const bytes = number * units[unit!.toLowerCase() as keyof typeof units];
    return Number.isSafeInteger(bytes) ? { bytes } : undefined;
  });
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Hours, or a number with a unit as ZooKeeper 3.10 reads it; 0 or less is 0. */
export function hours() {
  return value(
    "a number of hours, or with a unit ms, s, m, h or d; 0 is off",
    (text) => {
      const match = /^([+-]?\d+)\s*(ms|s|m|h|d)?$/.exec(text);
      if (match === null) return undefined;
      const ms = Number(match[1]) * UNIT_MS[(match[2] ?? "h") as keyof typeof UNIT_MS];
      return Number.isSafeInteger(ms) ? Math.max(0, ms) : undefined;
    },
  );
}
