/**
 * Feeds the counters that `srvr`, `mntr` and metrics show, a few nanoseconds a request.
 *
 * @module
 */
import type { Counter, Summary } from "../metrics/metric.ts";
import type { ServerMetrics } from "../metrics/server_metrics.ts";
import type { ServerStats } from "../server_stats.ts";
import type { PreparedTxn } from "../txn/prepare.ts";
import type { Txn } from "../txn/txn.ts";
import { decodeUtf8 } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { StageStats } from "./stage_stats.ts";

const SLASH = 0x2f;
const REPLY_HEADER_BYTES = 16;
const STAT_BYTES = 68;
/** Op codes from -11 to 107, shifted to be an index. */
const OP_SHIFT = 11;

export class RequestStats {
  readonly server: ServerStats;
  readonly metrics: ServerMetrics;
  readonly stages: StageStats;
  readonly #opCounters: (Counter | undefined)[];
  /** Replies of this turn whose latency is the turn's own length. */
  #readsInTurn = 0;
  #writesInTurn = 0;
  /** Events written since the last commit, by their type. */
  #fired = [0, 0, 0, 0, 0];
  #readNamespace = new NamespaceCache();
  #writeNamespace = new NamespaceCache();

  constructor(server: ServerStats, metrics: ServerMetrics) {
    this.server = server;
    this.metrics = metrics;
    this.stages = new StageStats(metrics);
    this.#opCounters = opCounters(metrics);
  }

  received(): void {
    this.server.packetsReceived++;
    this.metrics.prepProcessorRequestQueued.increment();
    this.metrics.syncProcessorRequestQueued.increment();
  }

  /** A four-letter word, or what else is answered with text: it goes by no queue. */
  wordReceived(): void {
    this.server.packetsReceived++;
  }

  textSent(packetCount: number): void {
    this.server.packetsSent += packetCount;
  }

  connectRequest(): void {
    this.server.packetsReceived++;
    this.metrics.connectionRequestCount.increment();
  }

  /** A session is made by a request of its own, as in ZooKeeper. */
  sessionAsked(): void {
    this.metrics.prepProcessorRequestQueued.increment();
    this.metrics.syncProcessorRequestQueued.increment();
  }

  /** A client comes back to its session. */
  sessionRenewed(): void {
    this.metrics.connectionRevalidateCount.increment();
  }

  sessionMade(latencyMs: number): void {
    this.metrics.opCountTotal.increment();
    this.metrics.opCountCreateSession.increment();
    this.#addLatency(true, latencyMs);
  }

