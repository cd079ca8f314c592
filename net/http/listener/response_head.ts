/**
 * Writes the head of a response, and with it the body of a {@linkcode Reply} when both are small.
 *
 * What frames a response is decided here and nowhere else: a handler's `Connection` can only close, its
 * `Transfer-Encoding` is dropped.
 *
 * @module
 */
import type { Reply } from "./reply.ts";

/** A handler made a response that cannot be sent as it is. */
export class UnsendableError extends TypeError {
  override name = "UnsendableError";
}

/** What is decided about a response beside what its handler says. */
export interface ResponseContext {
  readonly minorVersion: 0 | 1;
  /** The connection goes on. */
  readonly isKept: boolean;
  /** The `Date` field. */
  readonly date: string;
}

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  ...{ 100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content" },
  ...{ 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other" },
  ...{ 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect" },
  ...{ 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found" },
  ...{ 405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict" },
  ...{ 410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large" },
  ...{ 414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed" },
  ...{ 421: "Misdirected Request", 422: "Unprocessable Content", 426: "Upgrade Required" },
  ...{ 428: "Precondition Required", 429: "Too Many Requests" },
  ...{ 431: "Request Header Fields Too Large", 500: "Internal Server Error" },
  ...{ 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable" },
  ...{ 504: "Gateway Timeout", 505: "HTTP Version Not Supported", 507: "Insufficient Storage" },
};

const UNSAFE = /[^\t\x20-\x7e\x80-\xff]/;
const encoder = new TextEncoder();

/** Whether there is never a body, nor a length of one. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}

/**
 * The head as text, each letter one byte.
 *
 * @param framing what says how long the body is, as lines with their CRLF
 */
export function headText(
  status: number,
  fields: Iterable<readonly [string, string]>,
  framing: string,
  context: ResponseContext,
): string {
  let text = firstLines(status, framing, context);
  for (const [name, value] of fields) text += fieldLine(name, value);
  return text + "\r\n";
}

/**
 * The response in bytes, when it fits into `target`.
 *
 * @returns how many bytes; -1 when it does not fit, and nothing is to be taken from there
 */
export function encodeReply(
  reply: Reply,
  target: Uint8Array,
  context: ResponseContext & { isHead: boolean },
): number {
  const { isHead } = context;
  const { status, content, headers: { fields } } = reply;
  const hasLength = !isBodiless(status);
  const isText = typeof content === "string";
  let length = content === null
    ? 0
    : isText && isHead
    ? encoder.encode(content).length
    : content.length;
  // the answer to HEAD tells the length that there would be
  const told = isHead ? fields["content-length"] : undefined;
  let text = firstLines(
    status,
    hasLength ? `content-length: ${told ?? length}\r\n` : "",
    context,
  );
  for (const name in fields) text += fieldLine(name, fields[name]!);
  text += "\r\n";
  if (!hasLength || isHead) length = 0;
  if (text.length + length > target.length) return -1;
  const headLength = text.length;
  if (isText && length > 0) text += content;
  const { written } = encoder.encodeInto(text, target);
  if (written !== text.length) return -1; // letters beyond ASCII: their bytes are counted by others
  if (isText || length === 0) return written;
  target.set(content as Uint8Array, headLength);
  return headLength + length;
}

/** Text that holds one byte in each letter. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function firstLines(
  status: number,
  framing: string,
  { minorVersion, isKept, date }: ResponseContext,
): string {
  const connection = !isKept
    ? "connection: close\r\n"
    : minorVersion === 0
    ? "connection: keep-alive\r\n"
    : "";
  return `HTTP/1.1 ${status} ${
    STATUS_TEXTS[status] ?? ""
  }\r\n${framing}${connection}date: ${date}\r\n`;
}

function fieldLine(name: string, value: string): string {
  switch (name) {
    case "connection":
    case "content-length":
    case "transfer-encoding":
    case "date":
      return "";
    // of these, numbers make all that can differ, if anything can
    case "etag":
    case "last-modified":
    case "x-content-type-options":
    case "x-denkeeper-version":
    case "x-zk-since":
    case "x-zk-stat":
    case "x-zk-zxid":
      return `${name}: ${value}\r\n`;
  }
  if (UNSAFE.test(value)) {
    throw new UnsendableError(
      `Cannot send the header ${name}: ${
        JSON.stringify(value)
      } has letters that no header can have`,
    );
  }
  return `${name}: ${value}\r\n`;
}
