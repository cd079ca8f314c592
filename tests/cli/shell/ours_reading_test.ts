/**
 * `tree`, `du`, `find` and `grep` of `denkeeper cli`, against a server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ConnectionLossError } from "../../../net/client/client_errors.ts";
import type { ZooKeeperClient } from "../../../net/client/client_types.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { type Meddle, ShellRunner } from "../../support/shell_runner.ts";

const SECRET = [{ permissions: 31, scheme: "digest", id: "nobody:of+this+test=" }];

Deno.test("tree draws what is there, and counts it", async () => {
  await using test = await start();
  const { out, code, err } = await test.shell.run("tree", "/t");
  const owner = test.shell.client.sessionId.toString(16);
  assert.equal(
    out,
    [
      "/t",
      "├── a",
      "│   ├── a-b",
      "│   └── bin",
      "├── a-b",
      "│   └── deep",
      "│       └── deeper",
      `├── eph (ephemeral of 0x${owner})`,
      "└── ünïcødé 名前",
      "",
      "9 znodes, 38 bytes, 1 of them ephemeral",
      "",
    ].join("\n"),
  );
  assert.deepEqual([code, err], [0, ""]);

  const short = await test.shell.run("tree", "-L", "1", "-sd", "/t/a");
  assert.equal(
    short.out,
    [
      '[        5]  /t/a = "first"',
      '├── [       12]  a-b = "one\\ntwo\\nONE\\n"',
      "└── [       11]  bin = 0x0001ff6f6e6500c3286f6e (11 bytes)",
      "",
      "3 znodes, 28 bytes",
      "",
    ].join("\n"),
  );
  assert.equal((await test.shell.run("tree", "-L0", "/t")).out, "/t\n\n1 znode, 0 bytes\n");
});

Deno.test("tree --json is one document, however deep", async () => {
  await using test = await start();
  const { tree, totals } = JSON.parse((await test.shell.run("tree", "--json", "-d", "/t")).out);
  const paths = (node: Node): string[] => [node.path, ...(node.children ?? []).flatMap(paths)];
  interface Node {
    path: string;
    children?: Node[];
  }
  assert.deepEqual(paths(tree), [
    ...["/t", "/t/a", "/t/a/a-b", "/t/a/bin", "/t/a-b", "/t/a-b/deep", "/t/a-b/deep/deeper"],
    ...["/t/eph", "/t/ünïcødé 名前"],
  ]);
  assert.equal(tree.children[0].data, "first");
  assert.equal(tree.children[0].children[1].dataBase64, "AAH/b25lAMMob24=");
  assert.equal(tree.children[2].type, "ephemeral");
  assert.deepEqual(totals, { znodes: 9, bytes: 38, ephemerals: 1, vanished: 0 });
  assert.equal(JSON.parse((await test.shell.run("tree", "--json", "/t/eph")).out).tree.name, "eph");
});

Deno.test("du adds up bytes and znodes, as deep as it is asked to", async () => {
  await using test = await start();
  const du = async (...words: string[]) => (await test.shell.run("du", ...words)).out;
  assert.equal(
    await du("/t"),
    "28\t3\t/t/a\n6\t3\t/t/a-b\n1\t1\t/t/eph\n3\t1\t/t/ünïcødé 名前\n38\t9\t/t\n",
  );
  assert.equal(await du("-s", "/t/a", "/t/a-b"), "28\t3\t/t/a\n6\t3\t/t/a-b\n");
  assert.equal(await du("-d", "9", "-n", "2", "/t"), "38\t9\t/t\n28\t3\t/t/a\n");
  assert.equal(await du("-d9", "-c", "-n", "2", "/t/a-b"), "6\t3\t/t/a-b\n0\t2\t/t/a-b/deep\n");
  assert.equal(await du("-d", "0", "--json", "/t"), '{"path":"/t","bytes":38,"znodes":9}\n');
  await test.client.set("/t/a", new Uint8Array(1500));
  assert.equal(await du("-hs", "/t/a"), "1.5K\t3\t/t/a\n");
});

Deno.test("find prints the paths that pass all tests", async () => {
  await using test = await start();
  await test.client.set("/t/a-b/deep", bytes("later"));
  const owner = `0x${test.shell.client.sessionId.toString(16)}`;
  const { mzxid } = (await test.client.exists("/t/eph"))!;
  const cases: [words: string, found: string[]][] = [
    ["/t -name a*", ["/t/a", "/t/a/a-b", "/t/a-b"]],
    ["/t -name [!a-d]*", ["/t", "/t/eph", "/t/ünïcødé 名前"]],
    ["/t -name ???", ["/t/a/a-b", "/t/a/bin", "/t/a-b", "/t/eph"]],
    ["/t -iname DEEP*", ["/t/a-b/deep", "/t/a-b/deep/deeper"]],
    ["/t -path */deep*r", ["/t/a-b/deep/deeper"]],
    ["/t -regex .*/b.n", ["/t/a/bin"]],
    ["/t -regex /t|/t/eph", ["/t", "/t/eph"]],
    ["/t -type ephemeral", ["/t/eph"]],
    [`/t -owner ${owner}`, ["/t/eph"]],
    ["/t -size +11", ["/t/a/a-b"]],
    ["/t -size 11", ["/t/a/bin"]],
    ["/t -size -1k -size +4 -not -name a*", ["/t/a/bin", "/t/a-b/deep"]],
    ["/t -children +1", ["/t", "/t/a"]],
    ["/t -empty", ["/t/a-b/deep/deeper"]],
    ["/t -newer /t/eph", ["/t/a-b/deep"]],
    [`/t -newer 0x${mzxid.toString(16)}`, ["/t/a-b/deep"]],
    ["/t -version +0", ["/t/a-b/deep"]],
    ["/t -maxdepth 1 -mindepth 1", ["/t/a", "/t/a-b", "/t/eph", "/t/ünïcødé 名前"]],
    ["/t -mtime +1", []],
    ["/t/a -mtime -1h ! -name a", ["/t/a/a-b", "/t/a/bin"]],
    ["/t/a /t/a-b -maxdepth 0", ["/t/a", "/t/a-b"]],
  ];
  for (const [words, found] of cases) {
    const { out, code, err } = await test.shell.run("find", ...words.split(" "));
    assert.deepEqual(out.split("\n").slice(0, -1), found, words);
    assert.deepEqual([code, err], [0, ""], words);
  }
  assert.equal((await test.shell.run("find", "/t/a", "-0")).out, "/t/a\0/t/a/a-b\0/t/a/bin\0");
  assert.equal((await test.shell.run("find", "/t", "-count")).out, "9\n");
  const [line] = (await test.shell.run("find", "/t/eph", "--json")).out.split("\n");
  assert.equal(JSON.parse(line!).stat.dataLength, 1);
  for (const words of [["-type", "pipe"], ["-size", "big"], ["-name"], ["-not"], ["-regex", "("]]) {
    const { code, err } = await test.shell.run("find", "/t", ...words);
    assert.equal(code, 2, err);
    assert.match(err, /^find: .*--help/, words.join(" "));
  }
});

