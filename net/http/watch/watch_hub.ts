/**
 * All streams of a server: one recursive watch on the root of the tree serves them, and fills the memory of recent
 * changes, from the first stream on until some time after the last.
 *
 * While the server serves nobody (no quorum, a change of role) nothing is told, since the tree may be replaced; the
 * streams stay open, are told so, and go on from where they were when it serves again.
 *
 * @module
 */
import { EVENT_STREAM_COUNT_MAX } from "../../../core/limits.ts";
import { lastSlash } from "../../../core/tree/path.ts";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { EventType, type WatchEvent, WatchMode } from "../../../core/tree/watch_manager.ts";
import { decodeUtf8 } from "../../../core/wire/jute.ts";
import type { Zxid } from "../../../core/zxid.ts";
import { systemFiles } from "../../file_system.ts";
import { systemClock } from "../../system_clock.ts";
import type { Gateway } from "../gateway.ts";
import { Problem } from "../problem.ts";
import { watchTree } from "../tree_watch.ts";
import { type Change, type EventKind, kindFor, parentOf, type WatchScope } from "./change.ts";
import { ChangeHistory } from "./change_history.ts";
import { ChangeWindow } from "./change_window.ts";
import { EventText } from "./event_text.ts";
import { type SharedBudget, SseOutput } from "./sse_output.ts";
import { WatchChannel } from "./watch_channel.ts";
import { type StreamHost, WatchStream, type WatchStreamOptions, WRITE_MS } from "./watch_stream.ts";
import { WorkPace } from "./work_pace.ts";

const RETRY_AFTER_S = 5;
const TICK_MS = 500;
const HEARTBEAT_MS = 15_000;
/** How long changes are remembered for nobody: those who lost their connection come back soon. */
const IDLE_MS_MAX = 600_000;
/** A server that lags behind the one where a stream was before may take so long to come as far. */
const AHEAD_MS_MAX = 10_000;
/** Longer paths may have so many ancestors that looking up each takes longer than looking at all watches. */
const CLIMBED_LENGTH_MAX = 1024;
/** Streams written to in one go. */
const WRITES_IN_SLICE = 16;

const TYPES: Readonly<Record<EventType, Change["type"] | null>> = {
  [EventType.NodeCreated]: "created",
  [EventType.NodeDataChanged]: "changed",
  [EventType.NodeDeleted]: "deleted",
  [EventType.NodeChildrenChanged]: null,
};

const hubs = new WeakMap<Gateway, WatchHub>();

/** The streams of a server. */
export function hubOf(gateway: Gateway): WatchHub {
  let hub = hubs.get(gateway);
  if (hub === undefined) hubs.set(gateway, hub = new WatchHub(gateway));
  return hub;
}

export interface OpenStream extends WatchStreamOptions {
  /** All through it was seen; null: from now on. */
  readonly since: Zxid | null;
  /** The client hung up, or the server stops. */
  readonly signal: AbortSignal;
  /** Called once, when nothing more is sent or read. */
  readonly over: () => void;
}

export class WatchHub implements StreamHost {
  readonly gateway: Gateway;
  readonly window: ChangeWindow;
  readonly history: ChangeHistory;
  readonly pace = new WorkPace(systemClock);
  readonly #streams = new Set<WatchStream>();
  /** Of live streams, by path. */
  readonly #exact = new Map<string, WatchChannel>();
  readonly #recursive = new Map<string, WatchChannel>();
  /** Channels with something to be given out. */
  readonly #dirty = new Set<WatchChannel>();
  readonly #budget: SharedBudget = { bytes: 0 };
  #isGivingOut = false;
  #stopWatching: (() => void) | null = null;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #idleSinceMs = 0;

