/**
 * The head of an HTTP/1.1 request, from bytes to fields (RFC 9112).
 *
 * Takes less than the RFC would let pass: what two programs could read in two ways is refused, since a proxy in
 * front of us may be the other one. So there is one length, told once; `Transfer-Encoding` is `chunked` or
 * nothing, and never beside a length; lines end with CRLF; a field's name is followed by its colon.
 *
 * @module
 */
import { ReceivedHeaders } from "./received_headers.ts";

/** Of one request, from its first byte to the empty line. */
export const HEAD_BYTES_MAX = 32 << 10;
const FIELD_COUNT_MAX = 100;
const TARGET_LENGTH_MAX = 16 << 10;
const METHOD_LENGTH_MAX = 24;

/** What follows the head: nothing, so many bytes, or chunks. */
export type BodyFraming = { kind: "none" } | { kind: "length"; bytes: number } | {
  kind: "chunked";
};

/** What the header fields say, which many requests of a client have in common. */
export interface FieldBlock {
  readonly headers: ReceivedHeaders;
  readonly host: string;
  readonly framing: BodyFraming;
  /** `Connection: close`, or `keep-alive` where it has to be asked for. */
  readonly connection: "close" | "keep-alive" | null;
  readonly expectsContinue: boolean;
}

export interface RequestLine {
  readonly method: string;
  /** From its slash on, without letters beyond ASCII. */
  readonly target: string;
  /** The host, of a target that is a whole URL. */
  readonly authority: string | null;
  /** Of HTTP/1. */
  readonly minorVersion: 0 | 1;
}

/** Why a request cannot be taken. */
export interface Refusal {
  readonly status: 400 | 414 | 417 | 431 | 501 | 505;
  readonly reason: string;
}

export function isRefusal(value: object): value is Refusal {
  return "reason" in value;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const SLASH = 0x2f;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Letters that are a token's, by code. */
const IS_TOKEN = Uint8Array.from(
  { length: 256 },
  (_, code) => TOKEN.test(String.fromCharCode(code)) ? 1 : 0,
);
/** A name, an IPv4 or a bracketed IPv6 address, and a port; nothing that would end it inside a URL. */
const HOST =
  /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\])(?::\d{0,5})?$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;
const LENGTH = /^\d{1,15}$/;

const NO_BODY: BodyFraming = Object.freeze({ kind: "none" });
const CHUNKED: BodyFraming = Object.freeze({ kind: "chunked" });

/**
 * Where the head ends.
 *
 * @param from where to look from: what was looked at before need not be again
 * @returns the index behind the empty line, or -1
 */
export function headEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < to; at = bytes.indexOf(LF, at + 1)) {
    if (at + 2 < to && bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

/** Whether a request may begin with this letter. */
export function beginsMethod(code: number): boolean {
  return IS_TOKEN[code] === 1;
}

/** Reads the first line, without its CRLF. */
export function parseRequestLine(
  bytes: Uint8Array,
  from: number,
  to: number,
): RequestLine | Refusal {
  const methodEnd = bytes.indexOf(SPACE, from);
  if (methodEnd <= from || methodEnd >= to) return notALine();
  if (methodEnd - from > METHOD_LENGTH_MAX) return refused(400, "The method is too long");
  for (let at = from; at < methodEnd; at++) if (IS_TOKEN[bytes[at]!] === 0) return notALine();
  const method = latin1(bytes, from, methodEnd);
  // the version is the last eight letters
  const targetEnd = to - 9;
  if (targetEnd <= methodEnd || bytes[targetEnd] !== SPACE) return notALine();
  const version = latin1(bytes, targetEnd + 1, to);
  if (!/^HTTP\/\d\.\d$/.test(version)) return notALine();
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
    return refused(505, `This port speaks HTTP/1.1, not ${version}`);
  }
  const target = targetOf(bytes, methodEnd + 1, targetEnd);
  if ("reason" in target) return target;
  return { method, ...target, minorVersion: version === "HTTP/1.1" ? 1 : 0 };
}

/**
 * Reads the fields, each with its CRLF, and the empty line.
 *
 * @param line the request's, which decides what the fields mean
 */
export function parseFields(
  bytes: Uint8Array,
  from: number,
  to: number,
  { minorVersion }: Pick<RequestLine, "minorVersion">,
): FieldBlock | Refusal {
  const values = new Map<string, string>();
  let count = 0;
  for (let at = from; at < to - 2;) {
    if (++count > FIELD_COUNT_MAX) {
      return refused(431, `There are more than ${FIELD_COUNT_MAX} header fields`);
    }
    const lineEnd = bytes.indexOf(CR, at);
    if (lineEnd < 0 || lineEnd >= to || bytes[lineEnd + 1] !== LF) {
      return refused(400, "A header line does not end with CRLF");
    }
    let nameEnd = at;
    while (IS_TOKEN[bytes[nameEnd]!] === 1) nameEnd++;
    if (nameEnd === at || bytes[nameEnd] !== COLON) {
      return refused(400, "A header line does not begin with a name and a colon");
    }
    const value = valueOf(bytes, nameEnd + 1, lineEnd);
    if (value === null) return refused(400, "A header field holds control characters");
    const name = latin1(bytes, at, nameEnd).toLowerCase();
    const before = values.get(name);
    if (before === undefined) values.set(name, value);
    else if (name === "host" || name === "content-length" || name === "transfer-encoding") {
      return refused(400, `The header field ${name} is there twice`);
    } else values.set(name, before + (name === "cookie" ? "; " : ", ") + value);
    at = lineEnd + 2;
  }
  return blockOf(values, minorVersion);
}

function blockOf(values: Map<string, string>, minorVersion: 0 | 1): FieldBlock | Refusal {
  const host = values.get("host");
  if (host === undefined && minorVersion === 1) return refused(400, "There is no Host header");
  // some that look like one have no URL: a port beyond 65535, an IPv4 address of five numbers
  const isHost = host === undefined || host === "" ||
    (HOST.test(host) && URL.canParse(`http://${host}/`));
  if (!isHost) return refused(400, "The Host header names no host");
  const framing = framingOf(values, minorVersion);
  if (isRefusal(framing)) return framing;
  const expect = values.get("expect");
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    return refused(417, "Expect can only be 100-continue");
  }
  const options = values.get("connection")?.toLowerCase().split(",").map((option) => option.trim());
  return {
    headers: new ReceivedHeaders(values),
    host: host === undefined || host === "" ? "localhost" : host,
    framing,
    connection: options === undefined
      ? null
      : options.includes("close")
      ? "close"
      : options.includes("keep-alive")
      ? "keep-alive"
      : null,
    expectsContinue: expect !== undefined && minorVersion === 1 && framing.kind !== "none",
  };
}

