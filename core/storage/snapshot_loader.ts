/**
 * Fills a tree and a session table from the bytes of a snapshot, pushed in pieces of any size.
 *
 * All seals are checked. What follows the first is told apart by its length, not by configuration, so
 * snapshots of all versions load (disk format section 7.1). The tree is not usable before `finish`, nor
 * after a failure.
 *
 * @module
 */
import { adler32 } from "../checksum.ts";
import { DataDirError, DecodeError } from "../errors.ts";
import { OPEN_ACL, readAclList } from "../tree/acl_list.ts";
import { decodeUtf8, JuteReader } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import { FILE_HEADER_BYTES, readFileHeaderMagic, SNAPSHOT_MAGIC } from "./file_header.ts";
import type { SessionTable, SnapshotTree } from "./snapshot_tree.ts";

const SEAL_BYTES = 13;
const LAST_ZXID_BYTES = 8 + SEAL_BYTES;
/** Longer than all known sections together, old text digests included. */
const TAIL_BYTES_MAX = 256;
const SESSION_BYTES = 12;
/** ACL index and StatPersisted, behind the data. */
const STAT_BYTES = 68;
/** Where in them the ephemeralOwner stands. */
const OWNER_OFFSET = 52;
const SLASH = 0x2f;

/** A snapshot is damaged or incomplete: an older one may serve. */
export class SnapshotCorruptError extends DataDirError {
  override name = "SnapshotCorruptError";
}

/** There are TTL znodes, and the setting that gives them a meaning is off. */
export class ExtendedTypesOffError extends DataDirError {
  override name = "ExtendedTypesOffError";

  constructor(path: string) {
    super(
      `Cannot load znode "${path}": it has a time to live, but extendedTypesEnabled is off; set ` +
        "extendedTypesEnabled=true in the config file",
    );
  }
}

export interface SnapshotDigest {
  /** The last txn applied when the tree had been written. */
  zxid: Zxid;
  version: number;
  /** Unsigned 64 bits; null for versions before 2, which nobody compares. */
  treeDigest: bigint | null;
}

export interface SnapshotSummary {
  znodeCount: number;
  /** Uncompressed. */
  bytes: number;
  digest: SnapshotDigest | null;
  lastZxid: Zxid | null;
}

export interface SnapshotLoaderOptions {
  /** Cleared first, as are the sessions. */
  tree: SnapshotTree;
  sessions: SessionTable;
  /** Longest string or buffer accepted, in bytes. */
  lengthMax: number;
  /** False: TTL znodes are refused, where ZooKeeper would delete them as ephemerals. */
  extendedTypes: boolean;
}

export class SnapshotLoader {
  #options: SnapshotLoaderOptions;
  #state: "header" | "sessions" | "aclCount" | "acls" | "znodes" | "seal" | "tail" = "header";
  #buffer = new Uint8Array(1024 * 1024);
  #reader: JuteReader;
  #end = 0;
  #adler = 1;
  /** Up to where in the buffer the checksum is computed. */
  #summed = 0;
  #sessionsLeft = -1;
  #aclsLeft = 0;
  #znodeCount = 0;
  #bytes = 0;

  constructor(options: SnapshotLoaderOptions) {
    this.#options = options;
    this.#reader = new JuteReader(this.#buffer, { lengthMax: options.lengthMax });
    this.#reader.end = 0;
    options.tree.clear();
    options.sessions.clear();
  }

