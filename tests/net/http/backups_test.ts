import assert from "node:assert/strict";
import { NO_PROGRESS } from "../../../net/backup/progress.ts";
import { Repository } from "../../../net/backup/repository.ts";
import { verifyBackups } from "../../../net/backup/verify_backup.ts";
import { askApi } from "../../support/admin_api.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { canMountDisks, SmallDisk } from "../../support/small_disk.ts";
import { RawClient } from "../../support/raw_client.ts";
import { create, setData } from "../../support/requests.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { SUPER_PROPERTIES } from "../../support/tree_dump.ts";

const DEFINES = Object.entries(SUPER_PROPERTIES).map(([key, value]) => `${key}=${value}`);

function startServer(config: Record<string, string | boolean> = {}): Promise<InProcessServer> {
  return InProcessServer.start({ http: true, defines: DEFINES, config });
}

function typeOf({ body }: { body: { type: string } }): string {
  return body.type.replace("urn:denkeeper:problem:", "");
}

Deno.test("backups over HTTP: made while clients write, listed, restorable, deleted", async (t) => {
  using dir = makeTempDir();
  const folder = `${dir.path}/not/there/yet`;
  await using server = await startServer({ "backup.dir": folder });
  using client = await RawClient.session(server.clientPort);
  await client.must(create("/a", { data: "0" }));
  const ask = (method: string, path: string) => askApi(server.httpUrl, method, path);

  await t.step("of a folder that is not there, there are none", async () => {
    const { status, body } = await ask("GET", "/backups");
    assert.deepEqual([status, body], [200, { backups: [], damaged: [] }]);
    assert.equal(typeOf(await ask("DELETE", "/backups/20261126T093000Z")), "no-backup");
    assert.throws(() => Deno.statSync(folder), Deno.errors.NotFound);
  });

  const ids: string[] = [];
  await t.step("what was answered before is in it, and writes go on meanwhile", async () => {
    for (let round = 0; round < 3; round++) {
      const { zxid } = await client.call(setData("/a", `${round}`));
      let isMade = false;
      const asked = ask("POST", "/backups").finally(() => isMade = true);
      let written = 0;
      while (!isMade) {
        await client.must(setData("/a", `meanwhile ${written}`));
        written++;
      }
      const { status, headers, body } = await asked;
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal(headers.get("location"), `/api/v1/backups/${body.id}`);
      assert.ok(BigInt(body.range.toZxid) >= zxid, `${body.range.toZxid} ${zxid}`);
      assert.ok(written > 0);
      assert.deepEqual(body.warnings, []);
      if (round > 0) assert.ok(body.sharedBytes > 0);
      ids.push(body.id);
      const { newBytes: _new, sharedBytes: _shared, warnings: _warnings, ...listed } = body;
      assert.deepEqual((await ask("GET", `/backups/${body.id}`)).body, listed);
      assert.deepEqual((await ask("GET", "/backups")).body.backups.at(-1), listed);
    }
  });

  await t.step("they lead to the digests that the server logged", async () => {
    const repository = Repository.open(folder);
    const list = await repository.list();
    const verified = await verifyBackups(repository, list, NO_PROGRESS);
    assert.deepEqual(verified.map(({ id, problems }) => [id, problems]), ids.map((id) => [id, []]));
    assert.ok(verified.every(({ znodeCount }) => znodeCount > 1));
  });

  await t.step("while another process changes the folder, nothing is", async () => {
    using lock = Deno.openSync(`${folder}/lock`, { read: true, write: true });
    lock.lockSync(true);
    for (const [method, path] of [["POST", "/backups"], ["DELETE", `/backups/${ids[0]}`]]) {
      const reply = await ask(method!, path!);
      assert.deepEqual([reply.status, typeOf(reply)], [409, "backup-in-progress"]);
      assert.equal(reply.body.outcome, "not-applied");
      assert.equal(reply.body.retryable, true);
    }
  });

  await t.step("deleted, with the files that no other one needs", async () => {
    const { status } = await ask("DELETE", `/backups/${ids[0]}`);
    assert.equal(status, 204);
    for (const method of ["GET", "DELETE"]) {
      for (const id of [ids[0], "..%2F..%2Fetc", "nonsense"]) {
        const reply = await ask(method, `/backups/${id}`);
        assert.deepEqual([reply.status, typeOf(reply)], [404, "no-backup"], `${method} ${id}`);
      }
    }
    for (const id of ids.slice(1)) {
      assert.equal((await ask("DELETE", `/backups/${id}`)).status, 204);
    }
    assert.deepEqual([...Deno.readDirSync(`${folder}/files`)], []);
  });

  await t.step(
    "a damaged backup is told of, and can be deleted; a damaged folder is left alone",
    async () => {
      Deno.writeTextFileSync(`${folder}/backups/20261126T093000Z.json`, "{");
      const { body } = await ask("GET", "/backups");
      assert.deepEqual(body.damaged.map(({ id }: { id: string }) => id), ["20261126T093000Z"]);
      assert.equal(typeOf(await ask("GET", "/backups/20261126T093000Z")), "backup-failed");
      assert.equal((await ask("DELETE", "/backups/20261126T093000Z")).status, 204);
      Deno.writeTextFileSync(`${folder}/denkeeper-backups.json`, "");
      for (const method of ["GET", "POST"]) {
        const reply = await ask(method, "/backups");
        assert.deepEqual([reply.status, typeOf(reply)], [500, "backup-failed"]);
        assert.match(reply.body.detail, /is damaged, or of a newer version/);
      }
    },
  );
});

