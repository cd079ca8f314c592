/**
 * A file system in memory that loses what no sync made durable, as a journaling one does.
 *
 * Data: a crash keeps the first of a file's unsynced writes, any number of them, and may tear the last
 * one kept, between sectors. Names: a directory keeps the first of its unsynced creates, renames and removes, any number
 * of them; so a renamed file may have its old name again, and a removed one may be back. A sync that was
 * under way counts for nothing. Which, is drawn from the seed, and so is everything else here.
 *
 * Syncs with a `done` take time and go through the scheduler, and so do writes; the others are done at
 * once. What belongs to a process, open files and callbacks, ends with `kill` and `crash`.
 *
 * @module
 */
import type { Done, FileSystem, OpenFile } from "../../core/ports.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

/** A disk writes so much as a whole or not at all: where a write may be torn. */
const SECTOR_BYTES = 512;
/** A file system gives room in such pieces. */
const BLOCK_BYTES = 4096;

/** How the last write that a crash keeps may look. "garbage" is more than logs are made for. */
export type Tear = "cut" | "zeros" | "garbage";

export interface SimDiskOptions {
  random: SeededRandom;
  /** Runs something later, in simulated time. */
  schedule: (delayMs: number, run: () => void) => void;
  /** How long the next sync or write in the background takes. Default: no time, but not at once. */
  delayMs?: () => number;
  /** Default: cut and zeros. */
  tears?: readonly Tear[];
  /** Room for all files together; may be changed at any time. Default: without end. */
  capacityBytes?: number;
}

type Change = { kind: "write"; offset: number; bytes: Uint8Array } | {
  kind: "truncate";
  sizeBytes: number;
};

type NameChange = (names: Map<string, Inode>) => void;

/** Counts what was done to the disk, so that a run can prove what it reached. */
export interface SimDiskCounts {
  crashes: number;
  tornWrites: number;
  lostWrites: number;
  lostNames: number;
  fullWrites: number;
  failedSyncs: number;
  flippedBits: number;
}

export class SimDisk implements FileSystem {
  capacityBytes: number;
  /** Whether the next sync, of a file or a directory, fails; what it should have saved is lost then. */
  failsSync: () => boolean = () => false;
  readonly counts: SimDiskCounts = {
    crashes: 0,
    tornWrites: 0,
    lostWrites: 0,
    lostNames: 0,
    fullWrites: 0,
    failedSyncs: 0,
    flippedBits: 0,
  };
  /** Grows with every crash and kill: what was opened before is dead. */
  life = 0;
  readonly #options: SimDiskOptions;
  readonly #directories = new Map<string, Directory>();

  constructor(options: SimDiskOptions) {
    this.#options = options;
    this.capacityBytes = options.capacityBytes ?? Infinity;
  }

  // ---------------------------------------------------------------- what a server does

  namesIn(dir: string): string[] {
    return [...this.#directory(dir).names.keys()];
  }

  open(path: string, mode: "read" | "change" | "create"): OpenFile {
    const { directory, name } = this.#locate(path);
    let inode = directory.names.get(name);
    if (inode === undefined) {
      if (mode !== "create") throw notFound(path);
      if (this.capacityBytes < Infinity && this.usedBytes >= this.capacityBytes) throw this.#full();
      const created = inode = new Inode();
      directory.change((names) => names.set(name, created));
    } else if (mode === "create") inode.change({ kind: "truncate", sizeBytes: 0 });
    return new SimFile(this, inode, { path, isReadOnly: mode === "read" });
  }

  rename(from: string, to: string): void {
    const { directory, name } = this.#locate(from);
    const target = this.#locate(to);
    if (directory !== target.directory) throw new Error(`Cannot rename "${from}" to "${to}"`);
    const inode = directory.names.get(name);
    if (inode === undefined) throw notFound(from);
    directory.change((names) => {
      names.delete(name);
      names.set(target.name, inode);
    });
  }

  remove(path: string): boolean {
    const { directory, name } = this.#locate(path);
    if (!directory.names.has(name)) return false;
    directory.change((names) => void names.delete(name));
    return true;
  }

  syncDirectory(dir: string): void {
    const directory = this.#directory(dir);
    this.synced(directory, directory.pending.length);
  }

  startDirectorySync(dir: string, done: Done): void {
    const directory = this.#directory(dir);
    const mark = directory.changeCount;
    this.later(done, () => this.synced(directory, pendingBefore(directory, mark)));
  }

  // ---------------------------------------------------------------- what happens to a disk

  makeDirectory(dir: string): void {
    if (!this.#directories.has(dir)) this.#directories.set(dir, new Directory());
  }

  /** The process ends, the machine does not: what it wrote is there, and still not durable. */
  kill(): void {
    this.life++;
  }

  /** The machine stops: what is left is durable now. */
  crash(): void {
    this.life++;
    this.counts.crashes++;
    const { random } = this.#options;
    for (const directory of this.#directories.values()) {
      const kept = random.between(0, directory.pending.length);
      this.counts.lostNames += directory.pending.length - kept;
      directory.crash(kept);
      for (const inode of directory.names.values()) this.#crash(inode);
    }
  }

  /** Turns one bit of a file's content around, for good. */
  flipBit(path: string, bit: number): void {
    this.counts.flippedBits++;
    const inode = this.#inode(path);
    for (const content of [inode.content, inode.durable]) content.flipBit(bit);
  }

  /** What a file holds, for tests. */
  read(path: string): Uint8Array<ArrayBuffer> {
    return this.#inode(path).content.bytes().slice();
  }

  /** Puts a file there, durable at once. */
  put(path: string, bytes: Uint8Array): void {
    const { directory, name } = this.#locate(path);
    const inode = new Inode();
    inode.change({ kind: "write", offset: 0, bytes: bytes.slice() });
    inode.synced(1);
    for (const names of [directory.names, directory.durable]) names.set(name, inode);
  }

  // ---------------------------------------------------------------- for open files

  /** Takes so many of what changed into what is durable, or loses it. */
  synced(what: Inode | Directory, changeCount: number): void {
    if (this.failsSync()) {
      this.counts.failedSyncs++;
      what.isBroken = true;
      throw Object.assign(new Error("Input/output error (os error 5)"), { code: "EIO" });
    }
    if (!what.isBroken) what.synced(changeCount);
  }

  /** Does something in a while, unless the process is gone by then. */
  later(done: Done, run: () => void): void {
    const { life } = this;
    this.#options.schedule(this.#options.delayMs?.() ?? 0, () => {
      if (life !== this.life) return;
      let failure: unknown = null;
      try {
        run();
      } catch (error) {
        failure = error;
      }
      done(failure);
    });
  }

