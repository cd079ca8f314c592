import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { XerialSnappyWriter } from "../../../core/storage/xerial_snappy.ts";
import { TreeLine } from "../../../net/http/tree_line.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { change, runFiles, TESTDATA } from "./file_tools.ts";

const [OLD, NEW] = ["44", "57"].map((zxid) =>
  `${TESTDATA}standalone/data/version-2/snapshot.${zxid}`
);

Deno.test("snapshot dump prints the same of a snapshot, however it is packed", async () => {
  const dumps = await Promise.all(
    ["snapshot.5a.from-gz.raw", "snapshot.5a.gz", "snapshot.5a.snappy"].map((name) =>
      runFiles(["snapshot", `${TESTDATA}snapshots-compressed/${name}`, "-d"])
    ),
  );
  const sorted = dumps.map(({ stdout }) => stdout.split("----\n").sort().join("----\n"));
  assert.equal(sorted[0], sorted[1]);
  assert.equal(sorted[0], sorted[2]);
  assert.match(dumps[0]!.stdout, /^ZNode Details \(count=46\):\n----\n\/\n {2}cZxid = 0x0{14}\n/);
  assert.match(dumps[0]!.stdout, /\n {2}data = cm9vdCBkYXRh\n----\n/);
  assert.match(dumps[0]!.stdout, /\n0x100001400150000, 3600000, 1\n[^]*\nLast zxid: 0x5a\n$/);
  const both = await runFiles(["snapshot", "-d", "-json", NEW!]);
  assert.equal(both.code, 2);
  assert.match(both.stderr, /^Cannot specify both data dump \(-d\) and json mode \(-json\)/);
});

Deno.test("snapshot dump --json has lines that import takes", async () => {
  const { stdout } = await runFiles(["snapshot", NEW!, "--json"]);
  const lines = stdout.trimEnd().split("\n").map((line) => TreeLine.parse(JSON.parse(line)));
  assert.equal(lines.length, 43);
  const byPath = new Map(lines.map((line) => [line.path, line]));
  const tree = JSON.parse(Deno.readTextFileSync(`${TESTDATA}standalone/tree.json`));
  assert.ok(JSON.stringify(tree).includes("/plain/nulldata"));
  assert.equal(byPath.get("/plain/nulldata")!.data, null);
  assert.deepEqual(byPath.get("/plain/empty")!.data, { encoding: "utf8", data: "" });
  assert.equal(byPath.get("/")!.stat!.numChildren, 15);
  assert.equal(byPath.get("/cont")!.type, "container");
  assert.equal(byPath.get("/ttl")!.ttlMs, 864000000);
  assert.equal(byPath.get("/eph/long")!.stat!.ephemeralOwner, "0x100001400150000");
  const exported = await runFiles(["snapshot", NEW!, "--export"]);
  const paths = exported.stdout.trimEnd().split("\n").map((line) => JSON.parse(line).path);
  assert.deepEqual(
    paths,
    lines.filter(({ path, type }) => type !== "ephemeral" && !/^\/zookeeper(\/|$)/.test(path))
      .map(({ path }) => path),
  );
});

Deno.test("snapshot compare tells what was added, removed and changed, and in what", async () => {
  const { code, stdout } = await runFiles(["snapshot", "compare", OLD!, NEW!]);
  assert.equal(code, 1);
  assert.match(stdout, /^\+ \/big \(6000 bytes\)$/m);
  assert.match(stdout, /^- \/seq\/n-0000000001 \(1 bytes\)$/m);
  assert.match(
    stdout,
    /^~ \/plain: data \(5 bytes -> 10 bytes\); mzxid 0x2 -> 0x45, .*version 0 -> 1$/m,
  );
  assert.match(stdout, /\nfrom snapshot\.44 to snapshot\.57: 4 added, 1 removed, 4 changed\n$/);
  const content = await runFiles(["snapshot", "compare", OLD!, NEW!, "--content", "--json"]);
  const changes = content.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(
    changes.map(({ path, change, aspects }) => [change, path, aspects ?? []]),
    [
      ["added", "/big", []],
      ["added", "/eph/long", []],
      ["changed", "/plain", ["data"]],
      ["added", "/run2", []],
      ["added", "/run2/e", []],
      ["removed", "/seq/n-0000000001", []],
    ],
  );
  const same = await runFiles(["snapshot", "compare", NEW!, NEW!]);
  assert.equal(same.code, 0);
  assert.equal(same.stdout, "snapshot.57 and snapshot.57 hold the same 43 znodes\n");
  const missing = await runFiles(["snapshot", "compare", NEW!, "-b", "1"]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^Missing required options: r, n\n$/);
});

