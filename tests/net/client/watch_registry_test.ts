/**
 * Which listeners an event reaches, and how watches are listed for a new connection.
 *
 * @module
 */
import assert from "node:assert/strict";
import { OpCode } from "../../../core/wire/op_code.ts";
import { JuteWriter } from "../../../core/wire/jute.ts";
import type { EventKind } from "../../../net/client/client_types.ts";
import { setWatchesRequests } from "../../../net/client/set_watches.ts";
import { WATCH_KINDS, WatchRegistry } from "../../../net/client/watch_registry.ts";
import { JuteDecoder } from "../../support/jute.ts";

const KINDS: readonly EventKind[] = [
  ...["NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged"] as const,
];

Deno.test("watches: each kind is told of its events, one-shot ones once", () => {
  const told: Record<string, string[]> = {};
  for (const event of KINDS) {
    const { registry, names } = oneOfEach();
    told[event] = namesOf(registry.take(event, "/a"), names);
    told[`${event} again`] = namesOf(registry.take(event, "/a"), names);
    told[`${event} below`] = namesOf(registry.take(event, "/a/b/c"), names);
  }
  const lasting = ["persistent", "persistentRecursive"];
  assert.deepEqual(told, {
    NodeCreated: ["data", "exist", ...lasting],
    "NodeCreated again": lasting,
    "NodeCreated below": ["persistentRecursive"],
    NodeDeleted: ["data", "exist", "child", ...lasting],
    "NodeDeleted again": lasting,
    "NodeDeleted below": ["persistentRecursive"],
    NodeDataChanged: ["data", "exist", ...lasting],
    "NodeDataChanged again": lasting,
    "NodeDataChanged below": ["persistentRecursive"],
    NodeChildrenChanged: ["child", "persistent"],
    "NodeChildrenChanged again": ["persistent"],
    "NodeChildrenChanged below": [],
  });
});

Deno.test("watches: a recursive one is told of all below, the root's of everything", () => {
  const registry = new WatchRegistry();
  const [root, a, other] = [() => {}, () => {}, () => {}];
  registry.add("persistentRecursive", "/", root);
  registry.add("persistentRecursive", "/a", a);
  registry.add("persistentRecursive", "/ab", other);
  assert.deepEqual([...registry.take("NodeCreated", "/a/b/c")], [a, root]);
  assert.deepEqual([...registry.take("NodeCreated", "/")], [root]);
  assert.deepEqual([...registry.take("NodeDeleted", "/ab")], [other, root]);
});

Deno.test("watches: one listener of several watches is told once, and told what is removed", () => {
  const registry = new WatchRegistry();
  const listener = () => {};
  for (const kind of WATCH_KINDS) registry.add(kind, "/a", listener);
  assert.deepEqual([...registry.take("NodeDeleted", "/a")], [listener]);
  for (const kind of WATCH_KINDS) registry.add(kind, "/a", listener);
  assert.deepEqual(registry.remove("data", "/a").map(({ event }) => event), ["DataWatchRemoved"]);
  assert.deepEqual(
    registry.remove("any", "/a").map(({ event }) => event),
    ["ChildWatchRemoved", "PersistentWatchRemoved"],
  );
  assert(registry.isEmpty);
});

Deno.test("setWatches: many paths are told in several requests that a server takes", () => {
  const registry = new WatchRegistry();
  const expected = new Set<string>();
  for (let i = 0; i < 5000; i++) {
    const kind = WATCH_KINDS[i % 3]!;
    const path = `/some/path/that/is/rather/long/${i}`;
    registry.add(kind, path, () => {});
    expected.add(`${kind} ${path}`);
  }
  let requestCount = 0;
  for (const request of setWatchesRequests(registry, 0x500000007)) {
    requestCount++;
    assert.equal(request.opCode, OpCode.SetWatches);
    const writer = new JuteWriter();
    request.write(writer);
    assert(writer.position < 140_000, `${writer.position} bytes`);
    const decoder = new JuteDecoder(writer.written().slice());
    assert.equal(decoder.long(), 0x500000007n);
    for (const kind of WATCH_KINDS.slice(0, 3)) {
      for (const path of decoder.vector(() => decoder.string())!) {
        assert(expected.delete(`${kind} ${path}`));
      }
    }
    assert.equal(decoder.remaining, 0);
  }
  assert.equal(expected.size, 0);
  assert.equal(requestCount, 2);
});

Deno.test("setWatches: the second form is used where a persistent watch needs it", () => {
  const registry = new WatchRegistry();
  registry.add("exist", "/e", () => {});
  registry.add("persistentRecursive", "/r", () => {});
  const [request, ...more] = setWatchesRequests(registry, 3);
  assert.deepEqual(more, []);
  assert.equal(request?.opCode, OpCode.SetWatches2);
  const writer = new JuteWriter();
  request.write(writer);
  const decoder = new JuteDecoder(writer.written().slice());
  decoder.long();
  const lists = WATCH_KINDS.map(() => decoder.vector(() => decoder.string()));
  assert.deepEqual(lists, [[], ["/e"], [], [], ["/r"]]);
  assert.deepEqual([...setWatchesRequests(new WatchRegistry(), 3)], []);
});

function oneOfEach() {
  const registry = new WatchRegistry();
  const names = new Map<unknown, string>();
  for (const kind of WATCH_KINDS) {
    const listener = () => {};
    names.set(listener, kind);
    registry.add(kind, "/a", listener);
  }
  return { registry, names };
}

function namesOf(told: Set<unknown>, names: Map<unknown, string>): string[] {
  return [...told].map((listener) => names.get(listener) ?? "another");
}
