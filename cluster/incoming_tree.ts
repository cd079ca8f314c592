/**
 * The tree behind a SNAP, as it comes in: in place of what was in the database.
 *
 * Invariant: lastProcessedZxid is set when the tree is complete, and not before (ZOOKEEPER-2355).
 *
 * @module
 */
import { TreeStreamLoader } from "../core/storage/tree_stream.ts";
import type { Zxid } from "../core/zxid.ts";
import type { Member } from "./member.ts";
import type { PacketStream } from "./quorum_packet.ts";

export class IncomingTree {
  /** Of the SNAP packet: what is in the tree at the least. */
  readonly zxid: Zxid;
  readonly #member: Member;
  readonly #loader: TreeStreamLoader;

  constructor(member: Member, zxid: Zxid) {
    const { history, config } = member;
    this.#member = member;
    this.zxid = zxid;
    history.proposals.clear(zxid);
    const { tree, sessions } = history.applier;
    this.#loader = new TreeStreamLoader({
      tree,
      sessions,
      lengthMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
      extendedTypes: config.extendedTypesEnabled,
    });
  }

  /** Takes what has come; what is not of the tree is left. Returns whether it is complete. */
  read(packets: PacketStream): boolean {
    const bytes = packets.takeRaw();
    if (bytes.length === 0 || !this.#loader.push(bytes)) return false;
    packets.unreadRaw(this.#loader.unreadByteCount);
    const { history } = this.#member;
    history.applier.tree.finishLoad(this.zxid);
    history.lastLoggedZxid = this.zxid;
    return true;
  }
}
