/**
 * Answers requests that change nothing but this connection's watches (semantics sections 4 and 8).
 *
 * Each function reads the request's body and writes the reply's body behind a header that is already
 * there; what it returns is the error code, and with an error the caller takes the body back.
 *
 * @module
 */
import { checkAcl, maskDigests } from "../auth/acl_check.ts";
import { whoAmI } from "../auth/auth_packet.ts";
import type { AuthProviders } from "../auth/auth_providers.ts";
import { DecodeError, ErrorCode } from "../errors.ts";
import { MULTI_READ_BYTES_MAX } from "../limits.ts";
import { type AclList, Permission } from "../tree/acl_list.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { NO_NODE, type NodeId } from "../tree/node_store.ts";
import { EventType, WATCHER_TYPE_MODES, WatchMode } from "../tree/watch_manager.ts";
import { decodeUtf8, type JuteReader, type JuteWriter } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import type { Client } from "./client.ts";
import { writeEvent } from "./reply.ts";

/** -1 is the zxid of events that setWatches finds out later. */
const NO_ZXID = -1;

const CHILDREN = { watchMode: WatchMode.Child, withStat: false };
const CHILDREN_WITH_STAT = { watchMode: WatchMode.Child, withStat: true };
const CHILDREN_UNWATCHED = { watchMode: 0, withStat: false };

export class ReadRequests {
  readonly #tree: DataTree;
  readonly #providers: AuthProviders;

  constructor({ tree, providers }: { tree: DataTree; providers: AuthProviders }) {
    this.#tree = tree;
    this.#providers = providers;
  }

  /**
   * @param reader at the body
   * @param writer behind the reply's header
   * @throws {DecodeError} answered with MarshallingError
   */
  answer(op: number, client: Client, reader: JuteReader, writer: JuteWriter): ErrorCode {
    switch (op) {
      case OpCode.Exists:
        return this.#exists(client, reader, writer);
      case OpCode.GetData:
        return this.#getData(client, reader, writer, WatchMode.Data);
      case OpCode.GetChildren:
        return this.#getChildren(client, reader, writer, CHILDREN);
      case OpCode.GetChildren2:
        return this.#getChildren(client, reader, writer, CHILDREN_WITH_STAT);
      case OpCode.GetAcl:
        return this.#getAcl(client, reader, writer);
      case OpCode.Sync: {
        writer.bytes(reader.bytes());
        return ErrorCode.Ok;
      }
      case OpCode.GetAllChildrenNumber: {
        const id = this.#readable(client, reader);
        if (id < 0) return id as ErrorCode;
        // the empty path is an alias of the root, and ZooKeeper then counts the root too
        const isAlias = this.#pathStart === this.#pathEnd;
        writer.int(this.#tree.descendantCount(id) + (isAlias ? 1 : 0));
        return ErrorCode.Ok;
      }
      case OpCode.GetEphemerals:
        return this.#getEphemerals(client, reader, writer);
      case OpCode.MultiRead:
        return this.#multiRead(client, reader, writer);
      case OpCode.WhoAmI:
        return this.#whoAmI(client, writer);
      case OpCode.AddWatch:
        return this.#addWatch(client, reader, writer);
      case OpCode.CheckWatches:
      case OpCode.RemoveWatches:
        return this.#checkOrRemoveWatches(op, client, reader);
      default:
        throw new DecodeError(`Request type ${op} is no read`);
    }
  }

  mayRead(client: Client, acl: AclList): boolean {
    return this.#mayDo(client, acl, Permission.Read);
  }

  /**
   * setWatches and setWatches2: registers, and writes events for what was missed before the reply.
   *
   * A null list ends it with MarshallingError, and so does a null path in the first three; what came
   * before has its events and stays registered, as in ZooKeeper.
   */
  setWatches(client: Client, reader: JuteReader, withPersistent: boolean): ErrorCode {
    const relativeZxid = reader.zxid();
    const lists: (readonly (Uint8Array | null)[] | null)[] = [];
    for (let i = 0; i < (withPersistent ? 5 : 3); i++) lists.push(readPaths(reader));
    const { store, watches } = this.#tree;
    const [data = null, exist = null, child = null, persistent = [], recursive = []] = lists;
    const event = (type: number, path: Uint8Array) =>
      void writeEvent(client.writer(), { type, path, zxid: NO_ZXID });
    if (data === null) return ErrorCode.MarshallingError;
    for (const path of data) {
      if (path === null) return ErrorCode.MarshallingError;
      const id = store.lookup(path);
      if (id === NO_NODE) event(EventType.NodeDeleted, path);
      else if (store.mzxid(id) > relativeZxid) event(EventType.NodeDataChanged, path);
      else watches.add(path, client, WatchMode.Data);
    }
    if (exist === null) return ErrorCode.MarshallingError;
    for (const path of exist) {
      if (path === null) return ErrorCode.MarshallingError;
      if (store.lookup(path) !== NO_NODE) event(EventType.NodeCreated, path);
      else watches.add(path, client, WatchMode.Data);
    }
    if (child === null) return ErrorCode.MarshallingError;
    for (const path of child) {
      if (path === null) return ErrorCode.MarshallingError;
      const id = store.lookup(path);
      if (id === NO_NODE) event(EventType.NodeDeleted, path);
      else if (store.pzxid(id) > relativeZxid) event(EventType.NodeChildrenChanged, path);
      else watches.add(path, client, WatchMode.Child);
    }
    if (persistent === null) return ErrorCode.MarshallingError;
    for (const path of persistent) { // here a null path is accepted, and watches nothing
      if (path !== null) watches.add(path, client, WatchMode.Persistent);
    }
    if (recursive === null) return ErrorCode.MarshallingError;
    for (const path of recursive) {
      if (path !== null) watches.add(path, client, WatchMode.Recursive);
    }
    return ErrorCode.Ok;
  }

  // ---------------------------------------------------------------- single reads

  #exists(client: Client, reader: JuteReader, writer: JuteWriter): ErrorCode {
    const length = reader.length();
    if (length < 0) return ErrorCode.MarshallingError;
    const { buffer, position: start } = reader;
    const end = start + length;
    reader.position = end;
    const watch = reader.boolean();
    for (let i = start; i < end; i++) if (buffer[i] === 0) return ErrorCode.BadArguments;
    const tree = this.#tree;
    const id = tree.store.lookup(buffer, start, end);
    if (id !== NO_NODE && !this.#mayDo(client, tree.aclOf(id), Permission.Read)) {
      return ErrorCode.NoAuth;
    }
    if (watch) tree.watches.add(buffer.subarray(start, end), client, WatchMode.Data);
    if (id === NO_NODE) return ErrorCode.NoNode;
    tree.writeStat(writer, id);
    return ErrorCode.Ok;
  }

