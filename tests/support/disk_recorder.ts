/**
 * Notes what a test's own process makes durable, and in which order: syncs of files and directories, and
 * renames. A power cut, which would show it, cannot be had in a test.
 *
 *     using recorder = new DiskRecorder(dir);
 *
 * @module
 */

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

export class DiskRecorder implements Disposable {
  readonly #calls: string[] = [];
  readonly #dir: string;
  readonly #originals = {
    open: Deno.open,
    openSync: Deno.openSync,
    renameSync: Deno.renameSync,
  };

  /** @param dir whose files are noted, by name; itself as `.` */
  constructor(dir: string) {
    this.#dir = dir;
    const { open, openSync, renameSync } = this.#originals;
    const deno = Deno as Writable<typeof Deno>;
    deno.open = async (path, options) => this.#watched(await open(path, options), `${path}`);
    deno.openSync = (path, options) => this.#watched(openSync(path, options), `${path}`);
    deno.renameSync = (from, to) => {
      this.#note(`rename ${this.#nameOf(`${from}`)} to`, `${to}`);
      renameSync(from, to);
    };
  }

  /** What was done since the last call. */
  take(): string[] {
    return this.#calls.splice(0);
  }

  [Symbol.dispose](): void {
    Object.assign(Deno, this.#originals);
  }

  #watched(file: Deno.FsFile, path: string): Deno.FsFile {
    for (const name of ["sync", "syncData"] as const) {
      const original = file[name].bind(file);
      file[name] = async () => {
        await original();
        this.#note("sync", path);
      };
    }
    for (const name of ["syncSync", "syncDataSync"] as const) {
      const original = file[name].bind(file);
      file[name] = () => {
        original();
        this.#note("sync", path);
      };
    }
    return file;
  }

  #note(what: string, path: string): void {
    this.#calls.push(`${what} ${this.#nameOf(path)}`);
  }

  #nameOf(path: string): string {
    return path === this.#dir ? "." : path.replace(`${this.#dir}/`, "");
  }
}
