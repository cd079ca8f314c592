import assert from "node:assert/strict";
import { lineWords } from "../../../../cli/shell/line_words.ts";
import { unfinishedLine } from "../../../../cli/shell/interactive/unfinished_line.ts";

Deno.test("unfinishedLine() tells the word that a Tab completes", () => {
  const cases: [string, string[], { from: number; quote: string; text: string }][] = [
    ["", [], { from: 0, quote: "", text: "" }],
    ["ls", [], { from: 0, quote: "", text: "ls" }],
    ["ls ", ["ls"], { from: 3, quote: "", text: "" }],
    ["  ls  /a", ["ls"], { from: 6, quote: "", text: "/a" }],
    ["ls -s /a/日", ["ls", "-s"], { from: 6, quote: "", text: "/a/日" }],
    ['get "/a b', ["get"], { from: 4, quote: '"', text: "/a b" }],
    ["get '/a \"b", ["get"], { from: 4, quote: "'", text: '/a "b' }],
    ['set "/a b" x', ["set", "/a b"], { from: 11, quote: "", text: "x" }],
    // Only where a word begins is it a quote.
    ['get /a"b', ["get"], { from: 4, quote: "", text: '/a"b' }],
    ['set "/a b"', ["set", "/a b"], { from: 10, quote: "", text: "" }],
  ];
  for (const [line, words, last] of cases) {
    assert.deepEqual(unfinishedLine(line), { words, last }, JSON.stringify(line));
    const whole = last.text === "" ? words : [...words, last.text];
    if (last.quote === "") assert.deepEqual(lineWords(line), whole, JSON.stringify(line));
  }
});
