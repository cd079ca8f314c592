/**
 * Reads the part that snapshots and the tree behind a SNAP packet share: session table, ACL table,
 * znodes, and the "/" that ends them (disk format section 7.1, quorum protocol section 7.1).
 *
 * Fills a tree and a session table item by item, as the bytes come. Neither is usable before the end,
 * nor after a failure.
 *
 * @module
 */
import { DataDirError, DecodeError } from "../errors.ts";
import { OPEN_ACL, readAclList } from "../tree/acl_list.ts";
import { decodeUtf8, type JuteReader } from "../wire/jute.ts";
import type { SessionTable, SnapshotTree } from "./snapshot_tree.ts";

const SESSION_BYTES = 12;
/** ACL index and StatPersisted, behind the data. */
const STAT_BYTES = 68;
/** Where in them the ephemeralOwner stands. */
const OWNER_OFFSET = 52;
const SLASH = 0x2f;

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

/** What is needed of a tree that is loaded. */
export type LoadableTree = Pick<SnapshotTree, "clear" | "loadAcl" | "loadNode">;

export interface TreeRecordOptions {
  /** Cleared first, as are the sessions. */
  tree: LoadableTree;
  sessions: SessionTable;
  /** Longest string or buffer accepted, in bytes. */
  lengthMax: number;
  /** False: TTL znodes are refused, where ZooKeeper would delete them as ephemerals. */
  extendedTypes: boolean;
}

export class TreeRecordReader {
  znodeCount = 0;
  #options: TreeRecordOptions;
  #state: "sessions" | "aclCount" | "acls" | "znodes" | "complete" = "sessions";
  #sessionsLeft = -1;
  #aclsLeft = 0;

  constructor(options: TreeRecordOptions) {
    this.#options = options;
    options.tree.clear();
    options.sessions.clear();
  }

  /** Whether the "/" behind the last znode was read. */
  get isComplete(): boolean {
    return this.#state === "complete";
  }

  /**
   * Reads one item.
   *
   * @returns false when more bytes are needed, or the tree is complete
   * @throws {DecodeError} when these bytes cannot be what comes next
   * @throws {ExtendedTypesOffError} on a TTL znode, with extended types off
   */
  step(reader: JuteReader): boolean {
    switch (this.#state) {
      case "sessions":
        return this.#readSession(reader);
      case "aclCount":
        if (reader.remaining < 4) return false;
        this.#aclsLeft = reader.count();
        this.#state = "acls";
        return true;
      case "acls":
        return this.#readAcl(reader);
      case "znodes":
        return this.#readZnode(reader);
      case "complete":
        return false;
    }
  }

  #readSession(reader: JuteReader): boolean {
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

  #readAcl(reader: JuteReader): boolean {
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

  #readZnode(reader: JuteReader): boolean {
    const { buffer, view, position, end } = reader;
    if (end - position < 4) return false;
    const pathBytes = view.getInt32(position);
    if (pathBytes < 0 || pathBytes > this.#options.lengthMax) {
      throw new DecodeError(`Unreasonable length ${pathBytes} of a path`);
    }
    const dataAt = position + 4 + pathBytes;
    if (pathBytes === 1 && dataAt <= end && buffer[position + 4] === SLASH) {
      reader.position = dataAt;
      this.#state = "complete";
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
    if (!this.#options.extendedTypes && this.#looksLikeTtl(view, statAt + OWNER_OFFSET)) {
      throw new ExtendedTypesOffError(decodeUtf8(path));
    }
    reader.position = dataAt;
    this.#options.tree.loadNode(path, reader);
    this.znodeCount++;
    return true;
  }

  /** 0xff, type code 0, 40 bits of ms: no session has such an id unless its server's is 255. */
  #looksLikeTtl(view: DataView, ownerAt: number): boolean {
    if (view.getUint32(ownerAt) >>> 8 !== 0xff0000) return false;
    return !this.#options.sessions.has(view.getBigInt64(ownerAt));
  }
}
