/**
 * The real log, snapshots and recovery on a disk that crashes: whatever was synced is there, and what is
 * there is the beginning of what was written.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DataDirError } from "../../core/errors.ts";
import { DiskFullError } from "../../net/disk_full.ts";
import type { DataDir } from "../../net/data_dir.ts";
import { SnapshotFiles } from "../../net/snapshot_files.ts";
import { TxnLogFile } from "../../net/txn_log_file.ts";
import {
  concat,
  createTxn,
  dataTreeSubject,
  LinesLogger,
  logRecord,
  recoverSubject,
  type Subject,
} from "../model/storage_helpers.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimDisk, type SimDiskOptions } from "./sim_disk.ts";

const SEEDS = Number(Deno.env.get("SIM_SEEDS") ?? 60);
const LIVES = 6;
const DIRS: DataDir = {
  dataDir: "/data",
  dataLogDir: "/data",
  snapshotDir: "/data/version-2",
  logDir: "/data/version-2",
};
const logger = new LinesLogger();
const clock = { monotonicMs: () => 0, wallMs: () => 0 };

/** A machine with the storage of one server, whose waiting all goes through one queue. */
class Machine {
  readonly random: SeededRandom;
  readonly disk: SimDisk;
  syncedZxid = 0;
  /** Of how many syncs one fails while a server runs; 0: none does. */
  failingSync = 0;
  /** The digest of the tree after each zxid that was written. */
  readonly #digests = [dataTreeSubject().tree.treeDigest];
  #waiting: (() => void)[] = [];

  constructor(seed: number, options: Partial<SimDiskOptions> = {}) {
    this.random = new SeededRandom(seed);
    this.disk = new SimDisk({
      random: this.random,
      schedule: (_, run) => void this.#waiting.push(run),
      ...options,
    });
    for (const dir of [DIRS.dataDir, DIRS.logDir]) this.disk.makeDirectory(dir);
  }

  /** Loads what is there, and compares it with what was. */
  async recover(what: string): Promise<Subject> {
    const subject = dataTreeSubject();
    await this.#runThrough(recoverSubject(subject, DIRS, {
      fileSystem: this.disk,
      clock,
      rest: () => this.#rest(),
      logger,
    }));
    const { lastProcessedZxid: last, treeDigest } = subject.tree;
    assert.ok(last >= this.syncedZxid, `${what}: synced to ${this.syncedZxid}, there to ${last}`);
    assert.equal(treeDigest, this.#digests[last], `${what}: the tree at ${last}`);
    return subject;
  }

  /** Recovers, then writes, syncs and takes snapshots, until the process is killed or the power goes. */
  async live(what: string): Promise<void> {
    const { random, disk } = this;
    const written = await this.recover(what);
    const applied = await this.recover(`${what}, again`);
    this.syncedZxid = applied.tree.lastProcessedZxid; // recovery synced what it built upon
    this.#digests.length = this.syncedZxid + 1;
    const log = new TxnLogFile({
      dir: DIRS.logDir,
      preallocBytes: random.pick([0, 4096, 16384]),
      forceSync: true,
      fsyncWarningMs: 1000,
      logger,
      clock,
      fileSystem: disk,
    });
    const snapshots = new SnapshotFiles({
      dir: DIRS.snapshotDir,
      compression: random.pick(["none", "snappy"]),
      withDigest: true,
      withLastZxid: true,
      logger,
      clock,
      fileSystem: disk,
      rest: () => this.#rest(),
    });
    const unsynced: (() => void)[] = [];
    let isSyncing = false;
    let isDead = false;
    const { life } = disk;
    const die = (error: unknown) => { // as a server does when its disk fails
      if (error instanceof DiskFullError || life !== disk.life) return;
      isDead = true;
      disk.kill();
    };
    const { failingSync } = this;
    if (failingSync > 0) disk.failsSync = () => random.chance(1, failingSync);
    const sync = async () => {
      const batch = unsynced.splice(0);
      await log.sync();
      if (life !== disk.life) return;
      for (const apply of batch) apply();
      this.syncedZxid = applied.tree.lastProcessedZxid;
      isSyncing = false;
    };
    const write = () => {
      const first = this.#digests.length;
      const count = random.between(1, 5);
      const txns = Array.from({ length: count }, (_, i) => {
        const data = "d".repeat(random.pick([3, 30, 3000]));
        return createTxn(`/n${first + i}`, data, first + i);
      });
      const bytes = concat(txns.map((txn, i) => logRecord(first + i, txn)));
      try {
        log.write({ bytes, firstZxid: first, recordCount: count });
      } catch (error) {
        return die(error);
      }
      for (const [i, txn] of txns.entries()) {
        const zxid = first + i;
        const header = { sessionId: 0n, cxid: 0, zxid, timeMs: 1000 + zxid, type: 1 };
        written.replay({ header, txn, digest: null });
        this.#digests.push(written.tree.treeDigest);
        unsynced.push(() => applied.replay({ header, txn, digest: null }));
      }
    };
    for (let steps = random.below(60); steps > 0 && !isDead; steps--) {
      switch (random.below(6)) {
        case 0:
          if (!isSyncing) {
            isSyncing = true;
            void sync().catch(die);
          }
          break;
        case 1:
          if (random.chance(1, 3)) log.roll();
          break;
        case 2:
          if (!snapshots.isWriting) {
            void snapshots.write(applied.tree, applied.sessions).catch(die);
          }
          break;
        case 3:
          await this.#run(random.below(8));
          break;
        default:
          write();
      }
    }
    if (random.chance(1, 3)) await this.#run(Infinity);
    disk.failsSync = () => false;
    // what a failed sync did not save is still to be read after a kill, and cannot be told from the rest
    if (failingSync === 0 && random.chance(1, 4)) disk.kill();
    else disk.crash();
    this.#waiting = [];
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Lets so many of those that wait go on, in any order. */
  async #run(count: number): Promise<void> {
    for (; count > 0 && this.#waiting.length > 0; count--) {
      const [run] = this.#waiting.splice(this.random.below(this.#waiting.length), 1);
      run!();
      await promises();
    }
  }

  async #runThrough<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    void work.then(() => isSettled = true, () => isSettled = true);
    while (!isSettled) {
      await this.#run(1);
      await promises();
    }
    return await work;
  }
}

