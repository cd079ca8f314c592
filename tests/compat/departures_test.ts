/**
 * Where our answers are meant to differ from those of Java 3.8.0: what ZooKeeper 3.9 answers, and what
 * 3.8.0 must not even be asked, because it would crash or lose its data.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  addWatchPersistent,
  addWatchRecursive,
  check,
  create,
  exists,
  Flags,
  getChildren,
  getData,
  multi,
  ofPathAndInt,
  Op,
  ping,
  remove,
  request,
  setAcl,
  setData,
  setWatches,
  WatcherType,
} from "../support/requests.ts";
import { ServerProcess } from "../support/server_process.ts";
import { Conversation, type Scenario } from "./raw/conversation.ts";

interface Departure extends Scenario {
  /** What must come back, without the handshakes. */
  readonly expected: readonly string[];
}

const departures: readonly Departure[] = [
  {
    name: "events carry the zxid of the txn that fired them, those of setWatches -1",
    run: async (c) => {
      const a = await c.session("A");
      await a.call(exists("/n", true));
      await a.call(create("/n"));
      await a.call(getData("/n", true));
      await a.call(getChildren("/n", true));
      await a.call(multi([setData("/n", "x"), create("/n/kid")]));
      await a.call(setWatches(0n, { data: ["/n"] }), -8);
    },
    expected: [
      "A < xid=1 zxid=z+0 err=-101",
      'A < event xid=-1 zxid=z+1 err=0 type=1 state=3 path="/n"',
      'A < xid=2 zxid=z+1 err=0 path="/n"',
      'A < xid=3 zxid=z+1 err=0 data="" stat[c=z+1 m=z+1 p=z+1 ctime=now mtime=now v=0 cv=0 av=0 owner=0 len=0 kids=0]',
      "A < xid=4 zxid=z+1 err=0 children=[]",
      'A < event xid=-1 zxid=z+2 err=0 type=3 state=3 path="/n"',
      'A < event xid=-1 zxid=z+2 err=0 type=4 state=3 path="/n"',
      'A < xid=5 zxid=z+2 err=0 [5/0/0 stat[c=z+1 m=z+2 p=z+1 ctime=now mtime=now v=1 cv=0 av=0 owner=0 len=1 kids=0]; 1/0/0 path="/n/kid"] end=-1/1/-1',
      'A < event xid=-1 zxid=-1 err=0 type=3 state=3 path="/n"',
      "A < xid=-8 zxid=z+2 err=0",
    ],
  },
  {
    name: "one-shot, persistent and recursive watches of one path stand side by side",
    run: async (c) => {
      const a = await c.session("A");
      await a.call(create("/w"));
      await a.call(getData("/w", true));
      await a.call(getChildren("/w", true));
      await a.call(addWatchPersistent("/w"));
      await a.call(addWatchRecursive("/w"));
      for (const type of [1, 2, 3, 4, 5]) await a.call(ofPathAndInt(Op.checkWatches, "/w", type));
      c.note("one event a change, the one-shot one is used up");
      await a.call(setData("/w", "1"));
      await a.call(ofPathAndInt(Op.checkWatches, "/w", WatcherType.data));
      c.note("each kind is removed for itself");
      await a.call(ofPathAndInt(Op.removeWatches, "/w", WatcherType.persistentRecursive));
      await a.call(ofPathAndInt(Op.removeWatches, "/w", WatcherType.persistentRecursive));
      await a.call(setData("/w", "2"));
      await a.call(ofPathAndInt(Op.removeWatches, "/w", WatcherType.persistent));
      await a.call(ofPathAndInt(Op.checkWatches, "/w", WatcherType.persistent));
      await a.call(ofPathAndInt(Op.checkWatches, "/w", WatcherType.children));
      await a.call(setData("/w", "3"));
      await a.call(create("/w/kid"));
    },
    expected: [
      'A < xid=1 zxid=z+1 err=0 path="/w"',
      'A < xid=2 zxid=z+1 err=0 data="" stat[c=z+1 m=z+1 p=z+1 ctime=now mtime=now v=0 cv=0 av=0 owner=0 len=0 kids=0]',
      "A < xid=3 zxid=z+1 err=0 children=[]",
      "A < xid=4 zxid=z+1 err=0 err=0",
      "A < xid=5 zxid=z+1 err=0 err=0",
      ...[6, 7, 8, 9, 10].map((xid) => `A < xid=${xid} zxid=z+1 err=0`),
      'A < event xid=-1 zxid=z+2 err=0 type=3 state=3 path="/w"',
      "A < xid=11 zxid=z+2 err=0 stat[c=z+1 m=z+2 p=z+1 ctime=now mtime=now v=1 cv=0 av=0 owner=0 len=1 kids=0]",
      "A < xid=12 zxid=z+2 err=-121",
      "A < xid=13 zxid=z+2 err=0",
      "A < xid=14 zxid=z+2 err=-121",
      'A < event xid=-1 zxid=z+3 err=0 type=3 state=3 path="/w"',
      "A < xid=15 zxid=z+3 err=0 stat[c=z+1 m=z+3 p=z+1 ctime=now mtime=now v=2 cv=0 av=0 owner=0 len=1 kids=0]",
      "A < xid=16 zxid=z+3 err=0",
      "A < xid=17 zxid=z+3 err=-121",
      "A < xid=18 zxid=z+3 err=0",
      "A < xid=19 zxid=z+4 err=0 stat[c=z+1 m=z+4 p=z+1 ctime=now mtime=now v=3 cv=0 av=0 owner=0 len=1 kids=0]",
      'A < event xid=-1 zxid=z+5 err=0 type=4 state=3 path="/w"',
      'A < xid=20 zxid=z+5 err=0 path="/w/kid"',
    ],
  },
  {
    name: "check outside a multi is an unknown op code",
    run: async (c) => {
      const a = await c.session("A");
      await a.call(create("/c"));
      await a.send(check("/c", 0));
      await a.untilClosed();
    },
    expected: [
      'A < xid=1 zxid=z+1 err=0 path="/c"',
      "A < xid=2 zxid=-1 err=-6",
      "A < closed",
    ],
  },
  {
    name: "createSession and createTTL without a ttl are refused",
    run: async (c) => {
      const a = await c.session("A");
      for (const flags of [0, 1, 2, 3, 4]) await a.call(create("/t", { flags, ttl: -1n }));
      await a.call(exists("/t"));
      await a.send(request(-10));
      await a.untilClosed();
    },
    expected: [
      ...[1, 2, 3, 4, 5].map((xid) => `A < xid=${xid} zxid=z+${xid} err=-8`),
      "A < xid=6 zxid=z+5 err=-101",
      "A < xid=7 zxid=-1 err=-6",
      "A < closed",
    ],
  },
  {
    name: "writes behind a setACL that is under way are judged by the new ACL",
    run: async (c) => {
      const a = await c.session("A");
      await a.sendTogether([
        create("/shut"),
        setAcl("/shut", [{ perms: 31 - 4, scheme: "world", id: "anyone" }]),
        create("/shut/kid"),
      ]);
      await a.receiveMany(3);
    },
    expected: [
      'A < xid=1 zxid=z+1 err=0 path="/shut"',
      "A < xid=2 zxid=z+2 err=0 stat[c=z+1 m=z+1 p=z+1 ctime=now mtime=now v=0 cv=0 av=1 owner=0 len=0 kids=0]",
      "A < xid=3 zxid=z+3 err=-102",
    ],
  },
  {
    name: "nothing is answered behind closeSession",
    run: async (c) => {
      const a = await c.session("A");
      await a.call(create("/closing", { flags: Flags.ephemeral }));
      await a.call(exists("/closing", true));
      await a.sendTogether([request(Op.closeSession), ping, create("/late"), remove("/closing")]);
      await a.untilClosed();
      const b = await c.session("B");
      await b.call(exists("/late"));
    },
    expected: [
      'A < xid=1 zxid=z+1 err=0 path="/closing"',
      "A < xid=2 zxid=z+1 err=0 stat[c=z+1 m=z+1 p=z+1 ctime=now mtime=now v=0 cv=0 av=0 owner=S1 len=0 kids=0]",
      'A < event xid=-1 zxid=z+2 err=0 type=2 state=3 path="/closing"',
      "A < xid=3 zxid=z+2 err=0",
      "A < closed",
      "B < xid=1 zxid=z+3 err=-101",
    ],
  },
];

Deno.test("answers that differ from those of 3.8.0 on purpose", async (t) => {
  const options = { config: { extendedTypesEnabled: true } };
  await using server = await ServerProcess.start("denkeeper", options);
  for (const { name, run, expected } of departures) {
    await t.step(name, async () => {
      const conversation = new Conversation(server.clientPort);
      await run(conversation);
      await conversation.end();
      const received = conversation.lines.filter((line) => / < (?!connected)/.test(line));
      assert.deepEqual(received, expected);
    });
  }
});
