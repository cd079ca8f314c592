import assert from "node:assert/strict";
import { ChunkedBody } from "../../../../net/http/listener/chunked_body.ts";

/** Feeds the text in pieces that end at the given places; what is not used stays for the next one. */
function decode(text: string, ends: readonly number[]): string {
  const bytes = new TextEncoder().encode(text);
  const body = new ChunkedBody();
  let at = 0;
  let out = "";
  for (const end of [...ends, bytes.length]) {
    for (;;) {
      const step = body.step(bytes, at, end);
      if (step.kind === "malformed") return `${out}(malformed)`;
      if (step.kind === "data") out += text.slice(step.from, step.to);
      at += step.used;
      if (step.kind === "end") return `${out}(end)${text.slice(at)}`;
      if (step.kind === "more") break;
    }
  }
  return `${out}(more)`;
}

Deno.test("ChunkedBody.step() finds the same data wherever the pieces end", () => {
  const text =
    "5\r\nhello\r\nA;name=value\r\n, chunked \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\nGET /";
  const expected = "hello, chunked world(end)GET /";
  assert.equal(decode(text, []), expected);
  const every = Array.from({ length: text.length }, (_, i) => i);
  assert.equal(decode(text, every), expected);
  for (const end of every) assert.equal(decode(text, [end]), expected, String(end));
});

Deno.test("ChunkedBody.step() refuses what is not as the format has it", () => {
  const cases: [text: string, expected: string][] = [
    ["0\r\n\r\n", "(end)"],
    ["00\r\n\r\n", "(end)"],
    ["1\r\na", "a(more)"],
    ["1\r\nab\r\n", "a(malformed)"],
    ["1\r\na\n0\r\n\r\n", "a(malformed)"],
    ["1\na", "(malformed)"],
    ["\r\n", "(malformed)"],
    ["x\r\n", "(malformed)"],
    ["0x1\r\na", "(malformed)"],
    ["-1\r\na", "(malformed)"],
    [" 1\r\na", "(malformed)"],
    ["1 \r\na", "(malformed)"],
    ["1 ;x\r\na\r\n0\r\n\r\n", "a(end)"],
    ["1;\0\r\na", "(malformed)"],
    ["0\r\nA: b\r\n\r\n", "(end)"],
    ["0\r\nno name\r\n\r\n", "(malformed)"],
    ["0\r\nA: \0\r\n\r\n", "(malformed)"],
    ["1111111111111\r\n", "(malformed)"],
    [`1;${"a".repeat(1100)}`, "(malformed)"],
    [
      `0\r\n${"A: b".padEnd(1000)}\r\n`.replace(
        /\r\n$/,
        "\r\n".concat(`${"A: b".padEnd(1000)}\r\n`.repeat(9)),
      ),
      "(malformed)",
    ],
  ];
  for (const [text, expected] of cases) assert.equal(decode(text, []), expected, text.slice(0, 99));
});
