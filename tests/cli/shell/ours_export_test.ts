/**
 * `export`, `import` and `diff` of `denkeeper cli`, and the same lines over HTTP.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ZooKeeperClient } from "../../../net/client/client_types.ts";
import { ErrorCode } from "../../../core/errors.ts";
import { KeeperError } from "../../../net/client/client_errors.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { type Meddle, ShellRunner } from "../../support/shell_runner.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const READ_ONLY = [
  { permissions: 1, scheme: "world", id: "anyone" },
  { permissions: 31, scheme: "digest", id: "app:F6Y+U5gIoCbNNoLQExmvxRFeatA=" },
];
const ZNODE_COUNT = 20_000;

Deno.test("what is exported and imported elsewhere does not differ", async () => {
  await using test = await start();
  const file = `${test.dir}/t.ndjson`;
  const exported = await test.shell.run("export", "/t", "-o", file);
  assert.deepEqual([exported.code, exported.err], [0, ""]);
  assert.equal(
    exported.out,
    `8 znodes, 44 bytes of data in ${file}; 1 ephemeral left out (-e takes them along)\n`,
  );
  const imported = await test.shell.run("import", "-f", file, "--at", "/new/copy", "--parents");
  assert.equal(imported.out, "9 created, 0 updated, 0 unchanged, 0 skipped of 8 lines\n");
  const auth = ["--auth", "digest:app:secret"];
  for (
    const sides of [["/t", "/new/copy"], [`file:${file}`, "/t"], ["/new/copy", `file:${file}`], [
      "/t",
      `127.0.0.1:${test.server.clientPort}/new/copy`,
    ]]
  ) {
    const { code, out, err } = await test.shell.run("diff", ...auth, ...sides);
    assert.deepEqual([code, out, err], [0, "", ""], sides.join(" "));
  }
  assert.deepEqual((await test.shell.client.getAcl("/new/copy/guarded")).acl, READ_ONLY);
  assert.equal((await test.client.get("/new/copy/null")).data, null);
  assert.equal((await test.client.get("/new/copy/empty")).data?.length, 0);

  const again = await test.shell.run("export", "/new/copy");
  assert.equal(again.out, Deno.readTextFileSync(file), "the same text, too");
  const gzip = await new Response(
    new Blob([again.out]).stream().pipeThrough(new CompressionStream("gzip")),
  ).bytes();
  const packed = await test.shell.runWith(gzip, "import", "--at", "/unpacked");
  assert.match(packed.out, /^8 created/);
});

Deno.test("exports of the shell and of HTTP are taken by each other", async () => {
  await using test = await start();
  const url = `${test.server.httpUrl}/api/v1/tree`;
  const headers = { authorization: `Basic ${btoa("app:secret")}` };
  await test.client.create("/t/container", null, { mode: "container" });
  const fromHttp = await (await fetch(`${url}/t`, { headers })).text();
  assert.match(fromHttp, /"type":"container"/);
  const imported = await test.shell.runWith(fromHttp, "import", "--at", "/http");
  assert.deepEqual([imported.code, imported.err], [0, ""]);
  assert.equal(await (await fetch(`${url}/http`, { headers })).text(), fromHttp);

  const { out } = await test.shell.run("export", "/t");
  const put = await fetch(`${url}/cli`, { method: "PUT", headers, body: out });
  assert.equal(put.status, 200, await put.text());
  assert.equal((await test.shell.run("diff", "/t", "/cli")).code, 0);
  assert.equal((await test.shell.run("export", "/cli")).out, out);
});

Deno.test("ephemerals come along when they are asked for, and become persistent when they are imported so", async () => {
  await using test = await start();
  const { out } = await test.shell.run("export", "-e", "/t/eph", "--stat");
  const line = JSON.parse(out);
  assert.deepEqual([line.path, line.type, line.stat.dataLength], ["/", "ephemeral", 1]);
  assert.match(
    (await test.shell.runWith(out, "import", "--at", "/e")).out,
    /0 created.* 1 skipped/,
  );
  await test.shell.runWith(out, "import", "--at", "/e", "--ephemerals");
  assert.equal((await test.client.exists("/e"))?.ephemeralOwner, 0n);
  const { code, out: told } = await test.shell.run("diff", "-e", "/t/eph", "/e");
  assert.deepEqual([code, told], [1, "~ /t/eph type\n    - ephemeral\n    + persistent\n"]);
});

Deno.test("import does with what exists as it was told", async () => {
  await using test = await start();
  const lines =
    '{"path":"/","data":"new"}\n\n{"path":"/a","data":"first"}\n{"path":"/z","data":"z"}\n';
  const run = (...words: string[]) => test.shell.runWith(lines, "import", "--at", "/t", ...words);
  const failed = await run();
  assert.equal(failed.code, 1);
  assert.equal(failed.err, "import: line 1: Node already exists: /t (nothing was changed)\n");

  const plan = await run("--conflict", "replace", "--plan");
  assert.equal(
    plan.out,
    "~ /t data\n= /t/a\n+ /t/z\nPlan: 1 created, 1 updated, 1 unchanged, 0 skipped of 3 lines\n",
  );
  assert.equal(await test.client.exists("/t/z"), null);
  const skipped = JSON.parse((await run("--conflict", "skip", "--json")).out);
  assert.deepEqual(skipped, {
    ...{ path: "/t", plan: false, lines: 3, created: 1, updated: 0, unchanged: 0, skipped: 2 },
  });
  const { version } = (await test.client.exists("/t/a"))!;
  await run("--conflict", "replace");
  assert.equal(text((await test.client.get("/t")).data), "new");
  assert.equal((await test.client.exists("/t/a"))!.version, version, "the same is not written");
  assert.match((await run("--conflict", "replace")).out, /^0 created, 0 updated, 3 unchanged/);
  const acl = '{"path":"/a","data":"first","acl":[{"scheme":"world","id":"anyone","perms":"rwa"}]}';
  const other = await test.shell.runWith(
    acl,
    "import",
    "--at",
    "/t",
    "--conflict",
    "replace",
    "-v",
  );
  assert.match(other.out, /^~ \/t\/a acl\n/);
  assert.equal((await test.client.getAcl("/t/a")).acl[0]!.permissions, 19);
});

Deno.test("import names the line that is wrong, and how far it came", async () => {
  await using test = await start();
  const cases = [
    ['{"path":"/x"}\n{"path":"/x/y"', /^import: line 2: it is not JSON \(nothing was changed\)\n$/],
    ['{"path":"/x","dta":1}', /line 1: .*Unrecognized key: "dta"/],
    ['{"path":"/x//y"}', /line 1: "\/x\/\/y" is no path of a znode/],
    ['{"path":"/x","type":"ttl"}', /line 1: type ttl and ttlMs need each other/],
    ['{"path":"/x","aclDenied":true}', /line 1: the ACL is missing/],
    ['{"path":"/p/q"}', /line 1: the parent of \/p\/q does not exist, --parents makes it/],
    ['{"path":"/x","data":{"encoding":"base64","data":"?"}}', /line 1: .* is not base64/],
  ] as const;
  for (const [lines, message] of cases) {
    const { code, err, out } = await test.shell.runWith(lines, "import");
    assert.deepEqual([code, out], [1, ""], lines);
    assert.match(err, message);
  }
  const lines = '{"path":"/m"}\n{"path":"/m/1"}\n{"path":"/m/2"}\n{"path":"/t"}\n{"path":"/m/3"}\n';
  const { err } = await test.shell.runWith(lines, "import", "--batch", "2");
  assert.match(err, /line 4: Node already exists: \/t \(2 created, .*--conflict skip goes on/);
  const rest = await test.shell.runWith(lines, "import", "--conflict", "skip");
  assert.match(rest.out, /^2 created, 0 updated, 0 unchanged, 3 skipped of 5 lines/);
  assert.equal((await test.shell.run("import", "-f", "/nope.ndjson")).code, 1);
  assert.equal((await test.shell.run("import", "--conflict", "both")).code, 2);
});

Deno.test("an import that others get in the way of is put together anew", async () => {
  let isMet = false;
  await using test = await start({
    meddle: async (method) => {
      if (method !== "multi" || isMet) return;
      isMet = true;
      await test.client.create("/race", null);
      await test.client.create("/race/b", bytes("theirs"));
    },
  });
  const lines = '{"path":"/race"}\n{"path":"/race/a"}\n{"path":"/race/b","data":"ours"}\n';
  const { out } = await test.shell.runWith(lines, "import", "--conflict", "skip");
  assert.match(out, /^1 created, 0 updated, 0 unchanged, 2 skipped/);
  assert.equal(text((await test.client.get("/race/b")).data), "theirs");
});

Deno.test("a znode as large as a server takes is imported", async () => {
  await using test = await start();
  const data = "x".repeat(1_000_000);
  const lines = [{ path: "/", data: "small" }, { path: "/large", data }, { path: "/s", data: "" }];
  const { code, err } = await test.shell.runWith(
    lines.map((line) => JSON.stringify(line)).join("\n"),
    ...["import", "--at", "/l"],
  );
  assert.deepEqual([code, err], [0, ""]);
  assert.equal((await test.client.exists("/l/large"))?.dataLength, data.length);
});

Deno.test("diff tells what is only on one side, and what differs", async () => {
  await using test = await start();
  const { out: before } = await test.shell.run("export", "/t");
  Deno.writeTextFileSync(`${test.dir}/before`, before);
  await test.client.set("/t/a", bytes("second"));
  await test.client.delete("/t/null");
  await test.client.create("/t/a/new", bytes("n"));
  await test.client.setAcl("/t/empty", READ_ONLY);
  const { code, out } = await test.shell.run("diff", `file:${test.dir}/before`, "/t");
  assert.equal(code, 1);
  assert.equal(
    out,
    [
      `~ ${test.dir}/before:/a data`,
      '    - "first"',
      '    + "second"',
      '+ /t/a/new "n"',
      `~ ${test.dir}/before:/empty acl`,
      "    - world:anyone:cdrwa",
      "    + digest:app:F6Y+U5gIoCbNNoLQExmvxRFeatA=:cdrwa,world:anyone:r",
      `- ${test.dir}/before:/null null`,
      "",
    ].join("\n"),
  );
  const stdin = await test.shell.runWith(before, "diff", "--stat", "--no-acl", "-", "/t");
  assert.deepEqual(
    [stdin.code, stdin.out],
    [1, "1 added, 1 removed, 1 changed (1 data, 0 acl, 0 type), 6 same\n"],
  );
  const quiet = await test.shell.run("diff", "-q", "/t", "/t/a");
  assert.deepEqual([quiet.code, quiet.out], [1, ""]);
  const json = (await test.shell.run("diff", "--json", "/t/a", "/t/a/new")).out.trim().split("\n");
  assert.deepEqual(json.map((line) => JSON.parse(line).change), ["changed", "removed", "removed"]);

  const shuffled = before.trim().split("\n").reverse().join("\n");
  Deno.writeTextFileSync(`${test.dir}/shuffled`, shuffled);
  const sides = [`file:${test.dir}/shuffled`, `file:${test.dir}/before`];
  assert.deepEqual(await test.shell.run("diff", ...sides), { code: 0, out: "", err: "" });
  assert.equal((await test.shell.runWith(shuffled, "diff", "-", "/t")).code, 2);
  for (const [left, right] of [["/t", "/nope"], ["/t", "what"], ["/t"], ["/t", "file:/nope"]]) {
    const { code } = await test.shell.run("diff", left!, ...right === undefined ? [] : [right]);
    assert.equal(code, 2, right);
  }
});

Deno.test("an export that fails leaves the file of the one before", async () => {
  let isBroken = false;
  await using test = await start({
    meddle: (method, [path]) => {
      if (isBroken && method === "get" && path === "/t/guarded") {
        return Promise.reject(new KeeperError(ErrorCode.SystemError, String(path)));
      }
    },
  });
  const file = `${test.dir}/e`;
  await test.shell.run("export", "/t", "-o", file);
  const before = Deno.readTextFileSync(file);
  isBroken = true;
  await test.client.create("/t/0", null);
  assert.equal((await test.shell.run("export", "/t", "-o", file)).code, 1);
  assert.equal(Deno.readTextFileSync(file), before);
  assert.deepEqual([...Deno.readDirSync(test.dir)].map(({ name }) => name), ["e"]);
  assert.equal((await test.shell.run("export", "/t", "-o", `${test.dir}/no/such`)).code, 1);
});

Deno.test("export says which ACLs it may not see, and their lines are not imported without one", async () => {
  await using test = await start();
  await test.shell.client.setAcl("/t/guarded", [
    { permissions: 1, scheme: "world", id: "anyone" },
    { permissions: 16, scheme: "digest", id: "other:hash=" },
  ]);
  const { code, out, err } = await test.shell.run("export", "/t/guarded");
  assert.equal(code, 1);
  assert.equal(JSON.parse(out).aclDenied, true);
  assert.match(err, /1 ACL cannot be seen whole, which takes the ADMIN permission/);
  const { code: diffCode } = await test.shell.run("diff", "/t/guarded", "/t/guarded");
  assert.equal(diffCode, 2);
  assert.equal((await test.shell.run("diff", "--no-acl", "/t/guarded", "/t/guarded")).code, 0);
});

Deno.test("twenty thousand znodes go in and out, and Ctrl-C ends it", async () => {
  await using test = await start();
  const lines = ['{"path":"/"}'];
  for (let at = 0; at < ZNODE_COUNT; at++) {
    lines.push(
      JSON.stringify({ path: `/${at % 20 === 0 ? at : `${at - at % 20}/${at}`}`, data: `${at}` }),
    );
  }
  const imported = await test.shell.runWith(lines.join("\n"), "import", "--at", "/big");
  assert.match(imported.out, /^20001 created/);
  const du = await test.shell.run("du", "-s", "/big");
  assert.equal(du.out, "88890\t20001\t/big\n");
  let visits = 0;
  await using interrupted = await ShellRunner.open(`127.0.0.1:${test.server.clientPort}`, {
    meddle: () => {
      if (++visits === 1000) interrupted.interrupt();
    },
  });
  const { code, out } = await interrupted.run("find", "/big");
  assert.equal(code, 130);
  assert.ok(out.length < 20_000, "it is over before the walk is");
});

async function start({ meddle }: { meddle?: Meddle } = {}) {
  const server = await InProcessServer.start({ http: true });
  const connectString = `127.0.0.1:${server.clientPort}`;
  const shell = await ShellRunner.open(connectString, meddle === undefined ? {} : { meddle });
  const other = await ShellRunner.open(connectString);
  await makeTree(shell.client, other.client);
  const dir = makeTempDir();
  return {
    server,
    shell,
    client: other.client,
    dir: dir.path,
    async [Symbol.asyncDispose]() {
      dir[Symbol.dispose]();
      await other[Symbol.asyncDispose]();
      await shell[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function makeTree(owner: ZooKeeperClient, client: ZooKeeperClient): Promise<void> {
  await owner.addAuth({ scheme: "digest", auth: bytes("app:secret") });
  await client.create("/t", bytes("top"));
  await client.create("/t/a", bytes("first"));
  await client.create("/t/a/ünïcødé 名前", bytes("ü\n"));
  await client.create("/t/a-b", bytes("\u0001 control"));
  await client.create("/t/binary", crypto.getRandomValues(new Uint8Array(17)));
  await client.create("/t/empty", new Uint8Array(0));
  await client.create("/t/null", null);
  await owner.create("/t/guarded", bytes("guarded"), { acl: READ_ONLY });
  await owner.create("/t/eph", bytes("e"), { mode: "ephemeral" });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data);
}
