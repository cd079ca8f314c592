/**
 * Replies to requests, as far as reads and writes have them in common: those that are a header only, and
 * the counting of each.
 *
 * @module
 */
import type { ErrorCode } from "../errors.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { Client } from "./client.ts";
import { beginReply, endReply } from "./reply.ts";
import type { RequestStats } from "./request_stats.ts";

/** The time of all that happens in one turn. */
export interface TurnTime {
  /** Monotonic. */
  nowMs: number;
  /** Since 1970. */
  wallMs: number;
}

export class Replies {
  readonly #tree: DataTree;
  readonly #stats: RequestStats;
  readonly #time: Readonly<TurnTime>;

  constructor(
    { tree, stats, time }: { tree: DataTree; stats: RequestStats; time: Readonly<TurnTime> },
  ) {
    this.#tree = tree;
    this.#stats = stats;
    this.#time = time;
  }

  /** Answers with a header and no body. */
  header(client: Client, xid: number, op: number, err: ErrorCode): void {
    const writer = client.writer();
    const bytes = endReply(writer, beginReply(writer, xid, this.#tree.lastProcessedZxid, err));
    this.sent(client, xid, op, { bytes, latencyMs: 0, isWrite: false });
  }

  /** A reply was written: counts it. */
  sent(
    client: Client,
    xid: number,
    op: number,
    reply: { bytes: number; latencyMs: number; isWrite: boolean },
  ): void {
    client.packetsSent++;
    client.lastZxid = this.#tree.lastProcessedZxid;
    client.lastOperation = op;
    if (xid >= 0) client.lastCxid = xid;
    client.recordLatency(reply.latencyMs, this.#time.nowMs);
    this.#stats.sent(op, reply);
  }
}
