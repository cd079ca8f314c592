/**
 * The server as the HTTP API uses it: ZooKeeper's requests as methods. Each goes the way that a request on the
 * client port goes, with the same checks, counters and audit lines.
 *
 * Reads are answered at once, from the tree as it is; writes when they are committed. What fails is thrown
 * as a {@linkcode Problem}.
 *
 * @module
 */
import type { AclEntry, AclList, Id } from "../../core/tree/acl_list.ts";
import type { DataTree } from "../../core/tree/data_tree.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import type { Zxid } from "../../core/zxid.ts";
import type { ClientStat } from "../client/client_types.ts";

/** Who asks. */
export interface Caller {
  readonly ids: readonly Id[];
  /** Whose session the request is made in; null: the server's own, which owns nothing. */
  readonly session: SessionKey | null;
  /** The client's address, numeric. */
  readonly remoteAddress: string;
}

/** What a session's token holds. */
export interface SessionKey {
  readonly id: bigint;
  /** 16 bytes. */
  readonly password: Uint8Array;
}

export type CreateKind =
  | "persistent"
  | "ephemeral"
  | "persistent_sequential"
  | "ephemeral_sequential"
  | "container"
  | "ttl"
  | "ttl_sequential";

export interface CreateRequest {
  readonly path: string;
  readonly data: Uint8Array | null;
  /** Null: open to all. */
  readonly acl: readonly AclEntry[] | null;
  readonly kind: CreateKind;
  /** Of TTL nodes. */
  readonly ttlMs?: number;
}

export type MultiOp =
  | ({ readonly op: "create" } & CreateRequest)
  | {
    readonly op: "set";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly version: number;
  }
  | { readonly op: "delete"; readonly path: string; readonly version: number }
  | { readonly op: "check"; readonly path: string; readonly version: number };

export type MultiResult =
  | { readonly op: "create"; readonly path: string; readonly stat: ClientStat }
  | { readonly op: "set"; readonly stat: ClientStat }
  | { readonly op: "delete" }
  | { readonly op: "check" };

/** As the client port has it: null where a part is left out. */
export interface ReconfigRequest {
  readonly joiningServers: string | null;
  readonly leavingServers: string | null;
  readonly newMembers: string | null;
  /** The version that must be current; -1: any. */
  readonly configVersion: Zxid;
}

export interface SessionInfo {
  readonly key: SessionKey;
  readonly timeoutMs: number;
}

export interface Gateway {
  readonly config: ServerConfig;
  /** For lists and walks; its znodes are to be checked with `mayDo`. Not to be changed. */
  readonly tree: DataTree;
  /** False without a quorum, when only read-only mode may answer. */
  readonly isServing: boolean;
  /** Read-only mode: nothing can be written. */
  readonly isReadOnly: boolean;
  /** The last txn that is in the tree. */
  readonly lastZxid: Zxid;

  // reads: `no-quorum` when the server answers nobody, `no-node`, `no-auth`
  exists(caller: Caller, path: string): ClientStat;
  /** The data is the caller's own; null and empty differ. */
  getData(caller: Caller, path: string): { data: Uint8Array<ArrayBuffer> | null; stat: ClientStat };
  getAcl(caller: Caller, path: string): { acl: readonly AclEntry[]; stat: ClientStat };
  /** @param perm bits of `Permission`, of which one suffices */
  mayDo(caller: Caller, path: string, perm: number): boolean;
  /** The same by an ACL that some znode has or had. */
  allows(caller: Caller, acl: AclList, perm: number): boolean;

  // writes: reject with a Problem that carries `outcome`
  /** Resolves to the path that was made: of sequential ones it differs. */
  create(
    caller: Caller,
    request: CreateRequest,
  ): Promise<{ path: string; stat: ClientStat; zxid: Zxid }>;
  /** @param version -1: any */
  setData(
    caller: Caller,
    request: { path: string; data: Uint8Array | null; version: number },
  ): Promise<{ stat: ClientStat; zxid: Zxid }>;
  /** @param version -1: any */
  delete(caller: Caller, request: { path: string; version: number }): Promise<{ zxid: Zxid }>;
  /** @param version the ACL's; -1: any */
  setAcl(
    caller: Caller,
    request: { path: string; acl: readonly AclEntry[]; version: number },
  ): Promise<{ stat: ClientStat; zxid: Zxid }>;
  /** All or nothing. The problem's members hold `index` of the operation that failed. */
  multi(caller: Caller, ops: readonly MultiOp[]): Promise<{ results: MultiResult[]; zxid: Zxid }>;
  /** Resolves when all that was committed anywhere before is in the tree here. */
  sync(caller: Caller): Promise<Zxid>;
  /**
   * Resolves when a txn of its own has gone through the quorum: what is read here after that is no older than
   * the call, whoever led meanwhile.
   */
  barrier(caller: Caller): Promise<Zxid>;
  /** Resolves to the new membership as `/zookeeper/config` holds it. */
  reconfig(caller: Caller, request: ReconfigRequest): Promise<{ config: string; zxid: Zxid }>;
  /** Resolves when `zxid` is in the tree here; rejects with `behind`. */
  waitForZxid(zxid: Zxid, waitMs: number): Promise<void>;

  // sessions
  /** A real session of the ensemble, with this timeout exactly. */
  createSession(caller: Caller, timeoutMs: number): Promise<SessionInfo>;
  /**
   * A sign of life, and whether the session is there: rejects with `session-expired`, also for a wrong
   * password.
   */
  touch(key: SessionKey): Promise<SessionInfo>;
  closeSession(caller: Caller): Promise<void>;
  /** Calls back once when the session ends, however that is. Returns how to stop that. */
  onSessionEnd(id: bigint, ended: () => void): () => void;
  /** Calls back once when the server stops serving: it loses its quorum, or changes its role. */
  onServiceEnd(ended: () => void): () => void;
}
