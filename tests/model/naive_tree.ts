/**
 * A second, simple implementation of the data tree, to compare the real one with.
 *
 * One map of paths, everything computed when asked for: it follows the rules of replay (disk format
 * section 8) and of the digest (section 9) word by word, and shares no code with `core/tree` but the
 * ACL list type. Slow, and meant to be.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { DecodeError } from "../../core/errors.ts";
import type {
  SessionTable,
  SnapshotCursor,
  SnapshotTree,
} from "../../core/storage/snapshot_tree.ts";
import { type AclList, OPEN_ACL, READ_ACL } from "../../core/tree/acl_list.ts";
import type { ErrorTxn, OperationTxn, TxnHeader, TxnRecord } from "../../core/txn/txn.ts";
import { decodeUtf8, encodeUtf8, JuteReader, JuteWriter } from "../../core/wire/jute.ts";

const CONTAINER_OWNER = -(2n ** 63n);
const TTL_OWNER_BASE = 0xff00000000000000n;
const QUOTA = "/zookeeper/quota";

export interface NaiveNode {
  data: Uint8Array | null;
  acl: AclList;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctime: number;
  mtime: number;
  version: number;
  /** As stored: the number of children ever made. */
  cversion: number;
  aversion: number;
  /** As stored, signed. */
  owner: bigint;
}

interface NaiveCursor extends SnapshotCursor {
  paths: string[];
  at: number;
  written: Set<string>;
}

export class NaiveTree implements SnapshotTree {
  /** By path; the root is "". */
  nodes = new Map<string, NaiveNode>();
  readonly sessions: SessionTable = new Map();
  lastProcessedZxid = 0;
  #aclsLoaded = new Map<number, AclList>();

  constructor() {
    this.resetToEmptyDatabase();
  }

  get treeDigest(): bigint {
    let sum = 0n;
    for (const [path, node] of this.nodes) sum += BigInt(nodeDigest(path, node));
    return BigInt.asUintN(64, sum);
  }

  childrenOf(path: string): string[] {
    const prefix = path + "/";
    const names: string[] = [];
    for (const other of this.nodes.keys()) {
      if (other.startsWith(prefix) && !other.includes("/", prefix.length)) {
        names.push(other.slice(prefix.length));
      }
    }
    return names.sort();
  }

  /** Applies a record of the log. */
  replay(record: TxnRecord): void {
    const { header, txn } = record;
    switch (txn.kind) {
      case "createSession":
        this.sessions.set(header.sessionId, txn.timeoutMs);
        break;
      case "closeSession":
        this.sessions.delete(header.sessionId);
        for (const path of txn.paths ?? []) this.#delete(header.zxid, pathOf(path));
        for (const [path, node] of [...this.nodes]) {
          if (node.owner === header.sessionId && node.owner !== 0n) this.#delete(header.zxid, path);
        }
        break;
      case "multi":
        if (txn.ops.some(({ txn }) => txn.kind === "error")) break;
        for (const op of txn.ops) this.#apply({ ...header, type: op.type }, op.txn);
        break;
      default:
        this.#apply(header, txn);
    }
    this.#recountQuotas();
    this.lastProcessedZxid = Math.max(this.lastProcessedZxid, header.zxid);
  }

  /** What a standalone server does when it has loaded everything. */
  deleteEphemeralsOfDeadSessions(): void {
    for (const [path, { owner }] of [...this.nodes]) {
      if (owner === 0n || isSpecialOwner(owner) || this.sessions.has(owner)) continue;
      this.#delete(this.lastProcessedZxid, path);
    }
    this.#recountQuotas();
  }

