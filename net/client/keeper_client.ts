/**
 * The operations of a client, each as one request of its session.
 *
 * @module
 */

import { LateTimeout } from "../late_timers.ts";
import { ErrorCode } from "../../core/errors.ts";
import type { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import type { Zxid } from "../../core/zxid.ts";
import { KeeperError } from "./client_errors.ts";
import { checkPath, clientPathOf, CONFIG_PATH, isUnder, serverPathOf } from "./client_paths.ts";
import {
  readAcl,
  readDataAndStat,
  readStat,
  readText,
  readTexts,
  writeAcl,
} from "./client_records.ts";
import type {
  AddWatchMode,
  AuthInfo,
  ClientAcl,
  ClientStat,
  ClientState,
  CreateOptions,
  MultiOp,
  MultiResult,
  ReadOp,
  ReadOptions,
  ReadResult,
  ReconfigRequest,
  RequestOptions,
  VersionOptions,
  WatcherKind,
  WatchListener,
  ZooKeeperClient,
} from "./client_types.ts";
import { serverText } from "./connect_string.ts";
import { checkAcl, checkCreate, createOpCode, writeCreate } from "./create_request.ts";
import { readMulti, readMultiRead, writeMulti, writeMultiRead } from "./multi_records.ts";
import type { ClientRequest } from "./request_queue.ts";
import type { Session } from "./session.ts";
import type { WatchKind } from "./watch_registry.ts";

type DataAndStat = { data: Uint8Array | null; stat: ClientStat };

const ADD_WATCH_MODES: Readonly<Record<AddWatchMode, number>> = {
  persistent: 0,
  persistentRecursive: 1,
};

const WATCHER_TYPES: Readonly<Record<WatcherKind, number>> = {
  children: 1,
  data: 2,
  any: 3,
  persistent: 4,
  persistentRecursive: 5,
};

export class KeeperClient implements ZooKeeperClient {
  readonly #session: Session;

  /** @param signal ends the wait for the first connection, then the client */
  constructor(session: Session, signal: AbortSignal | undefined) {
    this.#session = session;
    if (signal === undefined) return;
    const abort = () => session.end(signal.reason);
    if (signal.aborted) abort();
    else {
      signal.addEventListener("abort", abort, { once: true });
      session.onOver = () => signal.removeEventListener("abort", abort);
    }
  }

  get state(): ClientState {
    return this.#session.state;
  }

  get sessionId(): bigint {
    return this.#session.id;
  }

  get password(): Uint8Array {
    return this.#session.password;
  }

  get sessionTimeoutMs(): number {
    return this.#session.timeoutMs;
  }

  get lastZxid(): Zxid {
    return this.#session.lastZxid;
  }

  get server(): string | null {
    const { server } = this.#session;
    return server === null ? null : serverText(server);
  }

  async connected(
    { timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    const session = this.#session;
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const timer = timeoutMs === undefined ? undefined : new LateTimeout(
      () => reject(session.lossError(null)),
      timeoutMs,
    );
    try {
      await Promise.race([session.connected(), promise]);
    } finally {
      timer?.stop();
      signal?.removeEventListener("abort", abort);
    }
  }

  watchState(listener: WatchListener): () => void {
    this.#session.events.stateListeners.add(listener);
    return () => void this.#session.events.stateListeners.delete(listener);
  }

  create(
    path: string,
    data: Uint8Array | null,
    options: CreateOptions = {},
  ): Promise<{ path: string; stat: ClientStat }> {
    return this.#ask(options, () => {
      const { mode = "persistent" } = options;
      checkCreate({ ...options, path, data });
      const request = { ...options, path: this.#serverPath(path), data };
      return {
        opCode: createOpCode(mode),
        path,
        write: (writer) => writeCreate(writer, request),
        read: (reader) => ({
          path: this.#clientPath(readText(reader)),
          stat: readStat(reader),
        }),
      };
    });
  }

  get(path: string, options: ReadOptions = {}): Promise<DataAndStat> {
    return this.#read(path, options, {
      opCode: OpCode.GetData,
      read: readDataAndStat,
      watchKind: () => "data",
    });
  }

  exists(path: string, options: ReadOptions = {}): Promise<ClientStat | null> {
    return this.#read(path, options, {
      opCode: OpCode.Exists,
      emptyCode: ErrorCode.NoNode,
      read: (reader) => reader.remaining === 0 ? null : readStat(reader),
      watchKind: (code) => code === ErrorCode.Ok ? "data" : "exist",
    });
  }

  getChildren(
    path: string,
    options: ReadOptions = {},
  ): Promise<{ children: string[]; stat: ClientStat }> {
    return this.#read(path, options, {
      opCode: OpCode.GetChildren2,
      read: (reader) => ({ children: readTexts(reader), stat: readStat(reader) }),
      watchKind: () => "child",
    });
  }

  getAllChildrenNumber(path: string, options: RequestOptions = {}): Promise<number> {
    return this.#pathRequest(path, options, {
      opCode: OpCode.GetAllChildrenNumber,
      read: (reader) => reader.int(),
    });
  }

  async getEphemerals(prefix: string, options: RequestOptions = {}): Promise<string[]> {
    const { chroot } = this.#session;
    const paths = await this.#pathRequest(prefix, options, {
      opCode: OpCode.GetEphemerals,
      read: readTexts,
    });
    // the server compares texts: of chroot /a it tells what is below /ab, too
    return paths.filter((path) => isUnder(chroot, path)).map((path) => this.#clientPath(path));
  }

  set(
    path: string,
    data: Uint8Array | null,
    options: VersionOptions = {},
  ): Promise<ClientStat> {
    return this.#pathRequest(path, options, {
      opCode: OpCode.SetData,
      write: (writer) => {
        writer.bytes(data);
        writer.int(options.version ?? -1);
      },
      read: readStat,
    });
  }

  delete(path: string, options: VersionOptions = {}): Promise<void> {
    return this.#pathRequest(path, options, {
      opCode: OpCode.Delete,
      write: (writer) => writer.int(options.version ?? -1),
      read: () => {},
    });
  }

  getAcl(
    path: string,
    options: RequestOptions = {},
  ): Promise<{ acl: ClientAcl[]; stat: ClientStat }> {
    return this.#pathRequest(path, options, {
      opCode: OpCode.GetAcl,
      read: (reader) => ({ acl: readAcl(reader), stat: readStat(reader) }),
    });
  }

  setAcl(
    path: string,
    acl: readonly ClientAcl[],
    options: VersionOptions = {},
  ): Promise<ClientStat> {
    return this.#pathRequest(path, options, {
      opCode: OpCode.SetAcl,
      check: () => checkAcl(acl),
      write: (writer) => {
        writeAcl(writer, acl);
        writer.int(options.version ?? -1);
      },
      read: readStat,
    });
  }

  sync(path: string, options: RequestOptions = {}): Promise<string> {
    return this.#pathRequest(path, options, {
      opCode: OpCode.Sync,
      read: (reader) => this.#clientPath(readText(reader)),
    });
  }

  multi(ops: readonly MultiOp[], options: RequestOptions = {}): Promise<MultiResult[]> {
    return this.#ask(options, () => {
      for (const op of ops) {
        if (op.kind === "create") checkCreate(op);
        else checkPath(op.path);
      }
      const serverPaths = ops.map(({ path }) => this.#serverPath(path));
      return {
        opCode: OpCode.Multi,
        path: null,
        write: (writer) => writeMulti(writer, ops, serverPaths),
        read: (reader) => readMulti(reader, ops, (path) => this.#clientPath(path)),
      };
    });
  }

  multiRead(ops: readonly ReadOp[], options: RequestOptions = {}): Promise<ReadResult[]> {
    return this.#ask(options, () => {
      for (const { path } of ops) checkPath(path);
      const serverPaths = ops.map(({ path }) => this.#serverPath(path));
      return {
        opCode: OpCode.MultiRead,
        path: null,
        write: (writer) => writeMultiRead(writer, ops, serverPaths),
        read: readMultiRead,
      };
    });
  }

  addWatch(
    path: string,
    mode: AddWatchMode,
    listener: WatchListener,
    options: RequestOptions = {},
  ): Promise<void> {
    return this.#pathRequest(path, options, {
      opCode: OpCode.AddWatch,
      write: (writer) => writer.int(ADD_WATCH_MODES[mode]),
      read: () => {},
      answered: (serverPath) => this.#session.watches.add(mode, serverPath, listener),
    });
  }

  async removeWatches(
    path: string,
    kind: WatcherKind,
    { local = false, ...options }: RequestOptions & { readonly local?: boolean } = {},
  ): Promise<void> {
    checkPath(path);
    options.signal?.throwIfAborted();
    const serverPath = this.#serverPath(path);
    const removeHere = () => this.#session.removeWatches(kind, serverPath);
    if (local && !this.#session.isConnected) { // with the connection, the server's own are gone
      if (removeHere() === 0) throw new KeeperError(ErrorCode.NoWatcher, path);
      return;
    }
    try {
      await this.#pathRequest(path, options, {
        opCode: OpCode.RemoveWatches,
        write: (writer) => writer.int(WATCHER_TYPES[kind]),
        read: () => {},
        answered: removeHere,
      });
    } catch (error) {
      if (!local || !(error instanceof KeeperError) || removeHere() === 0) throw error;
    }
  }

  getConfig(options: ReadOptions = {}): Promise<DataAndStat> {
    return this.#read(CONFIG_PATH, options, {
      opCode: OpCode.GetData,
      read: readDataAndStat,
      watchKind: () => "data",
      serverPath: CONFIG_PATH,
    });
  }

  reconfig(request: ReconfigRequest, options: RequestOptions = {}): Promise<DataAndStat> {
    const { joining = null, leaving = null, newMembers = null, fromConfig = -1 } = request;
    return this.#ask(options, () => ({
      opCode: OpCode.Reconfig,
      path: null,
      write: (writer) => {
        writer.string(joining);
        writer.string(leaving);
        writer.string(newMembers);
        writer.longFromNumber(fromConfig);
      },
      read: readDataAndStat,
    }));
  }

  addAuth(auth: AuthInfo, { signal }: RequestOptions = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const done = this.#session.addAuth(auth);
    return signal === undefined ? done : orAborted(done, signal);
  }

  whoAmI(options: RequestOptions = {}): Promise<{ scheme: string; user: string }[]> {
    return this.#ask(options, () => ({
      opCode: OpCode.WhoAmI,
      path: null,
      write: () => {},
      read: (reader) => {
        const count = reader.count();
        const all: { scheme: string; user: string }[] = [];
        for (let i = 0; i < count; i++) {
          all.push({ scheme: readText(reader), user: reader.string() ?? "" });
        }
        return all;
      },
    }));
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  abandon(): void {
    this.#session.end(null);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #serverPath(path: string): string {
    return serverPathOf(this.#session.chroot, path);
  }

  #clientPath(path: string): string {
    return clientPathOf(this.#session.chroot, path);
  }

  /** What cannot be sent at all rejects, too: nothing is thrown at the caller. */
  #ask<T>(
    { signal }: RequestOptions,
    prepare: () => ClientRequest<T>,
  ): Promise<T> {
    let request;
    try {
      request = prepare();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#session.ask(request, signal);
  }

  /** A request that begins with a path. */
  #pathRequest<T>(
    path: string,
    options: RequestOptions,
    { opCode, check, write, read, emptyCode, answered, serverPath: givenPath }: {
      opCode: number;
      check?: () => void;
      /** What comes behind the path. */
      write?: (writer: JuteWriter) => void;
      read: (reader: JuteReader) => T;
      emptyCode?: number;
      answered?: (serverPath: string, code: number) => void;
      /** Default: the path below the chroot. */
      serverPath?: string;
    },
  ): Promise<T> {
    return this.#ask(options, () => {
      checkPath(path);
      check?.();
      const serverPath = givenPath ?? this.#serverPath(path);
      return {
        opCode,
        path,
        write: (writer) => {
          writer.string(serverPath);
          write?.(writer);
        },
        read,
        ...(emptyCode === undefined ? {} : { emptyCode }),
        ...(answered === undefined
          ? {}
          : { answered: (code: number) => answered(serverPath, code) }),
      };
    });
  }

  /** A request of a path that may leave a watch. */
  #read<T>(
    path: string,
    { signal, watch }: ReadOptions,
    { opCode, read, emptyCode, watchKind, serverPath }: {
      opCode: number;
      read: (reader: JuteReader) => T;
      emptyCode?: number;
      /** Which watch the server keeps, by the code of its answer. */
      watchKind: (code: number) => WatchKind;
      serverPath?: string;
    },
  ): Promise<T> {
    return this.#pathRequest(path, { signal }, {
      opCode,
      write: (writer) => writer.boolean(watch !== undefined),
      read,
      ...(emptyCode === undefined ? {} : { emptyCode }),
      ...(serverPath === undefined ? {} : { serverPath }),
      ...(watch === undefined ? {} : {
        answered: (watched: string, code: number) =>
          this.#session.watches.add(watchKind(code), watched, watch),
      }),
    });
  }
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
