/**
 * The tests of `find`: what a znode must be for its path to be printed.
 *
 * @module
 */
import type { ClientStat } from "../../../net/client/client_types.ts";
import { patternOf, quoted } from "./linear_pattern.ts";
import { usageError } from "./option_words.ts";
import { typeOf } from "./znode_text.ts";

export interface Candidate {
  readonly path: string;
  readonly name: string;
  /** Null: it may not be seen. No test of it holds then, nor its opposite. */
  readonly stat: ClientStat | null;
}

export type FindTest = (candidate: Candidate) => boolean;
/** Undefined: nobody knows. */
type Answer = (candidate: Candidate) => boolean | undefined;

const TYPES = ["persistent", "ephemeral"];
const BYTES_OF_UNIT: Readonly<Record<string, number>> = { "": 1, c: 1, k: 1024, M: 1024 ** 2 };
const MS_OF_UNIT: Readonly<Record<string, number>> = {
  "": 86_400_000,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Tests that take the word behind them. */
const WITH_VALUE: Readonly<Record<string, (value: string, nowMs: number) => Answer>> = {
  "-name": (glob) => matching("name", glob, { source: globSource(glob, "[^/]") }),
  "-iname": (glob) =>
    matching("name", glob, { source: globSource(glob, "[^/]"), ignoreCase: true }),
  "-path": (glob) => matching("path", glob, { source: globSource(glob, ".") }),
  "-regex": (regex) => matching("path", regex, { source: regex }),
  "-iregex": (regex) => matching("path", regex, { source: regex, ignoreCase: true }),
  "-type": typeTest,
  "-owner": ownerTest,
  "-size": (value) => {
    const isWanted = amountTest("-size", value, BYTES_OF_UNIT, "c, k or M");
    return ({ stat }) => stat ? isWanted(stat.dataLength) : undefined;
  },
  "-children": (value) => {
    const isWanted = amountTest("-children", value, { "": 1 }, "none");
    return ({ stat }) => stat ? isWanted(stat.numChildren) : undefined;
  },
  "-version": (value) => {
    const isWanted = amountTest("-version", value, { "": 1 }, "none");
    return ({ stat }) => stat ? isWanted(stat.version) : undefined;
  },
  "-mtime": (value, nowMs) => ageTest("-mtime", value, (stat) => nowMs - stat.mtime),
  "-ctime": (value, nowMs) => ageTest("-ctime", value, (stat) => nowMs - stat.ctime),
};

const WITHOUT_VALUE: Readonly<Record<string, Answer>> = {
  "-empty": ({ stat }) => stat ? stat.dataLength === 0 && stat.numChildren === 0 : undefined,
};

export interface FindWords {
  readonly tests: readonly FindTest[];
  /** Of `-newer`: a znode of which each must have been changed later; or a zxid. */
  readonly newerThan: readonly string[];
  /** What stands beside the tests. */
  readonly others: readonly string[];
}

/** Takes the tests out of the words; `-not` or `!` turns the next one round. */
export function findTestsOf(words: readonly string[], nowMs: number): FindWords {
  const tests: FindTest[] = [];
  const newerThan: string[] = [];
  const others: string[] = [];
  let isNegated = false;
  const add = (test: Answer) => {
    const isWanted = !isNegated;
    tests.push((candidate) => test(candidate) === isWanted);
    isNegated = false;
  };
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "-not" || word === "!") {
      isNegated = !isNegated;
      continue;
    }
    if (Object.hasOwn(WITHOUT_VALUE, word)) {
      add(WITHOUT_VALUE[word]!);
    } else if (Object.hasOwn(WITH_VALUE, word) || word === "-newer") {
      const value = words[++at];
      if (value === undefined) throw usageError("find", `${word} needs a value`);
      if (word !== "-newer") add(WITH_VALUE[word]!(value, nowMs));
      else if (isNegated) throw usageError("find", "-newer cannot be turned round");
      else newerThan.push(value);
    } else if (isNegated) {
      throw usageError("find", `-not stands before a test, not before "${word}"`);
    } else {
      others.push(word);
    }
  }
  if (isNegated) throw usageError("find", "-not stands before a test, not at the end");
  return { tests, newerThan, others };
}

