/**
 * The changes of the past, from the txn logs, for streams that were away for longer than the memory reaches.
 *
 * However many streams ask, one scan is under way at a time, and gives each what it needs as it passes: it begins
 * at the oldest txn that is asked for and ends when nobody ahead of it waits. What was read is kept for a while,
 * and so are places in the logs, so that nobody begins at the start of a file again.
 *
 * Nothing is told that is not committed: what is logged behind `committedZxid` is left alone. What is committed
 * and not yet in our own log, since others were quicker to log it, is waited for.
 *
 * @module
 */
import { counterOf, type Zxid } from "../../../core/zxid.ts";
import { type Change, changeBytes, ChangeList } from "./change.ts";
import { type LogPlace, LogScan, type LogScanOptions } from "./log_scan.ts";
import { TxnChanges } from "./txn_changes.ts";
import type { WorkPace } from "./work_pace.ts";

/** Read in one go. */
const SLICE_BYTES = 128 * 1024;
const SLICE_CHANGE_COUNT = 500;
/** Passed over in one go. */
const PASSED_BYTES = 128 * 1024;
/** As far from each other as it takes to read a slice or two. */
const PLACE_DISTANCE_BYTES = 1 << 20;
const PLACE_COUNT_MAX = 4096;
const CACHE_BYTES_MAX = 8 << 20;
const UNWRITTEN_PAUSE_MS = 5;
/** A disk that takes longer to log what is committed has other troubles. */
const UNWRITTEN_PAUSE_COUNT_MAX = 600;
/** Streams that were given something take a moment until they ask for more. */
const LINGER_PAUSE_MS = 4;
const LINGER_PAUSE_COUNT = 5;

/** All changes of the txns after one, through another. */
export interface ChangeSlice {
  readonly after: Zxid;
  readonly through: Zxid;
  readonly changes: ChangeList;
}

export interface ChangeHistoryOptions extends LogScanOptions {
  committedZxid(): Zxid;
  readonly pace: WorkPace;
}

interface ReadSlice extends ChangeSlice {
  /** Of its txns, those without changes too. */
  readonly zxids: readonly Zxid[];
  /** The log ended behind it. */
  readonly isAtEnd: boolean;
}

interface Waiter {
  readonly zxid: Zxid;
  resolve(slice: ChangeSlice | null): void;
}

export class ChangeHistory {
  readonly #options: ChangeHistoryOptions;
  readonly #waiters = new Set<Waiter>();
  #isScanning = false;
  /** Scans begun, for those who want to know what is shared. */
  #scanCount = 0;
  #generation = 0;
  readonly #txnChanges = new TxnChanges();
  /** The last txn that `#txnChanges` has seen. */
  #changesThrough: Zxid = -1;
  /** Oldest first; so are the slices. */
  readonly #places = new Map<Zxid, LogPlace>();
  #slices: ReadSlice[] = [];
  #slicesBytes = 0;

  constructor(options: ChangeHistoryOptions) {
    this.#options = options;
  }

  get scanCount(): number {
    return this.#scanCount;
  }