Deno.test("backups over HTTP are for admins, and need a folder", async () => {
  await using server = await startServer();
  const routes = [
    ["GET", "/backups"],
    ["POST", "/backups"],
    ["GET", "/backups/20261126T093000Z"],
    ["DELETE", "/backups/20261126T093000Z"],
  ] as const;
  for (const [method, path] of routes) {
    const stranger = await fetch(`${server.httpUrl}/api/v1${path}`, { method });
    assert.equal(stranger.status, 401, `${method} ${path}`);
    await stranger.body?.cancel();
    const reply = await askApi(server.httpUrl, method, path);
    assert.deepEqual([reply.status, typeOf(reply)], [403, "backups-disabled"]);
    assert.match(reply.body.detail, /the setting backup\.dir/);
  }
});

Deno.test({
  name: "backups over HTTP: a full disk is told of, and what is there stays whole",
  ignore: !await canMountDisks(),
  async fn() {
    await using disk = await SmallDisk.mount(2);
    await using server = await startServer({ "backup.dir": `${disk.path}/backups` });
    const ask = (method: string) => askApi(server.httpUrl, method, "/backups");
    const { body: { id } } = await ask("POST");
    disk.fill("filler");
    using client = await RawClient.session(server.clientPort);
    await client.must(create("/large", { data: "x".repeat(100_000) }));
    const reply = await ask("POST");
    assert.deepEqual([reply.status, typeOf(reply)], [507, "disk-full"]);
    assert.match(reply.body.detail, /the folder of backup\.dir/);
    await client.must(setData("/large", "the server goes on"));
    Deno.removeSync(`${disk.path}/filler`);
    assert.equal((await ask("POST")).status, 201);
    const { backups } = (await ask("GET")).body;
    assert.equal(backups.length, 2);
    assert.equal(backups[0].id, id);
  },
});

Deno.test("backups over HTTP: a member's ends with what is committed", async () => {
  using dir = makeTempDir();
  const members = [{ id: 1, target: "denkeeper" as const, http: true }];
  const config = { "backup.dir": dir.path, standaloneEnabled: false };
  await withEnsemble({ members, config, properties: SUPER_PROPERTIES }, async (ensemble) => {
    await ensemble.startAll();
    using client = await RawClient.session(ensemble.clientPort(1));
    const { zxid } = await client.call(create("/a"));
    const { status, body } = await askApi(ensemble.process(1).httpUrl, "POST", "/backups");
    assert.equal(status, 201, JSON.stringify(body));
    const { source, range } = (await Repository.open(dir.path).list()).backups[0]!;
    assert.ok(source.committedZxid !== null && source.committedZxid >= Number(zxid));
    assert.ok(range.toZxid <= source.committedZxid && range.toZxid >= Number(zxid));
  });
});
