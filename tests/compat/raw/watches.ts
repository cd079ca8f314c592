/**
 * Conversations about watches: what fires, in which order, and what is registered afterwards.
 *
 * @module
 */
import {
  type AclEntry,
  addWatchPersistent,
  addWatchRecursive,
  create,
  exists,
  Flags,
  getChildren,
  getChildren2,
  getData,
  multi,
  ofPathAndInt,
  Op,
  remove,
  setAcl,
  setData,
  setWatches,
  WatcherType,
} from "../../support/requests.ts";
import type { Peer, Scenario } from "./conversation.ts";

const NO_READ: readonly AclEntry[] = [{ perms: 31 - 1, scheme: "world", id: "anyone" }];
const OPEN: readonly AclEntry[] = [{ perms: 31, scheme: "world", id: "anyone" }];

/** All kinds of change to a node, its parent and its children; events of `watchers` after each. */
async function changes(writer: Peer, path: string, watchers: readonly Peer[]): Promise<void> {
  const steps = [
    create(path, { data: "1" }),
    setData(path, "2"),
    setAcl(path, OPEN),
    create(`${path}/kid`),
    setData(`${path}/kid`, "3"),
    create(`${path}/kid/deep`),
    remove(`${path}/kid/deep`),
    remove(`${path}/kid`),
    create(`${path}/kid2`),
    remove(`${path}/kid2`),
    setData(path, "4"),
    setData(path, "wrong version", 77),
    remove(path),
    create(path),
    remove(path),
  ];
  for (const step of steps) {
    await writer.call(step);
    for (const watcher of watchers) await watcher.settle();
  }
}

