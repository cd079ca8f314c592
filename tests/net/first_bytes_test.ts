import assert from "node:assert/strict";
import { classifyFirstBytes, httpBadRequest } from "../../net/first_bytes.ts";
import { FOUR_LETTER_WORDS } from "../../net/four_letter_words.ts";

const FRAME_BYTES_MAX = 0xfffff;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

Deno.test("classifyFirstBytes() knows every four-letter word, whatever follows", () => {
  for (const word of FOUR_LETTER_WORDS) {
    for (const text of [word, `${word}\n`, `${word}\r\n`]) {
      const expected = { kind: "word", word, argument: null };
      assert.deepEqual(classifyFirstBytes(bytesOf(text), FRAME_BYTES_MAX), expected, text);
    }
  }
});

Deno.test("classifyFirstBytes() reads the mask behind stmk", () => {
  const cases: [string, bigint | null][] = [
    ["\0\0\0\0\0\0\x01\x32", 306n],
    ["\xff\xff\xff\xff\xff\xff\xff\xfe", -2n],
    ["306\n1234", 3688507512219382580n], // whatever the eight bytes are, as a real server does
    ["\0\0\0\0\0\0\x01", null],
  ];
  for (const [bytes, argument] of cases) {
    const expected = { kind: "word", word: "stmk", argument };
    assert.deepEqual(classifyFirstBytes(bytesOf(`stmk${bytes}`), FRAME_BYTES_MAX), expected);
  }
});

Deno.test("classifyFirstBytes() tells frames, words and strangers apart", () => {
  const cases: { bytes: string; expected: ReturnType<typeof classifyFirstBytes> }[] = [
    { bytes: "", expected: { kind: "needMore" } },
    { bytes: "GET", expected: { kind: "needMore" } },
    { bytes: "\0\0\0\x2c", expected: { kind: "frame", lengthBytes: 44 } },
    { bytes: "\0\x0f\xff\xff", expected: { kind: "frame", lengthBytes: FRAME_BYTES_MAX } },
    { bytes: "\0\0\0\0", expected: { kind: "frame", lengthBytes: 0 } },
    { bytes: "\xff\xff\xff\xff", expected: { kind: "frame", lengthBytes: -1 } },
    { bytes: "RUOK", expected: { kind: "frame", lengthBytes: 0x52554f4b } },
    { bytes: "\xff\xf4\xff\xfd\x06", expected: { kind: "telnetClose" } },
    { bytes: "GET / HTTP/1.1\r\n", expected: { kind: "http", method: "GET" } },
    { bytes: "POST /", expected: { kind: "http", method: "POST" } },
    { bytes: "HEAD /", expected: { kind: "http", method: "HEAD" } },
    { bytes: "PUT /", expected: { kind: "http", method: "PUT" } },
    { bytes: "DELETE /", expected: { kind: "http", method: "DELETE" } },
    { bytes: "OPTIONS *", expected: { kind: "http", method: "OPTIONS" } },
    { bytes: "PATCH /", expected: { kind: "http", method: "PATCH" } },
    { bytes: "CONNECT a:1", expected: { kind: "http", method: "CONNECT" } },
    { bytes: "PRI * HTTP/2.0\r\n", expected: { kind: "http", method: "PRI" } },
    { bytes: "\x16\x03\x01\x02\0\x01", expected: { kind: "tls" } },
    { bytes: "\x16\x03\x03\0", expected: { kind: "tls" } },
    { bytes: "\x16\x04\x01\0", expected: { kind: "frame", lengthBytes: 0x16040100 } },
  ];
  for (const { bytes, expected } of cases) {
    assert.deepEqual(classifyFirstBytes(bytesOf(bytes), FRAME_BYTES_MAX), expected, bytes);
  }
});

Deno.test("classifyFirstBytes() believes a frame whose length the limit allows", () => {
  const expected = { kind: "frame", lengthBytes: 0x16030102 };
  assert.deepEqual(classifyFirstBytes(bytesOf("\x16\x03\x01\x02"), 0x7fffffff), expected);
});

Deno.test("classifyFirstBytes() looks at a part of a larger buffer", () => {
  const bytes = bytesOf("....ruok....").subarray(4, 8);
  const expected = { kind: "word", word: "ruok", argument: null };
  assert.deepEqual(classifyFirstBytes(bytes, FRAME_BYTES_MAX), expected);
});

Deno.test("httpBadRequest() is a whole HTTP response that names port, protocol and words", () => {
  const enabledWords = ["ruok", "srvr"] as const;
  const options = { method: "GET", clientPort: 2181, httpPort: null, enabledWords };
  const [head = "", body = ""] = httpBadRequest(options).split("\r\n\r\n");
  const [status, ...headers] = head.split("\r\n");
  assert.equal(status, "HTTP/1.1 400 Bad Request");
  assert.ok(headers.includes(`Content-Length: ${new TextEncoder().encode(body).length}`));
  assert.ok(headers.includes("Connection: close"));
  assert.match(body, /ZooKeeper client port 2181\. It speaks the ZooKeeper binary protocol/);
  assert.match(body, /echo srvr \| nc <host> 2181\nEnabled here: ruok, srvr\./);
  assert.match(body, /this server has no HTTP port\./);
  assert.match(httpBadRequest({ ...options, httpPort: 8080 }), /at http:\/\/<host>:8080\/docs\./);
  assert.ok(httpBadRequest({ ...options, method: "HEAD" }).endsWith("\r\n\r\n"));
});
