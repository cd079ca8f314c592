/**
 * What snapshots need of the tree: the data tree implements this, and so does the naive model that
 * tests compare it with.
 *
 * Writing goes by slices, so that a million znodes never hold up the server; loading goes record by
 * record. Sessions are not part of the tree: they travel in a {@linkcode SessionTable} beside it.
 *
 * @module
 */
import type { AclList } from "../tree/acl_list.ts";
import type { JuteReader, JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";

/** Session id (signed 64 bits) to its negotiated timeout in ms. */
export type SessionTable = Map<bigint, number>;

/** The tree was cleared while a walk was under way: what was written of the old one is of no use. */
export class TreeClearedError extends Error {
  override name = "TreeClearedError";

  constructor() {
    super("Cannot go on with a snapshot: the tree was cleared meanwhile");
  }
}

/** A place in the walk over the tree; what is inside is the tree's own business. */
// deno-lint-ignore no-empty-interface
export interface SnapshotCursor {}

export interface SnapshotTree {
  readonly lastProcessedZxid: Zxid;
  /** The sum of all znodes' digests, unsigned 64 bits. */
  readonly treeDigest: bigint;

  /** The table of ACLs as it is now, without the open list (index -1). */
  aclEntries(): Iterable<{ index: number; acl: AclList }>;
  /**
   * Starts a walk: depth first, parent before child, safe while txns are applied. There may be several
   * at a time.
   */
  beginSnapshot(): SnapshotCursor;
  /**
   * Writes znode records (path, data, long ACL index, StatPersisted) until `bytesMax` is passed.
   *
   * @returns true when the last znode was written
   * @throws {TreeClearedError} when the walk was begun before the tree was last cleared
   */
  writeSnapshotNodes(cursor: SnapshotCursor, writer: JuteWriter, bytesMax: number): boolean;
  /** Ends the walk; always called, also after a failure. */
  endSnapshot(cursor: SnapshotCursor): void;

  /** Empties the tree entirely: not even a root. Precedes the loading of a snapshot. */
  clear(): void;
  /** Makes it the tree of a fresh server, at zxid 0. */
  resetToEmptyDatabase(): void;
  loadAcl(index: number, acl: AclList): void;
  /**
   * Adds one znode. `path` was read already (borrowed for this call); `reader` stands at the data
   * field; data, ACL index and stat are consumed.
   *
   * @throws {DecodeError} when the parent is unknown or the record is damaged
   */
  loadNode(path: Uint8Array, reader: JuteReader): void;
  /** Closes loading: recomputes quotas, drops unused ACLs, sets lastProcessedZxid. */
  finishLoad(zxid: Zxid): void;
}
