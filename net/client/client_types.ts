/**
 * What a client of a ZooKeeper ensemble takes and answers: options, stats, operations, events.
 *
 * @module
 */

import type { Zxid } from "../../core/zxid.ts";

/** As zkCli.sh names them in its prompt. */
export type ClientState =
  | "CONNECTING"
  | "ASSOCIATING"
  | "CONNECTED"
  | "CONNECTEDREADONLY"
  | "CLOSED"
  | "AUTH_FAILED";

/** A znode's stat as clients see it (client protocol, Stat). Times are ms since 1970. */
export interface ClientStat {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** The session that it goes with; 0n: it is not ephemeral. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: Zxid;
}

/** Of bits of {@linkcode Permission}. */
export interface ClientAcl {
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

export type CreateMode =
  | "persistent"
  | "persistentSequential"
  | "ephemeral"
  | "ephemeralSequential"
  | "container"
  | "persistentWithTtl"
  | "persistentSequentialWithTtl";

export type EventKind =
  | "None"
  | "NodeCreated"
  | "NodeDeleted"
  | "NodeDataChanged"
  | "NodeChildrenChanged"
  | "DataWatchRemoved"
  | "ChildWatchRemoved"
  | "PersistentWatchRemoved";

/** What a session's state becomes, in the words of ZooKeeper's KeeperState. */
export type KeeperState =
  | "Disconnected"
  | "SyncConnected"
  | "AuthFailed"
  | "ConnectedReadOnly"
  | "SaslAuthenticated"
  | "Expired"
  | "Closed";

/** A watch's event, or a change of the session's state (`kind` None, `path` null). Paths are without the chroot. */
export interface ClientEvent {
  readonly kind: EventKind;
  readonly state: KeeperState;
  readonly path: string | null;
  /** Of the change, where the server tells it (ZooKeeper 3.9 and later); else -1. */
  readonly zxid: Zxid;
}

/**
 * Called as events come, each before the answers that follow it. What it throws is reported on stderr and goes
 * no further. One function that is given for several watches of a path is told of an event once.
 */
export type WatchListener = (event: ClientEvent) => void;

export interface RequestOptions {
  /** Gives up waiting; whether a write was made is then not known. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends RequestOptions {
  /** A one-shot watch of the path, put back after a reconnect. */
  readonly watch?: WatchListener | undefined;
}

export interface CreateOptions extends RequestOptions {
  /** Default: persistent. */
  readonly mode?: CreateMode;
  /** Default: everyone may do anything. */
  readonly acl?: readonly ClientAcl[];
  /** Of the two modes with a TTL. */
  readonly ttlMs?: number;
}

export interface VersionOptions extends RequestOptions {
  /** Default: -1, any. */
  readonly version?: number;
}

export type MultiOp =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly mode?: CreateMode;
    readonly acl?: readonly ClientAcl[];
    readonly ttlMs?: number;
  }
  | { readonly kind: "delete"; readonly path: string; readonly version?: number }
  | {
    readonly kind: "set";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly version?: number;
  }
  | { readonly kind: "check"; readonly path: string; readonly version: number };

export type MultiResult =
  /** `stat` is null where the server tells none (those before 3.5, and some multis through a follower). */
  | { readonly kind: "create"; readonly path: string; readonly stat: ClientStat | null }
  | { readonly kind: "delete" }
  | { readonly kind: "set"; readonly stat: ClientStat }
  | { readonly kind: "check" };

export type ReadOp =
  | { readonly kind: "get"; readonly path: string }
  | { readonly kind: "getChildren"; readonly path: string };

export type ReadResult =
  | { readonly kind: "get"; readonly data: Uint8Array | null; readonly stat: ClientStat }
  | { readonly kind: "getChildren"; readonly children: string[] }
  | { readonly kind: "error"; readonly code: number };

export interface ReconfigRequest {
  /** server lines of those who join, comma separated; likewise ids of those who leave. */
  readonly joining?: string | null;
  readonly leaving?: string | null;
  /** The whole new membership, in place of the two. */
  readonly newMembers?: string | null;
  /** The version of the configuration that it is to change; -1: any. */
  readonly fromConfig?: number;
}

export type AddWatchMode = "persistent" | "persistentRecursive";

/** Which watches of a path to take away. */
export type WatcherKind = "children" | "data" | "any" | "persistent" | "persistentRecursive";

export interface AuthInfo {
  readonly scheme: string;
  /** Null is not the same as empty. */
  readonly auth: Uint8Array | null;
}