  constructor(gateway: Gateway, window = new ChangeWindow()) {
    this.gateway = gateway;
    this.window = window;
    const { config } = gateway;
    this.history = new ChangeHistory({
      dir: `${config.dataLogDir}/version-2`,
      fileSystem: systemFiles,
      lengthMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
      committedZxid: () => gateway.lastZxid,
      pace: this.pace,
    });
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /**
   * Opens a stream, and says on it where it begins.
   *
   * @throws {Problem} `no-quorum` while the server serves nobody; `too-many-streams`
   */
  open({ since, signal, over, ...options }: OpenStream): WatchStream {
    if (!isServed(this.gateway)) {
      throw new Problem("no-quorum", {
        detail:
          "The server has no quorum now, so it cannot tell what changes: ask again, or elsewhere",
        retryAfter: RETRY_AFTER_S,
      });
    }
    if (this.#streams.size >= EVENT_STREAM_COUNT_MAX) {
      throw new Problem("too-many-streams", {
        detail: `${EVENT_STREAM_COUNT_MAX} streams are open at this server: ask another one`,
        retryAfter: RETRY_AFTER_S,
      });
    }
    this.#activate();
    const position = since ?? this.gateway.lastZxid;
    const output = new SseOutput(systemClock, this.#budget, () => {
      signal.removeEventListener("abort", stream.finish);
      this.#ended(stream);
      over();
    });
    const stream: WatchStream = new WatchStream(this, output, position, options);
    this.#streams.add(stream);
    this.pace.start();
    this.#ticking ??= setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener("abort", stream.finish, { once: true });
    if (signal.aborted) stream.finish();
    return stream;
  }

  /** Ends all streams, and watches nothing any more. */
  close(): void {
    for (const stream of [...this.#streams]) stream.finish();
    this.#stopWatching?.();
    this.history.forget();
    this.pace.stop();
  }

  /** When a stream in the future is given up. */
  get aheadUntilMs(): number {
    return systemClock.monotonicMs() + AHEAD_MS_MAX;
  }

  attach(stream: WatchStream): void {
    const { scope } = stream.options;
    if (scope === null) return;
    const channels = this.#channels(scope);
    let channel = channels.get(scope.path);
    if (channel === undefined) channels.set(scope.path, channel = new WatchChannel(scope));
    channel.join(stream);
  }

  detach(stream: WatchStream): void {
    const { scope } = stream.options;
    if (scope === null) return;
    const channels = this.#channels(scope);
    const channel = channels.get(scope.path);
    channel?.leave(stream);
    if (channel === undefined || channel.streams.size > 0) return;
    channels.delete(scope.path);
    this.#dirty.delete(channel);
  }

  #channels({ isRecursive }: WatchScope): Map<string, WatchChannel> {
    return isRecursive ? this.#recursive : this.#exact;
  }

  #ended(stream: WatchStream): void {
    stream.ended();
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.#idleSinceMs = systemClock.monotonicMs();
    this.history.abandon();
    this.pace.stop();
  }

  // ---------------------------------------------------------------- changes

  /** Changes are told and remembered from here on. */
  #activate(): void {
    if (this.#stopWatching !== null) return;
    this.window.restart(this.gateway.lastZxid);
    const stop = watchTree(
      this.gateway.tree,
      { path: "/", mode: WatchMode.Recursive },
      (event) => this.#changed(event),
    );
    const forget = this.gateway.onServiceEnd(() => this.#serviceEnded());
    this.#stopWatching = () => {
      stop();
      forget();
      this.#stopWatching = null;
    };
  }

