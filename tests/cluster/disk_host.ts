/**
 * A member with the real log, snapshots, truncation and epoch files, on a disk that may lose its power
 * before any of its operations.
 *
 * @module
 */
import type { History, Member } from "../../cluster/member.ts";
import type { FileSystem, OpenFile } from "../../core/ports.ts";
import { writeTxnLogHeader } from "../../core/storage/file_header.ts";
import { snapshotName, txnLogName } from "../../core/storage/file_names.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import type { DataDir } from "../../net/data_dir.ts";
import { EpochFiles } from "../../net/epoch_files.ts";
import { LogPump } from "../../net/log_pump.ts";
import { DiskStorage, loaded } from "../../net/member_storage.ts";
import { recover, type RecoveryOptions } from "../../net/recovery.ts";
import { rest } from "../../net/rest.ts";
import { Turn } from "../../net/turn.ts";
import {
  concat,
  createTxn,
  LENGTH_MAX,
  logRecord,
  snapshotBytes,
} from "../model/storage_helpers.ts";
import { SimDisk } from "../sim/sim_disk.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import {
  type FakeChannel,
  MemberFixture,
  type MemberFixtureOptions,
  pathOf,
  treeOf,
  zxidOf,
  zxidsOf,
} from "./member_fixture.ts";
import { type PeerHost, ScriptedPeer } from "./peer_fixture.ts";

export const DIRS: DataDir = {
  dataDir: "/data",
  dataLogDir: "/data",
  snapshotDir: "/data/version-2",
  logDir: "/data/version-2",
};

/** A disk with what a member left there: a log, snapshots of its txns, and epochs. */
export function diskWith(
  { seed, logged, snapshotsAt, epoch }: {
    seed: number;
    logged: readonly string[];
    snapshotsAt: readonly string[];
    epoch: number;
  },
): SimDisk {
  const disk = new SimDisk({
    random: new SeededRandom(seed),
    schedule: (_, run) => queueMicrotask(run),
  });
  for (const dir of [DIRS.dataDir, DIRS.logDir]) disk.makeDirectory(dir);
  const zxids = zxidsOf(...logged);
  const header = new JuteWriter();
  writeTxnLogHeader(header);
  const records = zxids.map((zxid) => logRecord(zxid, createTxn(pathOf(zxid))));
  const put = (name: string, bytes: Uint8Array) => disk.put(`${DIRS.logDir}/${name}`, bytes);
  put(txnLogName(zxids[0]!), concat([header.written(), ...records]));
  for (const zxid of snapshotsAt.map(zxidOf)) {
    const pieces = snapshotBytes(treeOf(zxids.filter((logged) => logged <= zxid)));
    put(snapshotName(zxid, "none"), concat(pieces));
  }
  for (const name of ["acceptedEpoch", "currentEpoch"]) put(name, encoder.encode(`${epoch}`));
  return disk;
}

export class DiskHost implements PeerHost {
  readonly peer: ScriptedPeer;
  readonly member: Member;
  readonly history: History;
  readonly pump: LogPump;
  /** What could not go on. */
  fatal: unknown = null;
  readonly #fixture: MemberFixture;

  private constructor(
    fixture: MemberFixture,
    { disk, epochs, recovery, startsOver, lastLoggedZxid }: {
      disk: FileSystem;
      epochs: EpochFiles;
      recovery: () => RecoveryOptions;
      startsOver: boolean;
      lastLoggedZxid: Zxid;
    },
  ) {
    this.#fixture = fixture;
    const { config, metrics, stats, logger } = fixture;
    this.history = { ...fixture.history, epochs, startsOver, lastLoggedZxid };
    const { tree, sessions } = this.history.applier;
    const clock = { monotonicMs: () => this.nowMs, wallMs: () => this.time.wallMs };
    const turn = new Turn(clock, {
      beginTurn: (time) => this.peer.peer.beginTurn(time),
      endTurn: () => {
        this.peer.peer.endTurn();
        this.afterTurn();
      },
    });
    const fatal = (_: string, error: unknown) => void (this.fatal ??= error);
    const files = { ...{ config, dirs: DIRS, fileSystem: disk }, rest: () => Promise.resolve() };
    this.pump = new LogPump({
      ...files,
      ...{ tree, sessions, metrics, stats, turn, logger, clock, fatal },
      random: new SeededRandom(1),
    });
    this.member = {
      ...fixture.member,
      history: this.history,
      storage: new DiskStorage({
        ...{ history: this.history, pump: this.pump, recovery, turn, fatal },
        files: { dirs: DIRS, fileSystem: disk, lengthMax: LENGTH_MAX },
      }),
    };
    this.peer = new ScriptedPeer(this);
  }

