/**
 * Registers the watches of a client at a new connection, in requests that a server takes (client protocol,
 * section 11.2).
 *
 * @module
 */

import { encodeUtf8, type JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import type { Zxid } from "../../core/zxid.ts";
import { WATCH_KINDS, type WatchKind, type WatchRegistry } from "./watch_registry.ts";

/** Of the paths of one request: far below what a server takes as a frame. */
const BYTES_MAX = 128 << 10;

/** Outside of the numbers that requests get. */
export const SET_WATCHES_XID = -8;

type Paths = Record<WatchKind, Uint8Array[]>;

export interface SetWatchesRequest {
  readonly opCode: number;
  write(writer: JuteWriter): void;
}

/** @param relativeZxid what the client knows of: the server tells of what changed later */
export function* setWatchesRequests(
  watches: WatchRegistry,
  relativeZxid: Zxid,
): Generator<SetWatchesRequest> {
  let paths = noPaths();
  let byteCount = 0;
  for (const kind of WATCH_KINDS) {
    for (const path of watches.paths(kind)) {
      const bytes = encodeUtf8(path);
      if (byteCount > 0 && byteCount + 4 + bytes.length > BYTES_MAX) {
        yield requestOf(paths, relativeZxid);
        paths = noPaths();
        byteCount = 0;
      }
      paths[kind].push(bytes);
      byteCount += 4 + bytes.length;
    }
  }
  if (byteCount > 0) yield requestOf(paths, relativeZxid);
}

function requestOf(paths: Paths, relativeZxid: Zxid): SetWatchesRequest {
  // older servers know the first alone
  const isSecond = paths.persistent.length > 0 || paths.persistentRecursive.length > 0;
  const kinds = isSecond ? WATCH_KINDS : WATCH_KINDS.slice(0, 3);
  return {
    opCode: isSecond ? OpCode.SetWatches2 : OpCode.SetWatches,
    write: (writer) => {
      writer.zxid(relativeZxid);
      for (const kind of kinds) {
        writer.int(paths[kind].length);
        for (const path of paths[kind]) writer.bytes(path);
      }
    },
  };
}

function noPaths(): Paths {
  return { data: [], exist: [], child: [], persistent: [], persistentRecursive: [] };
}