  /** @param watchMode what the request's flag registers; 0 for nothing */
  #getData(
    client: Client,
    reader: JuteReader,
    writer: JuteWriter,
    watchMode: number,
  ): ErrorCode {
    const id = this.#findAndWatch(client, reader, watchMode);
    if (id < 0) return id as ErrorCode;
    this.#tree.writeData(writer, id);
    this.#tree.writeStat(writer, id);
    return ErrorCode.Ok;
  }

  #getChildren(
    client: Client,
    reader: JuteReader,
    writer: JuteWriter,
    { watchMode, withStat }: { watchMode: number; withStat: boolean },
  ): ErrorCode {
    const id = this.#findAndWatch(client, reader, watchMode);
    if (id < 0) return id as ErrorCode;
    this.#tree.writeChildren(writer, id);
    if (withStat) this.#tree.writeStat(writer, id);
    return ErrorCode.Ok;
  }

  #getAcl(client: Client, reader: JuteReader, writer: JuteWriter): ErrorCode {
    const path = reader.bytes();
    if (path === null) return ErrorCode.MarshallingError;
    const tree = this.#tree;
    const id = tree.store.lookup(path);
    if (id === NO_NODE) return ErrorCode.NoNode;
    const acl = tree.aclOf(id);
    if (!this.#mayDo(client, acl, Permission.Read | Permission.Admin)) return ErrorCode.NoAuth;
    const shown = this.#mayDo(client, acl, Permission.Admin) ? acl : maskDigests(acl);
    writer.raw(shown.encoded);
    tree.writeStat(writer, id);
    return ErrorCode.Ok;
  }

  #getEphemerals(client: Client, reader: JuteReader, writer: JuteWriter): ErrorCode {
    const prefix = reader.string() ?? "";
    const all = IS_BLANK.test(prefix) || prefix === "/";
    const paths: Uint8Array[] = [];
    for (const id of this.#tree.ephemeralsOf(client.sessionId)) {
      const path = this.#tree.store.path(id);
      if (all || decodeUtf8(path).startsWith(prefix)) paths.push(path);
    }
    writer.int(paths.length);
    for (const path of paths) writer.bytes(path);
    return ErrorCode.Ok;
  }

  #multiRead(client: Client, reader: JuteReader, writer: JuteWriter): ErrorCode {
    const replyStart = writer.position;
    for (;;) {
      const type = reader.int();
      const done = reader.boolean();
      reader.int();
      if (done) break;
      if (type !== OpCode.GetData && type !== OpCode.GetChildren) {
        throw new DecodeError(`Request type ${type} cannot stand in a multiRead`);
      }
      const start = writer.position;
      writeMultiHeader(writer, type, false, 0);
      const err = type === OpCode.GetData
        ? this.#getData(client, reader, writer, 0)
        : this.#getChildren(client, reader, writer, CHILDREN_UNWATCHED);
      if (writer.position - replyStart > MULTI_READ_BYTES_MAX) return ErrorCode.MarshallingError;
      if (err === ErrorCode.Ok) continue;
      if (err === ErrorCode.MarshallingError) return err;
      writer.position = start;
      writeMultiHeader(writer, OpCode.Error, false, err);
      writer.int(err);
    }
    writeMultiHeader(writer, -1, true, -1);
    return ErrorCode.Ok;
  }

  #whoAmI(client: Client, writer: JuteWriter): ErrorCode {
    const entries = whoAmI(this.#providers, client.ids);
    writer.int(entries.length);
    for (const { authScheme, user } of entries) {
      writer.string(authScheme);
      writer.string(user);
    }
    return ErrorCode.Ok;
  }

  // ---------------------------------------------------------------- watches

  #addWatch(client: Client, reader: JuteReader, writer: JuteWriter): ErrorCode {
    const path = reader.bytes();
    const mode = reader.int();
    if (mode !== 0 && mode !== 1) return ErrorCode.MarshallingError;
    if (path !== null) { // a null path is accepted, and watches nothing
      const bit = mode === 0 ? WatchMode.Persistent : WatchMode.Recursive;
      this.#tree.watches.add(path, client, bit);
    }
    writer.int(0);
    return ErrorCode.Ok;
  }

  #checkOrRemoveWatches(op: number, client: Client, reader: JuteReader): ErrorCode {
    const path = reader.bytes();
    const modes = WATCHER_TYPE_MODES[reader.int()];
    if (modes === undefined) return ErrorCode.MarshallingError;
    const { watches } = this.#tree;
    if (path === null) { // ZooKeeper's two answers to the same mistake
      return op === OpCode.CheckWatches ? ErrorCode.MarshallingError : ErrorCode.NoWatcher;
    }
    const found = op === OpCode.CheckWatches
      ? watches.has(path, client, modes)
      : watches.remove(path, client, modes);
    return found ? ErrorCode.Ok : ErrorCode.NoWatcher;
  }

  // ---------------------------------------------------------------- inside

  #pathStart = 0;
  #pathEnd = 0;
  #pathBuffer: Uint8Array = NO_BYTES;

  /** Reads a path and finds its znode, or the error (a negative number) that stands for it. */
  #readable(client: Client, reader: JuteReader): NodeId | ErrorCode {
    const length = reader.length();
    if (length < 0) return ErrorCode.MarshallingError;
    const start = reader.position;
    reader.position = start + length;
    this.#pathBuffer = reader.buffer;
    this.#pathStart = start;
    this.#pathEnd = start + length;
    const id = this.#tree.store.lookup(reader.buffer, start, start + length);
    if (id === NO_NODE) return ErrorCode.NoNode;
    if (!this.#mayDo(client, this.#tree.aclOf(id), Permission.Read)) return ErrorCode.NoAuth;
    return id;
  }

  /**
   * The same for a request whose watch flag follows, and registers what the flag asks for. The flag must
   * be there even when the read fails.
   */
  #findAndWatch(
    client: Client,
    reader: JuteReader,
    watchMode: number,
  ): NodeId | ErrorCode {
    const found = this.#readable(client, reader);
    if (found === ErrorCode.MarshallingError) return found;
    if (reader.boolean() && found > 0 && watchMode !== 0) {
      const path = this.#pathBuffer.subarray(this.#pathStart, this.#pathEnd);
      this.#tree.watches.add(path, client, watchMode);
    }
    return found;
  }

  #mayDo(client: Client, acl: AclList, perm: number): boolean {
    return checkAcl(this.#providers, { acl, perm, ids: client.ids });
  }
}

const NO_BYTES = new Uint8Array(0);
/** What Java's String.trim() leaves nothing of: control characters and spaces, none beyond ASCII. */
// deno-lint-ignore no-control-regex
const IS_BLANK = /^[\u0000-\u0020]*$/;

export function writeMultiHeader(
  writer: JuteWriter,
  type: number,
  done: boolean,
  err: number,
): void {
  writer.int(type);
  writer.boolean(done);
  writer.int(err);
}

/** A vector of paths, borrowed. */
function readPaths(reader: JuteReader): (Uint8Array | null)[] | null {
  const count = reader.count();
  if (count < 0) return null;
  const paths: (Uint8Array | null)[] = [];
  for (let i = 0; i < count; i++) paths.push(reader.bytes());
  return paths;
}