Deno.test("grep looks into data, and says by its code whether it found something", async () => {
  await using test = await start();
  const grep = async (...words: string[]) => {
    const { out, code } = await test.shell.run("grep", ...words);
    return [code, out];
  };
  assert.deepEqual(await grep("one", "/t"), [
    0,
    "/t/a/a-b:one\n/t/a/bin: binary data matches\n",
  ]);
  assert.deepEqual(await grep("-in", "^one$", "/t/a/a-b"), [0, "/t/a/a-b:1:one\n/t/a/a-b:3:ONE\n"]);
  assert.deepEqual(await grep("-v", "o", "/t/a"), [0, "/t/a:first\n/t/a/a-b:ONE\n"]);
  assert.deepEqual(await grep("-l", "one", "/t"), [0, "/t/a/a-b\n/t/a/bin\n"]);
  assert.deepEqual(await grep("-c", "-i", "one", "/t/a"), [
    0,
    "/t/a:0\n/t/a/a-b:2\n/t/a/bin:1\n",
  ]);
  assert.deepEqual(await grep("-F", "o.e", "/t"), [1, ""]);
  assert.deepEqual(await grep("-m1", "-i", "-e", "one", "/t/a/a-b"), [0, "/t/a/a-b:one\n"]);
  assert.deepEqual(await grep("-w", "tw", "/t"), [1, ""]);
  assert.deepEqual(await grep("-x", "tw.", "/t"), [0, "/t/a/a-b:two\n"]);
  assert.deepEqual(await grep("名", "/t"), [0, "/t/ünïcødé 名前:名\n"]);
  assert.deepEqual(await grep("-q", "one", "/t"), [0, ""]);
  assert.deepEqual(await grep("one", "/t", "--json"), [
    0,
    '{"path":"/t/a/a-b","line":1,"text":"one"}\n{"path":"/t/a/bin","binary":true}\n',
  ]);
  assert.deepEqual(await grep("one", "/nope"), [2, ""]);
  assert.deepEqual(await grep("(", "/t"), [2, ""]);
});

