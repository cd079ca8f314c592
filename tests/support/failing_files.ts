/**
 * Real files with faults: some calls replaced, or a disk with little room.
 *
 * @module
 */
import type { FileSystem, OpenFile } from "../../core/ports.ts";
import { systemFiles, writeAll } from "../../net/file_system.ts";

/** The files of the system; of those that are written, the calls that `change` names are replaced. */
export function filesWith(change: (file: OpenFile) => Partial<OpenFile>): FileSystem {
  return {
    ...systemFiles,
    open(path, mode) {
      const file = systemFiles.open(path, mode);
      if (mode === "read") return file;
      return {
        sizeBytes: () => file.sizeBytes(),
        storedBytes: () => file.storedBytes(),
        read: (target) => file.read(target),
        write: (bytes) => file.write(bytes),
        startWrite: (bytes, done) => file.startWrite(bytes, done),
        seek: (offset) => file.seek(offset),
        truncate: (sizeBytes) => file.truncate(sizeBytes),
        sync: () => file.sync(),
        startSync: (done) => file.startSync(done),
        close: () => file.close(),
        ...change(file),
      };
    },
  };
}

/** Real files, of which so many bytes can be written; what was written stays written. */
export class SmallDisk {
  room: number;
  readonly files: FileSystem = filesWith((file) => {
    const write = (bytes: Uint8Array) => {
      const count = Math.min(bytes.length, this.room);
      if (count === 0) {
        throw Object.assign(new Error("No space left on device (os error 28)"), {
          code: "ENOSPC",
        });
      }
      this.room -= count;
      return file.write(bytes.subarray(0, count));
    };
    return {
      write,
      startWrite: (bytes, done) =>
        queueMicrotask(() => {
          try {
            writeAll({ write }, bytes);
          } catch (error) {
            return done(error);
          }
          done(null);
        }),
    };
  });

  constructor(room: number) {
    this.room = room;
  }
}