  /**
   * Starts the server.
   *
   * @param powerLeft how many operations that change something the disk does, before it fails for good
   * @throws {DataDirError} when what is there cannot be
   */
  static async boot(
    disk: SimDisk,
    { powerLeft = Infinity, ...options }: MemberFixtureOptions & { powerLeft?: number } = {},
  ): Promise<DiskHost> {
    const fixture = new MemberFixture({ ...options, settings: { preAllocSize: 16 } });
    const { applier, proposals } = fixture.history;
    const files = new PoweredFiles(disk);
    const recovery = (): RecoveryOptions => {
      proposals.clear(0);
      let isFirst = true;
      return {
        ...{ dirs: DIRS, tree: applier.tree, sessions: applier.sessions },
        replay: ({ header, txn }, body) => {
          if (isFirst) proposals.clear(applier.tree.lastProcessedZxid);
          isFirst = false;
          applier.apply(header, txn);
          proposals.appendCommitted(header.zxid, body);
        },
        logger: fixture.logger,
        clock: { monotonicMs: () => 0, wallMs: () => 0 },
        fileSystem: files,
        rest: () => Promise.resolve(),
        lengthMax: LENGTH_MAX,
        extendedTypes: true,
        digestEnabled: true,
        trustEmpty: false,
        autoCreateDatabase: true,
        joinsEnsemble: true,
      };
    };
    const recovered = await recover(recovery());
    const { lastProcessedZxid: lastZxid, incompleteThrough } = recovered;
    const { logger } = fixture;
    const epochs = new EpochFiles({ dir: DIRS.snapshotDir, lastZxid, fileSystem: files, logger });
    files.powerLeft = powerLeft;
    const startsOver = incompleteThrough !== null;
    const host = new DiskHost(fixture, {
      ...{ disk: files, epochs, recovery, startsOver },
      lastLoggedZxid: lastZxid,
    });
    loaded(host.history, recovered);
    return host;
  }

  get time() {
    return this.#fixture.time;
  }

  get nowMs(): number {
    return this.#fixture.nowMs;
  }

  set nowMs(nowMs: number) {
    this.#fixture.nowMs = nowMs;
  }

  get nodes(): string[] {
    return this.#fixture.nodes;
  }

  say(line: string): void {
    this.#fixture.say(line);
  }

  channel(remoteAddress: string): FakeChannel {
    return this.#fixture.channel(remoteAddress);
  }

  flush(): boolean {
    return this.#fixture.flush();
  }

  takeTrace(): string[] {
    return this.#fixture.takeTrace();
  }

  /** All that was ever sent or said, with what the calls above have taken. */
  readonly all: string[] = [];

  afterTurn(): void {
    if (this.fatal === null) this.pump.kick();
    this.all.push(...this.#fixture.takeTrace());
  }

  /**
   * Does the steps of a script, each when the disk has done what came of the one before; no more when it
   * fails.
   */
  async run(...steps: ((peer: ScriptedPeer) => void)[]): Promise<void> {
    // what fails behind the disk's own work ends a server as well
    const rejected = (event: PromiseRejectionEvent) => {
      if (!(event.reason instanceof PowerCut)) return;
      event.preventDefault();
      this.fatal ??= event.reason;
    };
    addEventListener("unhandledrejection", rejected);
    try {
      for (const step of steps) {
        if (this.fatal !== null) break;
        step(this.peer);
        for (let i = 0; i < 200; i++) await null;
      }
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.fatal = error;
    } finally {
      await rest();
      removeEventListener("unhandledrejection", rejected);
    }
    if (this.fatal !== null && !(this.fatal instanceof PowerCut)) throw this.fatal;
  }
}

class PowerCut extends Error {
  override name = "PowerCut";
}

/** Files of a disk that stops to work. */
class PoweredFiles implements FileSystem {
  powerLeft = Infinity;
  readonly #disk: SimDisk;

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  namesIn(dir: string): string[] {
    return this.#disk.namesIn(dir);
  }

  open(path: string, mode: "read" | "change" | "create"): OpenFile {
    if (mode === "create") this.#use();
    const file = this.#disk.open(path, mode);
    return {
      sizeBytes: () => file.sizeBytes(),
      storedBytes: () => file.storedBytes(),
      read: (target) => file.read(target),
      write: (bytes) => (this.#use(), file.write(bytes)),
      startWrite: (bytes, done) => (this.#use(), file.startWrite(bytes, done)),
      seek: (offset) => file.seek(offset),
      truncate: (sizeBytes) => (this.#use(), file.truncate(sizeBytes)),
      sync: () => (this.#use(), file.sync()),
      startSync: (done) => (this.#use(), file.startSync(done)),
      close: () => file.close(),
    };
  }

  rename(from: string, to: string): void {
    this.#use();
    this.#disk.rename(from, to);
  }

  remove(path: string): boolean {
    this.#use();
    return this.#disk.remove(path);
  }

  syncDirectory(dir: string): void {
    this.#use();
    this.#disk.syncDirectory(dir);
  }

  startDirectorySync(dir: string, done: (error: unknown) => void): void {
    this.#use();
    this.#disk.startDirectorySync(dir, done);
  }

  #use(): void {
    if (this.powerLeft-- <= 0) throw new PowerCut("the power is gone");
  }
}

const encoder = new TextEncoder();