Deno.test("snapshot summary adds up what is below each znode with children", async () => {
  const { stdout } = await runFiles(["snapshot", "summary", NEW!, "/", "1"]);
  assert.match(stdout, /^ \/\n {3}children: 42\n {3}data: 6151\n-- \/acl\n-- {3}children: 3\n/);
  assert.doesNotMatch(stdout, /---- /);
  const all = await runFiles(["snapshot", "summary", NEW!, "/zookeeper"]);
  assert.match(
    all.stdout,
    /^ \/zookeeper\n[^]*\n-- \/zookeeper\/quota\n[^]*\n---- \/zookeeper\/quota\/q\n/,
  );
  assert.equal((await runFiles(["snapshot", "summary", NEW!, "/big"])).stdout, "\n");
  const none = await runFiles(["snapshot", "summary", NEW!, "/nowhere"]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^Cannot summarize "\/nowhere": it is not in snapshot/);
});

Deno.test("snapshot verify finds a flipped byte in every section, and every cut", async () => {
  const raw = Deno.readFileSync(NEW!);
  const { length } = raw;
  /** Behind the header: sessions, ACLs, znodes, the first seal, the digest, the last seal. */
  const offsets = [2, 18, 25, 50, 300, length - 68, length - 50, length - 41, length - 30];
  offsets.push(length - 22, length - 10, length - 6, length - 1);
  using dir = makeTempDir();
  const path = `${dir.path}/snapshot.57`;
  for (const offset of offsets) {
    Deno.writeFileSync(path, raw);
    change(path, (bytes) => void (bytes[offset]! ^= 0x21));
    const { code, stdout } = await runFiles(["snapshot", "verify", path]);
    assert.equal(code, 1, `${offset}`);
    assert.match(stdout, /^snapshot\.57: DAMAGED: /, `${offset}`);
    assert.equal((await runFiles(["snapshot", path])).code, 1, `${offset}`);
  }
  for (const size of [0, 10, 20, 100, length - 70, length - 33 - 5, length - 20, length - 1]) {
    Deno.writeFileSync(path, raw.subarray(0, size));
    const { code, stdout } = await runFiles(["snapshot", "verify", path]);
    assert.equal(code, 1, `${size} bytes`);
    assert.match(stdout, /^snapshot\.57: DAMAGED: /);
  }
  // what follows the first seal may be missing: it is an old version's then
  Deno.writeFileSync(path, raw.subarray(0, length - 33));
  assert.equal((await runFiles(["snapshot", "verify", path])).code, 0);
});

Deno.test("snapshot verify reads packed snapshots, and computes the digest anew", async () => {
  using dir = makeTempDir();
  const raw = Deno.readFileSync(NEW!);
  const packed = gzipSync(raw);
  Deno.writeFileSync(`${dir.path}/snapshot.57.gz`, packed);
  const writer = new XerialSnappyWriter();
  const pieces = [...writer.push(raw), ...writer.finish()].flatMap((piece) => [...piece]);
  Deno.writeFileSync(`${dir.path}/snapshot.57.snappy`, Uint8Array.from(pieces));
  const good = await runFiles(["snapshot", "verify", dir.path, "--json"]);
  assert.equal(good.code, 0, good.stdout);
  const { files } = JSON.parse(good.stdout);
  assert.deepEqual(files.map(({ digest }: { digest: string }) => digest), ["right", "right"]);
  assert.deepEqual(new Uint8Array(gunzipSync(packed)), raw);
  change(`${dir.path}/snapshot.57.gz`, (bytes) => void (bytes[packed.length >> 1]! ^= 0x21));
  change(`${dir.path}/snapshot.57.snappy`, (bytes) => bytes.slice(0, -3));
  const bad = await runFiles(["snapshot", "verify", dir.path]);
  assert.equal(bad.code, 1);
  assert.equal(bad.stdout.match(/DAMAGED/g)?.length, 2);
});
