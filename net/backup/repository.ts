/**
 * A folder with backups.
 *
 *     denkeeper-backups.json   says what the folder is
 *     backups/<id>.json        a manifest for each backup
 *     files/                   what they refer to, shared between them
 *     lock                     held by whoever changes something
 *
 * A file is written under another name, synced and renamed, and a manifest comes after all it refers to: whenever a
 * process is killed, the backups of before are whole, and what it had begun is removed by the next one.
 *
 * @module
 */
import { UNFINISHED_SUFFIX } from "../../core/storage/file_names.ts";
import { isDiskFull } from "../disk_full.ts";
import { replaceFile, systemFiles } from "../file_system.ts";
import { rest } from "../rest.ts";
import { BackupError } from "./backup_error.ts";
import {
  BackupDamagedError,
  type BackupManifest,
  decodeManifest,
  encodeManifest,
  entriesOf,
  type LogEntry,
  type SnapshotEntry,
} from "./manifest.ts";

const MARKER_NAME = "denkeeper-backups.json";
const MARKER_TEXT = `{"format":"denkeeper-backups","version":1}\n`;

/** All backups of a repository, oldest first, and those that cannot be read. */
export interface BackupList {
  readonly backups: BackupManifest[];
  readonly damaged: { readonly id: string; readonly reason: string }[];
}