export interface ClientOptions {
  /** What is asked for; the server bounds it. Default: 30,000. */
  readonly sessionTimeoutMs?: number;
  /** Take a server that is cut off from its ensemble. Default: false. */
  readonly canBeReadOnly?: boolean;
  /** Sent at every connect, before anything else. */
  readonly auth?: readonly AuthInfo[];
  /** Goes on with a session that was there before. */
  readonly session?: { readonly id: bigint; readonly password: Uint8Array };
  /** Gets each change of state, and the events of watches that have no listener of their own. */
  readonly onEvent?: WatchListener;
  /** Ends the wait for the first connection (see {@linkcode ZooKeeperClient.connected}), then the client. */
  readonly signal?: AbortSignal;
  /** Whether servers are tried in another order than the connect string's. Default: true. */
  readonly shuffle?: boolean;
  /**
   * Requests that wait for a server fail when each has been tried once, as with ZooKeeper's own client, and not only
   * when a session would be over. Default: false.
   */
  readonly failsFast?: boolean;
  /** An answer beyond it fails its request, and no more. Default: 64 MiB. */
  readonly maxFrameBytes?: number;
  /** All addresses of a name, asked for at each connect. Default: as the operating system finds them. */
  readonly lookUp?: (hostname: string) => Promise<readonly string[]>;
}

/**
 * A session with an ensemble. Made by `openClient()`, which returns at once and connects behind it.
 *
 * Requests are carried out in the order in which they are made. Made without a connection, they wait for one as
 * long as a session would; when a connection is lost, all that were not answered fail with ConnectionLossError.
 * A refusal by the server rejects with KeeperError, what cannot be sent with ClientArgumentError.
 */
export interface ZooKeeperClient extends AsyncDisposable {
  readonly state: ClientState;
  /** 0n before the first connection. */
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  /** What the server granted; of the request before. */
  readonly sessionTimeoutMs: number;
  /** The highest zxid any answer told. */
  readonly lastZxid: Zxid;
  /** `host:port` of the server we are connected to. */
  readonly server: string | null;

  /**
   * Waits until there is a session.
   *
   * @throws {ConnectionLossError} after `timeoutMs` (default: none is set) with what kept each server from it
   */
  connected(
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<void>;

  /** Tells each change of the session's state, as `onEvent` does. @returns what ends that */
  watchState(listener: WatchListener): () => void;

  create(
    path: string,
    data: Uint8Array | null,
    options?: CreateOptions,
  ): Promise<{ path: string; stat: ClientStat }>;
  get(path: string, options?: ReadOptions): Promise<{ data: Uint8Array | null; stat: ClientStat }>;
  /** Null: there is no such znode; the watch then waits for its creation. */
  exists(path: string, options?: ReadOptions): Promise<ClientStat | null>;
  /** Names in no order. */
  getChildren(
    path: string,
    options?: ReadOptions,
  ): Promise<{ children: string[]; stat: ClientStat }>;
  getAllChildrenNumber(path: string, options?: RequestOptions): Promise<number>;
  getEphemerals(prefix: string, options?: RequestOptions): Promise<string[]>;
  set(path: string, data: Uint8Array | null, options?: VersionOptions): Promise<ClientStat>;
  delete(path: string, options?: VersionOptions): Promise<void>;
  getAcl(path: string, options?: RequestOptions): Promise<{ acl: ClientAcl[]; stat: ClientStat }>;
  /** `version` is the ACL's. */
  setAcl(path: string, acl: readonly ClientAcl[], options?: VersionOptions): Promise<ClientStat>;
  sync(path: string, options?: RequestOptions): Promise<string>;
  /** All or nothing. @throws {MultiError} which operation failed, and how */
  multi(ops: readonly MultiOp[], options?: RequestOptions): Promise<MultiResult[]>;
  multiRead(ops: readonly ReadOp[], options?: RequestOptions): Promise<ReadResult[]>;
  /**
   * A watch that stays, put back after a reconnect: what happened while there was no connection is not told, so
   * read again when the state is SyncConnected anew.
   */
  addWatch(
    path: string,
    mode: AddWatchMode,
    listener: WatchListener,
    options?: RequestOptions,
  ): Promise<void>;
  /** `local`: those of this client alone, when no server can be asked. @throws {KeeperError} NoWatcher */
  removeWatches(
    path: string,
    kind: WatcherKind,
    options?: RequestOptions & { readonly local?: boolean },
  ): Promise<void>;
  getConfig(options?: ReadOptions): Promise<{ data: Uint8Array | null; stat: ClientStat }>;
  reconfig(
    request: ReconfigRequest,
    options?: RequestOptions,
  ): Promise<{ data: Uint8Array | null; stat: ClientStat }>;
  /** Sent now and at every reconnect. */
  addAuth(auth: AuthInfo, options?: RequestOptions): Promise<void>;
  whoAmI(options?: RequestOptions): Promise<{ scheme: string; user: string }[]>;
  /** Ends the session, so that its ephemerals go. Waits for the server at most a short while. */
  close(): Promise<void>;
  /** Drops the connection and leaves the session to time out. */
  abandon(): void;
}
