/**
 * Files that can be read, and that only seem to change: to try out what a start would do to a data directory.
 *
 * @module
 */
import type { FileSystem, OpenFile } from "../core/ports.ts";

/** What was removed is not seen any more through this one; what is written is nowhere. */
export function readOnly(files: FileSystem): FileSystem {
  const removed = new Set<string>();
  const isThere = (path: string) => {
    try {
      files.open(path, "read").close();
      return true;
    } catch {
      return false;
    }
  };
  return {
    ...files,
    namesIn: (dir) => files.namesIn(dir).filter((name) => !removed.has(`${dir}/${name}`)),
    open: (path, mode) => mode === "read" ? unsynced(files.open(path, mode)) : NOWHERE,
    rename: () => {},
    remove(path) {
      if (removed.has(path) || !isThere(path)) return false;
      removed.add(path);
      return true;
    },
    syncDirectory: () => {},
    startDirectorySync: (_dir, done) => queueMicrotask(() => done(null)),
  };
}

/** To sync a file of a running server would hold it up. */
function unsynced(file: OpenFile): OpenFile {
  return {
    ...NOWHERE,
    sizeBytes: () => file.sizeBytes(),
    storedBytes: () => file.storedBytes(),
    read: (target) => file.read(target),
    seek: (offset) => file.seek(offset),
    close: () => file.close(),
  };
}

const NOWHERE: OpenFile = {
  sizeBytes: () => 0,
  storedBytes: () => 0,
  read: () => 0,
  write: (bytes) => bytes.length,
  startWrite: (_bytes, done) => queueMicrotask(() => done(null)),
  seek: () => {},
  truncate: () => {},
  sync: () => {},
  startSync: (done) => queueMicrotask(() => done(null)),
  close: () => {},
};