  #apply(header: TxnHeader, txn: OperationTxn | ErrorTxn): void {
    switch (txn.kind) {
      case "create":
        return this.#create(header, txn, txn.ephemeral ? header.sessionId : 0n);
      case "createContainer":
        return this.#create(header, txn, CONTAINER_OWNER);
      case "createTtl":
        return this.#create(header, txn, BigInt.asIntN(64, TTL_OWNER_BASE | txn.ttlMs));
      case "delete":
        return this.#delete(header.zxid, pathOf(txn.path));
      case "setData": {
        const node = this.nodes.get(pathOf(txn.path));
        if (node === undefined) return;
        node.data = copyOf(txn.data);
        node.mtime = header.timeMs;
        node.mzxid = header.zxid;
        node.version = txn.version;
        return;
      }
      case "setAcl": {
        const node = this.nodes.get(pathOf(txn.path));
        if (node === undefined) return;
        node.acl = txn.acl;
        node.aversion = txn.version;
        return;
      }
      case "check":
      case "error":
        return;
    }
  }

  #create(
    header: TxnHeader,
    txn: { path: Uint8Array; data: Uint8Array | null; acl: AclList; parentCversion: number },
    owner: bigint,
  ): void {
    const path = pathOf(txn.path);
    const parent = this.nodes.get(parentOf(path));
    if (parent === undefined) return;
    const cversion = txn.parentCversion === -1 ? parent.cversion + 1 : txn.parentCversion;
    if (cversion > parent.cversion) {
      parent.cversion = cversion;
      parent.pzxid = header.zxid;
    }
    const existing = this.nodes.get(path);
    if (existing !== undefined) {
      existing.acl = txn.acl;
      return;
    }
    const { zxid, timeMs } = header;
    this.nodes.set(path, {
      ...ZERO_NODE,
      data: copyOf(txn.data),
      acl: txn.acl,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: timeMs,
      mtime: timeMs,
      owner,
    });
  }

  #delete(zxid: number, path: string): void {
    const parent = this.nodes.get(parentOf(path));
    if (parent === undefined) return;
    if (zxid > parent.pzxid) parent.pzxid = zxid;
    this.nodes.delete(path);
  }

  #recountQuotas(): void {
    for (const limits of [...this.nodes.keys()]) {
      if (!limits.startsWith(QUOTA) || !limits.endsWith("/zookeeper_limits")) continue;
      const target = limits.slice(QUOTA.length, -"/zookeeper_limits".length);
      const stats = this.nodes.get(`${QUOTA}${target}/zookeeper_stats`);
      if (stats === undefined) continue;
      let count = 0;
      let bytes = 0;
      for (const [path, { data }] of this.nodes) {
        if (path !== target && !path.startsWith(target + "/")) continue;
        count++;
        bytes += data?.length ?? 0;
      }
      stats.data = encodeUtf8(`count=${count},bytes=${bytes}`);
    }
  }

  // ---------------------------------------------------------------- snapshots

  aclEntries(): Iterable<{ index: number; acl: AclList }> {
    return [...this.#aclIndexes().values()];
  }

  #aclIndexes(): Map<string, { index: number; acl: AclList }> {
    const table = new Map<string, { index: number; acl: AclList }>();
    for (const { acl } of this.nodes.values()) {
      if (acl.key === OPEN_ACL.key || table.has(acl.key)) continue;
      table.set(acl.key, { index: table.size + 1, acl });
    }
    return table;
  }

  beginSnapshot(): NaiveCursor {
    return { paths: [...this.nodes.keys()].sort(byDepth), at: 0, written: new Set() };
  }

  writeSnapshotNodes(cursor: SnapshotCursor, writer: JuteWriter, bytesMax: number): boolean {
    const at = cursor as NaiveCursor;
    const indexes = this.#aclIndexes();
    const stop = writer.position + bytesMax;
    for (; at.at < at.paths.length && writer.position < stop; at.at++) {
      const path = at.paths[at.at]!;
      const node = this.nodes.get(path);
      if (node === undefined || (path !== "" && !at.written.has(parentOf(path)))) continue;
      at.written.add(path);
      writer.string(path);
      writer.bytes(node.data);
      writer.longFromNumber(indexes.get(node.acl.key)?.index ?? -1);
      writeStat(writer, node);
    }
    return at.at === at.paths.length;
  }

  endSnapshot(): void {}

  clear(): void {
    this.nodes.clear();
    this.#aclsLoaded.clear();
    this.lastProcessedZxid = 0;
  }

  resetToEmptyDatabase(): void {
    this.clear();
    for (const path of ["", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]) {
      this.nodes.set(path, { ...ZERO_NODE });
    }
    Object.assign(this.nodes.get("/zookeeper/config")!, { acl: READ_ACL, aversion: -1 });
  }

  loadAcl(index: number, acl: AclList): void {
    this.#aclsLoaded.set(index, acl);
  }

  loadNode(pathBytes: Uint8Array, reader: JuteReader): void {
    const path = decodeUtf8(pathBytes);
    if (path !== "" && !this.nodes.has(parentOf(path))) {
      throw new DecodeError(`No parent of ${path}`);
    }
    this.nodes.set(path, {
      data: copyOf(reader.bytes()),
      acl: this.#aclsLoaded.get(reader.longAsNumber()) ?? OPEN_ACL,
      czxid: reader.zxid(),
      mzxid: reader.zxid(),
      ctime: reader.longAsNumber(),
      mtime: reader.longAsNumber(),
      version: reader.int(),
      cversion: reader.int(),
      aversion: reader.int(),
      owner: reader.long(),
      pzxid: reader.zxid(),
    });
  }

  finishLoad(zxid: number): void {
    this.#recountQuotas();
    this.lastProcessedZxid = zxid;
  }
}

const ZERO_NODE: NaiveNode = {
  data: new Uint8Array(),
  acl: OPEN_ACL,
  czxid: 0,
  mzxid: 0,
  pzxid: 0,
  ctime: 0,
  mtime: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  owner: 0n,
};

/** A node's share of the tree digest. */
export function nodeDigest(path: string, node: NaiveNode): number {
  if (path.startsWith("/zookeeper/")) return 0;
  const writer = new JuteWriter();
  writer.raw(encodeUtf8(path));
  writer.raw(node.data ?? new Uint8Array());
  for (const part of [node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime]) {
    writer.longFromNumber(part);
  }
  for (const part of [node.version, node.cversion, node.aversion]) writer.int(part);
  writer.long(node.owner);
  return crc32(writer.written());
}

function writeStat(writer: JuteWriter, node: NaiveNode): void {
  for (const part of [node.czxid, node.mzxid, node.ctime, node.mtime]) writer.longFromNumber(part);
  for (const part of [node.version, node.cversion, node.aversion]) writer.int(part);
  writer.long(node.owner);
  writer.zxid(node.pzxid);
}

function isSpecialOwner(owner: bigint): boolean {
  return owner === CONTAINER_OWNER || BigInt.asUintN(64, owner) >> 40n === 0xff0000n;
}

/** In txns the root is "/", here and in snapshots it is "". */
function pathOf(bytes: Uint8Array): string {
  const path = decodeUtf8(bytes);
  return path === "/" ? "" : path;
}

function parentOf(path: string): string {
  return path === "" ? "none" : path.slice(0, path.lastIndexOf("/"));
}

function byDepth(a: string, b: string): number {
  return a.split("/").length - b.split("/").length || (a < b ? -1 : 1);
}

function copyOf(data: Uint8Array | null): Uint8Array | null {
  return data === null ? null : data.slice();
}
