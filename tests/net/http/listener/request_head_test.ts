import assert from "node:assert/strict";
import {
  headEnd,
  isRefusal,
  parseFields,
  parseRequestLine,
} from "../../../../net/http/listener/request_head.ts";

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** What the line asks for, or the status that refuses it. */
function lineOf(text: string): string | number {
  const bytes = bytesOf(`${text}\r\n`);
  const line = parseRequestLine(bytes, 0, bytes.length - 2);
  if (isRefusal(line)) return line.status;
  const { method, target, authority, minorVersion } = line;
  return [method, authority ?? "-", target, `1.${minorVersion}`].join(" ");
}

function fieldsOf(lines: readonly string[], minorVersion: 0 | 1 = 1) {
  const bytes = bytesOf([...lines, "", ""].join("\r\n"));
  return parseFields(bytes, 0, bytes.length, { minorVersion });
}

function statusOf(lines: readonly string[], minorVersion: 0 | 1 = 1): number {
  const fields = fieldsOf(lines, minorVersion);
  return isRefusal(fields) ? fields.status : 200;
}

Deno.test("parseRequestLine() reads method, target and version, and refuses what is none", () => {
  const cases: [line: string, expected: string | number][] = [
    ["GET / HTTP/1.1", "GET - / 1.1"],
    ["GET /a%20b?c=d HTTP/1.0", "GET - /a%20b?c=d 1.0"],
    ["PUT /a:b@c//d HTTP/1.1", "PUT - /a:b@c//d 1.1"],
    ["GET /\xc3\xbc HTTP/1.1", "GET - /%C3%BC 1.1"],
    ["GET http://x:80/a?b HTTP/1.1", "GET x:80 /a?b 1.1"],
    ["GET http://x HTTP/1.1", "GET x / 1.1"],
    ["GET http://x?b HTTP/1.1", "GET x /?b 1.1"],
    ["GET /a b HTTP/1.1", 400],
    ["GET  / HTTP/1.1", 400],
    ["GET / HTTP/1.1 ", 400],
    ["GET /\x01 HTTP/1.1", 400],
    ["GET /a#b HTTP/1.1", 400],
    ["GET a HTTP/1.1", 400],
    ["OPTIONS * HTTP/1.1", 400],
    ["CONNECT x:1 HTTP/1.1", 400],
    ["G(T / HTTP/1.1", 400],
    [" / HTTP/1.1", 400],
    ["GET /", 400],
    ["GET HTTP/1.1", 400],
    ["", 400],
    ["GET / http/1.1", 400],
    ["GET / HTTP/1.10", 400],
    ["GET / HTTP/2.0", 505],
    ["PRI * HTTP/2.0", 505],
    ["GET / HTTP/1.2", 505],
    [`${"A".repeat(25)} / HTTP/1.1`, 400],
    [`GET /${"a".repeat(16 << 10)} HTTP/1.1`, 414],
  ];
  for (const [line, expected] of cases) assert.equal(lineOf(line), expected, JSON.stringify(line));
});

Deno.test("parseFields() refuses what two programs could read in two ways", () => {
  const host = "Host: x";
  const cases: [lines: string[], expected: number, minorVersion?: 0 | 1][] = [
    [[host], 200],
    [[], 400],
    [[], 200, 0],
    [["Host: "], 200],
    [[host, host], 400],
    [["Host: a/b"], 400],
    [["Host: a@b"], 400],
    [["Host: [::1]:80"], 200],
    [["Host: x:99999999"], 400],
    [[host, "Content-Length: 5"], 200],
    [[host, "Content-Length: 0"], 200],
    [[host, "Content-Length: -1"], 400],
    [[host, "Content-Length: +1"], 400],
    [[host, "Content-Length: 0x1"], 400],
    [[host, "Content-Length: 1, 1"], 400],
    [[host, "Content-Length: "], 400],
    [[host, "Content-Length: 1111111111111111"], 400],
    [[host, "Content-Length: 5", "Content-Length: 5"], 400],
    [[host, "Transfer-Encoding: chunked"], 200],
    [[host, "Transfer-Encoding: Chunked"], 200],
    [["Transfer-Encoding: chunked"], 400, 0],
    [[host, "Transfer-Encoding: gzip, chunked"], 501],
    [[host, "Transfer-Encoding: identity"], 501],
    [[host, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 400],
    [[host, "Transfer-Encoding: chunked", "Content-Length: 5"], 400],
    [[host, "Content-Length: 5", "Transfer-Encoding: chunked"], 400],
    [[host, "Content-Length : 5"], 400],
    [[host, " Content-Length: 5"], 400],
    [[host, "A: b", "\tfolded"], 400],
    [[host, ": no name"], 400],
    [[host, "no colon"], 400],
    [[host, "A: b\x00c"], 400],
    [[host, "A: b\x7f"], 400],
    [[host, "A: b\nContent-Length: 5"], 400],
    [[host, "A: b\rContent-Length: 5"], 400],
    [[host, "\xe4: b"], 400],
    [[host, "A: \xe4\tb"], 200],
    [[host, "Expect: 100-Continue"], 200],
    [[host, "Expect: more"], 417],
    [[host, ...Array.from({ length: 99 }, (_, i) => `A${i}: b`)], 200],
    [[host, ...Array.from({ length: 100 }, (_, i) => `A${i}: b`)], 431],
  ];
  for (const [lines, expected, minorVersion] of cases) {
    assert.equal(statusOf(lines, minorVersion), expected, JSON.stringify(lines).slice(0, 200));
  }
});

Deno.test("parseFields() tells the values by name, joins those given twice, and how the body is framed", () => {
  const fields = fieldsOf([
    ...["HOST: x:1", "Accept:  a ", "accept: b", "Cookie: c=1", "cookie: d=2", "Empty:"],
    ...["Connection: Keep-Alive, TE", "Content-Length: 7", "Expect: 100-continue"],
  ]);
  assert(!isRefusal(fields));
  const { headers, host, framing, connection, expectsContinue } = fields;
  assert.deepEqual([...headers], [
    ...[["accept", "a, b"], ["connection", "Keep-Alive, TE"], ["content-length", "7"]],
    ...[["cookie", "c=1; d=2"], ["empty", ""], ["expect", "100-continue"], ["host", "x:1"]],
  ]);
  assert.deepEqual([headers.get("ACCEPT"), headers.get("none"), headers.has("Empty")], [
    ...["a, b", null, true],
  ]);
  assert.deepEqual({ host, framing, connection, expectsContinue }, {
    host: "x:1",
    framing: { kind: "length", bytes: 7 },
    connection: "keep-alive",
    expectsContinue: true,
  });
});

Deno.test("headEnd() finds the empty line, and nothing before all of it has come", () => {
  const head = bytesOf("GET / HTTP/1.1\r\nA: b\r\n\r\nrest\r\n\r\n");
  assert.equal(headEnd(head, 0, head.length), 24);
  for (let to = 0; to < 24; to++) assert.equal(headEnd(head, 0, to), -1, String(to));
});
