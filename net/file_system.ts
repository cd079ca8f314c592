/**
 * The files of the operating system.
 *
 * @module
 */
import { dirname } from "./file_path.ts";
import type { Done, FileSystem, OpenFile } from "../core/ports.ts";
import { UNFINISHED_SUFFIX } from "../core/storage/file_names.ts";

/** What `blocks` of a file counts in, whatever the file system's own blocks are. */
const STAT_BLOCK_BYTES = 512;
const MODES: Record<Parameters<FileSystem["open"]>[1], Deno.OpenOptions> = {
  read: { read: true },
  change: { read: true, write: true },
  create: { write: true, create: true, truncate: true },
};

export const systemFiles: FileSystem = {
  namesIn(dir) {
    const names: string[] = [];
    for (const entry of Deno.readDirSync(dir)) if (!entry.isDirectory) names.push(entry.name);
    return names;
  },
  open: (path, mode) => new SystemFile(Deno.openSync(path, MODES[mode])),
  rename: (from, to) => Deno.renameSync(from, to),
  remove(path) {
    try {
      Deno.removeSync(path);
      return true;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return false;
    }
  },
  syncDirectory(dir) {
    if (Deno.build.os === "windows") return; // directories cannot be opened there
    const directory = Deno.openSync(dir, MODES.read);
    try {
      directory.syncSync();
    } finally {
      directory.close();
    }
  },
  startDirectorySync: (dir, done) => void settle(syncDirectory(dir), done),
};

class SystemFile implements OpenFile {
  readonly #file: Deno.FsFile;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  sizeBytes(): number {
    return this.#file.statSync().size;
  }

  storedBytes(): number {
    const { size, blocks } = this.#file.statSync();
    return blocks === null ? size : Math.min(size, blocks * STAT_BLOCK_BYTES);
  }

  read(target: Uint8Array): number {
    return this.#file.readSync(target) ?? 0;
  }

  write(bytes: Uint8Array): number {
    return this.#file.writeSync(bytes);
  }

  startWrite(bytes: Uint8Array, done: Done): void {
    void settle(this.#writeAll(bytes), done);
  }

  seek(offset: number): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
  }

  truncate(sizeBytes: number): void {
    this.#file.truncateSync(sizeBytes);
  }

  sync(): void {
    this.#file.syncDataSync();
  }

  startSync(done: Done): void {
    void settle(this.#file.syncData(), done);
  }

  close(): void {
    this.#file.close();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let written = await this.#file.write(bytes);
    while (written < bytes.length) written += await this.#file.write(bytes.subarray(written));
  }
}

/** Waits for something that was started with a `done`. */
export function ended(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => error === null ? resolve() : reject(error));
  });
}

/** Writes all of `bytes`, which one call need not do. */
export function writeAll(file: Pick<OpenFile, "write">, bytes: Uint8Array): void {
  let written = file.write(bytes);
  while (written < bytes.length) written += file.write(bytes.subarray(written));
}

/**
 * Replaces a file as a whole: a crash leaves the old one or the new one, and the new one from the return
 * on. Where writing fails, the old one stays.
 *
 * @param prepare called with the name of the new file before it takes the old one's place
 */
export function replaceFile(
  fileSystem: FileSystem,
  { path, bytes, prepare }: { path: string; bytes: Uint8Array; prepare?: (path: string) => void },
): void {
  const unfinished = path + UNFINISHED_SUFFIX;
  try {
    const file = fileSystem.open(unfinished, "create");
    try {
      writeAll(file, bytes);
      file.sync();
    } finally {
      file.close();
    }
    prepare?.(unfinished);
    fileSystem.rename(unfinished, path);
  } catch (error) {
    removeQuietly(fileSystem, unfinished);
    throw error;
  }
  fileSystem.syncDirectory(dirname(path));
}

/** What keeps it from going keeps nobody: the next replacement overwrites it. */
function removeQuietly(fileSystem: FileSystem, path: string): void {
  try {
    fileSystem.remove(path);
  } catch {
    // said above
  }
}

async function syncDirectory(dir: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const directory = await Deno.open(dir, MODES.read);
  try {
    await directory.sync();
  } finally {
    directory.close();
  }
}

async function settle(work: Promise<void>, done: Done): Promise<void> {
  let failure: unknown = null;
  try {
    await work;
  } catch (error) {
    failure = error;
  }
  done(failure);
}
