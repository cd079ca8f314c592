/**
 * Puts a tree and its sessions into the bytes of a snapshot, slice by slice (disk format section 7).
 *
 * The snapshot is fuzzy: txns go on being applied between slices, and replaying everything after the
 * zxid in its name makes up for that (section 8). Sessions and the ACL table are copied in the first
 * slice; each znode is written whole.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { adler32 } from "../checksum.ts";
import { DIGEST_VERSION } from "../tree/stat.ts";
import { JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import { writeSnapshotHeader } from "./file_header.ts";
import { type TreeContent, TreeRecordWriter } from "./tree_stream.ts";

export interface SnapshotContent extends TreeContent {
  /** Adds the tree digest behind the first seal. */
  withDigest: boolean;
  /**
   * Adds the zxid of the name as the last section. Left out without a digest: a 3.8 server that
   * expects digests would take the section for one.
   */
  withLastZxid: boolean;
}

export class SnapshotWriter {
  readonly #content: SnapshotContent;
  readonly #records: TreeRecordWriter;
  #writer = new JuteWriter(64 * 1024);
  #adler = 1;
  /** Up to where in the writer the checksum is computed. */
  #summed = 0;
  #state: "start" | "records" | "done" = "start";

  constructor(content: SnapshotContent) {
    this.#content = content;
    this.#records = new TreeRecordWriter(content);
  }

  /** What the snapshot is named after. */
  get zxid(): Zxid {
    return this.#records.zxid;
  }

  /**
   * The next bytes of the snapshot, a little more than `bytesMax`; borrowed until the next call.
   *
   * @returns null when the snapshot is complete
   * @throws {TreeClearedError} when the tree was cleared meanwhile
   */
  next(bytesMax: number): Uint8Array<ArrayBuffer> | null {
    if (this.#state === "done") return null;
    const writer = this.#writer;
    writer.position = 0;
    this.#summed = 0;
    if (this.#state === "start") {
      writeSnapshotHeader(writer);
      this.#state = "records";
    }
    if (this.#records.write(writer, bytesMax)) {
      this.#writeEnd();
      this.#state = "done";
    }
    this.#sum();
    return writer.written();
  }

  /** Lets go of the tree; always to be called. */
  close(): void {
    this.#records.close();
    this.#state = "done";
  }

  #writeEnd(): void {
    const writer = this.#writer;
    const { tree, withDigest, withLastZxid } = this.#content;
    assert(tree.lastProcessedZxid >= this.zxid, "zxids only grow while a snapshot is written");
    this.#writeSeal();
    if (!withDigest) return;
    writer.zxid(tree.lastProcessedZxid);
    writer.int(DIGEST_VERSION);
    writer.long(tree.treeDigest);
    this.#writeSeal();
    if (!withLastZxid) return;
    writer.zxid(this.zxid);
    this.#writeSeal();
  }

  /** The checksum of everything before it, earlier seals included. */
  #writeSeal(): void {
    this.#sum();
    this.#writer.longFromNumber(this.#adler);
    this.#writer.string("/");
  }

  #sum(): void {
    const { buffer, position } = this.#writer;
    this.#adler = adler32(this.#adler, buffer, this.#summed, position);
    this.#summed = position;
  }
}