function framingOf(values: Map<string, string>, minorVersion: 0 | 1): BodyFraming | Refusal {
  const encoding = values.get("transfer-encoding");
  const length = values.get("content-length");
  if (encoding !== undefined) {
    if (length !== undefined || minorVersion === 0) {
      return refused(400, "Transfer-Encoding goes with HTTP/1.1, and not with Content-Length");
    }
    if (encoding.toLowerCase() !== "chunked") {
      return refused(501, "Transfer-Encoding can only be chunked");
    }
    return CHUNKED;
  }
  if (length === undefined) return NO_BODY;
  if (!LENGTH.test(length)) return refused(400, "Content-Length is no number");
  const bytes = Number(length);
  return bytes === 0 ? NO_BODY : { kind: "length", bytes };
}

/** The fields of a request whose target names a host: it counts instead of `Host` (RFC 9112 section 3.2.2). */
export function withAuthority(fields: FieldBlock, authority: string): FieldBlock | Refusal {
  if (authority === "" || !HOST.test(authority)) return refused(400, "The URL names no host");
  const values = new Map([...fields.headers, ["host", authority]]);
  return { ...fields, headers: new ReceivedHeaders(values), host: authority };
}

/** The target as a path with its query. */
function targetOf(
  bytes: Uint8Array,
  from: number,
  to: number,
): Pick<RequestLine, "target" | "authority"> | Refusal {
  if (to - from > TARGET_LENGTH_MAX) {
    return refused(414, `The URL is longer than ${TARGET_LENGTH_MAX} letters`);
  }
  let target = "";
  for (let at = from; at < to; at++) {
    const code = bytes[at]!;
    if (code <= SPACE || code === 0x7f) return notALine();
    // as browsers do; curl sends what it was given
    target += code < 0x80 ? String.fromCharCode(code) : `%${code.toString(16).toUpperCase()}`;
  }
  if (target.includes("#")) return notALine();
  if (bytes[from] === SLASH) return { target, authority: null };
  const [, authority, rest] = ABSOLUTE.exec(target) ?? [];
  if (authority === undefined || rest === undefined) return notALine();
  return { target: rest.startsWith("/") ? rest : `/${rest}`, authority };
}

/** A field's value without the blanks around it; null when it holds control characters. */
function valueOf(bytes: Uint8Array, from: number, to: number): string | null {
  while (from < to && (bytes[from] === SPACE || bytes[from] === TAB)) from++;
  while (to > from && (bytes[to - 1] === SPACE || bytes[to - 1] === TAB)) to--;
  for (let at = from; at < to; at++) {
    const code = bytes[at]!;
    if ((code < SPACE && code !== TAB) || code === 0x7f) return null;
  }
  return latin1(bytes, from, to);
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

function notALine(): Refusal {
  return refused(400, "The first line is not that of an HTTP request");
}

function refused(status: Refusal["status"], reason: string): Refusal {
  return { status, reason };
}
