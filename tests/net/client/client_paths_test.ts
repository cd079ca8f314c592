/**
 * Paths that a client refuses, in the words of ZooKeeper 3.8.0 (captured), and paths under a chroot.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  checkPath,
  clientPathOf,
  isUnder,
  serverPathOf,
} from "../../../net/client/client_paths.ts";

Deno.test("client paths: what no znode can be called is refused in ZooKeeper's words", () => {
  const invalid = (path: string, reason: string, index: number): [string, string] => [
    path,
    `Invalid path string "${path}" caused by ${reason} @${index}`,
  ];
  const cases: [path: string, message: string][] = [
    ["", "Path length must be > 0"],
    ["a", "Path must start with / character"],
    ["/a/", "Path must not end with / character"],
    ["//", "Path must not end with / character"],
    invalid("/a//b", "empty node name specified", 3),
    invalid("/.", "relative paths not allowed", 1),
    invalid("/..", "relative paths not allowed", 2),
    invalid("/a/./b", "relative paths not allowed", 3),
    invalid("/a/../b", "relative paths not allowed", 4),
    invalid("/a/b/..", "relative paths not allowed", 6),
    invalid("/a\0b", "null character not allowed", 2),
    invalid("/a\x1f", "invalid character", 2),
    invalid("/a\x7f", "invalid character", 2),
    invalid("/a\x9f", "invalid character", 2),
    invalid("/\ud800", "invalid character", 1),
    invalid("/\uf8ff", "invalid character", 1),
    invalid("/\ufff0", "invalid character", 1),
    invalid("/\u{1f600}", "invalid character", 1),
  ];
  for (const [path, message] of cases) assert.throws(() => checkPath(path), { message });
});

Deno.test("client paths: unusual ones that are legal", () => {
  const legal = [
    "/",
    "/a",
    "/a/...",
    "/.a",
    "/a.",
    "/a/..b",
    "/a b",
    "/\xa0",
    "/ä/漢字",
    "/\uffef",
  ];
  for (const path of legal) checkPath(path);
});

Deno.test("client paths: a chroot goes on and comes off", () => {
  const pairs: [path: string, serverPath: string][] = [["/", "/app"], ["/a/b", "/app/a/b"]];
  for (const [path, serverPath] of pairs) {
    assert.equal(serverPathOf("/app", path), serverPath);
    assert.equal(clientPathOf("/app", serverPath), path);
    assert.equal(serverPathOf("", path), path);
    assert.equal(clientPathOf("", serverPath), serverPath);
  }
  assert.equal(clientPathOf("/app", "/application"), "/application");
  assert(!isUnder("/app", "/application"));
});
