import assert from "node:assert/strict";
import { testWith } from "../../support/prerequisites.ts";
import { ServerProcess, word } from "../../support/server_process.ts";
import { change, copyOf, recordsOf, runFiles } from "./file_tools.ts";

const CLASS_PATH = ["zookeeper", "snappy-java", "slf4j-api"]
  .map((name) => `/usr/share/java/${name}.jar`).join(":");
const FLAGS = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const TOOLKIT = "persistence.TxnLogToolkit";
/** Those with a multi: their operations are printed as bytes. */
const MULTI = / multi /;

interface JavaRun {
  readonly code: number;
  readonly stdout: string;
}

async function runJava(main: string, args: readonly string[], stdin = ""): Promise<JavaRun> {
  const language = ["-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8"];
  const child = new Deno.Command("java", {
    args: [
      ...FLAGS,
      ...language,
      "-cp",
      CLASS_PATH,
      `org.apache.zookeeper.server.${main}`,
      ...args,
    ],
    env: { LC_ALL: "C.UTF-8" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { code, stdout } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout) };
}

/** Each txn with the line ends of its data. */
function txnsOf(text: string): string[] {
  return text.split(/^(?=\d+\/\d+\/\d+, |EOF |CRC )/m).filter((txn) => !MULTI.test(txn));
}

testWith(
  ["java", "javaServer", "snappyJava"],
  "the commands for files print what ZooKeeper's own tools print, and its server starts on what they repair",
  async () => {
    using standalone = copyOf("standalone");
    using fuzzy = copyOf("fuzzy");
    using torn = copyOf("torn-log");
    const [log, damaged] = [
      `${standalone.path}/datalog/version-2/log.1`,
      `${torn.path}/bad_crc.log`,
    ];
    const [old, recent] = ["44", "57"].map((zxid) =>
      `${standalone.path}/data/version-2/snapshot.${zxid}`
    );
    const comparison = ["-l", old!, "-r", recent!, "-b", "10", "-n", "2", "-i"];
    const typed = "\n2\n/seq\nfoo\n99\n/none\n3\n\n\n";

    const [theirDump, theirSnapshot, theirNcdu, theirComparison, theirRepair] = await Promise.all([
      runJava(TOOLKIT, [log]),
      runJava("SnapshotFormatter", ["-d", recent!]),
      runJava("SnapshotFormatter", ["-json", recent!]),
      runJava("SnapshotComparer", comparison, typed),
      runJava(TOOLKIT, ["-r", "-y", damaged]),
    ]);
    const theirFixed = Deno.readFileSync(`${damaged}.fixed`);
    Deno.removeSync(`${damaged}.fixed`);

    const dump = await runFiles(["txnlog", log]);
    assert.deepEqual(txnsOf(dump.stdout), txnsOf(theirDump.stdout));
    assert.ok(txnsOf(dump.stdout).length > 60);

    const blocks = (text: string) => text.split("----\n").sort();
    const snapshot = await runFiles(["snapshot", "-d", recent!]);
    assert.deepEqual(blocks(snapshot.stdout), blocks(theirSnapshot.stdout));
    const ncdu = await runFiles(["snapshot", "-json", recent!]);
    assert.deepEqual(entriesOf(ncdu.stdout), entriesOf(theirNcdu.stdout));
    const timeless = (text: string) => text.replaceAll(/in [\d.]+ seconds/g, "in N seconds");
    const compared = await runFiles(["snapshot", "compare", ...comparison], typed);
    assert.equal(timeless(compared.stdout), timeless(theirComparison.stdout));
    assert.equal(compared.code, theirComparison.code, "0, although they differ");

    const repair = await runFiles(["txnlog", "-r", "-y", damaged]);
    assert.equal(repair.stdout, theirRepair.stdout);
    const fixed = Deno.readFileSync(`${damaged}.fixed`);
    assert.deepEqual(theirFixed.subarray(0, fixed.length), fixed);

    // several kinds of damage at once; Java refuses the log as it is, and takes the repaired one
    const path = `${fuzzy.path}/version-2/log.a50`;
    const places = recordsOf(Deno.readFileSync(path));
    change(path, (bytes) => {
      bytes[places[100]!.offset + 12 + 19]! ^= 4; // the zxid
      bytes[places[200]!.offset + 9] = 9; // the length
      bytes[places[300]!.end - 1] = 0;
      return bytes.slice(0, places.at(-1)!.end - 5);
    });
    const ours = await runFiles(["txnlog", "repair", "-y", "--in-place", path]);
    assert.match(ours.stdout, /with 3 fixed CRC error\(s\), the old one is/, ours.stderr);
    const theirs = await runJava(TOOLKIT, [path]);
    assert.match(theirs.stdout, /\nEOF reached after 476 txns\.\n$/);
    await using java = await ServerProcess.start("java", {
      dataDir: fuzzy.path,
      config: { "4lw.commands.whitelist": "*" },
    });
    const values = await word(java.clientPort, "mntr");
    assert.match(values, /^zk_digest_mismatches_count\t0$/m);
    assert.match(await word(java.clientPort, "srvr"), /^Zxid: 0xc2[b-f]$/m);
  },
);

/** Names and sizes with the names above them. */
function entriesOf(text: string): string[] {
  const found: string[] = [];
  const visit = (entry: unknown, above: string) => {
    const [own, ...children] = Array.isArray(entry) ? entry : [entry];
    const path = `${above}/${own.name}`;
    found.push(`${path} ${own.asize} ${own.dsize} ${own.dev} ${Object.keys(own)}`);
    for (const child of children) visit(child, path);
  };
  const [major, minor, head, root] = JSON.parse(text);
  visit(root, "");
  return [`${major}.${minor} ${Object.keys(head)}`, ...found.sort()];
}
