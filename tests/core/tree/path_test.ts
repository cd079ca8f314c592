import assert from "node:assert/strict";
import { hasSlashAndNoNul, isValidPath, lastSlash } from "../../../core/tree/path.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";

/** The path in the middle of other bytes, as in a frame. */
function valid(path: string | number[]): boolean {
  const bytes = typeof path === "string" ? encodeUtf8(path) : Uint8Array.from(path);
  const buffer = new Uint8Array(bytes.length + 4).fill(0x2f);
  buffer.set(bytes, 2);
  return isValidPath(buffer, 2, 2 + bytes.length);
}

Deno.test("isValidPath() accepts and refuses what ZooKeeper does", () => {
  const cases: [path: string | number[], isValid: boolean, note?: string][] = [
    ["", false],
    ["/", true],
    ["a", false, "must begin with a slash"],
    ["a/b", false],
    ["/a", true],
    ["/a/b/c", true],
    ["/a/", false],
    ["//", false],
    ["//a", false],
    ["/a//b", false],
    ["/.", false],
    ["/..", false],
    ["/./x", false],
    ["/a/..", false],
    ["/a/../b", false],
    ["/a/.", false],
    ["/.a", true],
    ["/..a", true],
    ["/...", true],
    ["/a.", true],
    ["/a..", true],
    ["/a/.b/c", true],
    ["/é/..", false, "structure counts in paths beyond ASCII too"],
    ["/é//a", false],
    ["/é/", false],
    ["/é/.é", true],
    ["/a b", true],
    ["/\u0000", false],
    ["/\u0001", false],
    ["/\u001f", false],
    ["/\u0020", true],
    ["/\u007e", true],
    ["/\u007f", false],
    ["/\u0080", false],
    ["/\u009f", false],
    ["/\u00a0", true],
    ["/\ud7ff", true],
    ["/\ue000", false, "private use"],
    ["/\uf8ff", false],
    ["/\uf900", true],
    ["/\uffef", true],
    ["/\ufff0", false],
    ["/\uffff", false],
    ["/\ufeff", true, "a byte order mark is a character like others"],
    ["/😀", false, "beyond the BMP: a surrogate pair in Java"],
    [[0x2f, 0xff], false, "no UTF-8: becomes U+FFFD, which is not allowed"],
    [[0x2f, 0xc3], false, "cut inside a character"],
    [[0x2f, 0xed, 0xa0, 0x80], false, "a surrogate of its own"],
    [[0x2f, 0xc0, 0xaf], false, "a slash in two bytes is none"],
  ];
  for (const [path, isValid, note = ""] of cases) {
    assert.equal(valid(path), isValid, `${JSON.stringify(path)} ${note}`);
  }
});

Deno.test("hasSlashAndNoNul() looks for no more than that", () => {
  const cases: [path: string, passes: boolean][] = [
    ["", false],
    ["a", false],
    ["a/b", true],
    ["/", true],
    ["/a/", true],
    ["//", true],
    ["/a\u0000", false],
    ["/\u0001", true],
  ];
  for (const [path, passes] of cases) {
    const bytes = encodeUtf8(path);
    assert.equal(hasSlashAndNoNul(bytes, 0, bytes.length), passes, JSON.stringify(path));
  }
});

Deno.test("lastSlash() gives the offset in the buffer, -1 without one", () => {
  const bytes = encodeUtf8("/x/a/b/y");
  assert.equal(lastSlash(bytes, 2, 6), 4);
  assert.equal(lastSlash(bytes, 2, 4), 2);
  assert.equal(lastSlash(bytes, 3, 4), -1);
  assert.equal(lastSlash(bytes, 3, 3), -1);
});
