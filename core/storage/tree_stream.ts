/**
 * The tree as it follows a SNAP packet (quorum protocol section 7.1): what a snapshot holds, without
 * header and seals, then the string "BenWasHere". There is no length: the end is found by reading.
 *
 * The stream is fuzzy as a snapshot is: txns are applied while it is written, and those after the
 * zxid of the SNAP packet, which follow it, make it exact.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import { PieceBuffer } from "./piece_buffer.ts";
import type { SessionTable, SnapshotCursor, SnapshotTree } from "./snapshot_tree.ts";
import { type TreeRecordOptions, TreeRecordReader } from "./tree_record_reader.ts";

const SIGNATURE = "BenWasHere";
const SIGNATURE_BYTES = 4 + SIGNATURE.length;

export interface TreeContent {
  tree: SnapshotTree;
  sessions: SessionTable;
}

/** Writes session table, ACL table, znodes and "/"; the first slice holds both tables. */
export class TreeRecordWriter {
  /** Txns up to this one are in what is written; of later ones any part may be. */
  readonly zxid: Zxid;
  readonly #content: TreeContent;
  readonly #cursor: SnapshotCursor;
  #hasTables = false;

  constructor(content: TreeContent) {
    this.#content = content;
    this.zxid = content.tree.lastProcessedZxid;
    this.#cursor = content.tree.beginSnapshot();
  }

  /**
   * Adds a slice, a little more than `bytesMax`.
   *
   * @returns whether that was the last
   * @throws {TreeClearedError} when the tree was cleared since the first
   */
  write(writer: JuteWriter, bytesMax: number): boolean {
    if (!this.#hasTables) {
      this.#hasTables = true;
      this.#writeTables(writer);
      return false;
    }
    if (!this.#content.tree.writeSnapshotNodes(this.#cursor, writer, bytesMax)) return false;
    writer.string("/");
    return true;
  }

  /** Lets go of the tree; always to be called. */
  close(): void {
    this.#content.tree.endSnapshot(this.#cursor);
  }

  #writeTables(writer: JuteWriter): void {
    const { tree, sessions } = this.#content;
    writer.int(sessions.size);
    for (const [sessionId, timeoutMs] of sessions) {
      writer.long(sessionId);
      writer.int(timeoutMs);
    }
    const acls = [...tree.aclEntries()];
    writer.int(acls.length);
    for (const { index, acl } of acls) {
      writer.longFromNumber(index);
      writer.raw(acl.encoded);
    }
  }
}

/** Writes the stream, slice by slice. */
export class TreeStreamWriter {
  readonly #records: TreeRecordWriter;
  readonly #writer = new JuteWriter(64 * 1024);
  #isDone = false;

  constructor(content: TreeContent) {
    this.#records = new TreeRecordWriter(content);
  }

  /** What the SNAP packet before the stream has to say, and after which txns have to follow it. */
  get zxid(): Zxid {
    return this.#records.zxid;
  }

  /**
   * The next bytes, a little more than `bytesMax`; borrowed until the next call.
   *
   * @returns null when the stream is complete
   * @throws {TreeClearedError} when the tree was cleared meanwhile
   */
  next(bytesMax: number): Uint8Array<ArrayBuffer> | null {
    if (this.#isDone) return null;
    this.#writer.position = 0;
    if (this.#records.write(this.#writer, bytesMax)) {
      this.#writer.string(SIGNATURE);
      this.#isDone = true;
    }
    return this.#writer.written();
  }

  /** Lets go of the tree; always to be called. */
  close(): void {
    this.#records.close();
    this.#isDone = true;
  }
}

/**
 * Fills a tree and a session table from the stream, pushed in pieces of any size.
 *
 * Both are cleared at once. Until the stream is complete, and after a failure, they hold part of
 * another server's: the caller must clear them before anything looks at them, above all before a vote
 * or a snapshot (ZOOKEEPER-3642). `lastProcessedZxid` stays 0 until the caller says `tree.finishLoad`
 * with the zxid of the SNAP packet (ZOOKEEPER-2355).
 */
export class TreeStreamLoader {
  /** Of the piece that made the stream complete, its last bytes so many are of what follows. */
  unreadByteCount = 0;
  readonly #buffer: PieceBuffer;
  readonly #records: TreeRecordReader;
  #isComplete = false;
  #bytes = 0;

  constructor(options: TreeRecordOptions) {
    this.#buffer = new PieceBuffer(options.lengthMax);
    this.#records = new TreeRecordReader(options);
  }

  get znodeCount(): number {
    return this.#records.znodeCount;
  }

  /**
   * Takes the next piece, which is copied. None may follow once the stream is complete.
   *
   * @returns whether the stream is complete, signature included
   * @throws {DecodeError} when these bytes cannot be the next of a stream
   * @throws {ExtendedTypesOffError} on a TTL znode, with extended types off
   */
  push(bytes: Uint8Array): boolean {
    if (this.#isComplete) throw new DecodeError("There are bytes behind the tree");
    const { reader } = this.#buffer;
    this.#buffer.append(bytes);
    this.#bytes += bytes.length;
    try {
      while (this.#records.step(reader));
      if (!this.#records.isComplete || reader.remaining < SIGNATURE_BYTES) return false;
      if (reader.string() !== SIGNATURE) throw new DecodeError("The signature is missing");
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new DecodeError(
        `Cannot read the tree behind a SNAP near byte ${this.#bytes - reader.remaining}: ` +
          error.message,
        { cause: error },
      );
    }
    this.#isComplete = true;
    this.unreadByteCount = reader.remaining;
    return true;
  }
}
