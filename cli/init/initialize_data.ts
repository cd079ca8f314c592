/**
 * What zkServer-initialize.sh does, `init --configfile`: makes the data directory that a zoo.cfg names ready for a new
 * member, and leaves the mark that an empty database may be made there.
 *
 * @module
 */

import { join } from "node:path";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { CommandError } from "../command_line.ts";
import { servicePlaceOf } from "../service/service_files.ts";
import { ExitCode, type World } from "../world.ts";

export interface InitializeOptions {
  readonly file: string;
  readonly configDir: string | undefined;
  readonly defines: readonly string[];
  readonly myid: number | undefined;
  readonly force: boolean;
  readonly isDryRun: boolean;
  readonly json: boolean;
}

/** @returns the code to end the process with */
export function initializeData(world: World, options: InitializeOptions): number {
  const { myid, force, isDryRun, json } = options;
  const { dataDir, settings } = servicePlaceOf({ ...options, environment: world.environment });
  const dataLogDir = settings.settings.get("dataLogDir")?.value.trim() || dataDir;
  const dirs = [...new Set([dataDir, dataLogDir])];
  const say = (text: string) => json || world.print(`${text}\n`);
  const existing = dirs.filter((dir) => isThere(join(dir, "version-2")));
  if (existing.length > 0 || isThere(join(dataDir, "myid"))) {
    if (!force) {
      throw new CommandError(
        `ZooKeeper data directory already exists at ${existing[0] ?? dataDir} ` +
          "(or use --force to force re-initialization)",
      );
    }
    for (const dir of dirs) {
      const pid = DataDirLock.holder(dir);
      if (pid === null) continue;
      throw new CommandError(
        `Cannot remove the data in "${dir}": the server with process id ${pid} uses it`,
      );
    }
    say("Force enabled, data/txnlog directories will be re-initialized");
  }
  say(
    myid === undefined
      ? `No myid provided, be sure to specify it in ${
        join(dataDir, "myid")
      } if using non-standalone`
      : `Using myid of ${myid}`,
  );
  if (!isDryRun) {
    try {
      for (const dir of dirs) {
        if (isThere(join(dir, "version-2"))) {
          Deno.removeSync(join(dir, "version-2"), { recursive: true });
        }
        Deno.mkdirSync(join(dir, "version-2"), { recursive: true });
      }
      if (myid !== undefined) Deno.writeTextFileSync(join(dataDir, "myid"), `${myid}\n`);
      Deno.writeTextFileSync(join(dataDir, "initialize"), "");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CommandError(`Cannot initialize "${dataDir}": ${reason}`, { cause: error });
    }
  }
  if (json) {
    const result = { dryRun: isDryRun, dataDir, dataLogDir, myid: myid ?? null, removed: existing };
    world.print(`${JSON.stringify(result)}\n`);
  }
  return ExitCode.Normal;
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw new CommandError(
      `Cannot look at "${path}": ${error instanceof Error ? error.message : error}`,
    );
  }
}
