/**
 * JSON as ZooKeeper's AdminServer prints it, to the byte: two spaces a level, ` : ` behind a name, lists on one
 * line, longs as numbers, doubles as Java writes them, no newline at the end. Scripts cut it with grep and cut.
 *
 * Text comes in pieces and what is listed is read as they are made, so that a million watches neither fill
 * memory nor hold up others.
 *
 * @module
 */
import { formatDecimal } from "../../../core/metrics/decimal.ts";

export type Json =
  | null
  | boolean
  | string
  /** Printed as an integer. */
  | number
  /** A long: exact where a double is not. */
  | bigint
  | JsonDecimal
  | JsonMap
  | JsonObject
  /** A list. */
  | JsonList;

type JsonList = readonly Json[] | Generator<Json>;

interface JsonObject {
  readonly [name: string]: Json;
}

/** A Java double: `0.0`, `6.6667`. */
export class JsonDecimal {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** An object whose names are data, in their order: those of a plain object would be sorted when they are numbers. */
export class JsonMap {
  readonly entries: Iterable<readonly [name: string, value: Json]>;

  constructor(entries: Iterable<readonly [name: string, value: Json]>) {
    this.entries = entries;
  }
}

/** Pieces are at least this long, the last one excepted. */
const PIECE_CHARS_MIN = 16 * 1024;

/** The text, in pieces. */
export function* jsonText(value: Json): Generator<string> {
  let piece = "";
  for (const token of tokens(value, "\n")) {
    piece += token;
    if (piece.length < PIECE_CHARS_MIN) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

/** @param newline the line's end and the indentation of what stands around the value */
function* tokens(value: Json, newline: string): Generator<string> {
  if (value === null || typeof value !== "object") yield scalar(value);
  else if (value instanceof JsonDecimal) yield formatDecimal(value.value);
  else if (isList(value)) yield* listTokens(value, newline);
  else if (value instanceof JsonMap) yield* objectTokens(value.entries, newline);
  else yield* objectTokens(Object.entries(value), newline);
}

function* objectTokens(
  entries: Iterable<readonly [name: string, value: Json]>,
  newline: string,
): Generator<string> {
  const inner = `${newline}  `;
  let isEmpty = true;
  for (const [name, value] of entries) {
    yield `${isEmpty ? "{" : ","}${inner}${quoted(name)} : `;
    isEmpty = false;
    yield* tokens(value, inner);
  }
  yield isEmpty ? "{ }" : `${newline}}`;
}

/** Lists add no indentation: that of their items is that of the line they begin on. */
function* listTokens(list: Iterable<Json>, newline: string): Generator<string> {
  let isEmpty = true;
  for (const item of list) {
    yield isEmpty ? "[ " : ", ";
    isEmpty = false;
    yield* tokens(item, newline);
  }
  yield isEmpty ? "[ ]" : " ]";
}

function isList(value: object): value is JsonList {
  return Symbol.iterator in value;
}

function scalar(value: null | boolean | string | number | bigint): string {
  return typeof value === "string" ? quoted(value) : String(value);
}

/** Jackson writes the digits of an escape in capitals, where JavaScript does not. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})/g,
    (_, before: string, digits: string) => `${before}\\u${digits.toUpperCase()}`,
  );
}
