/**
 * The database of a server as a whole: taken as a snapshot, replaced by one.
 *
 * @module
 */
import type { Logger } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { Zxid } from "../core/zxid.ts";
import type { DataDir } from "./data_dir.ts";
import { DatabaseRestore, type RestoreHost } from "./database_restore.ts";
import { systemFiles as fileSystem } from "./file_system.ts";
import type { AdminDatabase } from "./http/admin/database_commands.ts";
import type { LogPump } from "./log_pump.ts";
import { rest } from "./rest.ts";
import { systemClock as clock, systemRandom as random } from "./system_clock.ts";

/** One of them alone would contradict the others; with the same snapshot each, whoever leads is right. */
const MEMBERS_RESTORE_TOGETHER =
  "Cannot restore on a running member of an ensemble: the members hold one history. Stop all of " +
  "them, empty version-2 of each, put the snapshot into each as snapshot.<zxid>, and start them";

export interface ServerDatabaseOptions {
  readonly config: ServerConfig;
  readonly dirs: DataDir;
  readonly pump: LogPump;
  /** Null as a member of an ensemble. */
  readonly host: RestoreHost | null;
  readonly logger: Logger;
}

export class ServerDatabase implements AdminDatabase {
  readonly #options: ServerDatabaseOptions;
  readonly #restore: DatabaseRestore | null;

  constructor(options: ServerDatabaseOptions) {
    this.#options = options;
    const { host } = options;
    this.#restore = host === null
      ? null
      : new DatabaseRestore({ ...options, host, clock, random, fileSystem, rest });
  }

  get restoreRefusal(): string | null {
    return this.#restore === null ? MEMBERS_RESTORE_TOGETHER : null;
  }

  async takeSnapshot(): Promise<{ path: string; zxid: Zxid; bytes: number }> {
    const { dirs, pump } = this.#options;
    const { name, zxid, bytes } = await pump.snapshotNow();
    return { path: `${dirs.snapshotDir}/${name}`, zxid, bytes };
  }

  async restore(snapshot: ReadableStream<Uint8Array>): Promise<Zxid | null> {
    if (this.#restore === null) throw new Error(MEMBERS_RESTORE_TOGETHER);
    return await this.#restore.run(snapshot);
  }

  /** Waits until nothing is being replaced. */
  async ended(): Promise<void> {
    await this.#restore?.ended();
  }
}
