/**
 * Keeps usage against quotas: which subtrees have one, what they hold, and whether a change fits.
 *
 * A quota on path P is the pair of znodes `/zookeeper/quota<P>/zookeeper_limits` and `zookeeper_stats`,
 * made by clients (semantics section 10). Usage is derived by each server for itself, in place, and is
 * no part of any txn.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import { decodeUtf8, encodeUtf8 } from "../wire/jute.ts";
import type { DataTree } from "./data_tree.ts";
import { NO_NODE, type NodeId, ROOT } from "./node_store.ts";
import { subtree } from "./node_walk.ts";
import {
  addUsage,
  checkQuota,
  formatQuota,
  makeUsage,
  parseQuota,
  type QuotaValues,
} from "./quota.ts";

const QUOTA_PREFIX = "/zookeeper/quota";
const LIMITS_SUFFIX = "/zookeeper_limits";
const STATS_SUFFIX = "/zookeeper_stats";
const SLASH = 0x2f;
const QUOTA_PREFIX_BYTES = encodeUtf8(QUOTA_PREFIX + "/");

/** What a change adds to a subtree; negative where it takes away. */
interface UsageDelta {
  count: number;
  bytes: number;
}

/** -1 where there is no limit, or no usage is kept. */
export interface QuotaState {
  readonly path: string;
  readonly countLimit: number;
  readonly bytesLimit: number;
  readonly count: number;
  readonly bytes: number;
}

export class QuotaKeeper {
  readonly #tree: DataTree;
  /** Paths that have limits. */
  #paths = new Set<string>();

  constructor(tree: DataTree) {
    this.#tree = tree;
  }

  /** Whether any path has a quota. */
  get isActive(): boolean {
    return this.#paths.size > 0;
  }

  clear(): void {
    this.#paths.clear();
  }

  /** What is told of each quota: limits, of which the hard one counts where there is one, and usage. */
  *states(): IterableIterator<QuotaState> {
    for (const path of this.#paths) {
      const limits = this.#quotaOf(this.#nodeBelowQuota(path + LIMITS_SUFFIX));
      const usage = this.#quotaOf(this.#nodeBelowQuota(path + STATS_SUFFIX));
      const { count = -1, bytes = -1, countHardLimit = -1, byteHardLimit = -1 } = limits ?? {};
      yield {
        path,
        countLimit: countHardLimit > -1 ? countHardLimit : count,
        bytesLimit: byteHardLimit > -1 ? byteHardLimit : bytes,
        count: usage?.count ?? -1,
        bytes: usage?.bytes ?? -1,
      };
    }
  }

  /** After a snapshot was loaded: finds all quotas and counts their subtrees anew. */
  recompute(): void {
    this.#paths.clear();
    const { store } = this.#tree;
    const quota = store.lookup(encodeUtf8(QUOTA_PREFIX));
    if (quota === NO_NODE) return;
    for (const id of [...subtree(store, quota)]) {
      const path = decodeUtf8(store.path(id));
      if (!path.endsWith(LIMITS_SUFFIX)) continue;
      const target = path.slice(QUOTA_PREFIX.length, -LIMITS_SUFFIX.length);
      this.#paths.add(target);
      const stats = store.lookup(encodeUtf8(QUOTA_PREFIX + target + STATS_SUFFIX));
      if (stats !== NO_NODE) this.#countAnew(stats, target);
    }
  }

  /** @param dataLength -1 for null */
  created(path: Uint8Array, dataLength: number): void {
    if (this.#isQuotaNode(path)) {
      const text = decodeUtf8(path);
      if (text.endsWith(LIMITS_SUFFIX)) {
        this.#paths.add(text.slice(QUOTA_PREFIX.length, -LIMITS_SUFFIX.length));
      } else if (text.endsWith(STATS_SUFFIX)) {
        const target = text.slice(QUOTA_PREFIX.length, -STATS_SUFFIX.length);
        this.#countAnew(this.#tree.store.lookup(path), target);
      }
    }
    this.#charge(path, { count: 1, bytes: Math.max(dataLength, 0) });
  }

