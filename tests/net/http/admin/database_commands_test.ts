import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { eventually } from "../../../support/eventually.ts";
import { RawClient } from "../../../support/raw_client.ts";
import {
  create,
  exists,
  Flags,
  getChildren,
  getData,
  remove,
  setData,
} from "../../../support/requests.ts";
import { makeTempDir } from "../../../support/temp_dir.ts";
import { dumpTree } from "../../../support/tree_dump.ts";
import { AdminFixture, SUPER } from "./admin_fixture.ts";

/** Sessions outlast every test. */
const SESSION = { timeoutMs: 20_000 };

async function snapshotOf(admin: AdminFixture): Promise<Uint8Array<ArrayBuffer>> {
  const response = await admin.fetch("/snapshot", { headers: SUPER });
  assert.equal(response.status, 200);
  return await response.bytes();
}

function restore(admin: AdminFixture, body: BodyInit | null): Promise<Response> {
  return admin.fetch("/restore", { method: "POST", headers: SUPER, body });
}

function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

function metric(admin: AdminFixture, name: string): Promise<number> {
  return admin.json("/mntr").then((fields) => fields[name]);
}

Deno.test("snapshot streams the file that it takes, and says what it is", async () => {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort);
  await client.must(create("/a", { data: "1" }));
  const zxid = `0x${client.lastZxid.toString(16)}`;
  const name = `snapshot.${client.lastZxid.toString(16)}`;
  const response = await admin.fetch("/snapshot", { headers: SUPER });
  const bytes = await response.bytes();
  assert.deepEqual(bytes, Deno.readFileSync(`${admin.server.dataDir}/version-2/${name}`));
  const { headers } = response;
  assert.equal(headers.get("last_zxid"), zxid);
  assert.equal(headers.get("snapshot_size"), String(bytes.length));
  assert.equal(headers.get("Content-Length"), String(bytes.length));
  assert.equal(headers.get("Content-Type"), "application/octet-stream");
  assert.equal(headers.get("Content-Disposition"), `attachment; filename="${name}"`);
  for (const [path, method] of [["/snap?streaming=false", "GET"], ["/snap", "HEAD"]] as const) {
    const told = await admin.fetch(path, { method, headers: SUPER });
    assert.equal(told.headers.get("last_zxid"), zxid);
    assert.equal(told.headers.get("snapshot_size"), String(bytes.length));
    const text = method === "HEAD" ? "" : '{\n  "command" : "snapshot",\n  "error" : null\n}';
    assert.equal(await told.text(), text);
  }
  assert.equal((await admin.json("/lsnp")).zxid, zxid.slice(2));
});

Deno.test("snapshot leaves no file open when the client goes away", async () => {
  await using admin = await AdminFixture.start();
  const response = await admin.fetch("/snapshot", { headers: SUPER });
  await response.body!.cancel(); // the sanitizer would see the file
});

Deno.test("snapshot takes one after the other when many ask", async () => {
  await using admin = await AdminFixture.start();
  const all = await Promise.all(Array.from({ length: 5 }, () => snapshotOf(admin)));
  for (const bytes of all) assert.deepEqual(bytes, all[0]);
});

Deno.test("snapshot and restore answer what keeps them from it", async () => {
  const off = { "admin.snapshot.enabled": false, "admin.restore.enabled": false };
  const cases: [config: Record<string, string | boolean>, name: string, status: number, RegExp][] =
    [
      [off, "snapshot", 503, /admin\.snapshot\.enabled=false/],
      [off, "restore", 503, /admin\.restore\.enabled=false/],
      [
        { "serializeLastProcessedZxid.enabled": false },
        "snapshot",
        500,
        /serializeLastProcessedZxid/,
      ],
      [
        { "serializeLastProcessedZxid.enabled": false },
        "restore",
        500,
        /serializeLastProcessedZxid/,
      ],
    ];
  for (const [config, name, status, error] of cases) {
    await using admin = await AdminFixture.start({ config });
    const response = name === "restore"
      ? await restore(admin, "x")
      : await admin.fetch("/snapshot", { headers: SUPER });
    assert.equal(response.status, status, name);
    assert.match((await response.json()).error, error);
  }
});