  /** A read was answered: counts what it found against the first component of its path. */
  read(
    op: number,
    buffer: Uint8Array,
    pathAt: number,
    { bytes, childCount, isFromCache }: {
      bytes: number;
      /** Of the list in a reply to getChildren. */
      childCount: number;
      isFromCache: boolean;
    },
  ): void {
    if (op === OpCode.GetData) this.metrics.responsePacketCacheMisses.increment();
    else if (op === OpCode.GetChildren2) { // ZooKeeper keeps no replies to getChildren
      if (isFromCache) this.metrics.responsePacketGetChildrenCacheHits.increment();
      else this.metrics.responsePacketGetChildrenCacheMisses.increment();
    }
    if (
      op !== OpCode.GetData && op !== OpCode.Exists && op !== OpCode.GetChildren &&
      op !== OpCode.GetChildren2
    ) return;
    const length = (buffer[pathAt + 2]! << 8) | buffer[pathAt + 3]!;
    const { readPerNamespace } = this.metrics;
    const start = pathAt + 4;
    this.#readNamespace.find(readPerNamespace, buffer, start, start + length)?.add(
      length + STAT_BYTES + contentBytes(op, bytes, childCount),
    );
  }

  sent(
    op: number,
    { bytes, latencyMs, isWrite }: { bytes: number; latencyMs: number; isWrite: boolean },
  ): void {
    this.server.packetsSent++;
    this.server.clientResponse.add(bytes);
    this.metrics.opCountTotal.increment();
    this.#opCounters[op + OP_SHIFT]?.increment();
    if (op !== OpCode.Ping) this.metrics.responseBytes.add(bytes);
    if (latencyMs > 0) this.#addLatency(isWrite, latencyMs);
    else if (isWrite) this.#writesInTurn++;
    else this.#readsInTurn++;
  }

  #addLatency(isWrite: boolean, latencyMs: number): void {
    this.server.addLatency(latencyMs);
    if (isWrite) this.metrics.updateLatency.add(latencyMs);
    else this.metrics.readLatency.add(latencyMs);
  }

  /** @param turnMs how long the turn took, which is the latency of what was answered in it */
  endTurn(turnMs: number): void {
    const latencyMs = Math.floor(turnMs);
    this.stages.endTurn(turnMs, this.#readsInTurn);
    for (; this.#readsInTurn > 0; this.#readsInTurn--) this.#addLatency(false, latencyMs);
    for (; this.#writesInTurn > 0; this.#writesInTurn--) this.#addLatency(true, latencyMs);
  }

  eventSent(type: number, bytes: number): void {
    this.server.packetsSent++;
    this.metrics.watchBytes.add(bytes);
    this.#fired[type]!++;
  }

  /** Counts what the txn just applied has fired, by kind of event. */
  #countFired(): void {
    const { metrics } = this;
    const summaries = [
      null,
      metrics.nodeCreatedWatchCount,
      metrics.nodeDeletedWatchCount,
      metrics.nodeChangedWatchCount,
      metrics.nodeChildrenWatchCount,
    ];
    for (let type = 1; type < summaries.length; type++) {
      const count = this.#fired[type]!;
      if (count > 0) summaries[type]!.add(count);
      this.#fired[type] = 0;
    }
  }

  /** A request became a txn. */
  prepared({ txn, records }: PreparedTxn): void {
    this.stages.prepared(txn.kind === "closeSession");
    this.metrics.outstandingChangesQueued.add(records.length);
  }

  /** A create or setData was refused for a hard quota; `pathAt` is where its body is in the buffer. */
  quotaExceeded(buffer: Uint8Array, pathAt: number): void {
    const start = pathAt + 4;
    const end = start + ((buffer[pathAt + 2]! << 8) | buffer[pathAt + 3]!);
    let slash = start + 1;
    while (slash < end && buffer[slash] !== SLASH) slash++;
    const namespace = decodeUtf8(buffer.subarray(start + 1, slash));
    this.metrics.quotaExceededErrorPerNamespace.of(namespace).increment();
  }

  /**
   * A txn was applied: counts it, and what it wrote.
   *
   * @param latencyMs since the request was read
   * @param propagationMs since the time that the txn carries
   * @param isOurs a client of this server asked for it
   */
  committed(
    { txn, records }: PreparedTxn,
    { latencyMs, propagationMs, isOurs }: {
      latencyMs: number;
      propagationMs: number;
      isOurs: boolean;
    },
  ): void {
    const { metrics } = this;
    this.stages.committed(latencyMs, isOurs);
    metrics.outstandingChangesRemoved.add(records.length);
    metrics.propagationLatency.add(Math.max(0, propagationMs)); // clocks of two hosts may differ
    metrics.syncProcessorQueueAndFlushTimeMs.add(latencyMs);
    if (this.#fired[1]! + this.#fired[2]! + this.#fired[3]! + this.#fired[4]! > 0) {
      this.#countFired();
    }
    if (txn.kind === "createTtl") metrics.ttlNodeCreatedCount.increment();
    if (txn.kind === "multi") {
      if (txn.ops.some((op) => op.txn.kind === "error")) return;
      for (const op of txn.ops) this.#written(op.txn);
    } else if (txn.kind === "closeSession") {
      for (const path of txn.paths ?? []) this.#written({ kind: "delete", path });
    } else this.#written(txn);
  }

  /** Counts a write against the first component of its path. */
  #written(txn: Txn): void {
    if (
      txn.kind !== "create" && txn.kind !== "createContainer" && txn.kind !== "createTtl" &&
      txn.kind !== "setData" && txn.kind !== "delete"
    ) return;
    const known = txn.kind === "delete" ? undefined : txn.known;
    const bytes = known === undefined ? txn.path : known.buffer;
    const start = known === undefined ? 0 : known.pathStart;
    const end = known === undefined ? bytes.length : known.pathEnd;
    const dataLength = known?.dataLength ?? (txn.kind === "delete" ? 0 : txn.data?.length ?? 0);
    this.#writeNamespace.find(this.metrics.writePerNamespace, bytes, start, end)
      ?.add(end - start + Math.max(dataLength, 0));
  }
}

