/**
 * Writes znodes in jute, straight from the store's memory: for replies and for snapshots.
 *
 * @module
 */
import { type JuteWriter, putLong } from "../wire/jute.ts";
import { NO_NODE, type NodeId, type NodeStore, ROOT } from "./node_store.ts";
import { ownerKind, type OwnerRules } from "./stat.ts";

const SLASH = 0x2f;
const STAT_BYTES = 68;
/** Up to here a loop is faster than a view and a native copy. */
const COPY_LOOP_BYTES_MAX = 32;

/** The 68 bytes of a client's Stat (client protocol section 3). */
export function writeStat(
  writer: JuteWriter,
  { store, id, rules }: { store: NodeStore; id: NodeId; rules: OwnerRules },
): void {
  writer.reserve(STAT_BYTES);
  const { view } = writer;
  const at = writer.position;
  const childCount = store.childCount(id);
  putLong(view, at, store.czxid(id));
  putLong(view, at + 8, store.mzxid(id));
  putLong(view, at + 16, store.ctime(id));
  putLong(view, at + 24, store.mtime(id));
  view.setInt32(at + 32, store.version(id));
  view.setInt32(at + 36, store.cversion(id) * 2 - childCount);
  view.setInt32(at + 40, store.aversion(id));
  const high = store.ownerHigh(id);
  const low = store.ownerLow(id);
  const isSeen = (high !== 0 || low !== 0) && ownerKind(high, low, rules) === "ephemeral";
  view.setInt32(at + 44, isSeen ? high : 0);
  view.setInt32(at + 48, isSeen ? low : 0);
  view.setInt32(at + 52, Math.max(store.dataLength(id), 0));
  view.setInt32(at + 56, childCount);
  putLong(view, at + 60, store.pzxid(id));
  writer.position = at + STAT_BYTES;
}

/** The data as a buffer. */
export function writeData(writer: JuteWriter, store: NodeStore, id: NodeId): void {
  const length = store.dataLength(id);
  writer.reserve(4 + Math.max(length, 0));
  writer.view.setInt32(writer.position, length);
  writer.position += 4;
  if (length > 0) copyBlock(writer, store, store.dataRef(id), length);
}

/** The names of all children as `vector<ustring>`. */
export function writeChildren(writer: JuteWriter, store: NodeStore, id: NodeId): void {
  writer.int(store.childCount(id));
  for (let child = store.firstChild(id); child !== NO_NODE; child = store.nextSibling(child)) {
    const length = store.nameLength(child);
    writer.reserve(4 + length);
    writer.view.setInt32(writer.position, length);
    writer.position += 4;
    copyBlock(writer, store, store.nameRef(child), length);
  }
}

/** A znode as snapshots hold it: path, data, ACL index, stored stat (disk format section 7.1). */
export function writeSnapshotNode(
  writer: JuteWriter,
  store: NodeStore,
  id: NodeId,
  aclIndex: number,
): void {
  writePath(writer, store, id);
  writeData(writer, store, id);
  writer.reserve(STAT_BYTES);
  const { view } = writer;
  const at = writer.position;
  putLong(view, at, aclIndex);
  putLong(view, at + 8, store.czxid(id));
  putLong(view, at + 16, store.mzxid(id));
  putLong(view, at + 24, store.ctime(id));
  putLong(view, at + 32, store.mtime(id));
  view.setInt32(at + 40, store.version(id));
  view.setInt32(at + 44, store.cversion(id));
  view.setInt32(at + 48, store.aversion(id));
  view.setInt32(at + 52, store.ownerHigh(id));
  view.setInt32(at + 56, store.ownerLow(id));
  putLong(view, at + 60, store.pzxid(id));
  writer.position = at + STAT_BYTES;
}

/** The path as a string, put together from its end. */
function writePath(writer: JuteWriter, store: NodeStore, id: NodeId): void {
  const pathLength = store.pathLength(id);
  writer.reserve(4 + pathLength);
  writer.view.setInt32(writer.position, pathLength);
  let end = writer.position + 4 + pathLength;
  writer.position = end;
  for (let at = id; at !== ROOT; at = store.parent(at)) {
    const length = store.nameLength(at);
    const ref = store.nameRef(at);
    const chunk = store.arena.chunk(ref);
    const offset = store.arena.offset(ref);
    end -= length;
    for (let i = 0; i < length; i++) writer.buffer[end + i] = chunk[offset + i]!;
    writer.buffer[--end] = SLASH;
  }
}

function copyBlock(writer: JuteWriter, store: NodeStore, ref: number, length: number): void {
  const chunk = store.arena.chunk(ref);
  const offset = store.arena.offset(ref);
  const at = writer.position;
  if (length <= COPY_LOOP_BYTES_MAX) {
    for (let i = 0; i < length; i++) writer.buffer[at + i] = chunk[offset + i]!;
  } else writer.buffer.set(chunk.subarray(offset, offset + length), at);
  writer.position = at + length;
}
