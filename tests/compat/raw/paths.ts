/**
 * Conversations about paths that are not what a path should be: each operation checks its own way.
 *
 * @module
 */
import {
  addWatchPersistent,
  bytesOf,
  check,
  create,
  exists,
  Flags,
  getChildren,
  getChildren2,
  getData,
  getEphemerals,
  multi,
  ofPath,
  ofPathAndInt,
  Op,
  OPEN_ACL,
  remove,
  setAcl,
  setData,
  setWatches,
  type Text,
  WatcherType,
} from "../../support/requests.ts";
import type { Scenario } from "./conversation.ts";

/** Paths a validator may or may not like; `/p` is there with the child `/p/c`. */
const ODD_PATHS: readonly Text[] = [
  "",
  "/",
  "p",
  "p/c",
  "/p/",
  "/p//c",
  "//p",
  "//",
  "/./p",
  "/p/..",
  "/.",
  "/..",
  "/.a",
  "/..a",
  "/...",
  "/p/./c",
  "/p\u0000",
  "/\u0001",
  "/\u001f",
  "/ ",
  "/\u007f",
  "/\u009f",
  "/\u00a0",
  "/\u00e4\u00f6",
  "/\ud7ff",
  "/\ue000",
  "/\uf8ff",
  "/\uf900",
  "/\uffef",
  "/\ufff0",
  "/\uffff",
  "/\u{1f600}",
  new Uint8Array([0x2f, 0xff]),
  new Uint8Array([0x2f, 0xc3]),
  new Uint8Array([0x2f, 0xed, 0xa0, 0x80]),
  new Uint8Array([0x2f, 0xc0, 0x80]),
  "/missing/child",
  "/zookeeper",
  "/zookeeper/quota",
  "/zookeeper/config",
  "/zookeeper/",
  "/zookeeper/nope",
];

export const pathScenarios: readonly Scenario[] = [
  {
    name: "paths: what each operation makes of odd ones",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/p"));
      await peer.call(create("/p/c"));
      for (const path of ODD_PATHS) {
        c.note(`${bytesOf(path)!.toHex()} ${typeof path === "string" ? JSON.stringify(path) : ""}`);
        await peer.call(exists(path));
        await peer.call(getData(path));
        await peer.call(getChildren(path));
        await peer.call(getChildren2(path));
        await peer.call(ofPath(Op.getAcl, path));
        await peer.call(ofPath(Op.getAllChildrenNumber, path));
        await peer.call(getEphemerals(path));
        await peer.call(create(path));
        await peer.call(create(path, { flags: Flags.sequential }));
        await peer.call(create(path, { type: Op.createContainer }));
        await peer.call(setData(path, "x", 99));
        await peer.call(setAcl(path, OPEN_ACL, 99));
        await peer.call(multi([check(path, 99)]));
        await peer.call(multi([getData(path), getChildren(path)], Op.multiRead));
        await peer.call(remove(path, 99));
        await peer.call(addWatchPersistent(path));
        await peer.call(ofPathAndInt(Op.checkWatches, path, WatcherType.any));
        await peer.call(ofPathAndInt(Op.removeWatches, path, WatcherType.any));
      }
    },
    differences: [{
      java: "xid=19 zxid=z+9 err=-121",
      denkeeper: "xid=19 zxid=z+9 err=0",
      why: "checkWatches of 3.8.0 does not find the watch of the empty path",
    }, {
      java: "xid=55 zxid=z+23 err=-5",
      denkeeper: "xid=55 zxid=z+23 err=0",
      why: "nor that of a path without a slash",
    }],
  },
  {
    name: "paths: what sync and setWatches make of odd ones",
    run: async (c) => {
      const peer = await c.session("A");
      for (const path of ODD_PATHS) {
        if (typeof path !== "string" || path.includes("\u{1f600}")) continue;
        await peer.call(ofPath(Op.sync, path));
        await peer.call(setWatches(0n, { data: [path], exist: [path], child: [path] }));
      }
    },
  },
];
