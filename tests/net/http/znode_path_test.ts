import assert from "node:assert/strict";
import { Problem } from "../../../net/http/problem.ts";
import { urlPathOf, znodePathOf } from "../../../net/http/znode_path.ts";

Deno.test("znodePathOf() decodes each name by itself", () => {
  const cases = [
    ["", "/"],
    ["/", "/"],
    ["/a", "/a"],
    ["/a/b-0000000001", "/a/b-0000000001"],
    ["/a%20b/c", "/a b/c"],
    ["/%e2%82%ac", "/€"],
    ["/€", "/€"],
    ["/100%25", "/100%"],
    ["/a+b", "/a+b"],
    ["/...", "/..."],
    ["/.hidden", "/.hidden"],
    ["/a%3Fb", "/a?b"],
    ["/%41", "/A"],
  ] as const;
  for (const [raw, path] of cases) assert.equal(znodePathOf(raw), path, raw);
});

Deno.test("znodePathOf() refuses what could mean two znodes, and says what to do", () => {
  const cases = [
    ["/a%2Fb", /cannot have a slash: write \/ between names, not %2F/],
    ["/a%2fb", /not %2F/],
    ["/a/", /it ends with a slash/],
    ["//a", /there is none between/],
    ["/a//b", /there is none between/],
    ["//", /none between/],
    ["/.", /\. is not a name: write the path from the root on/],
    ["/a/../b", /\.\. is not a name/],
    ["/a/%2e%2e", /\.\. is not a name/],
    ["/%", /"%" is not percent-encoded UTF-8: write % itself as %25/],
    ["/%zz", /percent-encoded/],
    ["/%ff", /percent-encoded UTF-8/],
    ["/%c0%af", /percent-encoded UTF-8/], // a slash in too many bytes
    ["/a%00b", /U\+0000 cannot be/],
    ["/%1f", /U\+001F/],
    ["/%7f", /U\+007F/],
    ["/%C2%80", /U\+0080/],
    ["/%F0%9F%98%80", /U\+D83D/],
    ["/%EF%BF%BD", /U\+FFFD/],
    ["/\u0001", /U\+0001/],
  ] as const;
  for (const [raw, expected] of cases) {
    assert.throws(() => znodePathOf(raw), (error) => {
      assert.ok(error instanceof Problem);
      assert.equal(error.problem, "bad-path");
      assert.match(error.message, expected, raw);
      return true;
    });
  }
});

Deno.test("urlPathOf() gives what znodePathOf() takes", () => {
  for (const path of ["/", "/a", "/a b/100%", "/€/?#+", "/.a/b"]) {
    assert.equal(znodePathOf(urlPathOf(path)), path);
  }
});
