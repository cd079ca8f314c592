/**
 * What is typed into the shell and given to it: words, ACLs, options; its history; data in hex.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseAclWords, permissionLetters } from "../../../cli/shell/acl_words.ts";
import { CommandHistory } from "../../../cli/shell/command_history.ts";
import { hexDump } from "../../../cli/shell/data_words.ts";
import { parseInvocation } from "../../../cli/shell/invocation.ts";
import { lineWords } from "../../../cli/shell/line_words.ts";

Deno.test("lineWords() splits as zkCli.sh does", () => {
  const cases: [line: string, words: string[]][] = [
    ["get /a", ["get", "/a"]],
    ["  get\t/a  ", ["get", "/a"]],
    ['get "/a b"', ["get", "/a b"]],
    ["get '/a\"b'", ["get", '/a"b']],
    ["set /a ''", ["set", "/a", ""]],
    ['get "/a"x', ["get", "/a", "x"]], // a quote ends the word
    ['get /a"b c"', ["get", '/a"b', 'c"']], // and begins one only at its start
    ['get "/a b', ["get", "/a", "b"]], // not closed: passed over
    ['get "/a\\"b"', ["get", "/a\\", 'b"']], // there are no escapes
    ["   ", [" "]],
    ["", []],
  ];
  for (const [line, words] of cases) assert.deepEqual(lineWords(line), words, line);
});

Deno.test("parseInvocation() begins the command at the first word without a dash", () => {
  const { complaints, ...invocation } = parseInvocation(
    ["-server", "h:1", "--timeout=5", "-r", "-x", "ls", "-s", "/", "-server", "no"],
  );
  assert.deepEqual(complaints, []);
  assert.deepEqual(invocation, {
    connectString: "h:1",
    timeout: "5",
    canBeReadOnly: true,
    waitsForConnection: false,
    clientConfiguration: null,
    isJson: false,
    wantsHelp: false,
    command: ["ls", "-s", "/", "-server", "no"],
  });
  assert.equal(parseInvocation(["ls", "/", "--json"]).isJson, true);
  assert.equal(parseInvocation(["set", "/a", "--", "--json"]).isJson, false);
  assert.deepEqual(parseInvocation([""]).command, [""]);
  const bare = parseInvocation(["--jsn", "-server"]);
  assert.deepEqual([bare.command, bare.connectString], [null, "localhost:2181"]);
  assert.match(bare.complaints[0]!, /"--jsn"/);
  assert.equal(bare.complaints[1], "Error: no argument found for option -server");
});

Deno.test("parseAclWords() leaves out what it cannot read, and says so", () => {
  const told: string[] = [];
  const read = (text: string) => parseAclWords(text, (line) => told.push(line));
  assert.deepEqual(read("world:anyone:cdrwa,digest:bob:a+b=:rz"), [
    { scheme: "world", id: "anyone", permissions: 31 },
    { scheme: "digest", id: "bob:a+b=", permissions: 1 },
  ]);
  assert.deepEqual(read(",a:b,auth::w,"), [{ scheme: "auth", id: "", permissions: 2 }]);
  assert.deepEqual(read(""), []);
  assert.deepEqual(told, [
    "Unknown perm type: z\n",
    " does not have the form scheme:id:perm\n",
    "a:b does not have the form scheme:id:perm\n",
    " does not have the form scheme:id:perm\n",
  ]);
  assert.equal(permissionLetters(31), "cdrwa");
});

Deno.test("CommandHistory lists the last ten lines and the one that asks", () => {
  const history = new CommandHistory();
  assert.deepEqual(history.listed(), [{ number: 0, line: null }]);
  for (let i = 0; i < 12; i++) {
    history.begin(`line ${i}`);
    history.end();
  }
  history.begin("redo 3");
  history.begin(history.lineAt(3)!); // a redone line stands in its place
  const listed = history.listed();
  assert.equal(listed.length, 11);
  assert.deepEqual(listed[0], { number: 2, line: "line 2" });
  assert.deepEqual(listed[10], { number: 12, line: "line 3" });
});

Deno.test("hexDump() frames sixteen bytes a line", () => {
  assert.equal(
    hexDump(new TextEncoder().encode("hello world 12345\x01")),
    `         +-------------------------------------------------+
         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |
+--------+-------------------------------------------------+----------------+
|00000000| 68 65 6c 6c 6f 20 77 6f 72 6c 64 20 31 32 33 34 |hello world 1234|
|00000010| 35 01                                           |5.              |
+--------+-------------------------------------------------+----------------+
`,
  );
  assert.equal(hexDump(new Uint8Array()), "\n");
});