  deleted(path: Uint8Array, dataLength: number): void {
    if (this.#paths.size === 0) return;
    if (this.#isQuotaNode(path)) {
      const text = decodeUtf8(path);
      if (text.endsWith(LIMITS_SUFFIX)) {
        this.#paths.delete(text.slice(QUOTA_PREFIX.length, -LIMITS_SUFFIX.length));
      }
    }
    this.#charge(path, { count: -1, bytes: -Math.max(dataLength, 0) });
  }

  changed(path: Uint8Array, lengthBefore: number, lengthAfter: number): void {
    const bytes = Math.max(lengthAfter, 0) - Math.max(lengthBefore, 0);
    if (bytes !== 0) this.#charge(path, { count: 0, bytes });
  }

  /** Whether the nearest quota above `path` allows adding this much; QuotaExceeded where it does not. */
  check(path: Uint8Array, added: UsageDelta): ErrorCode {
    const target = this.nearest(path);
    if (target === null) return ErrorCode.Ok;
    const limitsNode = this.#nodeBelowQuota(target + LIMITS_SUFFIX);
    const usageNode = this.#nodeBelowQuota(target + STATS_SUFFIX);
    if (limitsNode === NO_NODE || usageNode === NO_NODE) return ErrorCode.Ok;
    const limits = this.#quotaOf(limitsNode);
    const usage = this.#quotaOf(usageNode);
    if (limits === null || usage === null) return ErrorCode.MarshallingError;
    const excess = checkQuota({
      limits,
      usage,
      countDelta: added.count,
      bytesDelta: added.bytes,
    });
    return excess?.severity === "hard" ? ErrorCode.QuotaExceeded : ErrorCode.Ok;
  }

  /** The deepest path with a quota that is `path` or above it; a quota on the root is ignored. */
  nearest(path: Uint8Array): string | null {
    if (this.#paths.size === 0) return null;
    for (let text = decodeUtf8(path); text.length > 1;) {
      if (this.#paths.has(text)) return text;
      text = text.slice(0, text.lastIndexOf("/"));
    }
    return null;
  }

  #charge(path: Uint8Array, added: UsageDelta): void {
    const target = this.nearest(path);
    if (target === null) return;
    const stats = this.#nodeBelowQuota(target + STATS_SUFFIX);
    if (stats === NO_NODE) return; // nobody asked for usage
    const usage = parseQuota(decodeUtf8(this.#tree.store.data(stats) ?? NO_BYTES));
    if (usage === null) return; // its text is the client's own
    this.#tree.setDerivedData(stats, encodeUtf8(formatQuota(addUsage(usage, added))));
  }

  #countAnew(stats: NodeId, target: string): void {
    const { store } = this.#tree;
    const top = store.lookup(encodeUtf8(target));
    let count = 0;
    let bytes = 0;
    if (top !== NO_NODE && top !== ROOT) {
      for (const id of subtree(store, top)) {
        count++;
        bytes += Math.max(store.dataLength(id), 0);
      }
    }
    this.#tree.setDerivedData(stats, encodeUtf8(formatQuota(makeUsage(count, bytes))));
  }

  #nodeBelowQuota(path: string): NodeId {
    return this.#tree.store.lookup(encodeUtf8(QUOTA_PREFIX + path));
  }

  /** What the znode says; null when there is none, or nothing can be read from it, as from null data. */
  #quotaOf(id: NodeId): QuotaValues | null {
    if (id === NO_NODE) return null;
    const data = this.#tree.store.data(id);
    return data === null ? null : parseQuota(decodeUtf8(data));
  }

  #isQuotaNode(path: Uint8Array): boolean {
    const prefix = QUOTA_PREFIX_BYTES;
    if (path.length <= prefix.length || path[0] !== SLASH) return false;
    for (let i = 0; i < prefix.length; i++) if (path[i] !== prefix[i]) return false;
    return true;
  }
}

const NO_BYTES = new Uint8Array(0);
