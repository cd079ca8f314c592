import assert from "node:assert/strict";
import { OPEN_ACL } from "../../../core/tree/acl_list.ts";
import {
  EventType,
  type PathHash,
  type Watcher,
  type WatchEvent,
  WatchManager,
  WatchMode,
} from "../../../core/tree/watch_manager.ts";
import { WatchedPath } from "../../../core/tree/watched_path.ts";

class RecordingWatcher implements Watcher {
  readonly watchedPaths = new Set<WatchedPath>();
  readonly events: WatchEvent[] = [];

  deliver(event: WatchEvent): void {
    this.events.push(event);
  }
}

const encoder = new TextEncoder();

const oneHash: PathHash = { rootHash: 4, extendHash: () => 4 };

const goodHash: PathHash = {
  rootHash: 0,
  extendHash: (hash, bytes, start, end) => {
    for (let i = start; i < end; i++) hash = (hash * 31 + bytes[i]!) & 0x3fffffff;
    return hash;
  },
};

function changed(path: string): WatchEvent {
  return { type: EventType.NodeDataChanged, path: encoder.encode(path), zxid: 1, acl: OPEN_ACL };
}

Deno.test("WatchedPath keeps the modes of one watcher, of two, and of one again", () => {
  const watched = new WatchedPath(encoder.encode("/a"), 7, null);
  const [a, b] = [new RecordingWatcher(), new RecordingWatcher()];
  const modes = () => {
    const all: [string, number][] = [];
    watched.forEach((watcher, bits) => all.push([watcher === a ? "a" : "b", bits]));
    return all;
  };
  assert.equal(watched.isUnwatched, true);
  watched.setModes(a, WatchMode.Data);
  assert.deepEqual(modes(), [["a", 1]]);
  assert.equal(watched.modesOf(b), 0);
  watched.setModes(b, WatchMode.Child | WatchMode.Persistent);
  assert.deepEqual(modes(), [["a", 1], ["b", 6]]);
  watched.setModes(a, 0);
  assert.deepEqual(modes(), [["b", 6]]);
  assert.equal(watched.isUnwatched, false);
  watched.setModes(b, 0);
  assert.equal(watched.isUnwatched, true);
});

Deno.test("WatchedPath gives back its path, whatever its bytes and length", () => {
  for (const path of ["/", "/\u00e9\u4e2d\u{1f600}", `/${"x".repeat(10_000)}`, "\ufeff/bom"]) {
    const bytes = encoder.encode(path);
    const watched = new WatchedPath(bytes, 0, null);
    assert.equal(watched.path, path);
    assert.equal(watched.equals(bytes, 0, bytes.length), true);
    assert.equal(watched.equals(bytes, 0, bytes.length - 1), false);
  }
});

Deno.test("WatchManager keeps paths of one hash apart", () => {
  const watches = new WatchManager(oneHash);
  const watchers = ["/a", "/b", "/c"].map((path) => {
    const watcher = new RecordingWatcher();
    watches.add(encoder.encode(path), watcher, WatchMode.Data);
    return watcher;
  });
  watches.fire(changed("/b"));
  assert.deepEqual(watchers.map(({ events }) => events.length), [0, 1, 0]);
  assert.equal(watches.pathCount, 2);
  watches.removeWatcher(watchers[2]!);
  watches.fire(changed("/a"));
  assert.deepEqual(watchers.map(({ events }) => events.length), [1, 1, 0]);
  assert.equal(watches.pathCount, 0);
});

Deno.test("WatchManager.continueRemoving() takes off the rest of many watches step by step", () => {
  const watches = new WatchManager(goodHash);
  const [gone, stays] = [new RecordingWatcher(), new RecordingWatcher()];
  for (let i = 0; i < 1000; i++) {
    watches.add(encoder.encode(`/n${i}`), gone, WatchMode.Data);
    watches.add(encoder.encode(`/n${i}`), gone, WatchMode.Recursive);
  }
  watches.add(encoder.encode("/n7"), stays, WatchMode.Data);
  watches.removeWatcher(gone);
  let steps = 0;
  for (let before = watches.pathCount; before > 1; before = watches.pathCount) {
    watches.continueRemoving(300);
    assert.ok(before - watches.pathCount <= 300, "no step does more than it was told");
    steps++;
  }
  assert.equal(steps, 4);
  assert.equal(watches.watchCount, 1);
  watches.continueRemoving(300);
  watches.fire(changed("/n7"));
  assert.equal(stays.events.length, 1);
  assert.equal(watches.watchCount, 0);
});

Deno.test("WatchManager.fire() tells recursive watchers of every path above, each once", () => {
  for (const pathHash of [oneHash, goodHash]) {
    const watches = new WatchManager(pathHash);
    const watched = ["/", "/a", "/a/bc", "/a/bc/d", "/a/b", "/a/bc/d/e", "/x"];
    const watchers = watched.map((path) => {
      const watcher = new RecordingWatcher();
      watches.add(encoder.encode(path), watcher, WatchMode.Recursive);
      return watcher;
    });
    watches.add(encoder.encode("/a"), watchers[0]!, WatchMode.Recursive);
    watches.fire(changed("/a/bc/d"));
    assert.deepEqual(watchers.map(({ events }) => events.length), [1, 1, 1, 1, 0, 0, 0]);
    watches.fire(changed("/"));
    assert.deepEqual(watchers.map(({ events }) => events.length), [2, 1, 1, 1, 0, 0, 0]);
  }
});