  /** @throws {SnapshotCorruptError} when these bytes cannot be the next of a snapshot */
  push(bytes: Uint8Array): void {
    this.#append(bytes);
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new SnapshotCorruptError(
        `${error.message}, near byte ${this.#bytes - this.#reader.remaining}`,
      );
    }
    this.#sum(this.#reader.position);
    if (this.#state === "tail" && this.#reader.remaining > TAIL_BYTES_MAX) {
      throw new SnapshotCorruptError("There are bytes behind the last section");
    }
  }

  /**
   * Says that there are no more bytes. What remains is `tree.finishLoad`.
   *
   * @throws {SnapshotCorruptError} when there should be more, or a seal does not match
   */
  finish(): SnapshotSummary {
    if (this.#state !== "tail") {
      throw new SnapshotCorruptError(`It ends early, after ${this.#bytes} bytes`);
    }
    try {
      return { znodeCount: this.#znodeCount, bytes: this.#bytes, ...this.#readTail() };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new SnapshotCorruptError(`Its last section is damaged: ${error.message}`);
    }
  }

  /** Reads one item if it is there whole; false when more bytes are needed. */
  #step(): boolean {
    const reader = this.#reader;
    switch (this.#state) {
      case "header": {
        if (reader.remaining < FILE_HEADER_BYTES) return false;
        const magic = readFileHeaderMagic(reader);
        if (magic !== SNAPSHOT_MAGIC) {
          throw new SnapshotCorruptError(
            `Its magic number is ${magic}, expected ${SNAPSHOT_MAGIC}`,
          );
        }
        this.#state = "sessions";
        return true;
      }
      case "sessions":
        return this.#readSession();
      case "aclCount":
        if (reader.remaining < 4) return false;
        this.#aclsLeft = reader.count();
        this.#state = "acls";
        return true;
      case "acls":
        return this.#readAcl();
      case "znodes":
        return this.#readZnode();
      case "seal":
        if (reader.remaining < SEAL_BYTES) return false;
        this.#readSeal();
        this.#state = "tail";
        return false;
      case "tail":
        return false;
    }
  }

  #readSession(): boolean {
    const reader = this.#reader;
    if (this.#sessionsLeft < 0) {
      if (reader.remaining < 4) return false;
      this.#sessionsLeft = Math.max(reader.int(), 0);
    }
    if (this.#sessionsLeft === 0) {
      this.#state = "aclCount";
      return true;
    }
    if (reader.remaining < SESSION_BYTES) return false;
    this.#options.sessions.set(reader.long(), reader.int());
    this.#sessionsLeft--;
    return true;
  }

  #readAcl(): boolean {
    const reader = this.#reader;
    if (this.#aclsLeft <= 0) {
      this.#state = "znodes";
      return true;
    }
    const start = reader.position;
    try {
      const index = reader.longAsNumber();
      this.#options.tree.loadAcl(index, readAclList(reader) ?? OPEN_ACL);
    } catch (error) {
      // most likely the list goes on in the next piece, unless it would be longer than any can be
      if (!(error instanceof DecodeError)) throw error;
      reader.position = start;
      if (reader.remaining > this.#options.lengthMax) throw error;
      return false;
    }
    this.#aclsLeft--;
    return true;
  }

  #readZnode(): boolean {
    const reader = this.#reader;
    const { buffer, view, position, end } = reader;
    if (end - position < 4) return false;
    const pathBytes = view.getInt32(position);
    if (pathBytes < 0 || pathBytes > this.#options.lengthMax) {
      throw new DecodeError(`Unreasonable length ${pathBytes} of a path`);
    }
    const dataAt = position + 4 + pathBytes;
    if (pathBytes === 1 && dataAt <= end && buffer[position + 4] === SLASH) {
      reader.position = dataAt;
      this.#state = "seal";
      return true;
    }
    if (end < dataAt + 4) return false;
    const dataBytes = view.getInt32(dataAt);
    if (dataBytes < -1 || dataBytes > this.#options.lengthMax) {
      throw new DecodeError(`Unreasonable length ${dataBytes} of data`);
    }
    const statAt = dataAt + 4 + Math.max(dataBytes, 0);
    if (end < statAt + STAT_BYTES) return false;
    const path = buffer.subarray(position + 4, dataAt);
    if (!this.#options.extendedTypes && this.#looksLikeTtl(statAt + OWNER_OFFSET)) {
      throw new ExtendedTypesOffError(decodeUtf8(path));
    }
    reader.position = dataAt;
    this.#options.tree.loadNode(path, reader);
    this.#znodeCount++;
    return true;
  }

  /** 0xff, type code 0, 40 bits of ms: no session has such an id unless its server's is 255. */
  #looksLikeTtl(ownerAt: number): boolean {
    const { view } = this.#reader;
    if (view.getUint32(ownerAt) >>> 8 !== 0xff0000) return false;
    return !this.#options.sessions.has(view.getBigInt64(ownerAt));
  }

  #readTail(): { digest: SnapshotDigest | null; lastZxid: Zxid | null } {
    const reader = this.#reader;
    let digest: SnapshotDigest | null = null;
    let lastZxid: Zxid | null = null;
    if (reader.remaining > 0 && reader.remaining !== LAST_ZXID_BYTES) {
      const zxid = reader.zxid();
      const version = reader.int();
      if (version < 2) reader.string();
      const treeDigest = version < 2 ? null : BigInt.asUintN(64, reader.long());
      this.#readSeal();
      digest = { zxid, version, treeDigest };
    }
    if (reader.remaining > 0) {
      lastZxid = reader.zxid();
      this.#readSeal();
    }
    if (reader.remaining > 0) {
      throw new DecodeError(`there are ${reader.remaining} bytes behind it`);
    }
    return { digest, lastZxid };
  }

  #readSeal(): void {
    const reader = this.#reader;
    this.#sum(reader.position);
    const checksum = reader.longAsNumber();
    if (checksum !== this.#adler) {
      throw new SnapshotCorruptError(
        `Its checksum is 0x${checksum.toString(16)}, expected 0x${this.#adler.toString(16)}`,
      );
    }
    if (reader.string() !== "/") {
      throw new SnapshotCorruptError("A seal is not closed with a slash");
    }
  }

  #sum(end: number): void {
    this.#adler = adler32(this.#adler, this.#buffer, this.#summed, end);
    this.#summed = end;
  }

  /** Adds bytes behind those that are not read yet. */
  #append(bytes: Uint8Array): void {
    const reader = this.#reader;
    const rest = reader.remaining;
    let { buffer, view } = reader;
    if (rest + bytes.length > buffer.length) {
      const grown = new Uint8Array(Math.max(buffer.length * 2, rest + bytes.length));
      grown.set(buffer.subarray(reader.position, this.#end));
      buffer = grown;
      view = new DataView(grown.buffer);
      this.#buffer = grown;
    } else buffer.copyWithin(0, reader.position, this.#end);
    buffer.set(bytes, rest);
    this.#end = rest + bytes.length;
    this.#summed = 0;
    this.#bytes += bytes.length;
    reader.reset(buffer, view, 0, this.#end);
  }
}
