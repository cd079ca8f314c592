/**
 * What commands of zkCli.sh do beyond it: JSON, bytes from and to files, the options of later versions.
 *
 * That they do what zkCli.sh does is shown by `tests/compat/zkcli_test.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { InProcessServer } from "../../support/in_process_server.ts";
import { ShellRunner } from "../../support/shell_runner.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

Deno.test("zkCli.sh's commands with --json, with bytes, and with later options", async (t) => {
  await using server = await InProcessServer.start();
  await using shell = await ShellRunner.open(`127.0.0.1:${server.clientPort}`);
  const json = async (...words: string[]) => {
    const { code, out, err } = await shell.run(...words, "--json");
    assert.equal(err, "");
    assert.equal(code, 0);
    return JSON.parse(out);
  };

  await t.step("each command prints one document", async () => {
    const created = await json("create", "/a", "text");
    assert.deepEqual([created.path, created.stat.dataLength], ["/a", 4]);
    const got = await json("get", "/a");
    assert.deepEqual([got.path, got.data, got.stat], ["/a", "text", created.stat]);
    assert.deepEqual((await json("ls", "/")).children, ["a", "zookeeper"]);
    assert.deepEqual((await json("ls", "-R", "/a")).paths, ["/a"]);
    assert.deepEqual((await json("stat", "/a")).stat, created.stat);
    assert.deepEqual((await json("getAcl", "/a")).acl, [
      { scheme: "world", id: "anyone", perms: "cdrwa" },
    ]);
    assert.equal((await json("setAcl", "/a", "world:anyone:cdrwa")).stat.aversion, 1);
    assert.deepEqual(await json("setquota", "-n", "5", "/a"), {
      path: "/a",
      limits: { count: 5, bytes: null, countHard: null, bytesHard: null },
      usage: { count: 1, bytes: 4 },
    });
    assert.equal((await json("listquota", "/a")).limits.count, 5);
    assert.equal((await json("delquota", "/a")).limits, null);
    assert.deepEqual(await json("sync", "/a"), { path: "/a", synced: true });
    assert.deepEqual((await json("whoami")).identities, [{ scheme: "ip", user: "127.0.0.1" }]);
    assert.deepEqual(await json("deleteall", "/a"), { path: "/a", deleted: 1, complete: true });
  });

  await t.step("errors are JSON on stderr", async () => {
    const { code, out, err } = await shell.run("get", "/none", "--json");
    assert.deepEqual([code, out], [1, ""]);
    assert.deepEqual(JSON.parse(err), {
      error: "NoNode",
      code: -101,
      path: "/none",
      message: "Node does not exist: /none",
    });
    const bad = JSON.parse((await shell.run("get", "-q", "/none", "--json")).err);
    assert.match(bad.message, /Unrecognized option: -q/);
  });

  await t.step("bytes come from files and pipes, and go out as they are", async () => {
    using dir = makeTempDir();
    const bytes = new Uint8Array([0, 255, 10, 13, 128]);
    Deno.writeFileSync(`${dir.path}/f`, bytes);
    await shell.run("create", "/b", "--file", `${dir.path}/f`);
    assert.deepEqual((await shell.client.get("/b")).data, bytes);
    assert.equal((await json("get", "/b")).dataBase64, bytes.toBase64());
    await shell.runWith("from a pipe", "set", "/b", "--file", "-");
    assert.equal((await shell.run("get", "--raw", "/b")).out, "from a pipe");
    const { code, err } = await shell.run("set", "/b", "--file", `${dir.path}/none`);
    assert.equal(code, 1);
    assert.match(err, /Cannot read the file ".*none"/);
    await shell.run("create", "/c", "--file", `${dir.path}/f`, "world:anyone:r");
    assert.equal((await shell.client.getAcl("/c")).acl[0]?.permissions, 1);
  });

  await t.step("data is read and printed as base64, and printed in hex", async () => {
    assert.equal((await shell.run("set", "-b", "/b", "AAH/")).code, 0);
    assert.equal((await shell.run("get", "-b", "/b")).out, "AAH/\n");
    assert.match((await shell.run("get", "-x", "/b")).out, /^\|00000000\| 00 01 ff +\|\.{3} +\|$/m);
    assert.match((await shell.run("set", "-b", "/b", "%")).err, /not base64/);
  });

  await t.step("--help tells how a command is used, behind -- it is an operand", async () => {
    assert.match((await shell.run("get", "--help")).out, /^get \[-s\] \[-w\] path\n/);
    await shell.run("set", "/b", "--", "--help");
    assert.equal((await shell.run("get", "/b")).out, "--help\n");
  });
});
