/**
 * A second, simple implementation of what requests do: each one is checked and applied at once to a
 * plain map, in the order of checks that ZooKeeper documents (semantics sections 2 to 10).
 *
 * Shares no code with `core/` but the tables of codes. Slow, and meant to be: the pending changes, the
 * incremental digest and the packed znodes of the server are compared with it.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { ErrorCode } from "../../core/errors.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { JuteEncoder } from "../support/jute.ts";
import type { AclEntry } from "../support/requests.ts";

export interface CreateAsked {
  kind: "create";
  op: number;
  path: string;
  data: Uint8Array | null;
  acl: readonly AclEntry[] | null;
  flags: number;
  ttl: bigint;
}
export interface DeleteAsked {
  kind: "delete";
  path: string;
  version: number;
}
export interface SetDataAsked {
  kind: "setData";
  path: string;
  data: Uint8Array | null;
  version: number;
}
export interface SetAclAsked {
  kind: "setAcl";
  path: string;
  acl: readonly AclEntry[] | null;
  version: number;
}
export interface CheckAsked {
  kind: "check";
  path: string;
  version: number;
}
export type OperationAsked = CreateAsked | DeleteAsked | SetDataAsked | SetAclAsked | CheckAsked;
export interface MultiAsked {
  kind: "multi";
  ops: OperationAsked[];
}

export interface Identity {
  scheme: string;
  id: string;
}

export interface DatabaseOptions {
  extendedTypes: boolean;
  enforceQuota: boolean;
}

interface Node {
  data: Uint8Array | null;
  acl: readonly AclEntry[];
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctime: number;
  mtime: number;
  version: number;
  creates: number;
  aversion: number;
  kind: "persistent" | "ephemeral" | "container" | "ttl";
  /** As stored, signed. */
  owner: bigint;
}

const OPEN: readonly AclEntry[] = [{ perms: 31, scheme: "world", id: "anyone" }];
const READ_ONLY: readonly AclEntry[] = [{ perms: 1, scheme: "world", id: "anyone" }];
const CONTAINER = -(2n ** 63n);
const QUOTA = "/zookeeper/quota";
const LIMITS = "/zookeeper_limits";
const STATS = "/zookeeper_stats";

/** What one request came to: an error code, or the body of its reply. */
export type Outcome = { err: number; body: Uint8Array };

