/**
 * The way of a snapshot over a tree that goes on changing (disk format sections 7 and 8).
 *
 * Written is only what every replay makes exact. A Java server of 3.8 does not give a znode that is there
 * already the ACL of its create, and ends at the delete of one whose ACL is in no table. So what was
 * created since the walk began is left to its create, and a list that was new since then to its setACL.
 *
 * @module
 */
import type { SnapshotCursor } from "../storage/snapshot_tree.ts";
import type { JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import { OPEN_ACL_INDEX } from "./acl_table.ts";
import { writeSnapshotNode } from "./node_encoding.ts";
import { NO_NODE, type NodeId, type NodeStore, ROOT } from "./node_store.ts";
import { successor } from "./node_walk.ts";

/** What a znode that is left out counts in a slice. */
const LEFT_OUT_BYTES = 64;

export class SnapshotWalk implements SnapshotCursor {
  readonly store: NodeStore;
  /** Znodes created later are left out. */
  createdThrough: Zxid;
  /** ACLs of a higher index may be missing from the table. */
  aclIndexMax: number;
  /** The next znode to be written, in depth-first order. */
  #next: NodeId = ROOT;

  constructor(start: { store: NodeStore; createdThrough: Zxid; aclIndexMax: number }) {
    this.store = start.store;
    this.createdThrough = start.createdThrough;
    this.aclIndexMax = start.aclIndexMax;
  }

  /** Writes znodes until `bytesMax` is passed. Returns whether that was the last. */
  write(writer: JuteWriter, bytesMax: number): boolean {
    const { store } = this;
    let stop = writer.position + bytesMax;
    while (this.#next !== NO_NODE && writer.position < stop) {
      const id = this.#next;
      if (store.czxid(id) > this.createdThrough) { // and so was all that is below it
        stop -= LEFT_OUT_BYTES;
        this.#next = successor(store, id);
        continue;
      }
      const acl = store.acl(id);
      writeSnapshotNode(writer, store, id, acl > this.aclIndexMax ? OPEN_ACL_INDEX : acl);
      this.#next = store.firstChild(id) || successor(store, id);
    }
    return this.#next === NO_NODE;
  }

  /** A leaf is about to be removed. */
  leave(id: NodeId): void {
    if (this.#next === id) this.#next = successor(this.store, id);
  }
}
