/**
 * The files `acceptedEpoch` and `currentEpoch` beside the snapshots (disk format section 3).
 *
 * A value is in its file before it is in memory (ZOOKEEPER-2307). The files are replaced as a whole; what
 * a crash leaves of a replacement, a `.tmp`, never keeps a server from starting (ZOOKEEPER-4269).
 *
 * One thing is read otherwise than a Java server does. Txns of a leader's epoch are durable before
 * currentEpoch names that epoch (ZOOKEEPER-4785), so a crash in between leaves a currentEpoch that is
 * behind the log. Java refuses to start then. Here acceptedEpoch tells: it was durable before the leader
 * sent anything, and what came is the beginning of that leader's history, in its order.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { DataDirError } from "../core/errors.ts";
import type { Epochs, FileSystem, Logger } from "../core/ports.ts";
import { UNFINISHED_SUFFIX } from "../core/storage/file_names.ts";
import { EPOCH_LIMIT, epochOf, type Zxid } from "../core/zxid.ts";
import { DiskFullError, isDiskFull } from "./disk_full.ts";
import { replaceFile } from "./file_system.ts";

const ACCEPTED = "acceptedEpoch";
const CURRENT = "currentEpoch";
/** More is no number. */
const TEXT_BYTES_MAX = 64;
const WAY_OUT =
  "restore it from a backup, or move this server's data away while the other members " +
  "are a quorum: it then gets all of theirs";

export interface EpochFilesOptions {
  /** `<dataDir>/version-2` */
  dir: string;
  /** What recovery ended with; -1 for a member that has no database yet. */
  lastZxid: Zxid;
  fileSystem: FileSystem;
  logger: Logger;
}

export class EpochFiles implements Epochs {
  readonly #options: EpochFilesOptions;
  #acceptedEpoch: number;
  #currentEpoch: number;

  /**
   * Reads both, and makes those that are missing.
   *
   * @throws {DataDirError} when they contradict each other, or what is in log and snapshots
   */
  constructor(options: EpochFilesOptions) {
    this.#options = options;
    const { dir, lastZxid, fileSystem, logger } = options;
    const names = new Set(fileSystem.namesIn(dir));
    const lastEpoch = epochOf(lastZxid);
    const accepted = names.has(ACCEPTED) ? this.#read(ACCEPTED) : null;
    const current = names.has(CURRENT) ? this.#read(CURRENT) : null;
    this.#acceptedEpoch = accepted ?? lastEpoch;
    this.#currentEpoch = current ?? lastEpoch;
    if (lastEpoch > this.#currentEpoch) {
      const unfinished = names.has(CURRENT + UNFINISHED_SUFFIX) ? this.#readUnfinished() : null;
      this.#currentEpoch = this.#explain({ lastEpoch, unfinished });
    }
    if (this.#acceptedEpoch < this.#currentEpoch) {
      const problem = accepted === null ? "is missing" : `says ${this.#acceptedEpoch}`;
      throw new DataDirError(
        `Cannot start: "${dir}/${ACCEPTED}" ${problem}, and "${CURRENT}" says ` +
          `${this.#currentEpoch}, which cannot be higher; ${WAY_OUT}`,
      );
    }
    if (this.#currentEpoch !== current) this.#replace(CURRENT, this.#currentEpoch);
    if (accepted === null) this.#replace(ACCEPTED, this.#acceptedEpoch);
    for (const name of [ACCEPTED, CURRENT]) {
      if (!names.has(name + UNFINISHED_SUFFIX)) continue;
      fileSystem.remove(`${dir}/${name}${UNFINISHED_SUFFIX}`);
      logger.info("unfinished epoch file removed", { file: name + UNFINISHED_SUFFIX });
    }
  }

  get acceptedEpoch(): number {
    return this.#acceptedEpoch;
  }

  get currentEpoch(): number {
    return this.#currentEpoch;
  }

  /** @throws {DiskFullError} all is as it was; other errors are fatal */
  writeAccepted(epoch: number): void {
    assert(epoch >= this.#acceptedEpoch, "a promise is not taken back");
    if (epoch === this.#acceptedEpoch) return;
    this.#replace(ACCEPTED, epoch);
    this.#acceptedEpoch = epoch;
  }

  /** @throws {DiskFullError} all is as it was; other errors are fatal */
  writeCurrent(epoch: number): void {
    assert(epoch >= this.#currentEpoch, "epochs only grow");
    assert(epoch <= this.#acceptedEpoch, "an epoch is accepted before it is current");
    if (epoch === this.#currentEpoch) return;
    this.#replace(CURRENT, epoch);
    this.#currentEpoch = epoch;
  }

  /** What currentEpoch was about to become, when log or snapshot are of a later epoch than it says. */
  #explain({ lastEpoch, unfinished }: { lastEpoch: number; unfinished: number | null }): number {
    const { dir, logger } = this.#options;
    const told = unfinished !== null && unfinished >= lastEpoch ? unfinished : null;
    if (told === null && this.#acceptedEpoch < lastEpoch) {
      throw new DataDirError(
        `Cannot start: "${dir}/${CURRENT}" says ${this.#currentEpoch}, but the last txn is of epoch ` +
          `${lastEpoch}, which "${ACCEPTED}" (${this.#acceptedEpoch}) does not know either; ` +
          "the files are of different times: restore them together from a backup, or move this " +
          "server's data away while the other members are a quorum: it then gets all of theirs",
      );
    }
    const epoch = told ?? lastEpoch;
    logger.warn("a crash came before the epoch of the last txns was written: it is written now", {
      file: CURRENT,
      was: this.#currentEpoch,
      epoch,
    });
    return epoch;
  }

  #read(name: string): number {
    const path = `${this.#options.dir}/${name}`;
    const text = this.#firstLine(path);
    const epoch = parseEpoch(text);
    if (epoch === null) {
      throw new DataDirError(`Cannot read "${path}": "${text}" is no epoch; ${WAY_OUT}`);
    }
    if (epoch >= EPOCH_LIMIT) {
      throw new DataDirError(
        `Cannot use "${path}": its epoch ${text} is above the largest supported, 2^21`,
      );
    }
    return epoch;
  }

  /** Null when a crash left no number in it. */
  #readUnfinished(): number | null {
    const epoch = parseEpoch(
      this.#firstLine(`${this.#options.dir}/${CURRENT}${UNFINISHED_SUFFIX}`),
    );
    return epoch !== null && epoch < EPOCH_LIMIT ? epoch : null;
  }

  #firstLine(path: string): string {
    const file = this.#options.fileSystem.open(path, "read");
    try {
      const buffer = new Uint8Array(TEXT_BYTES_MAX);
      let filled = 0;
      for (let count = 1; count > 0 && filled < buffer.length; filled += count) {
        count = file.read(buffer.subarray(filled));
      }
      return new TextDecoder().decode(buffer.subarray(0, filled)).split(/\r?\n/)[0]!;
    } finally {
      file.close();
    }
  }

  #replace(name: string, epoch: number): void {
    const { dir, fileSystem } = this.#options;
    const path = `${dir}/${name}`;
    try {
      replaceFile(fileSystem, { path, bytes: new TextEncoder().encode(`${epoch}`) });
    } catch (error) {
      throw isDiskFull(error) ? new DiskFullError(path, { cause: error }) : error;
    }
  }
}

/** As Java reads it: decimal, with or without a sign, and nothing around it. */
function parseEpoch(text: string): number | null {
  if (!/^[+-]?\d{1,19}$/.test(text)) return null;
  const epoch = Number(text);
  return epoch >= -1 ? epoch : null;
}