export class NaiveDatabase {
  /** By path; the root is "". */
  nodes = new Map<string, Node>();
  sessions = new Map<bigint, number>();
  zxid = 0;
  readonly #options: DatabaseOptions;
  #nowMs = 0;
  /** What quotas are checked against: the tree before the request. */
  #before: NaiveDatabase = this;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    for (const path of ["", "/zookeeper", QUOTA, "/zookeeper/config"]) {
      this.nodes.set(path, newNode({ zxid: 0, timeMs: 0, data: new Uint8Array(), acl: OPEN }));
    }
    Object.assign(this.nodes.get("/zookeeper/config")!, { acl: READ_ONLY, aversion: -1 });
  }

  clone(): NaiveDatabase {
    const copy = new NaiveDatabase(this.#options);
    copy.nodes = new Map([...this.nodes].map(([path, node]) => [path, { ...node }]));
    copy.sessions = new Map(this.sessions);
    copy.zxid = this.zxid;
    return copy;
  }

  /** Runs a write of a session as the next txn. */
  request(
    asked: OperationAsked | MultiAsked,
    { sessionId, ids, timeMs }: { sessionId: bigint; ids: readonly Identity[]; timeMs: number },
  ): Outcome {
    this.zxid++;
    this.#nowMs = timeMs;
    const body = new JuteEncoder();
    if (asked.kind !== "multi") {
      this.#before = this;
      const err = this.#operation(
        asked,
        sessionId,
        ids,
        body,
        asked.kind === "create" ? asked.op : 0,
      );
      return { err, body: err === 0 ? body.finish() : new Uint8Array() };
    }
    // a create that may not say so wants a TTL: such a multi cannot be decoded
    const isWrong = (op: OperationAsked) =>
      op.kind === "create" && op.op !== OpCode.CreateTtl && (op.flags === 5 || op.flags === 6);
    if (asked.ops.some(isWrong)) return { err: ErrorCode.MarshallingError, body: new Uint8Array() };
    this.#before = this.clone();
    const errors: number[] = [];
    for (const op of asked.ops.map(asInMulti)) {
      const failed = errors.some((err) => err !== 0);
      if (failed) {
        errors.push(ErrorCode.RuntimeInconsistency);
        continue;
      }
      const result = new JuteEncoder();
      const shape = op.kind === "create"
        ? op.op === OpCode.CreateContainer || op.op === OpCode.CreateTtl ? OpCode.Create2 : op.op
        : OP_OF[op.kind];
      const err = this.#operation(op, sessionId, ids, result, shape);
      errors.push(err);
      if (err === 0) body.int(shape).boolean(false).int(0).raw(result.finish());
    }
    if (errors.every((err) => err === 0)) {
      return { err: 0, body: body.int(-1).boolean(true).int(-1).finish() };
    }
    this.nodes = this.#before.nodes;
    const failure = new JuteEncoder();
    for (const err of errors) failure.int(-1).boolean(false).int(err).int(err);
    return { err: 0, body: failure.int(-1).boolean(true).int(-1).finish() };
  }

  createSession(sessionId: bigint, timeoutMs: number): void {
    this.zxid++;
    this.sessions.set(sessionId, timeoutMs);
  }

  closeSession(sessionId: bigint): void {
    this.zxid++;
    this.sessions.delete(sessionId);
    for (const [path, { kind, owner }] of [...this.nodes]) {
      if (kind === "ephemeral" && owner === sessionId) this.#remove(path);
    }
  }

  /** False: it must stay, and no txn comes of it. */
  deleteContainer(path: string): boolean {
    const node = this.nodes.get(path);
    if (node === undefined || this.childrenOf(path).length > 0) return false;
    if (node.kind !== "container" && node.kind !== "ttl") return false;
    this.zxid++;
    this.#remove(path);
    return true;
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

  get treeDigest(): bigint {
    let sum = 0n;
    for (const [path, node] of this.nodes) {
      if (path.startsWith("/zookeeper/")) continue;
      sum += BigInt(nodeDigest(path, node));
    }
    return BigInt.asUintN(64, sum);
  }

  /** Everything a server holds, as lines to be compared. */
  dump({ withUsage = true } = {}): string {
    const lines: string[] = [];
    let bytes = 0;
    const ephemerals: string[] = [];
    const containers: string[] = [];
    const ttls: string[] = [];
    for (const [path, node] of this.nodes) {
      const shown = withUsage || !isUsage(path) ? dataText(node.data) : "usage";
      const children = this.childrenOf(path).join(",");
      lines.push(
        `${path} ${shown} acl=${aclText(node.acl)} ${node.czxid} ${node.mzxid} ${node.pzxid} ` +
          `${node.ctime} ${node.mtime} ${node.version} ${node.creates} ${node.aversion} ` +
          `${node.owner} [${children}]`,
      );
      if (withUsage || !isUsage(path)) bytes += node.data?.length ?? 0;
      bytes += new TextEncoder().encode(path || "/").length;
      if (node.kind === "ephemeral") ephemerals.push(`${node.owner}:${path}`);
      if (node.kind === "container") containers.push(path);
      if (node.kind === "ttl") ttls.push(path);
    }
    lines.sort();
    lines.push(`ephemerals ${ephemerals.sort().join(" ")}`);
    lines.push(`containers ${containers.sort().join(" ")} ttls ${ttls.sort().join(" ")}`);
    lines.push(`sessions ${[...this.sessions].map(String).sort().join(" ")}`);
    lines.push(`zxid ${this.zxid} count ${this.nodes.size} bytes ${bytes}`);
    lines.push(`digest ${this.treeDigest}`);
    return lines.join("\n");
  }

  // ---------------------------------------------------------------- operations

  #operation(
    asked: OperationAsked,
    sessionId: bigint,
    ids: readonly Identity[],
    body: JuteEncoder,
    shape: number,
  ): number {
    switch (asked.kind) {
      case "create":
        return this.#create(asked, sessionId, ids, body, shape);
      case "delete":
        return this.#delete(asked, ids);
      case "setData":
        return this.#setData(asked, ids, body);
      case "setAcl":
        return this.#setAcl(asked, ids, body);
      case "check":
        return this.#check(asked, ids);
    }
  }

  #create(
    asked: CreateAsked,
    sessionId: bigint,
    ids: readonly Identity[],
    body: JuteEncoder,
    shape: number,
  ): number {
    const { op, flags, ttl } = asked;
    if (![0, 1, 2, 3, 4, 5, 6].includes(flags)) return ErrorCode.BadArguments;
    const wantsTtl = flags === 5 || flags === 6;
    if (wantsTtl && !this.#options.extendedTypes) return ErrorCode.Unimplemented;
    if (wantsTtl && op !== OpCode.CreateTtl) return ErrorCode.BadArguments;
    if (!wantsTtl && op === OpCode.CreateTtl) return ErrorCode.BadArguments;
    if (wantsTtl && (ttl <= 0n || ttl > 2n ** 40n - 1n)) return ErrorCode.BadArguments;
    if (!asked.path.includes("/") || asked.path.includes("\0")) return ErrorCode.BadArguments;
    const acl = fixUp(asked.acl, ids);
    if (acl === null) return ErrorCode.InvalidAcl;
    const parent = this.#get(asked.path.slice(0, asked.path.lastIndexOf("/")));
    if (parent === undefined) return ErrorCode.NoNode;
    if (!allowed(parent.acl, 4, ids)) return ErrorCode.NoAuth;
    let path = asked.path;
    if (flags === 2 || flags === 3 || flags === 6) path += javaTenDigits(parent.creates);
    if (!isLegalPath(path)) return ErrorCode.BadArguments;
    if (this.#get(path) !== undefined) return ErrorCode.NodeExists;
    if (parent.kind === "ephemeral") return ErrorCode.NoChildrenForEphemerals;
    const err = this.#checkQuota(path, 1, asked.data?.length ?? 0);
    if (err !== 0) return err;

    parent.creates++;
    parent.pzxid = this.zxid;
    const node = newNode({ zxid: this.zxid, timeMs: this.#nowMs, data: asked.data, acl });
    if (op === OpCode.CreateContainer) Object.assign(node, { kind: "container", owner: CONTAINER });
    else if (wantsTtl) {
      Object.assign(node, { kind: "ttl", owner: BigInt.asIntN(64, 0xff00n << 48n | ttl) });
    } else if (flags === 1 || flags === 3) {
      Object.assign(node, { kind: "ephemeral", owner: sessionId });
    }
    this.nodes.set(path, node);
    this.#quotaCreated(path);
    body.string(path);
    if (shape !== OpCode.Create) this.#writeStat(body, path);
    return 0;
  }

  #delete({ path, version }: DeleteAsked, ids: readonly Identity[]): number {
    if (!path.includes("/") || path.includes("\0")) return ErrorCode.BadArguments;
    if (["/", "/zookeeper", QUOTA, "/zookeeper/config"].includes(path)) {
      return ErrorCode.BadArguments;
    }
    const parent = this.#get(path.slice(0, path.lastIndexOf("/")));
    if (parent === undefined) return ErrorCode.NoNode;
    if (!allowed(parent.acl, 8, ids)) return ErrorCode.NoAuth;
    const node = this.#get(path);
    if (node === undefined) return ErrorCode.NoNode;
    if (version !== -1 && version !== node.version) return ErrorCode.BadVersion;
    if (this.childrenOf(path).length > 0) return ErrorCode.NotEmpty;
    this.#remove(path);
    return 0;
  }

  #setData(
    { path, data, version }: SetDataAsked,
    ids: readonly Identity[],
    body: JuteEncoder,
  ): number {
    if (!isLegalPath(path)) return ErrorCode.BadArguments;
    const node = this.#get(path);
    if (node === undefined) return ErrorCode.NoNode;
    if (!allowed(node.acl, 2, ids)) return ErrorCode.NoAuth;
    const difference = (data?.length ?? 0) - (node.data?.length ?? 0);
    if (difference !== 0) {
      const err = this.#checkQuota(path, 0, difference);
      if (err !== 0) return err;
    }
    if (version !== -1 && version !== node.version) return ErrorCode.BadVersion;
    node.data = data;
    node.version++;
    node.mzxid = this.zxid;
    node.mtime = this.#nowMs;
    if (difference !== 0) this.#charge(path, 0, difference);
    this.#writeStat(body, path);
    return 0;
  }

  #setAcl(
    { path, acl: submitted, version }: SetAclAsked,
    ids: readonly Identity[],
    body: JuteEncoder,
  ): number {
    if (!isLegalPath(path)) return ErrorCode.BadArguments;
    const acl = fixUp(submitted, ids);
    if (acl === null) return ErrorCode.InvalidAcl;
    const node = this.#get(path);
    if (node === undefined) return ErrorCode.NoNode;
    if (!allowed(node.acl, 16, ids)) return ErrorCode.NoAuth;
    if (version !== -1 && version !== node.aversion) return ErrorCode.BadVersion;
    node.acl = acl;
    node.aversion = node.aversion === -2 ? 0 : node.aversion + 1; // -1 would mean "any"
    this.#writeStat(body, path);
    return 0;
  }

  #check({ path, version }: CheckAsked, ids: readonly Identity[]): number {
    if (!isLegalPath(path)) return ErrorCode.BadArguments;
    const node = this.#get(path);
    if (node === undefined) return ErrorCode.NoNode;
    if (!allowed(node.acl, 1, ids)) return ErrorCode.NoAuth;
    if (version !== -1 && version !== node.version) return ErrorCode.BadVersion;
    return 0;
  }

  #remove(path: string): void {
    const { data } = this.nodes.get(path)!;
    this.#get(path.slice(0, path.lastIndexOf("/")))!.pzxid = this.zxid;
    this.nodes.delete(path);
    this.#charge(path, -1, -(data?.length ?? 0));
  }

  #get(path: string): Node | undefined {
    return this.nodes.get(path === "/" ? "" : path);
  }

  #writeStat(body: JuteEncoder, path: string): void {
    const node = this.#get(path)!;
    const childCount = this.childrenOf(path === "/" ? "" : path).length;
    for (const part of [node.czxid, node.mzxid, node.ctime, node.mtime]) body.long(BigInt(part));
    body.int(node.version).int(node.creates * 2 - childCount).int(node.aversion);
    body.long(node.kind === "ephemeral" ? node.owner : 0n);
    body.int(node.data?.length ?? 0).int(childCount).long(BigInt(node.pzxid));
  }

  // ---------------------------------------------------------------- quotas

  #nearestQuota(path: string): string | null {
    const parts = path.split("/");
    for (let length = parts.length; length > 1; length--) {
      const target = parts.slice(0, length).join("/");
      if (this.nodes.has(QUOTA + target + LIMITS)) return target;
    }
    return null;
  }

  #checkQuota(path: string, count: number, bytes: number): number {
    if (!this.#options.enforceQuota) return 0;
    const target = this.#before.#nearestQuota(path);
    if (target === null) return 0;
    const stats = this.#before.nodes.get(QUOTA + target + STATS);
    if (stats === undefined) return 0;
    const limits = quotaOf(this.#before.nodes.get(QUOTA + target + LIMITS)!);
    const usage = quotaOf(stats);
    if (limits === null || usage === null) return ErrorCode.MarshallingError;
    const over = (limit: number, value: number) => limit > -1 && value > limit;
    const hardCount = limits.get("countHardLimit") ?? -1;
    const hardBytes = limits.get("byteHardLimit") ?? -1;
    if (count !== 0 && over(hardCount, (usage.get("count") ?? -1) + count)) {
      return ErrorCode.QuotaExceeded;
    }
    if (bytes !== 0 && over(hardBytes, (usage.get("bytes") ?? -1) + bytes)) {
      return ErrorCode.QuotaExceeded;
    }
    return 0;
  }

  #quotaCreated(path: string): void {
    if (path.startsWith(QUOTA + "/") && path.endsWith(STATS)) {
      const target = path.slice(QUOTA.length, -STATS.length);
      let count = 0;
      let bytes = 0;
      for (const [other, { data }] of this.nodes) {
        if (target === "" || (other !== target && !other.startsWith(target + "/"))) continue;
        count++;
        bytes += data?.length ?? 0;
      }
      this.nodes.get(path)!.data = new TextEncoder().encode(`count=${count},bytes=${bytes}`);
    }
    this.#charge(path, 1, this.nodes.get(path)!.data?.length ?? 0);
  }

  #charge(path: string, count: number, bytes: number): void {
    const target = this.#nearestQuota(path);
    const stats = target === null ? undefined : this.nodes.get(QUOTA + target + STATS);
    const usage = stats === undefined ? null : quotaOf(stats);
    if (usage === null) return;
    const now = {
      count: (usage.get("count") ?? -1) + count,
      bytes: (usage.get("bytes") ?? -1) + bytes,
    };
    let text = `count=${now.count},bytes=${now.bytes}`;
    const others = [...usage].filter(([key, value]) =>
      key !== "count" && key !== "bytes" && !(key.endsWith("HardLimit") && value === -1)
    ).sort();
    if (others.length > 0) text += `=;${others.map(([key, value]) => `${key}=${value}`).join(";")}`;
    stats!.data = new TextEncoder().encode(text);
  }
}