  /** Writes what there is room for. */
  write(inode: Inode, offset: number, bytes: Uint8Array): number {
    let count = bytes.length;
    if (this.capacityBytes < Infinity) {
      const ownBytes = inBlocks(inode.content.sizeBytes);
      const room = this.capacityBytes - this.usedBytes + ownBytes; // may be negative
      const endMax = Math.max(Math.floor(room / BLOCK_BYTES) * BLOCK_BYTES, ownBytes);
      count = Math.max(Math.min(bytes.length, endMax - offset), 0);
    }
    if (count === 0 && bytes.length > 0) throw this.#full();
    inode.change({ kind: "write", offset, bytes: bytes.slice(0, count) });
    return count;
  }

  #crash(inode: Inode): void {
    const { random } = this.#options;
    const kept = inode.isBroken ? 0 : random.between(0, inode.pending.length);
    this.counts.lostWrites += inode.pending.length - kept;
    const last = inode.pending[kept - 1];
    if (last?.kind === "write" && random.chance(1, 2)) this.#tear(last);
    inode.crash(kept);
  }

  #tear(write: Extract<Change, { kind: "write" }>): void {
    const { random, tears = ["cut", "zeros"] } = this.#options;
    const { offset, bytes } = write;
    const firstSector = Math.floor(offset / SECTOR_BYTES) + 1;
    const lastSector = Math.ceil((offset + bytes.length) / SECTOR_BYTES) - 1;
    if (firstSector > lastSector) return; // it is within one
    this.counts.tornWrites++;
    const wholeBytes = random.between(firstSector, lastSector) * SECTOR_BYTES - offset;
    const tear = random.pick(tears);
    if (tear === "cut") write.bytes = bytes.subarray(0, wholeBytes);
    else if (tear === "zeros") bytes.fill(0, wholeBytes);
    else bytes.set(random.bytes(bytes.length - wholeBytes), wholeBytes);
  }

  #full(): Error {
    this.counts.fullWrites++;
    return Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  }

  /** What all files take together. */
  get usedBytes(): number {
    let sum = 0;
    for (const { names } of this.#directories.values()) {
      for (const { content } of names.values()) sum += inBlocks(content.sizeBytes);
    }
    return sum;
  }

  #inode(path: string): Inode {
    const { directory, name } = this.#locate(path);
    const inode = directory.names.get(name);
    if (inode === undefined) throw notFound(path);
    return inode;
  }

  #locate(path: string): { directory: Directory; name: string } {
    const slash = path.lastIndexOf("/");
    return { directory: this.#directory(path.slice(0, slash)), name: path.slice(slash + 1) };
  }

  #directory(dir: string): Directory {
    const directory = this.#directories.get(dir);
    if (directory === undefined) throw notFound(dir);
    return directory;
  }
}

class SimFile implements OpenFile {
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  readonly #path: string;
  readonly #isReadOnly: boolean;
  readonly #life: number;
  #cursor = 0;
  #isClosed = false;

  constructor(
    disk: SimDisk,
    inode: Inode,
    { path, isReadOnly }: { path: string; isReadOnly: boolean },
  ) {
    this.#disk = disk;
    this.#inode = inode;
    this.#path = path;
    this.#isReadOnly = isReadOnly;
    this.#life = disk.life;
  }

  sizeBytes(): number {
    this.#check();
    return this.#inode.content.sizeBytes;
  }

  storedBytes(): number {
    this.#check();
    return this.#inode.content.storedBytes();
  }