/** As find has it, the pattern is for the whole name or path. */
function matching(
  field: "name" | "path",
  shown: string,
  { source, ignoreCase = false }: { source: string; ignoreCase?: boolean },
): Answer {
  const pattern = patternOf("find", source, { ignoreCase, dotAll: true }, shown);
  return (candidate) => pattern.testExact(candidate[field]);
}

/** `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before what stands for itself. */
function globSource(glob: string, any: string): string {
  let source = "";
  for (let at = 0; at < glob.length; at++) {
    const letter = glob[at]!;
    const end = letter === "[" ? glob.indexOf("]", at + 2) : -1;
    if (letter === "*") source += `${any}*`;
    else if (letter === "?") source += any;
    else if (letter === "\\" && at + 1 < glob.length) source += quoted(glob[++at]!);
    else if (end > 0) {
      const inside = glob.slice(at + 1, end);
      const isNot = inside[0] === "!" || inside[0] === "^";
      const letters = inside.slice(isNot ? 1 : 0).replace(/[\\\][&^]/g, "\\$&");
      source += `[${isNot ? "^" : ""}${letters}]`;
      at = end;
    } else source += quoted(letter);
  }
  return source;
}

function typeTest(value: string): Answer {
  const wanted = value.split(",");
  const unknown = wanted.find((type) => !TYPES.includes(type));
  if (unknown !== undefined) {
    throw usageError(
      "find",
      unknown === "container" || unknown === "ttl"
        ? `servers do not tell clients which znodes are of type ${unknown}: they look persistent`
        : `-type takes ${TYPES.join(", ")}, not "${unknown}"`,
    );
  }
  return ({ stat }) => stat ? wanted.includes(typeOf(stat)) : undefined;
}

function ownerTest(value: string): Answer {
  if (!/^(0x[0-9a-f]{1,16}|\d{1,19})$/i.test(value)) {
    throw usageError("find", `-owner takes a session as 0x and hex digits, not "${value}"`);
  }
  const owner = BigInt.asIntN(64, BigInt(value));
  return ({ stat }) => stat ? stat.ephemeralOwner === owner : undefined;
}

/** `5`, `+5` for more, `-5` for less, with a unit. */
function amountTest(
  option: string,
  value: string,
  units: Readonly<Record<string, number>>,
  unitNames: string,
): (amount: number) => boolean {
  const [, sign, digits, unit = ""] = /^([+-]?)(\d{1,15})([a-zA-Z]?)$/.exec(value) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (digits === undefined || factor === undefined) {
    throw usageError(
      "find",
      `${option} takes N, +N (more) or -N (less), unit ${unitNames}, not "${value}"`,
    );
  }
  const limit = Number(digits) * factor;
  if (sign === "+") return (amount) => amount > limit;
  if (sign === "-") return (amount) => amount < limit;
  return (amount) => amount === limit;
}

/** `-1h` within the last hour, `+1h` before it; `2` without a sign: of two days ago, as find has it. */
function ageTest(
  option: string,
  value: string,
  ageMsOf: (stat: ClientStat) => number,
): Answer {
  const unit = MS_OF_UNIT[/[a-zA-Z]?$/.exec(value)![0]] ?? MS_OF_UNIT[""]!;
  const isSigned = /^[+-]/.test(value);
  const isWanted = amountTest(option, value, MS_OF_UNIT, "s, m, h or d");
  return ({ stat }) => {
    if (stat === null) return undefined;
    const ageMs = ageMsOf(stat);
    return isWanted(isSigned ? ageMs : Math.floor(ageMs / unit) * unit);
  };
}