/** Lets all that follows from a promise happen. */
async function promises(): Promise<void> {
  for (let i = 0; i < 30; i++) await null;
}

Deno.test("recover() on a disk that crashes has all that was synced, and the beginning of the rest", async () => {
  const sum: Record<string, number> = {};
  let syncedCount = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const machine = new Machine(seed);
    for (let life = 1; life <= LIVES; life++) await machine.live(`seed ${seed}, life ${life}`);
    await machine.recover(`seed ${seed}, the end`);
    syncedCount += machine.syncedZxid;
    for (const [name, count] of Object.entries(machine.disk.counts)) {
      sum[name] = (sum[name] ?? 0) + count;
    }
  }
  assert.ok(syncedCount > SEEDS * 10, `${syncedCount} txns were durable`);
  for (const name of ["crashes", "tornWrites", "lostWrites", "lostNames"]) {
    assert.ok(sum[name]! > SEEDS / 2, `${name}: ${sum[name]}`);
  }
});

Deno.test("recover() on a disk that is small, or fails, has all that was synced as well", async () => {
  let fullCount = 0;
  let failedCount = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const isSmall = seed % 2 === 0;
    const machine = new Machine(seed, { capacityBytes: isSmall ? 80_000 : Infinity });
    machine.failingSync = isSmall ? 0 : 8;
    for (let life = 1; life <= LIVES; life++) await machine.live(`seed ${seed}, life ${life}`);
    await machine.recover(`seed ${seed}, the end`);
    fullCount += machine.disk.counts.fullWrites;
    failedCount += machine.disk.counts.failedSyncs;
  }
  assert.ok(fullCount > SEEDS, `${fullCount} writes did not fit`);
  assert.ok(failedCount > SEEDS, `${failedCount} syncs failed`);
});

Deno.test("recover() refuses garbage in the place of a torn write, or passes over it", async () => {
  let refusedCount = 0;
  for (let seed = 1; seed <= 3 * SEEDS; seed++) {
    const machine = new Machine(seed, { tears: ["garbage"] });
    try {
      for (let life = 1; life <= LIVES; life++) await machine.live(`seed ${seed}, life ${life}`);
    } catch (error) {
      if (!(error instanceof DataDirError)) throw error;
      refusedCount++;
    }
  }
  assert.ok(refusedCount > 0 && refusedCount < SEEDS, `${refusedCount} refused`);
});