/** Bytes of data or child names in a reply of this length. */
function contentBytes(op: number, bytes: number, childCount: number): number {
  const body = bytes - REPLY_HEADER_BYTES;
  if (op === OpCode.Exists) return 0;
  if (op === OpCode.GetData) return body - 4 - STAT_BYTES;
  return body - 4 - 4 * childCount - (op === OpCode.GetChildren2 ? STAT_BYTES : 0);
}

/** Remembers the last first component seen: neighbouring requests mostly share it. */
class NamespaceCache {
  #bytes = new Uint8Array(0);
  #summary: Summary | null = null;

  /** Null for the root, which has no namespace. */
  find(
    set: { of(key: string): Summary },
    buffer: Uint8Array,
    start: number,
    end: number,
  ): Summary | null {
    const name = start + 1;
    const known = this.#bytes;
    const stop = name + known.length;
    if (known.length > 0 && stop <= end && (stop === end || buffer[stop] === SLASH)) {
      let i = 0;
      while (i < known.length && buffer[name + i] === known[i]) i++;
      if (i === known.length) return this.#summary;
    }
    let at = name;
    while (at < end && buffer[at] !== SLASH) at++;
    if (at <= name) return null;
    this.#bytes = buffer.slice(name, at);
    this.#summary = set.of(decodeUtf8(this.#bytes));
    return this.#summary;
  }
}

function opCounters(metrics: ServerMetrics): (Counter | undefined)[] {
  const counters: (Counter | undefined)[] = new Array(OP_SHIFT + 108).fill(undefined);
  const of = (op: number, counter: Counter) => counters[op + OP_SHIFT] = counter;
  of(OpCode.Create, metrics.opCountCreate);
  of(OpCode.Create2, metrics.opCountCreate);
  of(OpCode.CreateContainer, metrics.opCountCreate);
  of(OpCode.CreateTtl, metrics.opCountCreate);
  of(OpCode.Delete, metrics.opCountDelete);
  of(OpCode.DeleteContainer, metrics.opCountDelete);
  of(OpCode.Exists, metrics.opCountExists);
  of(OpCode.GetData, metrics.opCountGetData);
  of(OpCode.SetData, metrics.opCountSetData);
  of(OpCode.GetAcl, metrics.opCountGetAcl);
  of(OpCode.SetAcl, metrics.opCountSetAcl);
  of(OpCode.GetChildren, metrics.opCountGetChildren);
  of(OpCode.GetChildren2, metrics.opCountGetChildren);
  of(OpCode.Sync, metrics.opCountSync);
  of(OpCode.Ping, metrics.opCountPing);
  of(OpCode.Check, metrics.opCountCheck);
  of(OpCode.Multi, metrics.opCountMulti);
  of(OpCode.MultiRead, metrics.opCountMultiRead);
  of(OpCode.Reconfig, metrics.opCountReconfig);
  of(OpCode.CheckWatches, metrics.opCountCheckWatches);
  of(OpCode.RemoveWatches, metrics.opCountRemoveWatches);
  of(OpCode.SetWatches, metrics.opCountSetWatches);
  of(OpCode.SetWatches2, metrics.opCountSetWatches);
  of(OpCode.GetEphemerals, metrics.opCountGetEphemerals);
  of(OpCode.GetAllChildrenNumber, metrics.opCountGetAllChildrenNumber);
  of(OpCode.AddWatch, metrics.opCountAddWatch);
  of(OpCode.WhoAmI, metrics.opCountWhoAmI);
  of(OpCode.CreateSession, metrics.opCountCreateSession);
  of(OpCode.CloseSession, metrics.opCountCloseSession);
  return counters;
}
