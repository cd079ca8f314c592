/**
 * `apply` of `denkeeper cli`: what a file says is what there is, and nothing else is touched.
 *
 * @module
 */
import assert from "node:assert/strict";
import { InProcessServer } from "../../support/in_process_server.ts";
import { type Meddle, ShellRunner } from "../../support/shell_runner.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const FILE = `# what the tests want
/app:
  data: 1.10
  acl: world:anyone:cdrwa
  children:
    0001: 7
    config:
      json: {b: 1, c: [true, 1.50, null]}
    blob: {dataBase64: AAH/}
    from-file:
      dataFile: blob.bin
      acl:
        - world:anyone:r
        - {scheme: digest, id: "bob:hash=", perms: cdrwa}
    deep/er: &text |
      two
      lines
    same: *text
    "null": {data: null}
    there:
    cache: {type: ttl, ttlMs: 60000, data: t}
    box: {type: container}
/ünïcødé/名前: ok
`;

Deno.test("apply makes what the file says, tells it before, and has nothing to do then", async () => {
  await using test = await start();
  const file = test.write("tree.yaml", FILE);
  Deno.writeFileSync(`${test.dir}/blob.bin`, new Uint8Array([1, 2]));
  const plan = await test.shell.run("apply", "-f", file, "--plan", "--detailed-exitcode");
  assert.equal(plan.err, "");
  assert.equal(
    plan.out,
    [
      '+ /app "1.10"',
      "    acl: world:anyone:cdrwa",
      '+ /app/0001 "7"',
      "+ /app/blob 0x0001ff (3 bytes)",
      '+ /app/box (container) ""',
      '+ /app/cache (ttl) "t"',
      '+ /app/config "{\\"b\\":1,\\"c\\":[true,1.5,null]}"',
      '+ /app/deep ""',
      '+ /app/deep/er "two\\nlines\\n"',
      "+ /app/from-file 0x0102 (2 bytes)",
      "    acl: world:anyone:r,digest:bob:hash=:cdrwa",
      "+ /app/null null",
      '+ /app/same "two\\nlines\\n"',
      '+ /app/there ""',
      '+ /ünïcødé ""',
      '+ /ünïcødé/名前 "ok"',
      "Plan: 14 to create, 0 to change, 0 to delete, 0 as they should be.",
      "",
    ].join("\n"),
  );
  assert.equal(plan.code, 2);
  assert.equal(await test.client.exists("/app"), null);

  const zxid = test.client.lastZxid;
  const applied = await test.shell.run("apply", "-f", file);
  assert.equal(applied.code, 0, applied.err);
  assert.match(applied.out, /\nApplied\.\n$/);
  const { czxid } = (await test.client.exists("/app"))!;
  assert.ok(czxid > zxid);
  assert.equal((await test.client.exists("/ünïcødé/名前"))!.czxid, czxid, "in one transaction");
  assert.equal(await test.text("/app/config"), '{"b":1,"c":[true,1.5,null]}');
  const { err } = await test.shell.run("apply", "-f", file, "--detailed-exitcode");
  assert.match(
    err,
    /its ACL cannot be seen|Insufficient permission/,
    "hashes are not shown to all",
  );
  await test.shell.client.addAuth({ scheme: "digest", auth: bytes("super:admin") });
  const again = await test.shell.run("apply", "-f", file, "--prune", "--detailed-exitcode");
  assert.equal(again.out, "Nothing to do: 14 are as they should be.\n");
  assert.deepEqual([again.code, again.err], [0, ""]);
});

Deno.test("apply changes what differs, and leaves alone what the file does not say", async () => {
  await using test = await start();
  await test.client.create("/a", bytes("old"));
  await test.client.create("/a/kept", bytes("kept"));
  const file = test.write("t.yaml", "/a: {acl: world:anyone:rwa, data: new}\n/a/kept:\n");
  const { out } = await test.shell.run("apply", "-f", file);
  assert.equal(
    out,
    '~ /a\n    data: "old" -> "new"\n    acl: world:anyone:cdrwa -> world:anyone:rwa\n' +
      "0 to create, 1 to change, 0 to delete, 1 as they should be.\n" +
      "Not atomic: 1 ACL set behind the rest, one by one.\nApplied.\n",
  );
  assert.equal(await test.text("/a"), "new");
  assert.equal(await test.text("/a/kept"), "kept");
  const json = JSON.parse((await test.shell.run("apply", "-f", file, "--json")).out);
  assert.deepEqual([json.create, json.change, json.delete, json.unchanged], [0, 0, 0, 2]);
});

Deno.test("apply --prune deletes what the file does not list below its tops", async () => {
  await using test = await start();
  for (
    const path of [
      ...["/a", "/a/x", "/a/x/y", "/a/wanted", "/a/free", "/a/free/1", "/a/locks", "/a/locks/q"],
      ...["/b", "/b/secret", "/b/secret/z"],
    ]
  ) await test.client.create(path, null);
  await test.client.create("/a/locks/eph", null, { mode: "ephemeral" });
  const nobody = [{ permissions: 31, scheme: "digest", id: "nobody:hash=" }];
  await test.client.setAcl("/b/secret", nobody);
  const file = test.write("t.yaml", "/a: {children: {wanted: , free: {prune: false}}}\n");
  const { out, code } = await test.shell.run("apply", "-f", file, "--prune");
  assert.equal(
    out,
    [
      ...["- /a/x/y", "- /a/x", "- /a/locks/q"],
      "! /a/locks/eph stays: it is ephemeral, and belongs to a session",
      "! /a/locks stays: something below it stays",
      "0 to create, 0 to change, 3 to delete, 3 as they should be.",
      "Applied.",
      "",
    ].join("\n"),
  );
  assert.equal(code, 0);
  assert.deepEqual((await test.client.getChildren("/a")).children.sort(), [
    ...["free", "locks", "wanted"],
  ]);
  assert.deepEqual((await test.client.getChildren("/a/free")).children, ["1"]);
  const denied = await test.shell.run("apply", "-f", test.write("b.yaml", "/b: {}"), "--prune");
  assert.match(denied.out, /! \/b\/secret stays: what is below it may not be read\n/);
  assert.equal(denied.code, 1);
});

Deno.test("apply is refused when others change what it has seen", async () => {
  let change: (() => Promise<unknown>) | null = null;
  await using test = await start({
    meddle: async (method) => {
      if (!["multi", "create", "set", "delete", "setAcl"].includes(method) || change === null) {
        return;
      }
      await change();
      change = null;
    },
  });
  const { client } = test;
  const file = test.write(
    "t.yaml",
    "/a: {children: {set: {data: new}, new: {data: n}}}\n",
  );
  const cases: [() => Promise<unknown>, RegExp][] = [
    [() => client.set("/a/set", bytes("theirs")), /\/a\/set was changed.*version No is not valid/],
    [() => client.delete("/a/set"), /\/a\/set was changed.*Node does not exist/],
    [() => client.create("/a/new", bytes("theirs")), /\/a\/new was changed.*Node already exists/],
    [() => client.set("/a/old", bytes("theirs")), /\/a\/old was changed.*version No is not valid/],
    [() => client.create("/a/old/below", null), /\/a\/old was changed.*Node not empty/],
  ];
  for (const [theirs, message] of cases) {
    await test.shell.run("deleteall", "/a");
    for (const path of ["/a/old/below", "/a/old", "/a/set", "/a/new", "/a"]) {
      await client.delete(path).catch(() => {});
    }
    for (const path of ["/a", "/a/set", "/a/old"]) await client.create(path, bytes("before"));
    change = theirs;
    const { code, err } = await test.shell.run("apply", "-f", file, "--prune");
    assert.equal(code, 1);
    assert.match(err, message);
    assert.match(
      err,
      /somebody else since the plan was made .*: nothing was changed; apply it again/,
    );
  }
  const acl = test.write("acl.yaml", "/a: {acl: world:anyone:rwa}");
  change = () => client.setAcl("/a", [{ permissions: 25, scheme: "world", id: "anyone" }]);
  const { code, err } = await test.shell.run("apply", "-f", acl);
  assert.equal(code, 1);
  assert.match(err, /\/a was changed.*version No is not valid : \/a\): 0 ACLs of 1 set/);
});

Deno.test("apply says when it does not fit into one transaction, and --atomic refuses that", async () => {
  await using test = await start();
  const children = Array.from({ length: 100 }, (_, at) => `    n${at}: ${"x".repeat(100)}\n`);
  const file = test.write("t.yaml", `/a:\n  children:\n${children.join("")}`);
  const small = ["--transaction-bytes", "5000"];
  const refused = await test.shell.run("apply", "-f", file, ...small, "--atomic");
  assert.equal(refused.code, 1);
  assert.match(refused.err, /nothing is done: it takes 4 transactions of 5000 bytes, not one/);
  const { out, code } = await test.shell.run("apply", "-f", file, ...small);
  assert.equal(code, 0);
  assert.match(out, /Not atomic: it takes 4 transactions, one after another\.\nApplied\.\n$/);
  assert.equal((await test.client.getChildren("/a")).children.length, 100);
  const large = test.write("l.yaml", `/l: ${"y".repeat(1_040_000)}`);
  assert.match((await test.shell.run("apply", "-f", large)).out, /Applied\.\n$/);
});

Deno.test("apply names file, line and column of what it does not understand, and does nothing", async () => {
  await using test = await start();
  const cases: [text: string, message: RegExp][] = [
    ["/a:\n  dat: x\n", /:2:3: \/a: there is no "dat": a znode has data, json, /],
    ["/a:\n  children:\n    b: {data: [1]}\n", /:3:15: \/a\/b data: .*string/],
    ["/a:\n  children:\n    b: [1]\n", /:3:8: \/a\/b: text, a map, or nothing is wanted/],
    ["/a:\n  children:\n    b/:\n", /:3:5: "b\/" is no name of a znode below \/a/],
    ["/a:\n  children:\n    /b:\n", /:3:5: "\/b" is no name/],
    ["/a:\n  acl: everyone\n", /:2:8: \/a acl: The ACL "everyone" is not a list/],
    ["/a:\n  acl: auth::r\n", /:2:8: \/a acl: auth means whoever applies/],
    ["/a: {type: ttl}\n", /:1:1: \/a: type: ttl and ttlMs: need each other/],
    ["/a: {type: pipe}\n", /:1:12: \/a type: /],
    ["/a: {data: x, json: 1}\n", /:1:5: \/a: data and json exclude each other/],
    ["/a: {dataBase64: '?'}\n", /:1:18: \/a dataBase64: /],
    ["/a: {dataFile: nope}\n", /:1:5: \/a dataFile: Cannot read ".*nope"/],
    [
      "/a: {children: {b/c: }}\n/a/b: {children: {c: }}\n",
      /:2:19: \/a\/b\/c is there a second time/,
    ],
    ["a: {}\n", /:1:1: "a" is no path of a znode/],
    ["- /a\n", /:1:1: a map from paths to znodes is wanted/],
    ["", /is empty/],
    ["/a: {\n", /:2:1: /],
    ["/a: x\n/a: y\n", /:2:1: Map keys must be unique/],
    ["/a:\n---\n/b:\n", /:3:1: there is a second document/],
    ["/a: &a\n  children: {x: *a}\n", /:2:17: this znode would be its own child/],
    ["/a:\n  children: &k\n    x: {children: *k}\n", /:3:8: this znode would be its own child/],
    [anchorsOfAnchors(), /:1:1: its anchors do not come to an end/],
    ["/a: {data: !!binary aGk=}\n", /:1:21: !!binary is not taken: write dataBase64: /],
    ["/a: !secret x\n", /:1:5: Unresolved tag: !secret/],
    ["/a: {children: {__proto__: x}}\n", /:1:17: __proto__ cannot be named here/],
    ["/zookeeper/quota/a:\n", /:1:1: \/zookeeper\/quota\/a is the server's own/],
  ];
  for (const [text, message] of cases) {
    const { code, err, out } = await test.shell.run("apply", "-f", test.write("t.yaml", text));
    assert.deepEqual([code, out], [1, ""], text);
    assert.match(err, message);
    assert.ok(err.startsWith(`apply: ${test.dir}/t.yaml`), err);
  }
  await test.client.create("/eph", null, { mode: "ephemeral" });
  const refused = await test.shell.runWith("/eph: x\n/b: y", "apply", "-f", "-");
  assert.match(refused.err, /nothing is done, since\n {2}\/eph: it is an ephemeral znode/);
  assert.equal(await test.client.exists("/b"), null);
  assert.equal((await test.shell.run("apply")).code, 2);
});

Deno.test("apply takes one anchor for as many znodes as there are", async () => {
  await using test = await start();
  const names = Array.from({ length: 300 }, (_, i) => `    n${i}: {data: *d, acl: *acl}\n`);
  const text = `/a:\n  data: &d 010\n  acl: &acl world:anyone:cdrwa\n  children:\n${
    names.join("")
  }`;
  const { err, out } = await test.shell.runWith(text, "apply", "-f", "-", "--plan");
  assert.deepEqual([err, out.match(/^Plan: .*$/m)?.[0].slice(0, 23)], [
    "",
    "Plan: 301 to create, 0 ",
  ]);
  assert.match(out, /^\+ \/a\/n299 "010"$/m);
});

/** Eight levels, each nine times the one before. */
function anchorsOfAnchors(): string {
  const level = (i: number) =>
    `/d${i}: &d${i} {children: {${
      Array.from({ length: 9 }, (_, j) => `k${j}: *d${i - 1}`).join(", ")
    }}}\n`;
  return `/d0: &d0 x\n${Array.from({ length: 8 }, (_, i) => level(i + 1)).join("")}`;
}

async function start({ meddle }: { meddle?: Meddle } = {}) {
  const server = await InProcessServer.start({
    config: { extendedTypesEnabled: true },
    // of super:admin
    defines: [
      "zookeeper.DigestAuthenticationProvider.superDigest=super:xQJmxLMiHGwaqBvst5y6rkB6HQs=",
    ],
  });
  const connectString = `127.0.0.1:${server.clientPort}`;
  const shell = await ShellRunner.open(connectString, meddle === undefined ? {} : { meddle });
  const other = await ShellRunner.open(connectString);
  const dir = makeTempDir();
  return {
    shell,
    client: other.client,
    dir: dir.path,
    write(name: string, text: string): string {
      Deno.writeTextFileSync(`${dir.path}/${name}`, text);
      return `${dir.path}/${name}`;
    },
    async text(path: string): Promise<string> {
      return new TextDecoder().decode((await other.client.get(path)).data ?? undefined);
    },
    async [Symbol.asyncDispose]() {
      dir[Symbol.dispose]();
      await other[Symbol.asyncDispose]();
      await shell[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