Deno.test("snapshot and restore are limited to one in admin.rateLimiterIntervalInMS each", async () => {
  await using admin = await AdminFixture.start({
    config: { "admin.rateLimiterIntervalInMS": 300_000 },
  });
  const bytes = await snapshotOf(admin);
  assert.equal((await restore(admin, null)).status, 400); // which does not count
  assert.equal((await restore(admin, bytes)).status, 200);
  for (
    const again of [await restore(admin, bytes), await admin.fetch("/snap", { headers: SUPER })]
  ) {
    assert.equal(again.status, 429);
    assert.match((await again.json()).error, /rateLimiterIntervalInMS/);
    const seconds = Number(again.headers.get("Retry-After"));
    assert.ok(seconds > 200 && seconds <= 300, `${seconds}`);
  }
  assert.equal(await metric(admin, "snapshot_rate_limited_count"), 1);
  assert.equal(await metric(admin, "restore_rate_limited_count"), 1);
  assert.equal(await metric(admin, "cnt_restore_time"), 1);
  assert.equal(await metric(admin, "restore_error_count"), 0);
});

Deno.test("restore brings everything back, above all that was logged, for good", async () => {
  using dir = makeTempDir();
  const dataDir = `${dir.path}/data`;
  let expected: string[];
  let zxid: number;
  {
    await using admin = await AdminFixture.start({ dataDir });
    const port = admin.server.clientPort;
    using kept = await RawClient.session(port, SESSION);
    await kept.must(create("/a", { data: "then" }));
    await kept.must(create("/gone", { data: "then" }));
    await kept.must(create("/mine", { flags: Flags.ephemeral }));
    expected = await dumpTree(port);
    const bytes = await snapshotOf(admin);

    using lost = await RawClient.session(port, SESSION);
    await lost.must(create("/theirs", { flags: Flags.ephemeral }));
    await lost.must(setData("/a", "now"));
    await lost.must(remove("/gone"));
    await lost.must(create("/new"));
    const response = await restore(admin, bytes);
    assert.equal(response.status, 200);
    const answer = await response.json();
    zxid = answer.last_zxid;
    assert.equal(zxid, Number(lost.lastZxid) + 1);
    assert.deepEqual(answer, { last_zxid: zxid, command: "restore", error: null });

    for (const client of [kept, lost]) assert.equal(await client.receiveFrame(), "closed");
    const { sessionId, password, lastZxid: lastZxidSeen } = kept;
    using again = await RawClient.session(port, { ...SESSION, sessionId, password, lastZxidSeen });
    assert.equal(again.sessionId, sessionId);
    using expired = await RawClient.open(port);
    const refused = await expired.connect({ sessionId: lost.sessionId, password: lost.password });
    assert.ok(typeof refused !== "string" && refused.sessionId === 0n);
    assert.deepEqual(await dumpTree(port), expected);

    assert.deepEqual(
      namesIn(`${dataDir}/version-2`).filter((name) => !name.startsWith("log.")),
      [`before-restore.${zxid.toString(16)}`, `snapshot.${zxid.toString(16)}`],
    );
    await again.must(create("/after"));
    await again.must(remove("/after"));
  }
  await using admin = await AdminFixture.start({ dataDir });
  const withoutStat = (lines: string[]) => lines.filter((line) => !line.startsWith("/ "));
  assert.deepEqual(withoutStat(await dumpTree(admin.server.clientPort)), withoutStat(expected));
  assert.ok((await admin.json("/srvr")).server_stats.last_processed_zxid > zxid);
});

Deno.test("restore keeps the snapshot's zxid where nothing later was logged", async () => {
  await using source = await AdminFixture.start();
  using client = await RawClient.session(source.server.clientPort, SESSION);
  for (const path of ["/a", "/b", "/c"]) await client.must(create(path));
  const bytes = await snapshotOf(source);
  await using target = await AdminFixture.start();
  const { last_zxid: zxid } = await (await restore(target, bytes)).json();
  assert.equal(zxid, Number(client.lastZxid));
  using other = await RawClient.session(target.server.clientPort, SESSION);
  assert.equal(other.lastZxid, 0n);
  await other.must(create("/d"));
  assert.ok(Number(other.lastZxid) > zxid);
});