Deno.test("patterns of grep and find take time linear in the text, whatever they are", async () => {
  await using test = await start();
  const long = "a".repeat(100_000);
  await test.client.create("/t/long", bytes(`${long}!\n été, Ä_\nb`));
  await test.client.create(`/t/${"a".repeat(2000)}!`, null);
  const cases: [words: string[], code: number, out: string | RegExp][] = [
    [["grep", "-c", "(a+)+$", "/t/long"], 1, "/t/long:0\n"],
    [["grep", "-cw", "(a+)+", "/t/long"], 0, "/t/long:1\n"],
    [["grep", "-cx", "(a*)*", "/t/long"], 1, "/t/long:0\n"],
    [["grep", "-cx", "(a*)*!", "/t/long"], 0, "/t/long:1\n"],
    [["grep", "-iw", "ÉTÉ", "/t/long"], 0, "/t/long: été, Ä_\n"],
    [["grep", "-iw", "ä|t|é", "/t/long"], 1, ""],
    [["grep", "-Fx", "b|(", "/t/long"], 1, ""],
    [["grep", "-x", "b|a", "/t/long"], 0, "/t/long:b\n"],
    [["find", "/t", "-regex", "/t/(a+)+"], 0, "/t/a\n"],
    [["find", "/t", "-count", "-name", `${"*a".repeat(40)}`], 0, "0\n"],
    [["find", "/t", "-count", "-name", `${"*a".repeat(40)}[!^a]`], 0, "1\n"],
  ];
  for (const [words, code, out] of cases) {
    const result = await test.shell.run(...words as [string, ...string[]]);
    assert.deepEqual([result.out, result.code, result.err], [out, code, ""], words.join(" "));
  }
  for (
    const [pattern, reason] of [
      [String.raw`(a)\1`, /^back references are not supported: \\1/],
      ["a(?=b)", /^look-ahead and look-behind are not supported: \(\?=/],
      ["(?<!a)b", /^look-ahead and look-behind are not supported: \(\?<!/],
      ["a)|(b", /unexpected \)/],
    ] as const
  ) {
    for (const words of [["grep", pattern, "/t"], ["find", "/t", "-regex", pattern]] as const) {
      const { code, err } = await test.shell.run(...words);
      assert.equal(code, 2);
      assert.match(err.replace(`${words[0]}: "${pattern}" is no pattern: `, ""), reason);
    }
  }
});

Deno.test("what may not be read is named, and all else is done", async () => {
  await using test = await start();
  await test.client.create("/t/a/secret", bytes("one"));
  await test.client.create("/t/a/secret/below", bytes("one"));
  await test.client.setAcl("/t/a/secret", SECRET);
  for (
    const [words, code, out] of [
      [["tree", "/t/a"], 1, /├── bin\n└── secret \(not readable\)\n/],
      [["du", "-s", "/t/a"], 1, /\t4\t\/t\/a\n/],
      [["find", "/t/a", "-name", "bin"], 1, /^\/t\/a\/bin\n$/],
      [["grep", "-l", "one", "/t/a"], 2, /^\/t\/a\/a-b\n\/t\/a\/bin\n$/],
      [["export", "/t/a"], 1, /\{"path":"\/secret","denied":true\}\n$/],
      [["diff", "/t/a", "/t/a"], 2, /^$/],
    ] as const
  ) {
    const result = await test.shell.run(...words);
    assert.equal(result.code, code, words.join(" "));
    assert.match(result.out, out);
    assert.match(result.err, /: Insufficient permission : \/t\/a\/secret \(/);
    assert.doesNotMatch(result.out + result.err, /below"|secret\/below/);
  }
});

Deno.test("a znode that vanishes during the walk does not stop it", async () => {
  let meddle: Meddle = () => {};
  await using test = await start({ meddle: (...request) => meddle(...request) });
  meddle = async (method, [path]) => {
    if (method === "exists" && path === "/t/a-b") await test.client.delete("/t/a-b/deep/deeper");
    if (method === "getChildren" && path === "/t/a") {
      await test.client.delete("/t/a/a-b");
      await test.client.delete("/t/a/bin");
      await test.client.delete("/t/a");
    }
    if (method === "exists" && path === "/t/ünïcødé 名前") await test.client.delete(path);
  };
  const { out, code, err } = await test.shell.run("tree", "/t");
  assert.ok(out.startsWith("/t\n├── a\n├── a-b\n│   └── deep\n"), out);
  assert.match(out, /\n└── ünïcødé 名前 \(vanished\)\n/);
  assert.match(out, /5 znodes, .*1 vanished meanwhile\n$/);
  assert.deepEqual([code, err], [0, ""]);
});

Deno.test("a read that is lost with its connection is sent again", async () => {
  let losses = 0;
  await using test = await start({
    meddle: (method, [path]) => {
      if (method !== "exists" || losses === 3) return;
      losses += 1;
      return Promise.reject(new ConnectionLossError(String(path)));
    },
  });
  assert.equal((await test.shell.run("find", "/t", "-count")).out, "9\n");
  assert.equal(losses, 3);
});

Deno.test("words that are not understood are refused before anything is done", async () => {
  await using test = await start();
  for (
    const [words, message] of [
      [["tree", "-Z"], 'tree: there is no option -Z ("tree --help" tells how to use it)\n'],
      [["tree", "-L"], 'tree: -L needs a value ("tree --help" tells how to use it)\n'],
      [["tree", "-L", "x"], /-L takes a whole number from 0 on, not "x"/],
      [["tree", "/a", "/b"], /"\/b" is one word too many/],
      [["du", "t"], /"t" is no path of a znode: it begins with a slash/],
      [["find", "/t/"], /"\/t\/" is no path of a znode/],
      [["grep"], /the pattern is missing/],
    ] as const
  ) {
    const { code, err, out } = await test.shell.run(...words);
    assert.deepEqual([code, out], [2, ""]);
    if (typeof message === "string") assert.equal(err, message);
    else assert.match(err, message);
  }
  const help = await test.shell.run("tree", "--help");
  assert.deepEqual([help.code, help.err], [0, ""]);
  assert.match(help.out, /^tree \[-L depth\].*\n[^]*-d /);
});

async function start({ meddle }: { meddle?: Meddle } = {}) {
  const server = await InProcessServer.start();
  const connectString = `127.0.0.1:${server.clientPort}`;
  const shell = await ShellRunner.open(connectString, meddle === undefined ? {} : { meddle });
  const other = await ShellRunner.open(connectString);
  await makeTree(shell.client, other.client);
  return {
    shell,
    /** Of somebody else. */
    client: other.client,
    async [Symbol.asyncDispose]() {
      await other[Symbol.asyncDispose]();
      await shell[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function makeTree(owner: ZooKeeperClient, client: ZooKeeperClient): Promise<void> {
  await client.create("/t", null);
  await client.create("/t/a", bytes("first"));
  await client.create("/t/a/bin", Uint8Array.fromHex("0001ff6f6e6500c3286f6e"));
  await client.create("/t/a/a-b", bytes("one\ntwo\nONE\n"));
  await client.create("/t/a-b", bytes("sixth!"));
  await client.create("/t/a-b/deep", null);
  await client.create("/t/a-b/deep/deeper", null);
  await client.create("/t/ünïcødé 名前", bytes("名"));
  await owner.create("/t/eph", bytes("e"), { mode: "ephemeral" });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
