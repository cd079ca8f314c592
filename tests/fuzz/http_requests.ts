/**
 * Draws HTTP requests as clients send them: every framing, header fields that repeat or not, and what the handler is
 * to do with each.
 *
 * @module
 */
import type { SeededRandom } from "../support/seeded_random.ts";
import { joined } from "./mutations.ts";

/** What the handler does with the body, or with the response. */
export const WAYS = ["read", "stream", "part", "none", "watch", "large", "pieces"] as const;
export type Way = typeof WAYS[number];

export interface PlannedRequest {
  readonly method: string;
  /** `/WAY/INDEX` and whatever else. */
  readonly target: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "M-SEARCH"];
const FIELDS = [
  "Accept: */*",
  "accept:text/plain,\ttext/html",
  "User-Agent: fuzz/1 (\xe4\xf6)",
  "Cookie: a=b",
  "X-Empty:",
  "X-Zk-Min-Zxid: 0x1",
  "Connection: keep-alive",
];
const encoder = new TextEncoder();

export function drawRequests(random: SeededRandom, count: number): PlannedRequest[] {
  const common = FIELDS.filter(() => random.chance(1, 3));
  return Array.from({ length: count }, (_, index) => drawRequest(random, { index, common }));
}

function drawRequest(
  random: SeededRandom,
  { index, common }: { index: number; common: readonly string[] },
): PlannedRequest {
  const method = random.pick(METHODS);
  const query = random.chance(1, 3) ? `?q=${"%41b/".repeat(random.below(60))}` : "";
  const way = random.chance(1, 4) ? "watch" : random.pick(WAYS);
  const target = `/${way}/${index}${query}`;
  const shown = random.chance(1, 10) ? `http://x${target}` : target;
  const version = random.chance(1, 50) ? "1.0" : "1.1";
  const fields = random.chance(2, 3) ? common : FIELDS.filter(() => random.chance(1, 4));
  const framing = version === "1.0"
    ? random.pick(["none", "length"] as const)
    : random.pick(["none", "length", "length", "chunked"] as const);
  const sizes = [0, 1, 5, 300, 3000, 70_000];
  const body = framing === "none" ? new Uint8Array() : random.bytes(random.pick(sizes));
  const lines = [
    `${random.chance(1, 10) ? "\r\n" : ""}${method} ${shown} HTTP/${version}`,
    "Host: x",
    ...fields,
    ...(framing === "length" ? [`Content-Length: ${body.length}`] : []),
    ...(framing === "chunked" ? [`Transfer-Encoding: ${random.pick(["chunked", "Chunked"])}`] : []),
    ...(framing !== "none" && random.chance(1, 6) ? ["Expect: 100-continue"] : []),
  ];
  const head = latin1(`${lines.join("\r\n")}\r\n\r\n`);
  const framed = framing === "chunked" ? chunked(random, body) : body;
  return { method, target, body, bytes: joined(head, framed) };
}

function chunked(random: SeededRandom, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const end = Math.min(body.length, at + 1 + random.below(random.pick([3, 2000, 100_000])));
    const size = (end - at).toString(16);
    const shown = random.chance(1, 2) ? size.toUpperCase() : size.padStart(4, "0");
    parts.push(latin1(`${shown}${random.pick(["", ";a", ' ;a="b"'])}\r\n`));
    parts.push(body.subarray(at, end), latin1("\r\n"));
    at = end;
  }
  const trailers = random.chance(1, 4) ? "X-Trailer: a\r\n" : "";
  return joined(...parts, latin1(`0\r\n${trailers}\r\n`));
}

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** A body in a few letters. */
export function sumOf(body: Uint8Array): string {
  let sum = 0;
  for (const byte of body) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return `${body.length}:${sum.toString(16)}`;
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}
