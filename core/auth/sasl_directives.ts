/**
 * The directive list of a DIGEST-MD5 message (RFC 2831 section 7.1): `name=value,name="quoted value"`.
 *
 * As lenient as the JDK, whose mechanism ZooKeeper clients were written against: white space and empty
 * elements between directives are skipped, any byte is allowed in a value, `\` quotes the next one.
 *
 * @module
 */
import { DIRECTIVES_BYTES_MAX } from "../limits.ts";
import { decodeUtf8 } from "../wire/jute.ts";

/** Directives that may be given once; of others the first is kept. */
const SINGLE = new Set(
  ("username realm nonce cnonce qop digest-uri response maxbuf charset cipher authzid").split(" "),
);

const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const EQUALS = 61;
const BACKSLASH = 92;

/**
 * Splits a message; names are in lower case, values are decoded as UTF-8.
 *
 * @returns null when the message is malformed
 */
export function parseDirectives(message: Uint8Array): Map<string, string> | null {
  if (message.length > DIRECTIVES_BYTES_MAX) return null;
  const directives = new Map<string, string>();
  let at = 0;
  for (;;) {
    while (at < message.length && (message[at] === COMMA || isBlank(message[at]!))) at++;
    if (at === message.length) return directives;

    const nameStart = at;
    while (at < message.length && message[at] !== EQUALS && !isTokenEnd(message[at]!)) at++;
    const name = decodeUtf8(message.subarray(nameStart, at)).toLowerCase();
    at = skipBlanks(message, at);
    if (name === "" || message[at] !== EQUALS) return null;
    at = skipBlanks(message, at + 1);

    const value = message[at] === QUOTE ? readQuoted(message, at + 1) : readToken(message, at);
    if (value === null) return null;
    at = skipBlanks(message, value.end);
    if (at < message.length && message[at] !== COMMA) return null;

    if (!directives.has(name)) directives.set(name, value.text);
    else if (SINGLE.has(name)) return null;
  }
}

function readToken(message: Uint8Array, start: number): { text: string; end: number } {
  let at = start;
  while (at < message.length && !isTokenEnd(message[at]!)) at++;
  return { text: decodeUtf8(message.subarray(start, at)), end: at };
}

function readQuoted(message: Uint8Array, start: number): { text: string; end: number } | null {
  const bytes: number[] = [];
  for (let at = start; at < message.length; at++) {
    if (message[at] === QUOTE) return { text: decodeUtf8(Uint8Array.from(bytes)), end: at + 1 };
    if (message[at] === BACKSLASH) at++;
    if (at < message.length) bytes.push(message[at]!);
  }
  return null; // the closing quote is missing
}

function skipBlanks(message: Uint8Array, start: number): number {
  let at = start;
  while (at < message.length && isBlank(message[at]!)) at++;
  return at;
}

function isTokenEnd(byte: number): boolean {
  return byte === COMMA || isBlank(byte);
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === LINE_FEED || byte === CARRIAGE_RETURN;
}