const OP_OF = {
  delete: OpCode.Delete,
  setData: OpCode.SetData,
  setAcl: OpCode.SetAcl,
  check: OpCode.Check,
} as const;

/** Inside a multi the flags of a create decide what it makes, except that create2 keeps its result. */
function asInMulti(asked: OperationAsked): OperationAsked {
  if (asked.kind !== "create" || asked.flags === 5 || asked.flags === 6) return asked;
  if (asked.flags === 4) return { ...asked, op: OpCode.CreateContainer };
  return { ...asked, op: asked.op === OpCode.Create2 ? asked.op : OpCode.Create };
}

function newNode(
  { zxid, timeMs, data, acl }: {
    zxid: number;
    timeMs: number;
    data: Uint8Array | null;
    acl: readonly AclEntry[];
  },
): Node {
  return {
    data,
    acl,
    czxid: zxid,
    mzxid: zxid,
    pzxid: zxid,
    ctime: timeMs,
    mtime: timeMs,
    version: 0,
    creates: 0,
    aversion: 0,
    kind: "persistent",
    owner: 0n,
  };
}

/** Semantics section 2, row by row. */
export function isLegalPath(path: string): boolean {
  if (!path.startsWith("/")) return false;
  if (path === "/") return true;
  const components = path.split("/").slice(1);
  if (components.some((name) => name === "" || name === "." || name === "..")) return false;
  // deno-lint-ignore no-control-regex
  return !/[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.test(path);
}

function fixUp(
  acl: readonly AclEntry[] | null,
  ids: readonly Identity[],
): readonly AclEntry[] | null {
  if (acl === null || acl.length === 0) return null;
  const unique = new Map(acl.map((entry) => [JSON.stringify(entry), entry]));
  const fixed: AclEntry[] = [];
  for (const { perms, scheme, id } of unique.values()) {
    switch (scheme) {
      case "world":
        if (id !== "anyone") return null;
        fixed.push({ perms, scheme, id });
        break;
      case "auth": {
        const own = ids.filter((identity) => identity.scheme === "digest");
        if (own.length === 0) return null;
        for (const identity of own) fixed.push({ perms, ...identity });
        break;
      }
      case "digest":
        if (!/^[^:]*:[^:]+$/.test(id!)) return null;
        fixed.push({ perms, scheme, id });
        break;
      case "ip":
        if (!/^\d+\.\d+\.\d+\.\d+$/.test(id!)) return null;
        fixed.push({ perms, scheme, id });
        break;
      default:
        return null;
    }
  }
  return fixed;
}

function allowed(acl: readonly AclEntry[], perm: number, ids: readonly Identity[]): boolean {
  if (ids.some(({ scheme }) => scheme === "super")) return true;
  return acl.some((entry) =>
    (entry.perms & perm) !== 0 &&
    (entry.scheme === "world" ||
      ids.some(({ scheme, id }) => scheme === entry.scheme && id === entry.id))
  );
}

/** `String.format("%010d", value)` of Java. */
function javaTenDigits(value: number): string {
  const digits = String(Math.abs(value));
  return value < 0 ? "-" + digits.padStart(9, "0") : digits.padStart(10, "0");
}

/** The text of a quota node; null when it is none. */
function quotaOf({ data }: Node): Map<string, number> | null {
  const text = new TextDecoder().decode(data ?? new Uint8Array());
  const values = new Map<string, number>();
  for (const piece of text.replace(/[,;]+$/, "").split(/[,;]+/)) {
    const match = /^([^=]+)=(-?\d+)=*$/.exec(piece);
    if (match === null) return null;
    values.set(match[1]!, Number(match[2]));
  }
  return values;
}

function nodeDigest(path: string, node: Node): number {
  const { czxid, mzxid, pzxid, ctime, mtime } = node;
  const bytes = new JuteEncoder().raw(new TextEncoder().encode(path));
  bytes.raw(node.data ?? new Uint8Array());
  for (const part of [czxid, mzxid, pzxid, ctime, mtime]) bytes.long(BigInt(part));
  bytes.int(node.version).int(node.creates).int(node.aversion).long(node.owner);
  return crc32(bytes.finish());
}

export function isUsage(path: string): boolean {
  return path.startsWith(QUOTA) && path.endsWith(STATS);
}

export function dataText(data: Uint8Array | null): string {
  if (data === null) return "null";
  return data.length > 64 ? `${data.length}:${crc32(data)}` : `"${data.toHex()}"`;
}

export function aclText(acl: readonly AclEntry[]): string {
  return acl.map(({ perms, scheme, id }) => `${perms}:${scheme}:${id}`).join("|");
}
