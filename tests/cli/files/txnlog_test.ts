import assert from "node:assert/strict";
import { InProcessServer } from "../../support/in_process_server.ts";
import { logRecords } from "../../support/log_records.ts";
import { word } from "../../support/server_process.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import {
  change,
  copyOf,
  type RecordPlace,
  recordsOf as placesOf,
  runFiles,
  TESTDATA,
} from "./file_tools.ts";

const LOG = `${TESTDATA}standalone/datalog/version-2/log.1`;

Deno.test("txnlog dump prints each operation of a multi, and only what is asked for", async () => {
  const { code, stdout } = await runFiles(["txnlog", LOG]);
  assert.equal(code, 0);
  assert.match(stdout, /^ZooKeeper Transactional Log File with dbid 0 txnlog format version 2\n/);
  assert.match(
    stdout,
    /zxid 0x2f multi create:\/m,m,\[31,s\{'world,'anyone\}\n\],false,13;create:/,
  );
  assert.match(stdout, /;setData:\/m\/1,one,1;check:'\/m\/1,2;/);
  assert.match(stdout, /EOF reached after 68 txns\.\n$/);

  const cases: [args: string[], zxids: string[]][] = [
    [["--from", "0x43"], ["0x43", "0x44"]],
    [["--to", "2"], ["0x1", "0x2"]],
    [["--from", "2026-11-22T21:54:06Z", "--to", "0x1d"], ["0x1c", "0x1d"]],
    [["--from", "2026-11-22 22:54:06+0100", "--to", "0x1d"], ["0x1c", "0x1d"]],
    [["--from", "-1s"], []],
    [["--path", "/seq", "--type", "create"], ["0x7", "0x8", "0x9", "0xa"]],
    [["--path", "/m/2"], ["0x2f"]], // inside a multi
    [["--session", "0x1000013bf780000", "--last", "1"], ["0x3b"]],
    [["--session", "0x1"], []],
  ];
  for (const [args, zxids] of cases) {
    const { code, stdout, stderr } = await runFiles(["txnlog", "dump", LOG, "--json", ...args]);
    assert.equal(code, 0, stderr);
    const lines = stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ zxid }) => zxid), zxids, args.join(" "));
  }
  const wrong = [
    ["--type", "make"],
    ["--from", "x"],
    ["--to", "2026-02-30"],
    ["--path", "a"],
    ["--last", "0"],
  ];
  for (const args of wrong) {
    const { code, stderr } = await runFiles(["txnlog", LOG, ...args]);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^${args[0]} cannot be "${args[1]}": expected `));
  }
});

Deno.test("txnlog dump --json tells binary data from text, and null from empty", async () => {
  const { stdout } = await runFiles(["txnlog", LOG, "--json"]);
  const txns = new Map(
    stdout.trimEnd().split("\n").map((line) => {
      const txn = JSON.parse(line);
      return [txn.zxid, txn];
    }),
  );
  assert.deepEqual(txns.get("0x3").data, { encoding: "utf8", data: "" });
  assert.equal(txns.get("0x4").data, null);
  assert.equal(txns.get("0x5").data.encoding, "base64");
  assert.equal(txns.get("0x13").ttlMs, 864000000);
  assert.equal(txns.get("0x30").operations[1].errorName, "BadVersion");
  assert.deepEqual(txns.get("0x2").acl, [{ scheme: "world", id: "anyone", perms: "cdrwa" }]);
  assert.equal(txns.get("0x2").file, "log.1");
});

Deno.test("txnlog reads directories in order, and says what is no log", async () => {
  const { stdout } = await runFiles(["txnlog", `${TESTDATA}standalone/datalog`, "--json"]);
  const zxids = stdout.trimEnd().split("\n").map((line) => Number(JSON.parse(line).zxid));
  assert.deepEqual(zxids, Array.from({ length: 90 }, (_, i) => i + 1));
  const cases: [path: string, code: number, reason: RegExp][] = [
    [`${TESTDATA}standalone/data`, 1, /^Cannot find a txn log in ".*", nor in its "version-2"/],
    [`${TESTDATA}none`, 1, /^Cannot read txn log ".*none": there is no such file/],
    [`${TESTDATA}torn-log/snapshot.0`, 2, /^Invalid magic number for snapshot\.0: .* at offset 0/],
  ];
  for (const [path, code, reason] of cases) {
    const ran = await runFiles(["txnlog", path]);
    assert.equal(ran.code, code);
    assert.match(ran.stderr, reason);
  }
});

interface Plant {
  readonly name: string;
  readonly edit: (
    bytes: Uint8Array<ArrayBuffer>,
    place: RecordPlace,
  ) => Uint8Array<ArrayBuffer> | void;
  readonly finding: string;
  /** What a server does. */
  readonly server: "refuses" | "stops";
}

const flip = (bytes: Uint8Array, at: number) => void (bytes[at]! ^= 0x15);

/** One damaged field each, in the middle of a log: what it was can be told. */
const PLANTS: readonly Plant[] = [
  {
    name: "high half of the checksum",
    edit: (bytes, { offset }) => flip(bytes, offset + 1),
    finding: "checksum",
    server: "refuses",
  },
  {
    name: "checksum",
    edit: (bytes, { offset }) => flip(bytes, offset + 6),
    finding: "checksum",
    server: "refuses",
  },
  {
    name: "length, out of bounds",
    edit: (bytes, { offset }) => flip(bytes, offset + 8),
    finding: "length",
    server: "refuses",
  },
  {
    name: "length, in bounds",
    edit: (bytes, { offset }) => flip(bytes, offset + 11),
    finding: "length",
    server: "stops",
  },
  {
    name: "length of zero",
    edit: (bytes, { offset }) => void bytes.fill(0, offset + 8, offset + 12),
    finding: "length",
    server: "stops",
  },
  {
    name: "zxid",
    edit: (bytes, { offset }) => flip(bytes, offset + 12 + 19),
    finding: "checksum",
    server: "refuses",
  },
  {
    name: "type",
    edit: (bytes, { offset }) => flip(bytes, offset + 12 + 30),
    finding: "checksum",
    server: "refuses",
  },
  {
    name: "last byte of the body",
    edit: (bytes, { end }) => flip(bytes, end - 2),
    finding: "checksum",
    server: "refuses",
  },
  {
    name: "end byte",
    edit: (bytes, { end }) => flip(bytes, end - 1),
    finding: "end-byte",
    server: "stops",
  },
  {
    name: "end byte of zero",
    edit: (bytes, { end }) => void (bytes[end - 1] = 0),
    finding: "end-byte",
    server: "stops",
  },
];

Deno.test("txnlog verify finds a damaged field, and repair makes of it what it was", async () => {
  const original = Deno.readFileSync(`${TESTDATA}fuzzy/version-2/log.a50`);
  const places = placesOf(original);
  const whole = original.subarray(0, places.at(-1)!.end);
  for (const { name, edit, finding, server } of PLANTS) {
    using dir = makeTempDir();
    const path = `${dir.path}/log.a50`;
    Deno.writeFileSync(path, original);
    change(path, (bytes) => edit(bytes, places[100]!));
    const verified = await runFiles(["txnlog", "verify", path, "--json"]);
    assert.equal(verified.code, 1, name);
    const report = JSON.parse(verified.stdout);
    const [file] = report.files;
    assert.deepEqual(
      file.findings.map((found: { code: string; server: string; offset: number }) => [
        ...[found.code, found.server, found.offset],
      ]),
      [[finding, server, places[100]!.offset]],
      name,
    );
    assert.deepEqual(report.safe, { count: 100, first: "0xa50", last: "0xab3" }, name);
    assert.deepEqual(report.atRisk, { count: 377, first: "0xab4", last: "0xc2c" }, name);
    const repaired = await runFiles(["txnlog", "repair", "-y", path]);
    assert.equal(repaired.code, 0, repaired.stderr);
    assert.match(repaired.stdout, /^(CRC|BYTE|LENGTH|END BYTE) FIXED - .* zxid 0xab4 close/m);
    assert.match(repaired.stdout, /has been written with 1 fixed CRC error\(s\)\n$/);
    assert.deepEqual(Deno.readFileSync(`${path}.fixed`), whole, name);
    assert.equal((await runFiles(["txnlog", "verify", `${path}.fixed`])).code, 0);
  }
});

Deno.test("txnlog verify and repair tell a crash from damage, by what is behind it", async () => {
  const cases: [file: string, status: string, code: number, kept: number | null][] = [
    ["intact", "ok", 0, 7],
    ["no_padding", "ok", 0, 7],
    ["empty_file", "ok", 0, null],
    ["cut_in_crc", "torn", 1, 6],
    ["cut_in_len", "torn", 1, 6],
    ["cut_mid_body", "torn", 1, 6],
    ["cut_before_eor", "torn", 1, 6],
    ["crc_only_then_zero", "torn", 1, 6],
    ["zero_eor", "torn", 1, 6],
    ["zero_tail_half_body", "torn", 1, 6],
    ["len_minus_one", "damaged", 1, 7],
    ["len_negative", "damaged", 1, 7],
    ["bad_crc", "damaged", 1, 7],
    ["bad_magic", "damaged", 1, null],
    ["short_header", "damaged", 1, null],
  ];
  using dir = copyOf("torn-log");
  for (const [name, status, code, kept] of cases) {
    const path = `${dir.path}/${name}.log`;
    const verified = await runFiles(["txnlog", "verify", path]);
    assert.equal(verified.code, code, name);
    assert.match(verified.stdout, new RegExp(`^${name}\\.log: ${status}, `));
    const repaired = await runFiles(["txnlog", "repair", "-y", path]);
    assert.equal(repaired.code, kept === null ? (name === "empty_file" ? 1 : 2) : 0, name);
    if (kept === null) continue;
    const again = await runFiles(["txnlog", "verify", `${path}.fixed`]);
    assert.equal(again.code, 0, again.stdout);
    assert.match(again.stdout, new RegExp(`: ok, ${kept} txns, 0x1 to 0x${kept}, `));
  }
});

Deno.test("txnlog verify tells of txns that are missing, out of order, or behind what nobody can read", async () => {
  using dir = makeTempDir();
  const header = Deno.readFileSync(LOG).slice(0, 16);
  const write = (name: string, ...parts: Uint8Array[]) =>
    Deno.writeFileSync(
      `${dir.path}/${name}`,
      Uint8Array.from([header, ...parts].flatMap((part) => [...part])),
    );
  const codesOf = async (...args: string[]) => {
    const { code, stdout } = await runFiles(["txnlog", "verify", dir.path, "--json", ...args]);
    const report = JSON.parse(stdout);
    const found = report.files.flatMap((file: { file: string; findings: { code: string }[] }) =>
      file.findings.filter(({ code }) => code !== "undecodable") // bodies are made up
        .map(({ code }) => `${file.file} ${code}`)
    );
    return { code, found, report };
  };
  write("log.1", logRecords([1, 2, 4, 3]));
  assert.deepEqual((await codesOf()).found, ["log.1 gap", "log.1 order"]);
  write("log.1", logRecords([1, 2]));
  write("log.5", logRecords([5, 6]));
  const hole = await codesOf();
  assert.deepEqual(hole.found, ["log.5 hole"]);
  assert.equal(hole.code, 1);
  write("log.3", logRecords([3, 4]), logRecords([5]).subarray(0, 30));
  assert.deepEqual((await codesOf()).found, ["log.3 torn"]); // log.5 has it: an old crash
  Deno.writeFileSync(`${dir.path}/log.3`, new Uint8Array(40));
  assert.deepEqual((await codesOf()).found, ["log.3 blank", "log.5 hole"]);
  Deno.removeSync(`${dir.path}/log.3`);
  Deno.removeSync(`${dir.path}/log.5`);
  write("log.1", logRecords([1, 2]), new Uint8Array(100).fill(7), logRecords([3, 4]));
  const { found, report } = await codesOf();
  assert.deepEqual(found, ["log.1 unreadable"]);
  assert.match(JSON.stringify(report), /behind it are 2 whole records, 0x3 to 0x4, from offset/);
});

Deno.test("txnlog repair asks, keeps what it may not touch, and cuts only when told", async () => {
  using dir = copyOf("torn-log");
  const path = `${dir.path}/bad_crc.log`;
  const asked = await runFiles(["txnlog", "repair", path], "what\nno\n");
  assert.equal(asked.code, 0);
  assert.equal(asked.stdout.split("Would you like to fix it (Yes/No/Abort) ? ").length, 3);
  assert.match(asked.stdout, /with 0 fixed CRC error\(s\)\n$/);
  assert.deepEqual(
    Deno.readFileSync(`${path}.fixed`),
    Deno.readFileSync(path).slice(0, Deno.statSync(`${path}.fixed`).size),
  );
  const again = await runFiles(["txnlog", "repair", "-y", path]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^Recovery file .*bad_crc\.log\.fixed already exists or not writable/);
  Deno.removeSync(`${path}.fixed`);
  assert.match((await runFiles(["txnlog", "repair", path], "a\n")).stdout, /Recovery aborted\.\n$/);
  assert.throws(() => Deno.statSync(`${path}.fixed`));

  const intact = `${dir.path}/intact.log`;
  const places = placesOf(Deno.readFileSync(intact));
  change(intact, (bytes) => void bytes.fill(7, places[3]!.offset, places[4]!.end));
  const refused = await runFiles(["txnlog", "repair", "-y", intact]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^Cannot repair ".*": nobody can tell .* 2 whole records behind it/);
  assert.throws(() => Deno.statSync(`${intact}.fixed`));
  const cut = await runFiles(["txnlog", "repair", "-y", "--truncate", "--in-place", intact]);
  assert.equal(cut.code, 0, cut.stderr);
  assert.equal(Deno.statSync(intact).size, places[3]!.offset);
  assert.ok(Deno.statSync(`${dir.path}/bak.intact.log`).size > places[4]!.end);
  assert.match(
    (await runFiles(["txnlog", "repair", "-y", "--in-place", intact])).stderr,
    /bak\.intact\.log" is there already, move it away/,
  );
});

Deno.test("txnlog chop ends a log with a zxid, and refuses where there is nothing to cut off", async () => {
  using dir = copyOf("torn-log");
  const path = `${dir.path}/intact.log`;
  const { code, stdout } = await runFiles(["txnlog", "-c", path, "-z", "0x3"]);
  assert.equal(code, 0);
  assert.match(stdout, /\nChopping at 3 new log has 3 records\n$/);
  const places = placesOf(Deno.readFileSync(path));
  assert.deepEqual(
    Deno.readFileSync(`${path}.chopped3`),
    Deno.readFileSync(path).slice(0, places[2]!.end),
  );
  for (const [zxid, reason] of [["7", "it holds no txn behind"], ["0", "it begins behind"]]) {
    const { code, stderr } = await runFiles(["txnlog", "chop", path, "--zxid", zxid!]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^Failed to chop .*: ${reason}`));
    assert.throws(() => Deno.statSync(`${path}.chopped${zxid}`));
  }
});

