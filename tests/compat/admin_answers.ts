/**
 * Answers of ZooKeeper's AdminServer as lines that can be compared: one a value, with where it stands, its Java
 * type and the value itself.
 *
 * @module
 */

import assert from "node:assert/strict";

export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
}

/** Where a value stands, such as `connections[].packets_sent`, to its type and what is there. */
export type Leaves = Map<string, { readonly type: string; readonly values: string[] }>;

/** What differs for a reason. */
export interface Departure {
  /** Places. */
  readonly at: RegExp;
  /** Why their values may differ. */
  readonly values?: string;
  /** Why only one of the two may have them. */
  readonly keys?: string;
}

/** @param path what is behind `/commands` */
export async function ask(httpUrl: string, path: string): Promise<AdminAnswer> {
  const response = await fetch(`${httpUrl}/commands${path}`);
  const contentType = response.headers.get("Content-Type");
  return { status: response.status, contentType, text: await response.text() };
}

/** Fails on what differs for no reason that is given: statuses, names, types, values. */
export function compareAnswers(
  theirs: AdminAnswer,
  ours: AdminAnswer,
  { departures, mayDiffer = () => false }: {
    departures: readonly Departure[];
    /** Further values that may. */
    mayDiffer?: (at: string) => boolean;
  },
): void {
  assert.equal(ours.status, theirs.status);
  assert.equal(ours.contentType, theirs.contentType);
  const isExcused = (at: string, what: "keys" | "values") =>
    departures.some((departure) => departure[what] !== undefined && departure.at.test(at));
  const ourLeaves = leavesOf(ours.text);
  const theirLeaves = leavesOf(theirs.text);
  const problems: string[] = [];
  for (const at of new Set([...theirLeaves.keys(), ...ourLeaves.keys()])) {
    const [their, our] = [theirLeaves.get(at), ourLeaves.get(at)];
    if (their === undefined || our === undefined) {
      if (!isExcused(at, "keys")) {
        problems.push(`${at}: only ${their === undefined ? "we" : "they"}`);
      }
      continue;
    }
    if (their.type !== our.type) problems.push(`${at}: ${their.type} there, ${our.type} here`);
    const [theirValues, ourValues] = [their, our].map(({ values }) =>
      [...values].sort().join(", ")
    );
    if (theirValues === ourValues || isExcused(at, "values") || mayDiffer(at)) continue;
    problems.push(`${at}: ${theirValues} there, ${ourValues} here`);
  }
  assert.deepEqual(problems, []);
}

/** Names that are numbers are data: ids, and moments on a clock that began at another time. */
const DATA_NAME = /^-?\d+$/;

/** @param text JSON; a long keeps its digits, and a double is told from it as Java prints both */
export function leavesOf(text: string): Leaves {
  const leaves: Leaves = new Map();
  const add = (at: string, type: string, value: string) => {
    const leaf = leaves.get(at) ?? { type, values: [] };
    leaves.set(at, {
      type: leaf.type === type ? type : `${leaf.type}|${type}`,
      values: [...leaf.values, value],
    });
  };
  const walk = (value: unknown, at: string): void => {
    if (value instanceof Numeral) {
      add(at, /[.E]/.test(value.digits) ? "double" : "long", value.digits);
    } else if (Array.isArray(value)) {
      add(at, "list", `of ${value.length}`);
      for (const item of value) walk(item, `${at}[]`);
    } else if (value !== null && typeof value === "object") {
      add(at, "object", "");
      for (const [name, item] of Object.entries(value)) {
        walk(item, `${at}${at === "" ? "" : "."}${DATA_NAME.test(name) ? "#" : name}`);
      }
    } else add(at, value === null ? "null" : typeof value, String(value));
  };
  walk(parsed(text), "");
  return leaves;
}

/** Whether the text is what Jackson's pretty printer makes of it. */
export function isPretty(text: string): boolean {
  return pretty(parsed(text), "\n") === text;
}

class Numeral {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }
}

function parsed(text: string): unknown {
  type Reviver = (name: string, value: unknown, context: { source: string }) => unknown;
  const reviver: Reviver = (_, value, { source }) =>
    typeof value === "number" ? new Numeral(source) : value;
  return JSON.parse(text, reviver as (name: string, value: unknown) => unknown);
}

function pretty(value: unknown, newline: string): string {
  if (value instanceof Numeral) return value.digits;
  if (Array.isArray(value)) {
    return value.length === 0
      ? "[ ]"
      : `[ ${value.map((item) => pretty(item, newline)).join(", ")} ]`;
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const lines = Object.entries(value).map(([name, item]) =>
    `${newline}  ${JSON.stringify(name)} : ${pretty(item, `${newline}  `)}`
  );
  return lines.length === 0 ? "{ }" : `{${lines.join(",")}${newline}}`;
}
