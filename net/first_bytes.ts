/**
 * Tells from the first bytes of a connection who is talking to the client port.
 *
 * A ZooKeeper client starts with a frame, whose four length bytes are small; everything else spells
 * a word. Only looks: reading on, answering and closing are the listener's.
 *
 * @module
 */
import { FOUR_LETTER_WORDS, type FourLetterWord } from "./four_letter_words.ts";

export type FirstBytes =
  /** Not told yet: fewer than four bytes. */
  | { kind: "needMore" }
  /** The length of a first frame, or a negative or too large one that spells nothing. */
  | { kind: "frame"; lengthBytes: number }
  /** `argument`: the eight bytes after `stmk`, when they are there. */
  | { kind: "word"; word: FourLetterWord; argument: bigint | null }
  /** The interrupt that telnet sends: to be closed without a word. */
  | { kind: "telnetClose" }
  | { kind: "http"; method: string }
  | { kind: "tls" };

const HEAD_BYTES = 4;
const STMK_BYTES = 12;
const TELNET_CLOSE = 0xfff4fffd;

const WORDS = new Map(FOUR_LETTER_WORDS.map((word) => [intOf(word), word]));

/** Methods by their first four bytes; `PRI` is how HTTP/2 without TLS begins. */
const HTTP_METHODS = new Map(
  ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI"].map(
    (method) => [intOf(`${method} `.slice(0, HEAD_BYTES)), method],
  ),
);

/**
 * @param bytes what has been read so far, from the first byte on
 * @param frameBytesMax longest frame accepted: with a limit raised so far that a method's letters are
 *   a legal length, they are taken for one
 */
export function classifyFirstBytes(bytes: Uint8Array, frameBytesMax: number): FirstBytes {
  if (bytes.length < HEAD_BYTES) return { kind: "needMore" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = view.getUint32(0);
  const word = WORDS.get(head);
  if (word !== undefined) {
    const hasArgument = word === "stmk" && bytes.length >= STMK_BYTES;
    return { kind: "word", word, argument: hasArgument ? view.getBigInt64(HEAD_BYTES) : null };
  }
  if (head === TELNET_CLOSE) return { kind: "telnetClose" };
  const lengthBytes = view.getInt32(0);
  if (lengthBytes >= 0 && lengthBytes <= frameBytesMax) return { kind: "frame", lengthBytes };
  const method = HTTP_METHODS.get(head);
  if (method !== undefined) return { kind: "http", method };
  if (isTlsHello(bytes)) return { kind: "tls" };
  return { kind: "frame", lengthBytes };
}

/**
 * What an HTTP client is told: a whole response, after which the connection is to be closed.
 *
 * @param enabledWords the four-letter words that would be answered
 */
export function httpBadRequest(
  { method, clientPort, httpPort, enabledWords }: {
    method: string;
    clientPort: number;
    /** Null: there is none. */
    httpPort: number | null;
    enabledWords: readonly FourLetterWord[];
  },
): string {
  const words = enabledWords.join(", ");
  const word = enabledWords.includes("srvr") ? "srvr" : enabledWords[0] ?? "srvr";
  const http = httpPort === null
    ? "this server has no HTTP port"
    : `the HTTP API is at http://<host>:${httpPort}/api/v1, described at http://<host>:${httpPort}/docs`;
  const body = `This is the ZooKeeper client port ${clientPort}. It speaks the ZooKeeper binary ` +
    `protocol, not HTTP; ${http}.\n` +
    `Connect with a ZooKeeper client (zkCli.sh -server <host>:${clientPort}), or ask with a ` +
    `four-letter word: echo ${word} | nc <host> ${clientPort}\n` +
    `Enabled here: ${words}. The setting 4lw.commands.whitelist enables more.\n`;
  return "HTTP/1.1 400 Bad Request\r\n" +
    "Content-Type: text/plain; charset=utf-8\r\n" +
    `Content-Length: ${body.length}\r\n` +
    "Connection: close\r\n" +
    "\r\n" +
    (method === "HEAD" ? "" : body);
}

/** A handshake record (0x16) of SSL 3.0 up to TLS 1.3, which calls itself 3.1 or 3.3 here. */
function isTlsHello(bytes: Uint8Array): boolean {
  return bytes[0] === 0x16 && bytes[1] === 0x03 && bytes[2]! <= 0x04;
}

/** Four ASCII letters as the number a frame's length would be. */
function intOf(text: string): number {
  let value = 0;
  for (let index = 0; index < HEAD_BYTES; index += 1) value = value * 256 + text.charCodeAt(index);
  return value;
}