export class Repository {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** @throws {BackupError} when there is none */
  static open(dir: string): Repository {
    let marker: string;
    try {
      marker = Deno.readTextFileSync(`${dir}/${MARKER_NAME}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw asBackupError(dir, error);
      throw new BackupError(
        `Cannot open backups in "${dir}": there is no "${MARKER_NAME}"; "backup create" makes it`,
      );
    }
    if (marker !== MARKER_TEXT) {
      throw new BackupError(
        `Cannot open backups in "${dir}": "${MARKER_NAME}" is damaged, or of a newer version; it ` +
          `must hold ${MARKER_TEXT.trim()}`,
      );
    }
    return new Repository(dir);
  }

  /** Makes the folder if it is missing or empty. */
  static openOrMake(dir: string): Repository {
    try {
      Deno.mkdirSync(dir, { recursive: true });
      const names = [...Deno.readDirSync(dir)].map(({ name }) => name);
      if (!names.includes(MARKER_NAME)) {
        const stranger = names.find((name) => !OWN_NAMES.has(name));
        if (stranger !== undefined) {
          throw new BackupError(
            `Cannot make backups in "${dir}": it holds other files, as "${stranger}"; name an empty ` +
              "folder, or one that does not exist",
          );
        }
        for (const name of ["backups", "files"]) {
          Deno.mkdirSync(`${dir}/${name}`, { recursive: true });
        }
        replaceFile(systemFiles, {
          path: `${dir}/${MARKER_NAME}`,
          bytes: new TextEncoder().encode(MARKER_TEXT),
        });
      }
    } catch (error) {
      throw asBackupError(dir, error);
    }
    return Repository.open(dir);
  }

  /**
   * Keeps everybody else from changing something. The system drops the lock with the process, however it ends.
   *
   * @throws {BackupError} naming the process that has it
   */
  lock(): Disposable {
    const path = `${this.dir}/lock`;
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(path, { read: true, write: true, create: true });
    } catch (error) {
      throw asBackupError(this.dir, error);
    }
    try {
      if (!file.tryLockSync(true)) {
        const pid = Deno.readTextFileSync(path).trim();
        throw new BackupError(
          `Cannot change backups in "${this.dir}": the process ${pid || "of another user"} is ` +
            "doing so; try again when it is done",
          { kind: "busy" },
        );
      }
      file.truncateSync();
      file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
    } catch (error) {
      // the number is for a message only: of a full disk, backups can still be deleted
      if (!isDiskFull(error)) {
        file.close();
        throw asBackupError(this.dir, error);
      }
    }
    return { [Symbol.dispose]: () => file.close() };
  }

  /** Others have their turn after each manifest. */
  async list(): Promise<BackupList> {
    const list: BackupList = { backups: [], damaged: [] };
    let names: string[];
    try {
      names = systemFiles.namesIn(`${this.dir}/backups`);
    } catch (error) {
      throw asBackupError(this.dir, error);
    }
    for (const name of names.sort()) {
      if (!name.endsWith(".json")) continue;
      const id = name.slice(0, -".json".length);
      try {
        list.backups.push(this.read(id));
      } catch (error) {
        if (!(error instanceof BackupDamagedError)) throw error;
        // deleted since the names were read
        if (this.isListed(id)) list.damaged.push({ id, reason: error.message });
      }
      await rest();
    }
    list.backups.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    return list;
  }

  /** @throws {BackupDamagedError} */
  read(id: string): BackupManifest {
    const path = this.#manifestPath(id);
    let text: string;
    try {
      text = Deno.readTextFileSync(path);
    } catch (error) {
      throw new BackupDamagedError(`Cannot read "${path}": ${systemText(error)}`, { cause: error });
    }
    const manifest = decodeManifest(path, text);
    if (manifest.id === id) return manifest;
    throw new BackupDamagedError(`Cannot read "${path}": it is of the backup "${manifest.id}"`);
  }

  /** A name for a backup that is begun now, after those of all others. */
  newId(nowMs: number): string {
    const id = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
    const taken = new Set(systemFiles.namesIn(`${this.dir}/backups`));
    for (let attempt = 1;; attempt++) {
      const candidate = attempt === 1 ? id : `${id}-${attempt}`;
      if (!taken.has(`${candidate}.json`)) return candidate;
    }
  }

  /** Whether a backup is listed still: others may delete it while it is read. */
  isListed(id: string): boolean {
    try {
      return Deno.statSync(this.#manifestPath(id)).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw asBackupError(this.dir, error);
    }
  }

  filePath(name: string): string {
    return `${this.dir}/files/${name}`;
  }

  /** Whether a file is there with its size: a look at what is in it is up to `verify`. */
  has({ file, storedBytes }: SnapshotEntry | LogEntry): boolean {
    try {
      return Deno.statSync(this.filePath(file)).size === storedBytes;
    } catch {
      return false;
    }
  }

  /** The backup is there from the return on. */
  add(manifest: BackupManifest): void {
    systemFiles.syncDirectory(`${this.dir}/files`);
    replaceFile(systemFiles, {
      path: this.#manifestPath(manifest.id),
      bytes: new TextEncoder().encode(encodeManifest(manifest)),
    });
  }

  /** Takes backups out of the list, the oldest first; their files go with {@linkcode removeUnused}. */
  remove(ids: readonly string[]): void {
    for (const id of ids) systemFiles.remove(this.#manifestPath(id));
    systemFiles.syncDirectory(`${this.dir}/backups`);
  }

  /**
   * Removes files that no backup refers to: of backups that were removed, or never finished. Nothing while a
   * manifest cannot be read, which may refer to any of them.
   *
   * @returns the bytes that came free
   */
  async removeUnused(): Promise<number> {
    const { backups, damaged } = await this.list();
    if (damaged.length > 0) return 0;
    const used = new Set(backups.flatMap(entriesOf).map(({ file }) => file));
    let bytes = 0;
    for (const name of systemFiles.namesIn(`${this.dir}/files`)) {
      if (used.has(name)) continue;
      bytes += Deno.statSync(this.filePath(name)).size;
      systemFiles.remove(this.filePath(name));
    }
    for (const name of systemFiles.namesIn(`${this.dir}/backups`)) {
      if (name.endsWith(UNFINISHED_SUFFIX)) systemFiles.remove(`${this.dir}/backups/${name}`);
    }
    return bytes;
  }

  #manifestPath(id: string): string {
    return `${this.dir}/backups/${id}.json`;
  }
}

const OWN_NAMES: ReadonlySet<string> = new Set([
  "backups",
  "files",
  "lock",
  `${MARKER_NAME}${UNFINISHED_SUFFIX}`,
]);

/** Whether the operating system refused something, and not we. */
export function isOfSystem(error: unknown): boolean {
  if (error instanceof BackupError) return false;
  return isDiskFull(error) ||
    Object.values(Deno.errors).some((kind) => error instanceof (kind as ErrorConstructor)) ||
    error instanceof Error && /\(os error \d+\)/.test(error.message);
}

export function systemText(error: unknown): string {
  if (isDiskFull(error)) return "the disk is full; make room on it";
  return error instanceof Error ? error.message : String(error);
}

export function asBackupError(dir: string, error: unknown): unknown {
  if (!isOfSystem(error)) return error;
  return new BackupError(`Cannot use "${dir}": ${systemText(error)}`, { cause: error });
}