  /** Called while a txn is applied. */
  #changed({ type, path: bytes, zxid, acl }: WatchEvent): void {
    const ofNode = TYPES[type];
    if (ofNode === null) return; // follows from the others
    if (this.#streams.size === 0 && systemClock.monotonicMs() - this.#idleSinceMs > IDLE_MS_MAX) {
      return this.#stopWatching?.();
    }
    const path = decodeUtf8(bytes);
    const parentAcl = ofNode === "changed" ? null : this.#parentAcl(bytes);
    const change: Change = { zxid, type: ofNode, path, acl, parentAcl };
    this.window.add(change);
    this.#dispatch(change);
  }

  #parentAcl(path: Uint8Array) {
    const { tree } = this.gateway;
    const parent = tree.store.lookup(path, 0, Math.max(0, lastSlash(path, 0, path.length)));
    return parent === NO_NODE ? null : tree.aclOf(parent);
  }

  #dispatch(change: Change): void {
    const { path, type } = change;
    const parent = parentOf(path);
    this.#tell(this.#exact.get(path), change, type);
    if (type !== "changed" && parent !== null) {
      this.#tell(this.#exact.get(parent), change, "children");
    }
    if (this.#recursive.size === 0) return;
    let event: EventText | null = null;
    for (const channel of this.#recursiveAbove(change)) {
      event ??= new EventText(this.gateway.tree, change, type);
      this.#add(channel, event);
    }
  }

  #recursiveAbove(change: Change): WatchChannel[] {
    const { path } = change;
    const found: WatchChannel[] = [];
    if (path.length > CLIMBED_LENGTH_MAX) {
      for (const channel of this.#recursive.values()) {
        if (kindFor(channel.scope, change) !== null) found.push(channel);
      }
      return found;
    }
    for (let above: string | null = path; above !== null; above = parentOf(above)) {
      const channel = this.#recursive.get(above);
      if (channel !== undefined) found.push(channel);
    }
    return found;
  }

  #tell(channel: WatchChannel | undefined, change: Change, kind: EventKind): void {
    if (channel === undefined) return;
    this.#add(channel, new EventText(this.gateway.tree, change, kind));
  }

  #add(channel: WatchChannel, event: EventText): void {
    if (!channel.add(event)) {
      channel.take(this.gateway);
      // not now: the txn is still being applied
      for (const stream of channel.streams) queueMicrotask(() => stream.fallBehind());
      return;
    }
    this.#dirty.add(channel);
    if (!this.#isGivingOut) void this.#giveOut();
  }

  /** Gives what has gathered to the streams; what comes meanwhile is gathered for the next round. */
  async #giveOut(): Promise<void> {
    this.#isGivingOut = true;
    try {
      await this.pace.pause(0); // what was applied together is written together, and replies go first
      while (this.#dirty.size > 0) {
        const channels = [...this.#dirty];
        this.#dirty.clear();
        for (const channel of channels) {
          const batch = channel.take(this.gateway);
          if (batch === null) continue;
          const streams = [...channel.streams];
          for (let i = 0; i < streams.length; i += WRITES_IN_SLICE) {
            const some = streams.slice(i, i + WRITES_IN_SLICE);
            await this.pace.work(() => {
              for (const stream of some) batch.deliverTo(stream);
            }, some.length * WRITE_MS);
          }
        }
      }
    } finally {
      this.#isGivingOut = false;
    }
  }

  // ---------------------------------------------------------------- service and time

  #serviceEnded(): void {
    const isAllTold = !this.#isGivingOut && this.#dirty.size === 0;
    const { lastZxid } = this.gateway;
    this.#stopWatching?.();
    this.history.forget();
    for (const stream of this.#streams) {
      if (stream.isLive && isAllTold) stream.position = lastZxid;
      stream.disconnect();
    }
  }

  #tick(): void {
    const nowMs = systemClock.monotonicMs();
    if (this.#stopWatching === null && isServed(this.gateway)) {
      this.#activate();
      for (const stream of this.#streams) stream.reconnect(nowMs + AHEAD_MS_MAX);
    }
    const isAllTold = !this.#isGivingOut && this.#dirty.size === 0;
    for (const stream of this.#streams) {
      if (stream.output.check() === "slow") stream.endSlow();
      stream.tick(nowMs);
      if (nowMs - stream.output.writtenMs < HEARTBEAT_MS) continue;
      if (stream.isLive && isAllTold) stream.position = this.gateway.lastZxid;
      stream.heartbeat();
    }
  }
}

/** A server in read-only mode may have txns in its tree that are not committed. */
function isServed(gateway: Gateway): boolean {
  return gateway.isServing && !gateway.isReadOnly;
}
