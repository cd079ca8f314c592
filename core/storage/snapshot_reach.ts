/**
 * Finds out how far the content of a snapshot reaches: a fuzzy one holds txns after its name.
 *
 * Takes the place of a tree while a snapshot is read, and keeps nothing of it.
 *
 * @module
 */
import type { JuteReader } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import type { SnapshotSummary } from "./snapshot_loader.ts";
import type { LoadableTree } from "./tree_record_reader.ts";

/** Its znode is set by each server for itself: the version of a configuration, and no txn's zxid. */
const CONFIG_PATH = [...new TextEncoder().encode("/zookeeper/config")];

export class SnapshotReach implements LoadableTree {
  #zxid: Zxid = 0;

  clear(): void {
    this.#zxid = 0;
  }

  loadAcl(): void {}

  loadNode(path: Uint8Array, reader: JuteReader): void {
    reader.bytes();
    reader.long(); // ACL index
    const czxid = reader.zxid();
    const mzxid = reader.zxid();
    for (let i = 0; i < 2; i++) reader.long(); // ctime, mtime
    for (let i = 0; i < 3; i++) reader.int(); // versions
    reader.long(); // ephemeralOwner
    const pzxid = reader.zxid();
    if (path.length === CONFIG_PATH.length && CONFIG_PATH.every((byte, i) => path[i] === byte)) {
      return;
    }
    this.#zxid = Math.max(this.#zxid, czxid, mzxid, pzxid);
  }

  /**
   * The last txn that may have left something in the snapshot. Its digest section says; without one, as
   * in old snapshots, the znodes do, where deletes, ACLs and sessions leave no trace.
   */
  of(summary: SnapshotSummary): Zxid {
    return Math.max(this.#zxid, summary.digest?.zxid ?? 0);
  }
}