Deno.test("restore tells clients what changes of what they watch, before they are disconnected", async () => {
  await using admin = await AdminFixture.start();
  const port = admin.server.clientPort;
  using client = await RawClient.session(port, SESSION);
  for (const path of ["/changed", "/same", "/removed"]) await client.must(create(path));
  const bytes = await snapshotOf(admin);
  await client.must(setData("/changed", "now"));
  await client.must(remove("/removed"));
  await client.must(create("/added"));
  for (const path of ["/changed", "/same", "/added"]) await client.must(getData(path, true));
  await client.call(exists("/removed", true));
  await client.call(exists("/never", true));
  await client.must(getChildren("/", true));
  await client.must(getChildren("/same", true));
  assert.equal((await restore(admin, bytes)).status, 200);
  const events: string[] = [];
  for (;;) {
    const frame = await client.receiveFrame();
    if (typeof frame === "string") break;
    const view = new DataView(frame.buffer, frame.byteOffset);
    assert.equal(view.getInt32(0), -1);
    events.push(`${view.getInt32(16)} ${new TextDecoder().decode(frame.subarray(28))}`);
  }
  assert.deepEqual(events.sort(), ["1 /removed", "2 /added", "3 /changed", "4 /"]);
});

Deno.test("restore refuses what is no whole snapshot, and leaves everything as it was", async () => {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort, SESSION);
  await client.must(create("/a", { data: "x".repeat(1000) }));
  const bytes = await snapshotOf(admin);
  const names = namesIn(`${admin.server.dataDir}/version-2`);
  const log = names.find((name) => name.startsWith("log."))!;
  const flipped = bytes.slice();
  flipped[flipped.length >> 1]! ^= 1;
  const cases: [what: string, body: Uint8Array<ArrayBuffer>, error: RegExp][] = [
    ["cut", bytes.slice(0, -1), /no whole snapshot/],
    ["short", bytes.slice(0, 20), /no whole snapshot: It ends early/],
    ["flipped", flipped, /no whole snapshot/],
    ["longer", Uint8Array.from([...bytes, 0]), /no whole snapshot/],
    ["a log", Deno.readFileSync(`${admin.server.dataDir}/version-2/${log}`), /magic number/],
    ["cut gzip", new Uint8Array(gzipSync(bytes).subarray(0, -9)), /Cannot restore/],
  ];
  for (const [what, body, error] of cases) {
    const response = await restore(admin, body);
    assert.equal(response.status, 500, what);
    assert.match((await response.json()).error, error, what);
  }
  assert.equal(await metric(admin, "restore_error_count"), cases.length);
  assert.equal((await restore(admin, new Uint8Array())).status, 400);
  await client.must(setData("/a", "y")); // still connected
  assert.deepEqual(namesIn(`${admin.server.dataDir}/version-2`), names);
});

Deno.test("restore gives up on a body of which nothing comes", async () => {
  await using admin = await AdminFixture.start({ config: { "admin.idleTimeout": 20 } });
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(5)),
  });
  const response = await restore(admin, body);
  assert.equal(response.status, 500);
  assert.match((await response.json()).error, /nothing came of the snapshot in 20 ms/);
  assert.ok(!namesIn(`${admin.server.dataDir}/version-2`).includes("snapshot.restore.tmp"));
});

Deno.test("restore takes a packed snapshot, as the server writes it", async () => {
  for (const method of ["gz", "snappy"]) {
    await using admin = await AdminFixture.start({
      defines: [`zookeeper.snapshot.compression.method=${method}`],
    });
    using client = await RawClient.session(admin.server.clientPort, SESSION);
    await client.must(create("/a"));
    const expected = await dumpTree(admin.server.clientPort);
    const bytes = await snapshotOf(admin);
    await client.must(remove("/a"));
    assert.equal((await restore(admin, bytes)).status, 200, method);
    assert.deepEqual(await dumpTree(admin.server.clientPort), expected);
  }
});

