/**
 * Waits until a znode has changed since a zxid: what a GET with `since` and `wait` does (long polling).
 *
 * Answers "changed" only where the znode's own zxid says so: whoever asks again with the zxid that it was given
 * waits again, and never turns in a circle.
 *
 * @module
 */
import { LONG_POLL_COUNT_MAX } from "../../../core/limits.ts";
import { Permission } from "../../../core/tree/acl_list.ts";
import type { DataTree } from "../../../core/tree/data_tree.ts";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { lastSlash } from "../../../core/tree/path.ts";
import { WatchMode } from "../../../core/tree/watch_manager.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import type { Zxid } from "../../../core/zxid.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { Problem } from "../problem.ts";
import { watchTree } from "../tree_watch.ts";
import { holdSession } from "./session_lease.ts";

/** Those who began to wait together do not ask again together. */
const JITTER_SHARE = 16;

/** "deleted" also stands for a znode that was not there to begin with, unless the caller knows that. */
export type LongPollEnd = "changed" | "deleted" | "timeout";

export interface LongPoll {
  readonly path: string;
  /** What the caller has seen: the znode's mzxid or pzxid, or the zxid of a 404. */
  readonly since: Zxid;
  /** Data has changed by mzxid, the list of children by pzxid. */
  readonly kind: "data" | "children";
  readonly waitMs: number;
  /** The client hung up, or the server stops: ends as time runs out. */
  readonly signal: AbortSignal;
}

const waitingCounts = new WeakMap<Gateway, number>();

/**
 * Waits for what is newer than `since`, which may be there already. The caller's session stays alive meanwhile.
 *
 * @throws {Problem} `no-auth` without READ; `throttled` when too many wait; `no-quorum` when the server stops
 * serving; `session-expired` when the caller's session ends
 */
export async function waitForChange(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  { path, since, kind, waitMs, signal }: LongPoll,
): Promise<LongPollEnd> {
  const { tree } = gateway;
  const bytes = encodeUtf8(path);
  if (!gateway.isServing) throw lostService();
  if (tree.store.lookup(bytes) !== NO_NODE && !gateway.mayDo(caller, path, Permission.Read)) {
    throw new Problem("no-auth", { path, detail: `${path} does not let you READ` });
  }
  const state = () => stateSince(tree, { path: bytes, since, kind });
  const now = state();
  if (now !== "same") return now;
  if (waitMs <= 0 || signal.aborted) return "timeout";
  const waiting = waitingCounts.get(gateway) ?? 0;
  if (waiting >= LONG_POLL_COUNT_MAX) {
    throw new Problem("throttled", {
      detail: `${LONG_POLL_COUNT_MAX} requests wait for changes already: ask again later`,
    });
  }
  waitingCounts.set(gateway, waiting + 1);
  const { promise, resolve, reject } = Promise.withResolvers<LongPollEnd>();
  const timeout = () => resolve("timeout");
  const timer = setTimeout(timeout, waitMs + Math.random() * waitMs / JITTER_SHARE);
  signal.addEventListener("abort", timeout, { once: true });
  // the txn is still being applied when it is told, and a multi may take back what it did
  let isLooking = false;
  const look = () => {
    isLooking = false;
    const found = state();
    if (found !== "same") resolve(found);
  };
  const stopWatching = watchTree(tree, { path, mode: WatchMode.Persistent }, () => {
    if (!isLooking) queueMicrotask(look);
    isLooking = true;
  });
  const forgetService = gateway.onServiceEnd(() => reject(lostService()));
  const release = caller.session === null
    ? null
    : holdSession(gateway, caller.session, () => reject(new Problem("session-expired")));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", timeout);
    stopWatching();
    forgetService();
    release?.();
    waitingCounts.set(gateway, waitingCounts.get(gateway)! - 1);
  }
}

function lostService(): Problem {
  return new Problem("no-quorum", {
    detail: "The server serves nobody now, so it cannot tell what changes: ask again, or elsewhere",
  });
}

/** What has become of a znode since a zxid. */
function stateSince(
  { store }: DataTree,
  { path, since, kind }: { path: Uint8Array; since: Zxid; kind: LongPoll["kind"] },
): "same" | "changed" | "deleted" {
  const id = store.lookup(path);
  if (id !== NO_NODE) {
    const zxid = kind === "data" ? store.mzxid(id) : store.pzxid(id);
    return zxid > since ? "changed" : "same";
  }
  // it was deleted, or an ancestor was, by a txn that left its zxid in what is still there above it:
  // who knows of that txn knows that there is no znode, and waits for one
  let end = path.length;
  let above = NO_NODE;
  while (above === NO_NODE) {
    end = Math.max(0, lastSlash(path, 0, end));
    above = store.lookup(path, 0, end);
  }
  return store.pzxid(above) > since ? "deleted" : "same";
}
