/**
 * The order of queues, and the names that count in them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { OPEN_ACL } from "../../../core/tree/acl_list.ts";
import { DataTree } from "../../../core/tree/data_tree.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import {
  entryPrefix,
  LATCH_QUEUE,
  LOCK_QUEUE,
  queueEntries,
  type QueueKind,
} from "../../../net/http/resources/queue.ts";

function emptyTree(): DataTree {
  return new DataTree({
    digestEnabled: false,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
}

/** Names of the entries, in their order, when `/q` has these children. */
function order(kind: QueueKind, children: readonly string[]): string[] {
  const tree = emptyTree();
  let zxid = 0;
  for (const path of ["/q", ...children.map((name) => `/q/${name}`)]) {
    tree.apply(
      { sessionId: 7n, cxid: 0, zxid: ++zxid, timeMs: 0, type: 1 },
      {
        kind: "create",
        path: encodeUtf8(path),
        data: null,
        acl: OPEN_ACL,
        ephemeral: path !== "/q",
        parentCversion: zxid,
      },
    );
  }
  return queueEntries(tree, "/q", kind).map(({ path }) => path.slice("/q/".length));
}

Deno.test("queueEntries() orders those of Curator, kazoo and here by their numbers alone", () => {
  const names = [
    "_c_f0000000-0000-0000-0000-000000000000-lock-0000000003",
    "0000aaaa__lock__0000000002",
    "_c_00000000-0000-0000-0000-000000000000-lock-0000000010",
    "lock-0000000001",
  ];
  assert.deepEqual(order(LOCK_QUEUE, names), [names[3], names[1], names[0], names[2]]);
});

Deno.test("queueEntries() counts only names that servers made for such queues", () => {
  const others = [
    "_c_a-latch-0000000001",
    "_delay_1",
    "_c_a-lock-1",
    "_c_a-lock-00000000011",
    "_c_a-lock-9999999999", // no 32 bits
    "_c_a-lock-0000000001x",
    "aaaa__rlock__0000000001",
    "config",
  ];
  assert.deepEqual(order(LOCK_QUEUE, others), []);
  assert.deepEqual(order(LATCH_QUEUE, ["_c_a-lock-0000000001", "_c_b-latch-0000000002"]), [
    "_c_b-latch-0000000002",
  ]);
});

Deno.test("queueEntries() goes on behind the last number, where it becomes negative", () => {
  const names = [
    "a-lock-2147483646",
    "a-lock-2147483647",
    "a-lock--2147483648",
    "a-lock--2147483647",
  ];
  assert.deepEqual(order(LOCK_QUEUE, names.toReversed()), names);
  const around = ["a-lock--000000001", "a-lock-0000000000", "a-lock-0000000001"];
  assert.deepEqual(order(LOCK_QUEUE, around.toReversed()), around);
});

Deno.test("queueEntries() is empty without a queue", () => {
  const tree = emptyTree();
  assert.deepEqual(queueEntries(tree, "/no/such", LOCK_QUEUE), []);
});

Deno.test("entryPrefix() is the same for the same session, queue and key, and for no others", () => {
  const base = { sessionId: 1n, path: "/q", kind: LOCK_QUEUE, key: null, isSessionForIt: false };
  assert.equal(entryPrefix(base), entryPrefix({ ...base }));
  const variants = [
    base,
    { ...base, sessionId: 2n },
    { ...base, path: "/q/q" },
    { ...base, kind: LATCH_QUEUE },
    { ...base, key: "k" },
    { ...base, key: "true" },
    { ...base, isSessionForIt: true },
  ];
  assert.equal(new Set(variants.map(entryPrefix)).size, variants.length);
  const anyKey = { ...base, isSessionForIt: true };
  assert.equal(entryPrefix({ ...anyKey, key: "k" }), entryPrefix(anyKey));
});