Deno.test("a crash before files are moved aside leaves the restored database", async () => {
  using dir = makeTempDir();
  const dataDir = `${dir.path}/data`;
  let expected: string[];
  {
    await using admin = await AdminFixture.start({ dataDir });
    using client = await RawClient.session(admin.server.clientPort, SESSION);
    await client.must(create("/then"));
    expected = await dumpTree(admin.server.clientPort);
    const bytes = await snapshotOf(admin);
    await client.must(create("/now"));
    assert.equal((await restore(admin, bytes)).status, 200);
  }
  const version = `${dataDir}/version-2`;
  const aside = namesIn(version).find((name) => name.startsWith("before-restore."))!;
  for (const name of namesIn(`${version}/${aside}`)) {
    Deno.renameSync(`${version}/${aside}/${name}`, `${version}/${name}`);
  }
  await using admin = await AdminFixture.start({ dataDir });
  assert.deepEqual(await dumpTree(admin.server.clientPort), expected);
});

Deno.test("restore waits for the writes that are under way, and loses none that was answered before", async () => {
  await using admin = await AdminFixture.start();
  const port = admin.server.clientPort;
  const bytes = await snapshotOf(admin);
  const writer = await RawClient.session(port, SESSION);
  let answeredZxid = 0;
  let sentCount = 0;
  const writing = (async () => {
    for (;;) {
      await writer.send(create(`/w${sentCount}`), ++sentCount);
      const frame = await writer.receiveFrame();
      if (typeof frame === "string") return;
      answeredZxid = Number(new DataView(frame.buffer, frame.byteOffset).getBigInt64(4));
    }
  })().catch(() => {});
  await eventually("writes are under way", () => answeredZxid > 10);
  const { last_zxid: zxid } = await (await restore(admin, bytes)).json();
  await writing;
  writer.close();
  assert.ok(zxid > answeredZxid, `${zxid} ${answeredZxid}`);
  using after = await RawClient.session(port, SESSION);
  assert.equal((await after.call(exists("/w0"))).err, -101);
  await after.must(create("/w0"));
});

Deno.test("restore runs once at a time", async () => {
  await using admin = await AdminFixture.start();
  const bytes = await snapshotOf(admin);
  let finish!: () => void;
  const slow = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes.subarray(0, 10));
      finish = () => {
        controller.enqueue(bytes.subarray(10));
        controller.close();
      };
    },
  });
  const first = restore(admin, slow);
  const version = `${admin.server.dataDir}/version-2`;
  await eventually(
    "the first is under way",
    () => namesIn(version).includes("snapshot.restore.tmp"),
  );
  const second = await restore(admin, bytes);
  assert.equal(second.status, 500);
  assert.equal((await second.json()).error, "Cannot restore: another restore is under way");
  finish();
  assert.equal((await (await first).json()).error, null);
});

Deno.test("restore is told of as long as it holds up clients", async () => {
  await using admin = await AdminFixture.start();
  const line = (_: unknown, i: number) => JSON.stringify({ path: `/n${i}`, data: "x".repeat(500) });
  const imported = await fetch(`${admin.server.httpUrl}/api/v1/tree/`, {
    method: "PUT",
    headers: { "content-type": "application/x-ndjson" },
    body: Array.from({ length: 10_000 }, line).join("\n"),
  });
  assert.equal(imported.status, 200, await imported.text());
  let isDone = false;
  const restored = restore(admin, await snapshotOf(admin)).finally(() => isDone = true);
  const details = new Set<string>();
  while (!isDone) {
    const ready = await (await fetch(`${admin.server.httpUrl}/readyz`)).json();
    details.add(ready.checks[0].detail);
  }
  assert.equal((await restored).status, 200);
  const good = "it stands alone and answers clients";
  details.delete(good); // before it, while the snapshot comes
  assert.deepEqual([...details], ["a snapshot is being restored: wait"]);
  const { checks } = await (await fetch(`${admin.server.httpUrl}/readyz`)).json();
  assert.equal(checks[0].detail, good);
});
