/**
 * The service of a server that stands alone: what is durable is committed, and the database can be replaced by
 * another one.
 *
 * @module
 */
import { ErrorCode } from "../core/errors.ts";
import type { Clock, Logger } from "../core/ports.ts";
import { StandaloneLog } from "../core/server/log_source.ts";
import { NoWrites } from "../core/server/no_writes.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { WritePath, WritePathContext } from "../core/server/write_path.ts";
import { WritePipeline } from "../core/server/write_pipeline.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { Sessions } from "../core/session/sessions.ts";
import { SessionTracker } from "../core/session/session_tracker.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import type { DataTree } from "../core/tree/data_tree.ts";
import { NO_NODE, type NodeId } from "../core/tree/node_store.ts";
import { EventType } from "../core/tree/watch_manager.ts";
import type { TxnApplier } from "../core/txn/apply.ts";
import type { Zxid } from "../core/zxid.ts";
import type { Access } from "./access.ts";
import type { RestoreHost } from "./database_restore.ts";
import type { LogPump } from "./log_pump.ts";
import type { WrittenSnapshot } from "./snapshot_files.ts";
import type { Turn } from "./turn.ts";

/** The server's own HTTP port may write between two attempts to find it idle: then no more. */
const DRAIN_COUNT_MAX = 3;

export interface StandaloneOptions {
  readonly config: ServerConfig;
  readonly access: Access;
  readonly applier: TxnApplier;
  readonly sessionTable: SessionTable;
  readonly pump: LogPump;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly makeProcessor: <Writes extends WritePath>(
    sessions: Sessions,
    makeWrites: (context: WritePathContext) => Writes,
  ) => RequestProcessor<Writes>;
  readonly firstSessionId: () => bigint;
  /** Gives clients to a processor; those of the one before are disconnected. */
  readonly serve: (processor: RequestProcessor, reason: string) => void;
  readonly reload: () => Promise<Zxid>;
  readonly isClosed: () => boolean;
  readonly fatal: (message: string, error: unknown) => void;
}

export class Standalone implements RestoreHost {
  readonly #options: StandaloneOptions;
  #processor: RequestProcessor<WritePipeline>;

  /** Service begins when the shell gives its clients to `processor`. */
  constructor(options: StandaloneOptions) {
    this.#options = options;
    this.#processor = this.#makeProcessor();
  }

  get processor(): RequestProcessor<WritePipeline> {
    return this.#processor;
  }

  // ---------------------------------------------------------------- RestoreHost

  async suspend(restored: DataTree, zxidAfter: (last: Zxid) => Zxid): Promise<void> {
    const { pump, serve, makeProcessor, turn, isClosed, applier: { tree } } = this.#options;
    const { writes } = this.#processor;
    this.#processor.isStopping = true; // what clients send from now on is not looked at
    await pump.quiesce();
    for (let i = 0; i === 0 || writes.outstandingCount > 0; i++) {
      if (isClosed()) throw new Error("Cannot restore: the server stops");
      if (i >= DRAIN_COUNT_MAX) writes.acceptsWrites = false;
      await pump.drain();
    }
    // all in one turn: nothing may come between
    turn.begin();
    tellWatchers(tree, restored, zxidAfter(writes.lastZxid));
    pump.source = null;
    pump.log.close();
    const idle = makeProcessor(this.#makeTracker(), ({ stats }) => new NoWrites(stats));
    serve(idle, "the database is replaced by a snapshot");
  }

  writeSnapshot(tree: DataTree, sessions: SessionTable): Promise<WrittenSnapshot> {
    return this.#options.pump.snapshots.write(tree, sessions, "eager");
  }

  reload(): Promise<Zxid> {
    return this.#options.reload();
  }

  resume(): void {
    const { pump, turn, serve, isClosed } = this.#options;
    if (isClosed()) return;
    turn.begin();
    pump.release();
    this.#processor = this.#makeProcessor();
    serve(this.#processor, "the database was replaced by a snapshot");
  }

  fatal(message: string, error: unknown): void {
    this.#options.fatal(message, error);
  }

  // ---------------------------------------------------------------- inside

  #makeTracker(): SessionTracker {
    const { config, clock, sessionTable } = this.#options;
    const nowMs = clock.monotonicMs();
    const sessions = new SessionTracker({ tickMs: config.tickTimeMs, nowMs });
    for (const [id, timeoutMs] of sessionTable) sessions.add({ id, timeoutMs, nowMs });
    return sessions;
  }

  #makeProcessor(): RequestProcessor<WritePipeline> {
    const { config, applier, access, logger, pump, makeProcessor, firstSessionId } = this.#options;
    const sessions = this.#makeTracker();
    const processor = makeProcessor(sessions, (context) =>
      new WritePipeline({
        ...context,
        config,
        applier,
        sessions,
        providers: access.providers,
        audit: access.audit,
        logger,
        firstSessionId: firstSessionId(),
        // there is no membership to change, which is not the same as that changes are off
        reconfigure: config.ensemble.reconfigEnabled
          ? { judge: () => ErrorCode.Unimplemented, prepared() {} }
          : null,
        localSessions: false,
      }));
    pump.source = new StandaloneLog(processor.writes);
    return processor;
  }
}

/**
 * Fires what is watched and will differ. A client that comes back to its session asks for changes since the last zxid
 * it saw, and what was restored is older than that: nobody else would tell it. What lies below a recursive watch is
 * not looked at; who has one reads anew when it was disconnected.
 */
function tellWatchers(tree: DataTree, restored: DataTree, zxid: Zxid): void {
  const { watches } = tree;
  for (const path of [...watches.paths()].map(({ bytes }) => bytes)) {
    const before = tree.store.lookup(path);
    const after = restored.store.lookup(path);
    if (before === NO_NODE && after === NO_NODE) continue;
    const acl = after === NO_NODE ? tree.aclOf(before) : restored.aclOf(after);
    const event = { path, zxid, acl };
    if (after === NO_NODE) watches.fire({ ...event, type: EventType.NodeDeleted });
    else if (before === NO_NODE) watches.fire({ ...event, type: EventType.NodeCreated });
    else {
      if (!hasSameData(tree, before, restored, after)) {
        watches.fire({ ...event, type: EventType.NodeDataChanged });
      }
      if (!hasSameChildren(tree, before, restored, after)) {
        watches.fireChildren({ ...event, type: EventType.NodeChildrenChanged });
      }
    }
  }
}

function hasSameData(tree: DataTree, id: NodeId, other: DataTree, otherId: NodeId): boolean {
  return tree.store.czxid(id) === other.store.czxid(otherId) &&
    tree.store.mzxid(id) === other.store.mzxid(otherId) &&
    tree.store.version(id) === other.store.version(otherId);
}

function hasSameChildren(tree: DataTree, id: NodeId, other: DataTree, otherId: NodeId): boolean {
  return tree.store.czxid(id) === other.store.czxid(otherId) &&
    tree.store.pzxid(id) === other.store.pzxid(otherId) &&
    tree.store.cversion(id) === other.store.cversion(otherId) &&
    tree.store.childCount(id) === other.store.childCount(otherId);
}
