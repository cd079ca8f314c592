import assert from "node:assert/strict";
import { commonPrefix, inColumns } from "../../../../cli/shell/interactive/candidates.ts";

Deno.test("commonPrefix() is what all begin with, and never half a character", () => {
  assert.equal(commonPrefix([]), "");
  assert.equal(commonPrefix(["/app"]), "/app");
  assert.equal(commonPrefix(["/apple", "/app", "/apricot"]), "/ap");
  assert.equal(commonPrefix(["/a", "b"]), "");
  assert.equal(commonPrefix(["/\u{1F600}", "/\u{1F601}"]), "/");
});

Deno.test("inColumns() fills the width from above to below", () => {
  const names = ["a", "bb", "ccc", "d", "e"];
  assert.equal(inColumns(names, 80), "a    bb   ccc  d    e\n");
  assert.equal(inColumns(names, 11), "a    d\nbb   e\nccc\n");
  assert.equal(inColumns(names, 1), "a\nbb\nccc\nd\ne\n");
});