  /**
   * Some of the changes after a txn; those before it may be among them.
   *
   * @returns null when the logs do not say: they begin later, the txn is none of theirs, or something is missing
   */
  after(zxid: Zxid): Promise<ChangeSlice | null> {
    const slice = this.#slices.find(({ after, through }) => after <= zxid && zxid < through);
    if (slice !== undefined) return Promise.resolve(isTxnOf(slice, zxid) ? slice : null);
    return new Promise((resolve) => {
      this.#waiters.add({ zxid, resolve });
      if (!this.#isScanning) void this.#scanAll();
    });
  }

  /** Nobody waits any more: ends what is under way. */
  abandon(): void {
    this.#generation += 1;
    for (const { resolve } of this.#waiters) resolve(null);
    this.#waiters.clear();
  }

  /** What was committed may be another history from now on, or none: all who wait get nothing. */
  forget(): void {
    this.abandon();
    this.#places.clear();
    this.#slices = [];
    this.#slicesBytes = 0;
    this.#changesThrough = -1;
  }

  async #scanAll(): Promise<void> {
    this.#isScanning = true;
    try {
      while (this.#waiters.size > 0) {
        let from = Infinity;
        for (const { zxid } of this.#waiters) from = Math.min(from, zxid);
        await this.#scanFrom(from);
      }
    } finally {
      this.#isScanning = false;
    }
  }

  /** Answers at least those who wait for what is after `from`. */
  async #scanFrom(from: Zxid): Promise<void> {
    const generation = this.#generation;
    const isOver = () => generation !== this.#generation;
    this.#scanCount += 1;
    let through = from;
    let scan: LogScan | null = null;
    try {
      scan = LogScan.open(this.#options, from, this.#places.values());
      if (scan === null || !await this.#find(scan, from, isOver)) {
        return this.#answerNothing((zxid) => zxid <= from, isOver);
      }
      for (let pauseCount = 0; !isOver();) {
        const slice = await this.#read(scan, through);
        if (isOver()) return;
        if (slice.through > through) {
          through = slice.through;
          this.#publish(slice, scan.place);
          if (!await this.#isAskedOn(through, isOver)) return;
          pauseCount = 0;
        } else {
          if (++pauseCount > UNWRITTEN_PAUSE_COUNT_MAX) {
            return this.#answerNothing(() => true, isOver);
          }
          await this.#options.pace.pause(UNWRITTEN_PAUSE_MS);
        }
        if (!slice.isAtEnd) continue;
        scan.close(); // its buffer ends where the log ended then
        scan = LogScan.open(this.#options, through, [scan.place]);
        if (scan === null) return this.#answerNothing((zxid) => zxid <= through, isOver);
      }
    } catch {
      // a file that is gone, cannot be read, or holds nonsense: nothing is known of what comes after
      this.#answerNothing((zxid) => zxid <= through, isOver);
    } finally {
      scan?.close();
    }
  }

  /**
   * Goes behind txn `zxid`.
   *
   * @returns whether it is one of the history that is in the logs
   */
  async #find(scan: LogScan, zxid: Zxid, isOver: () => boolean): Promise<boolean> {
    let isKnown = scan.place.zxid === zxid || counterOf(zxid) === 0; // no txn has counter 0
    let sincePlace = 0;
    const pass = (): boolean => {
      for (let passed = 0; passed < PASSED_BYTES;) {
        const next = scan.peek();
        if (next === null || next > zxid) {
          isKnown ||= next === zxid + 1;
          return true;
        }
        isKnown ||= next === zxid;
        const bytes = scan.pass();
        passed += bytes;
        sincePlace += bytes;
        if (sincePlace < PLACE_DISTANCE_BYTES) continue;
        sincePlace = 0;
        this.#keepPlace(scan.place);
      }
      return false;
    };
    while (!await this.#options.pace.work(pass)) if (isOver()) return false;
    return isKnown;
  }

  /** Reads on after txn `after`, for as long as nobody minds. */
  #read(scan: LogScan, after: Zxid): Promise<ReadSlice> {
    if (this.#changesThrough !== after) this.#txnChanges.restart();
    return this.#options.pace.work(() => {
      const committedZxid = this.#options.committedZxid();
      const changes: Change[] = [];
      const zxids: Zxid[] = [];
      let through = after;
      let next = scan.peek();
      for (let read = 0; next !== null && next <= committedZxid; next = scan.peek()) {
        const ofTxn = this.#txnChanges.of(scan.record());
        if (ofTxn === null) {
          if (zxids.length === 0) throw new Error("a txn does not say what it changed");
          break; // for the next time
        }
        changes.push(...ofTxn);
        zxids.push(next);
        through = next;
        read += scan.pass();
        if (read >= SLICE_BYTES || changes.length >= SLICE_CHANGE_COUNT) break;
      }
      const isAtEnd = next === null;
      // no txn has the zxid that an epoch begins with
      const isEpochStart = counterOf(committedZxid) === 0;
      if (isAtEnd ? isEpochStart : next! > committedZxid) {
        through = Math.max(through, committedZxid);
      }
      this.#changesThrough = through;
      return { after, through, changes: new ChangeList(changes), zxids, isAtEnd };
    });
  }

  #publish(slice: ReadSlice, place: LogPlace): void {
    this.#keepPlace(place);
    this.#slices.push(slice);
    this.#slicesBytes += bytesOf(slice);
    while (this.#slicesBytes > CACHE_BYTES_MAX && this.#slices.length > 1) {
      this.#slicesBytes -= bytesOf(this.#slices.shift()!);
    }
    for (const waiter of this.#waiters) {
      if (waiter.zxid < slice.after || waiter.zxid >= slice.through) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(isTxnOf(slice, waiter.zxid) ? slice : null);
    }
  }

  /** Whether somebody waits for what is behind `zxid`; those who were just answered get a moment. */
  async #isAskedOn(zxid: Zxid, isOver: () => boolean): Promise<boolean> {
    for (let i = 0; i < LINGER_PAUSE_COUNT && !isOver(); i++) {
      for (const waiter of this.#waiters) if (waiter.zxid >= zxid) return true;
      if (this.#waiters.size > 0) return false; // for those behind us
      await this.#options.pace.pause(LINGER_PAUSE_MS);
    }
    return false;
  }

  #answerNothing(isMeant: (zxid: Zxid) => boolean, isOver: () => boolean): void {
    if (isOver()) return; // they were answered
    for (const waiter of this.#waiters) {
      if (!isMeant(waiter.zxid)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(null);
    }
  }

  #keepPlace(place: LogPlace): void {
    this.#places.set(place.zxid, place);
    if (this.#places.size <= PLACE_COUNT_MAX) return;
    for (const oldest of this.#places.keys()) {
      this.#places.delete(oldest);
      break;
    }
  }
}

/** Whether a stream that has seen `zxid` has seen this history, as far as the slice tells. */
function isTxnOf({ after, zxids }: ReadSlice, zxid: Zxid): boolean {
  return zxid === after || counterOf(zxid) === 0 || zxids.includes(zxid);
}

function bytesOf({ changes, zxids }: ReadSlice): number {
  let bytes = 8 * zxids.length;
  for (const change of changes.all) bytes += changeBytes(change);
  return bytes;
}
