import assert from "node:assert/strict";
import { HistorySearch } from "../../../../cli/shell/interactive/history_search.ts";

/** Newest first. */
const HISTORY = ["ls /b", "get /a", "ls /b", "ls /a", "create /a"];

Deno.test("HistorySearch finds the newest line first, then older ones that differ", () => {
  const search = new HistorySearch(HISTORY, "half");
  assert.deepEqual([search.line, search.prompt], ["half", "(reverse-i-search)`': "]);
  search.type("l");
  search.type("s");
  assert.deepEqual([search.line, search.cursor], ["ls /b", 0]);
  search.older();
  assert.equal(search.line, "ls /a");
  search.newer();
  assert.equal(search.line, "ls /b");
});

Deno.test("HistorySearch keeps what it found while it finds no more", () => {
  const search = new HistorySearch(HISTORY, "half");
  for (const letter of "/a") search.type(letter);
  assert.deepEqual([search.line, search.cursor], ["get /a", 4]);
  search.type("x");
  assert.deepEqual([search.line, search.prompt], [
    "get /a",
    "(failed reverse-i-search)`/ax': ",
  ]);
  search.erase();
  assert.deepEqual([search.line, search.prompt], ["get /a", "(reverse-i-search)`/a': "]);
  search.erase();
  search.erase();
  assert.equal(search.line, "half");
});
