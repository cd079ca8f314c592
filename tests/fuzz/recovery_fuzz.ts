/**
 * Damages data directories, those that a Java server wrote and those of runs of the tree fuzzer, and
 * recovers from them: the outcome is a state that once was, or a `DataDirError` that names a file.
 *
 * States are compared by everything there is: znodes, ACLs, sessions. For the largest directory, by
 * digest and sessions.
 *
 * @module
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { DataDirError } from "../../core/errors.ts";
import { writeTxnLogHeader } from "../../core/storage/file_header.ts";
import { txnLogsIn } from "../../core/storage/file_names.ts";
import { TxnLogReader } from "../../core/storage/txn_log_reader.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import {
  dataTreeSubject,
  LENGTH_MAX,
  LinesLogger,
  makeDirs,
  recoverSubject,
  type Subject,
  viewOf,
} from "../model/storage_helpers.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { joined, mutate } from "./mutations.ts";
import { aclText, dataText, isUsage } from "./naive_database.ts";
import { makeHistory } from "./tree_fuzz.ts";

const TESTDATA = new URL("../testdata/", import.meta.url).pathname;
/** A snapshot whose fuzzy part is in no log is loaded all the same, and said so. */
const INCOMPLETE = "error the snapshot was taken while txns were applied that are in no log";

export interface RecoveryFuzzCounts {
  directories: number;
  recovered: number;
  refused: number;
}

interface Base {
  name: string;
  /** Of both directories; names tell them apart. */
  files: Map<string, Uint8Array>;
  /** What a server holds after each zxid. */
  states: Map<number, string>;
  describe: (subject: Subject) => string;
}

let javaBases: Base[] | null = null;

export async function runRecoveryFuzz(
  seed: number,
  { inputs = 20 }: { inputs?: number } = {},
): Promise<RecoveryFuzzCounts> {
  const random = new SeededRandom(seed);
  const counts: RecoveryFuzzCounts = { directories: 0, recovered: 0, refused: 0 };
  const base = random.chance(1, 2) ? ownBase(random) : random.pick(javaBases ??= makeJavaBases());
  using temp = makeTempDir();
  for (let i = 0; i < inputs; i++) {
    counts.directories++;
    const dirs = makeDirs(`${temp.path}/${i}`);
    const damaged = new Map(base.files);
    for (let times = random.between(0, 3); times > 0; times--) damageOne(random, damaged);
    for (const [name, bytes] of damaged) Deno.writeFileSync(`${dirs.logDir}/${name}`, bytes);
    const subject = dataTreeSubject();
    const logger = new LinesLogger();
    try {
      const { lastProcessedZxid } = await recoverSubject(subject, dirs, { logger });
      counts.recovered++;
      if (logger.lines.includes(INCOMPLETE)) continue;
      const expected = base.states.get(lastProcessedZxid);
      assert(expected !== undefined, `${base.name}: there never was a zxid ${lastProcessedZxid}`);
      const actual = base.describe(subject);
      assert.equal(actual, expected, `${base.name}: the state at zxid ${lastProcessedZxid}`);
    } catch (error) {
      if (!(error instanceof DataDirError)) throw error;
      counts.refused++;
      assert.match(
        error.message,
        /(log|snapshot)\.[0-9a-f]+|version-2/,
        "the message names a file",
      );
    }
    Deno.removeSync(`${temp.path}/${i}`, { recursive: true });
  }
  return counts;
}

function damageOne(random: SeededRandom, files: Map<string, Uint8Array>): void {
  if (files.size === 0) return;
  const name = random.pick([...files.keys()]);
  const bytes = files.get(name)!;
  switch (random.weighted([[1, "delete"], [5, "mutate"], [2, "cut"], [1, "zeros"], [1, "empty"]])) {
    case "delete":
      return void files.delete(name);
    case "mutate":
      return void files.set(name, mutate(random, bytes));
    case "cut":
      return void files.set(name, bytes.slice(0, random.below(bytes.length + 1)));
    case "zeros": // a crash: the file has its length, the last blocks were never written
      return void files.set(name, bytes.slice().fill(0, random.below(bytes.length + 1)));
    case "empty":
      return void files.set(name, new Uint8Array());
  }
}

// ---------------------------------------------------------------- bases

function makeJavaBases(): Base[] {
  const standalone = readFiles("standalone/data/version-2");
  for (const [name, bytes] of readFiles("standalone/datalog/version-2")) {
    standalone.set(name, bytes);
  }
  const old = readFiles("old-format/version-2");
  const fuzzy = readFiles("fuzzy/version-2");
  return [
    withStates("standalone", standalone, describeAll),
    withStates("old-format", old, describeAll),
    withStates("fuzzy", fuzzy, describeBriefly),
  ];
}

function readFiles(dir: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { name } of Deno.readDirSync(TESTDATA + dir)) {
    files.set(name, Deno.readFileSync(`${TESTDATA}${dir}/${name}`));
  }
  return files;
}

/** A run of the tree fuzzer as a server would have laid it down. */
function ownBase(random: SeededRandom): Base {
  const { records, snapshots } = makeHistory(random.uint32(), 120);
  const files = new Map<string, Uint8Array>();
  const header = new JuteWriter();
  writeTxnLogHeader(header);
  for (let at = 0; at < records.length;) {
    const end = Math.min(records.length, at + random.between(1, 60));
    const padding = new Uint8Array(random.pick([0, 5, 200]));
    files.set(
      `log.${(at + 1).toString(16)}`,
      joined(header.written(), ...records.slice(at, end), padding),
    );
    at = end;
  }
  const empty = dataTreeSubject();
  const base = { name: `run of ${random.seed}`, files, states: new Map(), describe: describeAll };
  base.states.set(0, describeAll(empty));
  for (const { zxid, bytes } of snapshots) {
    const name = `snapshot.${zxid.toString(16)}`;
    if (random.chance(1, 3)) files.set(`${name}.gz`, new Uint8Array(gzipSync(bytes)));
    else files.set(name, bytes);
  }
  return withStates(base.name, files, describeAll);
}

/** Replays all logs from the first on, and describes the state after each txn. */
function withStates(
  name: string,
  files: Map<string, Uint8Array>,
  describe: (subject: Subject) => string,
): Base {
  const subject = dataTreeSubject();
  const states = new Map([[0, describe(subject)]]);
  for (const { name: logName } of txnLogsIn([...files.keys()])) {
    const bytes = files.get(logName)!;
    let at = 0;
    const source = {
      read: (target: Uint8Array) => {
        const count = Math.min(target.length, bytes.length - at);
        target.set(bytes.subarray(at, at + count));
        at += count;
        return count;
      },
    };
    const reader = new TxnLogReader({ source, fileName: logName, lengthMax: LENGTH_MAX });
    reader.readHeader();
    while (reader.next()) {
      subject.replay(reader.record());
      states.set(reader.zxid, describe(subject));
    }
  }
  return { name, files, states, describe };
}

function describeAll(subject: Subject): string {
  const view = viewOf(subject);
  const lines = [...view.nodes].map(([path, node]) => {
    const { acl, data, ...stat } = node;
    // usage is counted anew after loading, with its own rules
    const shown = isUsage(path) ? "usage" : dataText(data);
    const entries = acl.entries.map(({ perms, id }) => ({ perms, ...id }));
    return `${path} ${shown} ${aclText(entries)} ${Object.values(stat).join(" ")}`;
  });
  return [...lines.sort(), describeBriefly(subject)].join("\n");
}

function describeBriefly({ tree, sessions }: Subject): string {
  return `${tree.treeDigest} ${[...sessions].map(String).sort().join(" ")}`;
}
