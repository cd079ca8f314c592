/**
 * `denkeeper purge`: deletes old snapshots and txn logs, as zkCleanup.sh does.
 *
 * What goes is decided by the server's own plan (`core/storage/purge_plan.ts`), except that snapshots count as kept
 * only after they were read from end to end. A server may run meanwhile: it writes to files newer than all that go,
 * and looks for none of these.
 *
 * @module
 */
import { snapshotsIn, txnLogsIn } from "../../core/storage/file_names.ts";
import { systemFiles } from "../../net/file_system.ts";
import { isReadableAndWhole, planOf, purgeOldFiles } from "../../net/purge.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { type ConfigPlaceOptions, type DataPlace, dataPlaceOf } from "./data_place.ts";
import { startProgress } from "./file_progress.ts";
import { JavaDates } from "./java_forms.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { sizeOf } from "./snapshot_dump.ts";
import { streamSnapshot } from "./snapshot_stream.ts";
import { fileProblem } from "./storage_paths.ts";

/** As in ZooKeeper. */
const RETAIN_COUNT_MIN = 3;

export interface PurgeCommandOptions {
  readonly count: string;
  readonly dryRun?: boolean;
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly maxBuffer?: string;
}

export async function purge(
  world: World,
  named: readonly string[],
  options: PurgeCommandOptions,
  config: ConfigPlaceOptions,
): Promise<number> {
  const retainCount = retainCountOf(options.count);
  const lengthMax = lengthMaxOf(options.maxBuffer);
  // zkCleanup.sh has the directory of logs first
  const place = dataPlaceOf(world, named.toReversed(), config);
  for (const dir of [place.snapshotDir, place.logDir]) requireDirectory(dir);
  const damaged = options.quick === true
    ? new Map<string, string>()
    : await findDamaged(world, place, { retainCount, lengthMax });
  for (const [name, problem] of damaged) {
    world.writeStderr(`${name} does not count as kept, it is damaged: ${problem}\n`);
  }
  return await new Purge(world, options).run({
    ...{ snapshotDir: place.snapshotDir, logDir: place.logDir, retainCount },
    damaged: new Set(damaged.keys()),
  });
}

interface PurgedFile {
  readonly path: string;
  readonly bytes: number;
  readonly modified: string | null;
}

class Purge {
  readonly #world: World;
  readonly #options: PurgeCommandOptions;
  readonly #dates: JavaDates;
  readonly #removed: PurgedFile[] = [];
  readonly #failed: string[] = [];

  constructor(world: World, options: PurgeCommandOptions) {
    this.#world = world;
    this.#options = options;
    this.#dates = new JavaDates(world.environment, "medium");
  }

  async run(plan: {
    snapshotDir: string;
    logDir: string;
    retainCount: number;
    damaged: ReadonlySet<string>;
  }): Promise<number> {
    const { dryRun = false, json = false } = this.#options;
    if (dryRun) {
      const { snapshots, logs } = planOf(plan);
      for (const { name } of snapshots) this.#tell(`${plan.snapshotDir}/${name}`);
      for (const { name } of logs) this.#tell(`${plan.logDir}/${name}`);
    } else {
      await purgeOldFiles({
        ...plan,
        logger: {
          isDebug: false,
          debug: () => {},
          info: () => {},
          warn: (_message, { file, problem } = {}) => this.#fail(`${file}`, `${problem}`),
          error: () => {},
        },
        onDelete: (path) => this.#tell(path),
      });
    }
    if (json) {
      const files = {
        snapshots: snapshotsIn(systemFiles.namesIn(plan.snapshotDir)),
        logs: txnLogsIn(systemFiles.namesIn(plan.logDir)),
      };
      const gone = new Set(this.#removed.map(({ path }) => path));
      const kept = (dir: string, list: { name: string }[]) =>
        list.map(({ name }) => `${dir}/${name}`).filter((path) => !gone.has(path));
      const result = {
        dryRun,
        removed: this.#removed,
        failed: this.#failed,
        kept: [
          ...kept(plan.snapshotDir, files.snapshots),
          ...kept(plan.logDir, files.logs),
        ],
        damaged: [...plan.damaged],
      };
      this.#world.print(`${JSON.stringify(result)}\n`);
    }
    return this.#failed.length === 0 ? ExitCode.Normal : ExitCode.Unexpected;
  }

  #tell(path: string): void {
    const { size, mtime } = statOf(path);
    this.#removed.push({ path, bytes: size, modified: mtime?.toISOString() ?? null });
    if (this.#options.json === true) return;
    const verb = this.#options.dryRun === true ? "Would remove" : "Removing";
    const date = mtime === null ? "" : this.#dates.text(mtime.getTime());
    this.#world.print(`${verb} file: ${date}\t${path}\n`);
  }

  #fail(path: string, problem: string): void {
    const at = this.#removed.findIndex((file) => file.path === path);
    if (at >= 0) this.#removed.splice(at, 1);
    this.#failed.push(path);
    this.#world.writeStderr(`Failed to remove ${path}: ${problem}\n`);
  }
}

/** Newer snapshots that cannot be kept, down to the last that has to be: by name, with the reason. */
async function findDamaged(
  world: World,
  { snapshotDir }: DataPlace,
  { retainCount, lengthMax }: { retainCount: number; lengthMax: number },
): Promise<Map<string, string>> {
  const damaged = new Map<string, string>();
  const snapshots = snapshotsIn(systemFiles.namesIn(snapshotDir));
  const newest = snapshots.slice(0, retainCount);
  const totalBytes = newest.reduce((sum, { name }) => sum + sizeOf(`${snapshotDir}/${name}`), 0);
  const progress = await startProgress(world, { totalBytes, what: "verifying" });
  let wholeCount = 0;
  let doneBytes = 0;
  try {
    for (const { name } of snapshots) {
      if (wholeCount === retainCount) break;
      const path = `${snapshotDir}/${name}`;
      if (!isReadableAndWhole(path)) continue; // as the plan sees by itself
      const before = doneBytes;
      try {
        await streamSnapshot({ path, lengthMax, at: (bytes) => progress.at(before + bytes) }, {});
        wholeCount++;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        damaged.set(name, error.message);
      }
      doneBytes += sizeOf(path);
    }
  } finally {
    progress.stop();
  }
  return damaged;
}

function retainCountOf(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (count >= RETAIN_COUNT_MIN) return count;
  throw new CommandError(
    Number.isNaN(count)
      ? `'${text}' can not be parsed to integer.`
      : `count should be greater than or equal to ${RETAIN_COUNT_MIN}`,
    { exitCode: ExitCode.InvalidInvocation },
  );
}

function requireDirectory(dir: string): void {
  try {
    if (Deno.statSync(dir).isDirectory) return;
  } catch (error) {
    throw fileProblem("purge", dir, error);
  }
  throw new CommandError(`Cannot purge "${dir}": it is no directory`);
}

/** A file may go while we look: the server purges as well. */
function statOf(path: string): { size: number; mtime: Date | null } {
  try {
    return Deno.statSync(path);
  } catch {
    return { size: 0, mtime: null };
  }
}
