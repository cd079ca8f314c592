/**
 * Which txns of a log are wanted: of a range of zxids or of time, below a path, of a session, of a type.
 *
 * @module
 */
import type { Txn, TxnHeader } from "../../core/txn/txn.ts";
import { decodeUtf8 } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import { timeGiven } from "../../net/given_time.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode } from "../world.ts";
import { TXN_TYPE_NAMES, txnTypeName } from "./txn_text.ts";

/** As the command line has them. */
export interface FilterOptions {
  readonly from?: string;
  readonly to?: string;
  readonly path?: string;
  readonly session?: string;
  readonly type?: string;
}

type Bound = { readonly zxid: Zxid } | { readonly timeMs: number };

export class TxnFilter {
  readonly #from: Bound | null;
  readonly #to: Bound | null;
  readonly #path: string | null;
  readonly #session: bigint | null;
  readonly #types: ReadonlySet<string> | null;
  /** Whether every txn is wanted. */
  readonly isEmpty: boolean;

  /** @throws {CommandError} */
  constructor({ from, to, path, session, type }: FilterOptions) {
    this.#from = from === undefined ? null : boundOf("--from", from);
    this.#to = to === undefined ? null : boundOf("--to", to);
    this.#path = path === undefined ? null : pathOf(path);
    this.#session = session === undefined ? null : sessionOf(session);
    this.#types = type === undefined ? null : typesOf(type);
    this.isEmpty = [from, to, path, session, type].every((option) => option === undefined);
  }

  wants(header: TxnHeader, txn: Txn | null): boolean {
    if (this.#from !== null && isBefore(header, this.#from)) return false;
    if (this.#to !== null && isAfter(header, this.#to)) return false;
    if (this.#session !== null && BigInt.asUintN(64, header.sessionId) !== this.#session) {
      return false;
    }
    if (this.#types !== null && !this.#types.has(txnTypeName(header.type).toLowerCase())) {
      return false;
    }
    return this.#path === null || (txn !== null && touches(txn, this.#path));
  }
}

/**
 * Reads a zxid: decimal, or hex behind `0x`.
 *
 * @throws {CommandError} naming the option
 */
export function zxidOf(option: string, text: string): Zxid {
  const zxid = /^(0x[0-9a-f]{1,16}|0|[1-9]\d{0,18})$/i.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(zxid)) return zxid;
  throw wrong(option, text, "a zxid, such as 0x100000002, in decimal or in hex behind 0x");
}

function boundOf(option: string, text: string): Bound {
  if (/^(0x.*|\d+)$/i.test(text)) return { zxid: zxidOf(option, text) };
  const timeMs = timeGiven(text, Date.now());
  if (timeMs !== null) return { timeMs };
  throw wrong(option, text, "a zxid (0x100000002) or a time (2026-11-22T21:54:05Z, -15m)");
}

function pathOf(text: string): string {
  if (!text.startsWith("/")) throw wrong("--path", text, "a path that begins with /");
  return text.length > 1 && text.endsWith("/") ? text.slice(0, -1) : text;
}

function sessionOf(text: string): bigint {
  if (!/^(0x)?[0-9a-f]{1,16}$/i.test(text)) {
    throw wrong("--session", text, "a session id in hex, such as 0x1000013bf780000");
  }
  return BigInt(text.toLowerCase().startsWith("0x") ? text : `0x${text}`);
}

function typesOf(text: string): ReadonlySet<string> {
  const known = new Set([...TXN_TYPE_NAMES.values()].map((name) => name.toLowerCase()));
  const types = text.toLowerCase().split(",").map((name) => name.trim());
  for (const name of types) {
    if (known.has(name)) continue;
    throw wrong("--type", name, `one or more of ${[...TXN_TYPE_NAMES.values()].join(", ")}`);
  }
  return new Set(types);
}

function wrong(option: string, text: string, expected: string): CommandError {
  return new CommandError(`${option} cannot be "${text}": expected ${expected}`, {
    exitCode: ExitCode.InvalidInvocation,
  });
}

function isBefore({ zxid, timeMs }: TxnHeader, from: Bound): boolean {
  return "zxid" in from ? zxid < from.zxid : timeMs < from.timeMs;
}

function isAfter({ zxid, timeMs }: TxnHeader, to: Bound): boolean {
  return "zxid" in to ? zxid > to.zxid : timeMs > to.timeMs;
}

function touches(txn: Txn, top: string): boolean {
  switch (txn.kind) {
    case "createSession":
    case "error":
      return false;
    case "closeSession":
      return txn.paths?.some((path) => isBelow(path, top)) ?? false;
    case "multi":
      return txn.ops.some(({ txn: op }) => touches(op, top));
    default:
      return isBelow(txn.path, top);
  }
}

function isBelow(path: Uint8Array, top: string): boolean {
  const text = decodeUtf8(path);
  return top === "/" || text === top || text.startsWith(`${top}/`);
}
