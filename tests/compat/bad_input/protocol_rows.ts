/**
 * What is no good HTTP, as bytes, and how often and with which statuses it is answered before the connection ends.
 *
 * @module
 */

export interface Abuse {
  readonly what: string;
  /** Each letter a byte. */
  readonly text: string;
  /** Of all answers, in order; the connection is closed behind the last one. */
  readonly statuses: readonly number[];
  /** In the last answer. */
  readonly says?: RegExp;
}

const PUT = "PUT /api/v1/data/kept HTTP/1.1\r\nHost: localhost\r\n";
const GET = "GET /api/v1/data/kept HTTP/1.1\r\nHost: localhost\r\n";
const LAST = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/** What must never be taken for a request of its own. */
const SMUGGLED = "DELETE /api/v1/data/kept HTTP/1.1\r\nHost: localhost\r\n\r\n";

type Row = readonly [what: string, text: string, statuses: readonly number[], says?: RegExp];

const ROWS: readonly Row[] = [
  // the first line
  ["no request at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400], /without TLS/],
  ["noise", "\x00\x01\x02\r\n\r\n", [400], /HTTP/],
  ["words", "hello there\r\n\r\n", [400], /first line/],
  ["HTTP/0.9", "GET /\r\n", [400], /first line/],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505], /HTTP\/1\.1, not HTTP\/2\.0/],
  ["HTTP/1.2", "GET / HTTP/1.2\r\nHost: localhost\r\n\r\n", [505], /HTTP\/1\.1/],
  ["http/1.1", "GET / http/1.1\r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["two blanks", "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["a blank at the end", "GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["a tab", "GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["NUL in the URL", "GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["a fragment", "GET /a#b HTTP/1.1\r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["no slash", "GET a HTTP/1.1\r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", [400], /first line/],
  ["a long method", `${"G".repeat(30)} / HTTP/1.1\r\nHost: localhost\r\n\r\n`, [400], /too long/],
  ["a long URL", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, [414], /16384/],
  ["lone LF", "GET / HTTP/1.1\nHost: localhost\n\n", [400], /CRLF/],
  ["lone CR", "GET / HTTP/1.1\rHost: localhost\r\r\n\r\n", [400], /first line/],
  // header fields
  ["no Host", "GET / HTTP/1.1\r\n\r\n", [400], /no Host header/],
  ["two Hosts", `${GET}Host: localhost\r\n\r\n`, [400], /host is there twice/],
  ["a Host with a path", "GET / HTTP/1.1\r\nHost: localhost/a\r\n\r\n", [400], /names no host/],
  ["a Host with a user", "GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n", [400], /names no host/],
  [
    "a Host that no URL has",
    "GET / HTTP/1.1\r\nHost: localhost:99999\r\n\r\n",
    [400],
    /names no host/,
  ],
  [
    "another host in the URL",
    "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    [421],
    /evil\.example/,
  ],
  ["obs-fold", `${GET}A: b\r\n c\r\n\r\n`, [400], /name and a colon/],
  ["a blank before the colon", `${GET}Content-Length : 3\r\n\r\nabc`, [400], /name and a colon/],
  ["no colon", `${GET}nonsense\r\n\r\n`, [400], /name and a colon/],
  ["no name", `${GET}: b\r\n\r\n`, [400], /name and a colon/],
  ["NUL in a value", `${GET}A: b\0c\r\n\r\n`, [400], /control characters/],
  ["a lone CR in a value", `${GET}A: b\rc\r\n\r\n`, [400], /CRLF/],
  ["a lone LF in a value", `${GET}A: b\nC: d\r\n\r\n`, [400], /control characters/],
  ["many fields", `${GET}${"A: b\r\n".repeat(150)}\r\n`, [431], /more than 100/],
  ["a large head", `${GET}A: ${"b".repeat(40_000)}\r\n\r\n`, [431], /32768 bytes/],
  ["a head without end", `${GET}${"A: b\r\n".repeat(9000)}`, [431], /32768 bytes/],
  ["another Expect", `${PUT}Expect: money\r\nContent-Length: 1\r\n\r\nx`, [417], /100-continue/],
  // where the body ends
  [
    "both framings",
    `${PUT}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    [400],
    /not with Content-Length/,
  ],
  [
    "two lengths",
    `${PUT}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
    [400],
    /content-length is there twice/,
  ],
  [
    "the same length twice",
    `${PUT}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
    [400],
    /twice/,
  ],
  ["a list of lengths", `${PUT}Content-Length: 3, 3\r\n\r\nabc`, [400], /no number/],
  ["a negative length", `${PUT}Content-Length: -1\r\n\r\n`, [400], /no number/],
  ["a length with a sign", `${PUT}Content-Length: +3\r\n\r\nabc`, [400], /no number/],
  ["a hexadecimal length", `${PUT}Content-Length: 0x3\r\n\r\nabc`, [400], /no number/],
  ["a length of two words", `${PUT}Content-Length: 3 4\r\n\r\nabc`, [400], /no number/],
  ["an empty length", `${PUT}Content-Length:\r\n\r\n`, [400], /no number/],
  ["an endless length", `${PUT}Content-Length: 99999999999999999999\r\n\r\n`, [400], /no number/],
  ["another encoding", `${PUT}Transfer-Encoding: gzip\r\n\r\n`, [501], /only be chunked/],
  [
    "two encodings",
    `${PUT}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    [501],
    /only be chunked/,
  ],
  [
    "chunked twice",
    `${PUT}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [400],
    /twice/,
  ],
  [
    "identity",
    `${PUT}Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc`,
    [400],
    /not with Content-Length/,
  ],
  [
    "a masked encoding",
    `${PUT}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
    [400],
    /control characters/,
  ],
  [
    "an encoding in quotes",
    `${PUT}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
    [501],
    /only be chunked/,
  ],
  [
    "chunks over HTTP/1.0",
    "PUT /api/v1/data/kept HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    [400],
    /HTTP\/1\.1/,
  ],
  [
    "chunks of no size",
    `${PUT}Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    [400],
    /not as HTTP has them/,
  ],
  ["a negative chunk", `${PUT}Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n${SMUGGLED}`, [
    400,
  ], /not as HTTP has them/],
  [
    "a chunk that is longer than it says",
    `${PUT}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    [400],
    /not as HTTP has them/,
  ],
  [
    "chunks with lone LF",
    `${PUT}Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n${SMUGGLED}`,
    [400],
    /not as HTTP has them/,
  ],
  [
    "an endless chunk",
    `${PUT}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\na`,
    [400],
    /not as HTTP has them/,
  ],
  [
    "a long extension",
    `${PUT}Transfer-Encoding: chunked\r\n\r\n1;${"a".repeat(3000)}\r\na\r\n0\r\n\r\n`,
    [400],
    /not as HTTP has them/,
  ],
  // the good, for comparison
  [
    "a whole URL",
    "GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    [200],
  ],
  ["HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n", [200]],
  ["blank lines before", `\r\n\r\n${LAST}`, [200]],
  ["pipelined", `${GET}\r\n${GET}\r\n${LAST}`, [200, 200, 200]],
  [
    "pipelined with bodies",
    `${PUT}Content-Length: 3\r\n\r\none${PUT}Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n${LAST}`,
    [200, 200, 200],
  ],
  [
    "a body of GET, which nobody reads",
    `${GET}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}${LAST}`,
    [200, 200],
  ],
  [
    "100-continue, with the body at once",
    `${PUT}Expect: 100-continue\r\nContent-Length: 3\r\n\r\none${LAST}`,
    [200, 200],
  ],
  ["pipelined, then nonsense", `${GET}\r\nnonsense\r\n\r\n`, [200, 400], /first line/],
  [
    "Upgrade, which nobody does",
    `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n${LAST}`,
    [200, 200],
  ],
];

export const ABUSES: readonly Abuse[] = ROWS.map(([what, text, statuses, says]) => ({
  ...{ what, text, statuses },
  ...(says === undefined ? {} : { says }),
}));