Deno.test("verify tells what a server starts with; a log repaired in its place starts one", async () => {
  using dir = copyOf("fuzzy");
  const log = `${dir.path}/version-2/log.a50`;
  const before = Object.fromEntries(filesOf(dir.path));
  const good = await runFiles(["verify", dir.path, "--json"]);
  assert.equal(good.code, 0, good.stderr);
  const report = JSON.parse(good.stdout);
  assert.equal(report.zxid, "0xc2c");
  assert.equal(report.snapshot, "snapshot.62f");
  assert.deepEqual(report.lost, []);
  assert.deepEqual(Object.fromEntries(filesOf(dir.path)), before, "nothing is changed");

  const places = placesOf(Deno.readFileSync(log));
  change(log, (bytes) => void (bytes[places[200]!.end - 1] = 0x43));
  const silent = await runFiles(["verify", dir.path]);
  assert.equal(silent.code, 1);
  assert.match(silent.stdout, /^DAMAGED: a server starts on .*, at zxid 0xb17\n/);
  assert.match(silent.stdout, /\n {2}LOST: log\.a50 at offset \d+: the end byte of txn 0xb18 /);
  change(log, (bytes) => void (bytes[places[100]!.offset + 40]! ^= 1));
  const refused = await runFiles(["verify", dir.path]);
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /^DAMAGED: no server starts on .*\n {2}why: Cannot read txn log/);

  const repaired = await runFiles(["txnlog", "repair", "-y", "--in-place", log]);
  assert.match(repaired.stdout, /with 2 fixed CRC error\(s\), the old one is .*\/bak\.log\.a50\n$/);
  assert.equal((await runFiles(["verify", dir.path])).code, 0);
  await using server = await InProcessServer.start({ dataDir: dir.path });
  assert.match(await word(server.clientPort, "srvr"), /^Zxid: 0xc[23]/m); // dead sessions may end
  const busy = await runFiles([
    "txnlog",
    "repair",
    "-y",
    "--in-place",
    `${dir.path}/version-2/log.1`,
  ]);
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /^Cannot repair in its place ".*": Cannot use dataDir .* is using it/);
});

function filesOf(path: string): [string, number][] {
  return [...Deno.readDirSync(`${path}/version-2`)].map(({ name }) =>
    [name, Deno.statSync(`${path}/version-2/${name}`).mtime!.getTime()] as [string, number]
  ).sort();
}

Deno.test("a pipe in place of a log or snapshot is refused, and not waited for", async () => {
  using dir = makeTempDir();
  const path = `${dir.path}/pipe`;
  await new Deno.Command("mkfifo", { args: [path] }).output();
  for (const command of ["txnlog", "txnlog verify", "txnlog repair", "snapshot"]) {
    const { code, stdout, stderr } = await runFiles([...command.split(" "), path]);
    assert.deepEqual([code, stdout], [1, ""], command);
    assert.match(stderr, /^Cannot read (txn log|snapshot) ".*pipe": it is a pipe, which is read/);
  }
});