export const watchScenarios: readonly Scenario[] = [
  {
    name: "watches: one-shot data watches",
    run: async (c) => {
      const [writer, a, b] = [await c.session("W"), await c.session("A"), await c.session("B")];
      await writer.call(create("/w1"));
      await writer.call(create("/w1/n"));
      for (const watcher of [a, b, writer]) await watcher.call(getData("/w1/n", true));
      await a.call(getData("/w1/n", true));
      await a.call(exists("/w1/n", true));
      await writer.call(setData("/w1/n", "x"));
      await a.settle();
      await b.settle();
      await writer.call(setData("/w1/n", "y"));
      await a.settle();
      await a.call(getData("/w1/n", true));
      await writer.call(remove("/w1/n"));
      await a.settle();
      c.note("getData of a missing node leaves no watch, exists does");
      await a.call(getData("/w1/n", true));
      await b.call(exists("/w1/n", true));
      await a.call(getChildren("/w1/n", true));
      await writer.call(create("/w1/n"));
      await a.settle();
      await b.settle();
      await writer.call(remove("/w1/n"));
      await b.settle();
    },
  },
  {
    name: "watches: one-shot child watches",
    run: async (c) => {
      const [writer, a] = [await c.session("W"), await c.session("A")];
      await writer.call(create("/w2"));
      await a.call(getChildren("/w2", true));
      await writer.call(setData("/w2", "x"));
      await a.settle();
      await writer.call(create("/w2/n"));
      await a.settle();
      await a.call(getChildren2("/w2", true));
      await writer.call(create("/w2/n/below"));
      await a.settle();
      await writer.call(remove("/w2/n/below"));
      await writer.call(remove("/w2/n"));
      await a.settle();
      c.note("data and child watch of a deleted node: one event");
      await a.call(getChildren("/w2", true));
      await a.call(getData("/w2", true));
      await a.call(getChildren("/", true));
      await writer.call(remove("/w2"));
      await a.settle();
      await writer.call(create("/w2"));
      await a.settle();
      c.note("only a child watch on a deleted node");
      await a.call(getChildren("/w2", true));
      await writer.call(remove("/w2"));
      await a.settle();
    },
  },
  {
    name: "watches: the writer's own events come before its reply",
    run: async (c) => {
      const a = await c.session("A");
      await a.call(create("/w3"));
      await a.call(getChildren("/w3", true));
      await a.call(exists("/w3/n", true));
      await a.call(create("/w3/n", { type: Op.create2 }));
      await a.call(getData("/w3/n", true));
      await a.call(setData("/w3/n", "x"));
      await a.call(getData("/w3/n", true));
      await a.call(getChildren("/w3", true));
      await a.call(getChildren("/w3/n", true));
      await a.call(remove("/w3/n"));
      await a.call(exists("/w3/n", true));
      await a.sendTogether([
        create("/w3/n"),
        getData("/w3/n", true),
        setData("/w3/n", "y"),
        getData("/w3/n", true),
        remove("/w3/n"),
        getChildren("/w3"),
      ]);
      await a.receiveMany(9);
    },
  },
  {
    name: "watches: persistent ones",
    run: async (c) => {
      const [writer, a] = [await c.session("W"), await c.session("A")];
      await writer.call(create("/w4"));
      await a.call(addWatchPersistent("/w4/n"));
      await changes(writer, "/w4/n", [a]);
      await a.call(ofPathAndInt(Op.checkWatches, "/w4/n", WatcherType.any));
      await a.call(ofPathAndInt(Op.removeWatches, "/w4/n", WatcherType.any));
      await a.call(ofPathAndInt(Op.checkWatches, "/w4/n", WatcherType.any));
      await writer.call(create("/w4/n"));
      await a.settle();
    },
  },
  {
    name: "watches: persistent recursive ones",
    run: async (c) => {
      const [writer, a, root] = [
        await c.session("W"),
        await c.session("A"),
        await c.session("R"),
      ];
      await root.call(addWatchRecursive("/"));
      await writer.call(create("/w5"));
      await a.call(addWatchRecursive("/w5"));
      await changes(writer, "/w5/n", [a, root]);
      await writer.call(create("/w5x"));
      await writer.call(remove("/w5"));
      await a.settle();
      await root.settle();
      await a.call(ofPathAndInt(Op.removeWatches, "/w5", WatcherType.any));
      await a.call(ofPathAndInt(Op.removeWatches, "/w5", WatcherType.any));
      await writer.call(create("/w5"));
      await a.settle();
      await root.settle();
    },
  },
  {
    name: "watches: addWatch takes any path and two modes",
    run: async (c) => {
      const a = await c.session("A");
      for (const mode of [0, 1, 2, -1, 3, 2 ** 31 - 1]) {
        await a.call(ofPathAndInt(Op.addWatch, "/missing/path", mode));
      }
      for (const path of ["", "bad/", "//", "x"]) {
        await a.call(addWatchPersistent(path));
        await a.call(ofPathAndInt(Op.checkWatches, path, WatcherType.any));
      }
    },
    differences: [["8", -121], ["14", -5]].map(([xid, err]) => ({
      java: `xid=${xid} zxid=z+0 err=${err}`,
      denkeeper: `xid=${xid} zxid=z+0 err=0`,
      why: "checkWatches of 3.8.0 looks for the parent of a path that has none; we find the watch",
    })),
  },
  {
    name: "watches: checkWatches and removeWatches of one-shot watches",
    run: async (c) => {
      const [writer, a] = [await c.session("W"), await c.session("A")];
      await writer.call(create("/w6"));
      const types = [0, 1, 2, 3, 6, -1];
      const look = async () => {
        for (const type of types) await a.call(ofPathAndInt(Op.checkWatches, "/w6", type));
      };
      c.note("none");
      await look();
      c.note("data");
      await a.call(getData("/w6", true));
      await look();
      for (const type of [0, 1, 6, 2, 2]) {
        await a.call(ofPathAndInt(Op.removeWatches, "/w6", type));
      }
      c.note("child");
      await a.call(getChildren("/w6", true));
      await look();
      for (const type of [2, 1, 1]) await a.call(ofPathAndInt(Op.removeWatches, "/w6", type));
      c.note("both");
      await a.call(getData("/w6", true));
      await a.call(getChildren("/w6", true));
      await look();
      await a.call(ofPathAndInt(Op.removeWatches, "/w6", 3));
      await a.call(ofPathAndInt(Op.removeWatches, "/w6", 3));
      c.note("another connection's watch is not ours");
      await writer.call(getData("/w6", true));
      await look();
      await writer.call(setData("/w6", "x"));
      await a.settle();
    },
    differences: ["41", "42"].map((xid) => ({
      java: `xid=${xid} zxid=z+2 err=0`,
      denkeeper: `xid=${xid} zxid=z+2 err=-121`,
      why: "checkWatches of 3.8.0 also finds the watches of other connections",
    })),
  },
  {
    name: "watches: setWatches tells what was missed",
    run: async (c) => {
      const writer = await c.session("W");
      await writer.call(create("/w7"));
      for (const name of ["same", "changed", "gone", "parent", "there"]) {
        await writer.call(create(`/w7/${name}`));
      }
      const before = writer.client.lastZxid || (await writer.call(exists("/w7")))!.zxid;
      await writer.call(setData("/w7/changed", "x"));
      await writer.call(remove("/w7/gone"));
      await writer.call(create("/w7/parent/kid"));
      const names = ["same", "changed", "gone", "parent", "there", "never"];
      const paths = names.map((name) => `/w7/${name}`);
      for (const what of ["data", "exist", "child"] as const) {
        c.note(what);
        const a = await c.session("A");
        await a.call(setWatches(before, { [what]: paths }), -8);
        for (const path of paths) {
          await a.call(ofPathAndInt(Op.checkWatches, path, WatcherType.data));
          await a.call(ofPathAndInt(Op.checkWatches, path, WatcherType.children));
          await a.call(ofPathAndInt(Op.checkWatches, path, WatcherType.any));
        }
        await a.client.endSession();
      }
      for (const what of ["persistent", "recursive"] as const) {
        c.note(what);
        const a = await c.session("A");
        await a.call(setWatches(before, { [what]: paths }), -8);
        for (const path of paths) {
          await a.call(ofPathAndInt(Op.checkWatches, path, WatcherType.any));
        }
        await a.client.endSession();
      }
      c.note("all at once, in the order of the lists");
      const a = await c.session("A");
      const lists = {
        data: paths,
        exist: paths,
        child: paths,
        persistent: ["/w7"],
        recursive: ["/w7/there"],
      };
      await a.call(setWatches(before, lists));
      await a.call(setWatches(0n, { data: ["/w7/same"], exist: [], child: ["/w7/same"] }), 5);
      await writer.call(setData("/w7/same", "x"));
      await writer.call(create("/w7/never"));
      await writer.call(create("/w7/there/kid"));
      await writer.call(remove("/w7/changed"));
      await a.settle();
      c.note("null lists");
      for (const list of ["data", "exist", "child", "persistent", "recursive"] as const) {
        await a.call(setWatches(before, { [list]: null }));
      }
      await a.call(setWatches(-1n, {}));
      await a.call(setWatches(1n << 60n, { data: paths, child: paths, exist: paths }));
    },
  },
  {
    name: "watches: every sub-op of a multi fires for itself",
    run: async (c) => {
      const [writer, a, p] = [await c.session("W"), await c.session("A"), await c.session("P")];
      await writer.call(create("/w8"));
      await writer.call(create("/w8/old"));
      await a.call(getChildren("/w8", true));
      await a.call(exists("/w8/n", true));
      await a.call(getData("/w8/old", true));
      await p.call(addWatchPersistent("/w8"));
      await writer.call(multi([
        create("/w8/n", { data: "1" }),
        setData("/w8/n", "2"),
        create("/w8/n/kid"),
        setData("/w8", "3"),
        remove("/w8/old"),
        remove("/w8/n/kid"),
        remove("/w8/n"),
      ]));
      await a.settle();
      await p.settle();
      c.note("a failing multi fires nothing");
      await a.call(getChildren("/w8", true));
      await writer.call(multi([create("/w8/n"), remove("/w8/none")]));
      await a.settle();
      await p.settle();
      c.note("the caller's own multi");
      await a.call(exists("/w8/m", true));
      await a.call(multi([create("/w8/m"), setData("/w8/m", "x"), remove("/w8/m")]));
    },
  },
  {
    name: "watches: an event needs READ when it is delivered",
    run: async (c) => {
      const [writer, a] = [await c.session("W"), await c.session("A")];
      await writer.call(create("/w9"));
      await writer.call(create("/w9/n"));
      await a.call(getData("/w9/n", true));
      await a.call(getChildren("/w9/n", true));
      await writer.call(setAcl("/w9/n", NO_READ));
      await writer.call(setData("/w9/n", "secret"));
      await a.settle();
      await a.call(ofPathAndInt(Op.checkWatches, "/w9/n", WatcherType.data));
      await writer.call(create("/w9/n/kid"));
      await a.settle();
      await a.call(ofPathAndInt(Op.checkWatches, "/w9/n", WatcherType.children));
      await a.call(addWatchPersistent("/w9/n"));
      await a.call(addWatchRecursive("/w9"));
      await writer.call(setData("/w9/n", "secret"));
      await writer.call(remove("/w9/n/kid"));
      await a.settle();
      await writer.call(create("/w9/shut", { acl: NO_READ }));
      await writer.call(remove("/w9/shut"));
      await writer.call(remove("/w9/n"));
      await a.settle();
    },
  },
  {
    name: "watches: session ends fire what they remove",
    run: async (c) => {
      const [owner, a] = [await c.session("owner"), await c.session("A")];
      await owner.call(create("/w10"));
      await owner.call(create("/w10/e", { flags: Flags.ephemeral }));
      const [p, r] = [await c.session("P"), await c.session("R")];
      await a.call(exists("/w10/e", true));
      await a.call(getChildren("/w10", true));
      await p.call(addWatchPersistent("/w10"));
      await r.call(addWatchRecursive("/w10"));
      await owner.client.endSession();
      for (const watcher of [a, p, r]) await watcher.settle();
    },
  },
  {
    name: "watches: a recursive one beside a child watch",
    run: async (c) => {
      const [writer, a] = [await c.session("W"), await c.session("A")];
      await writer.call(create("/w12"));
      await a.call(getChildren("/w12", true));
      await a.call(addWatchRecursive("/w12"));
      await writer.call(create("/w12/x"));
      await a.receive();
      await a.receiveEvents();
    },
    differences: [{
      java: "no event",
      denkeeper: 'event xid=-1 zxid=z+3 err=0 type=4 state=3 path="/w12"',
      why: "until 3.8 the recursive watch replaces the child watch, since 3.9 both are kept",
    }],
  },
  {
    name: "watches: one on the empty path is not one on the root",
    run: async (c) => {
      const [writer, a] = [await c.session("W"), await c.session("A")];
      const watches = [
        getData("", true),
        getChildren("", true),
        addWatchPersistent(""),
        addWatchRecursive(""),
        setWatches(1n << 40n, { data: [""], exist: [], child: [""] }),
      ];
      for (const watch of watches) {
        await a.client.call(watch); // the root's stat depends on earlier conversations
        await writer.call(create("/w13"));
        await writer.client.call(setData("/", ""));
        await writer.call(remove("/w13"));
        await a.settle();
        await a.call(ofPathAndInt(Op.removeWatches, "/", WatcherType.any));
        await a.call(ofPathAndInt(Op.removeWatches, "", WatcherType.any));
      }
    },
  },
  {
    name: "watches: no watch outlives its connection",
    run: async (c) => {
      const [writer, a] = [await c.session("W"), await c.session("A")];
      await writer.call(create("/w11"));
      await a.call(getData("/w11", true));
      await a.call(addWatchRecursive("/w11"));
      a.client.close();
      const again = await c.open("again");
      await again.connect({ sessionId: a.sessionId, password: a.password });
      await again.call(ofPathAndInt(Op.checkWatches, "/w11", WatcherType.any));
      await writer.call(setData("/w11", "x"));
      await again.settle();
    },
  },
  {
    name: "setWatches: a null path or list ends it, what came before counts",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/nulls"));
      const some = ["/nulls", null, "/nulls2"];
      for (const kind of ["data", "exist", "child"]) {
        for (const relativeZxid of [0n, 1n << 40n]) {
          await peer.call(setWatches(relativeZxid, { [kind]: some }), -8);
          await peer.call(setWatches(relativeZxid, { [kind]: some, persistent: [] }), -8);
          await peer.call(setWatches(relativeZxid, { data: ["/nulls"], [kind]: null }), -8);
        }
      }
      const others = [await c.session("B"), await c.session("C")];
      for (const [i, kind] of ["persistent", "recursive"].entries()) {
        await others[i]!.call(setWatches(0n, { persistent: [], [kind]: some }), -8);
        await others[i]!.call(
          setWatches(0n, { data: ["/nulls"], persistent: [], [kind]: null }),
          -8,
        );
      }
      await peer.call(create("/nulls2"));
      await peer.call(create("/nulls/kid"));
      await peer.call(setData("/nulls2", "x"));
      for (const other of others) await other.settle();
    },
  },
];