  read(target: Uint8Array): number {
    this.#check();
    const bytes = this.#inode.content.bytes().subarray(this.#cursor).subarray(0, target.length);
    target.set(bytes);
    this.#cursor += bytes.length;
    return bytes.length;
  }

  write(bytes: Uint8Array): number {
    this.#check();
    if (this.#isReadOnly) throw new Deno.errors.PermissionDenied(`"${this.#path}" is read only`);
    const count = this.#disk.write(this.#inode, this.#cursor, bytes);
    this.#cursor += count;
    return count;
  }

  startWrite(bytes: Uint8Array, done: Done): void {
    this.#check();
    this.#disk.later(done, () => {
      for (let written = 0; written < bytes.length;) written += this.write(bytes.subarray(written));
    });
  }

  seek(offset: number): void {
    this.#check();
    this.#cursor = offset;
  }

  truncate(sizeBytes: number): void {
    this.#check();
    this.#inode.change({ kind: "truncate", sizeBytes });
  }

  sync(): void {
    this.#check();
    this.#disk.synced(this.#inode, this.#inode.pending.length);
  }

  startSync(done: Done): void {
    this.#check();
    const mark = this.#inode.changeCount;
    this.#disk.later(done, () => {
      this.#disk.synced(this.#inode, pendingBefore(this.#inode, mark));
    });
  }

  close(): void {
    this.#isClosed = true;
  }

  #check(): void {
    if (this.#isClosed) throw new Deno.errors.BadResource(`"${this.#path}" is closed`);
    if (this.#life !== this.#disk.life) throw new Error(`The process that opened it is gone`);
  }
}

/** A file, whatever its name: its content as processes see it, and as a crash leaves it. */
class Inode {
  readonly content = new Content();
  readonly durable = new Content();
  /** What `durable` lacks, oldest first. */
  pending: Change[] = [];
  /** All that were ever made. */
  changeCount = 0;
  /** A sync failed: nothing that is written from then on becomes durable, whatever later syncs say. */
  isBroken = false;

  change(change: Change): void {
    this.content.apply(change);
    this.pending.push(change);
    this.changeCount++;
  }

  synced(changeCount: number): void {
    for (const change of this.pending.splice(0, changeCount)) this.durable.apply(change);
  }

  crash(kept: number): void {
    this.synced(kept);
    this.pending = [];
    this.content.become(this.durable);
    this.isBroken = false;
  }
}

class Directory {
  readonly names = new Map<string, Inode>();
  readonly durable = new Map<string, Inode>();
  pending: NameChange[] = [];
  changeCount = 0;
  isBroken = false;

  change(change: NameChange): void {
    change(this.names);
    this.pending.push(change);
    this.changeCount++;
  }

  synced(changeCount: number): void {
    for (const change of this.pending.splice(0, changeCount)) change(this.durable);
  }

  crash(kept: number): void {
    this.synced(this.isBroken ? 0 : kept);
    this.pending = [];
    this.names.clear();
    for (const [name, inode] of this.durable) this.names.set(name, inode);
    this.isBroken = false;
  }
}

/** Bytes that grow, with zeros where nothing was written. */
class Content {
  sizeBytes = 0;
  #buffer = new Uint8Array(256);

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.sizeBytes);
  }

  apply(change: Change): void {
    if (change.kind === "truncate") return this.#resize(change.sizeBytes);
    const end = change.offset + change.bytes.length;
    if (change.bytes.length === 0) return;
    if (end > this.sizeBytes) this.#resize(end);
    this.#buffer.set(change.bytes, change.offset);
  }

  become(other: Content): void {
    this.#resize(0);
    this.apply({ kind: "write", offset: 0, bytes: other.bytes() });
    this.#resize(other.sizeBytes);
  }

  flipBit(bit: number): void {
    const at = bit >> 3;
    if (at < this.sizeBytes) this.#buffer[at]! ^= 1 << (bit & 7);
  }

  /** In blocks that are not all zeros. */
  storedBytes(): number {
    let sum = 0;
    for (let at = 0; at < this.sizeBytes; at += BLOCK_BYTES) {
      const block = this.#buffer.subarray(at, Math.min(at + BLOCK_BYTES, this.sizeBytes));
      if (block.some((byte) => byte !== 0)) sum += block.length;
    }
    return sum;
  }

  #resize(sizeBytes: number): void {
    if (sizeBytes > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(sizeBytes, this.#buffer.length * 2));
      grown.set(this.bytes());
      this.#buffer = grown;
    } else if (sizeBytes < this.sizeBytes) this.#buffer.fill(0, sizeBytes, this.sizeBytes);
    this.sizeBytes = sizeBytes;
  }
}

/** How many of the changes up to a mark no other sync has saved meanwhile. */
function pendingBefore({ pending, changeCount }: Inode | Directory, mark: number): number {
  return Math.max(pending.length - (changeCount - mark), 0);
}

function inBlocks(byteCount: number): number {
  return Math.ceil(byteCount / BLOCK_BYTES) * BLOCK_BYTES;
}

function notFound(path: string): Error {
  return new Deno.errors.NotFound(`No such file or directory (os error 2): "${path}"`);
}
