/**
 * What the commands `backup …` do with their words, and what they print.
 *
 * @module
 */
import { resolve } from "node:path";
import { zxidText } from "../../core/zxid.ts";
import { BackupError } from "../../net/backup/backup_error.ts";
import { sizeText } from "../../net/byte_size.ts";
import { CommandError } from "../command_line.ts";
import { ConfigError } from "../config_error.ts";
import { ExitCode, type World } from "../world.ts";
import { describeBackup, timeText } from "../../net/backup/backup_json.ts";
import { printTable } from "./backup_output.ts";
import { type CommittedZxid, committedZxidOf } from "../../net/backup/committed_zxid.ts";
import { checkDataDir, createBackup, type CreatedBackup } from "../../net/backup/create_backup.ts";
import { BackupDamagedError, type BackupManifest } from "../../net/backup/manifest.ts";
import { numberIn } from "../../net/backup/number_file.ts";
import { progressOf } from "./progress.ts";
import {
  type BackupList,
  isOfSystem,
  Repository,
  systemText,
} from "../../net/backup/repository.ts";
import {
  planRestore,
  restoreBackup,
  type RestoreOptions,
  type RestorePlan,
} from "../../net/backup/restore_backup.ts";
import {
  chooseBackup,
  type ChosenBackup,
  parseRestorePoint,
  type RestorePoint,
} from "../../net/backup/restore_point.ts";
import { verifyBackups } from "../../net/backup/verify_backup.ts";

interface Printed {
  readonly json?: true;
}
interface InFolder extends Printed {
  readonly folder: string;
}
export interface CreateCommand extends Printed {
  readonly to: string;
  readonly dataDir?: string;
  readonly dataLogDir?: string;
  readonly server?: string;
  readonly gzip?: true;
}
export interface RestoreCommand extends Printed {
  readonly to: string;
  readonly dataLogDir?: string;
  readonly at?: string;
  readonly plan?: true;
  readonly force?: true;
  readonly dropEphemerals?: true;
}
export interface PruneCommand extends Printed {
  readonly keep: string;
  readonly plan?: true;
}

/** As a variable of a script is that nobody has set: it would be taken for the working directory. */
function refuseEmpty(paths: Readonly<Record<string, string | undefined>>): void {
  for (const [name, path] of Object.entries(paths)) {
    if (path !== "") continue;
    throw new CommandError(`Cannot use "" as ${name}: name a folder`, {
      exitCode: ExitCode.InvalidInvocation,
    });
  }
}

/** A {@linkcode CommandError} for what the engine says. */
export function asCommandError(error: unknown): unknown {
  return error instanceof BackupError ? new CommandError(error.message, { cause: error }) : error;
}

// ---------------------------------------------------------------- create

interface Source {
  readonly dataDir: string;
  readonly dataLogDir: string;
  /** Null: nobody need be asked. */
  readonly committed: (() => Promise<CommittedZxid>) | null;
}

export async function runCreate(
  world: World,
  options: CreateCommand & {
    file: string | undefined;
    configDir: string | undefined;
    defines: readonly string[];
  },
): Promise<number> {
  const warn = (message: string) => world.writeStderr(`${message}\n`);
  const { to, gzip = false, json } = options;
  const { dataDir, dataLogDir } = options;
  refuseEmpty({ "--to": to, "--data-dir": dataDir, "--data-log-dir": dataLogDir });
  const source = await sourceOf(world, options, warn);
  using progress = await progressOf(world, "copying");
  checkDataDir(source.dataDir); // before a folder is made for nothing
  const repository = Repository.openOrMake(to);
  let created: CreatedBackup;
  try {
    created = await createBackup({ repository, ...source, gzip, progress, warn });
  } catch (error) {
    if (!isOfSystem(error)) throw error;
    throw new CommandError(`Cannot back up "${source.dataDir}" to "${to}": ${systemText(error)}`, {
      cause: error,
    });
  }
  const { manifest, newBytes, sharedBytes } = created;
  if (json) {
    printJson(world, { ...describeBackup(manifest), newBytes, sharedBytes });
  } else {
    const { range: { fromZxid, fromTime, toZxid, toTime } } = manifest;
    world.print(
      `Backup ${manifest.id} of "${manifest.source.dataDir}" is in "${to}": ${
        sizeText(newBytes)
      } new, ${sizeText(sharedBytes)} shared with earlier ones\n` +
        `It can restore ${zxidText(fromZxid)} (${timeText(fromTime)}) to ${zxidText(toZxid)} (${
          timeText(toTime)
        })\n`,
    );
  }
  return ExitCode.Normal;
}

async function sourceOf(
  world: World,
  { file, configDir, defines, dataDir, dataLogDir, server }: Parameters<typeof runCreate>[1],
  warn: (message: string) => void,
): Promise<Source> {
  const asked = server === undefined ? null : addressOf(server);
  const mustAnswer = asked === null ? null : async () => {
    try {
      return await committedZxidOf(asked);
    } catch (error) {
      throw new CommandError(
        `Cannot ask "${server}" for its last committed txn: ${
          textOf(error)
        }; leave --server away to ` +
          "take all that is logged",
      );
    }
  };
  if (dataDir !== undefined) {
    if (file !== undefined) {
      throw new CommandError(`Cannot back up both "${file}" and "${dataDir}": name one of them`, {
        exitCode: ExitCode.InvalidInvocation,
      });
    }
    if (mustAnswer === null && numberIn(`${dataDir}/version-2/currentEpoch`) !== null) {
      warn(
        "it is of an ensemble's member: the end of its log may not be committed; name the running " +
          "member with --server to leave that out",
      );
    }
    return { dataDir, dataLogDir: dataLogDir ?? dataDir, committed: mustAnswer };
  }
  const { loadConfig } = await import("../config_loader.ts");
  const { environment } = world;
  try {
    const { config } = loadConfig({ file, configDir, defines, environment });
    const dirs = { dataDir: config.dataDir, dataLogDir: dataLogDir ?? config.dataLogDir };
    if (mustAnswer !== null || !config.ensemble.isMember) return { ...dirs, committed: mustAnswer };
    const own = { host: config.clientPortAddress ?? "127.0.0.1", port: config.clientPort };
    const mayAnswer = async (): Promise<CommittedZxid> => {
      try {
        return await committedZxidOf(own);
      } catch (error) {
        warn(
          `nobody serves at ${own.host}:${own.port} (${textOf(error)}): all that is logged is ` +
            "taken, of which the end may not be committed",
        );
        return { throughZxid: null };
      }
    };
    return { ...dirs, committed: mayAnswer };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.message, { exitCode: ExitCode.InvalidInvocation, cause: error });
  }
}

function addressOf(text: string): { host: string; port: number } {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  if (parts !== null && port > 0 && port < 65536) return { host: parts[1] ?? parts[2]!, port };
  throw new CommandError(
    `Cannot ask "${text}": a server is named by host:port, as localhost:2181 or [::1]:2181`,
    { exitCode: ExitCode.InvalidInvocation },
  );
}

// ---------------------------------------------------------------- list, verify

export async function runList(world: World, { folder, json }: InFolder): Promise<number> {
  const { backups, damaged } = await Repository.open(folder).list();
  if (json) {
    printJson(world, { backups: backups.map(describeBackup), damaged });
  } else {
    printTable(world, backups);
    for (const { reason } of damaged) world.writeStderr(`${reason}\n`);
  }
  return damaged.length === 0 ? ExitCode.Normal : ExitCode.Unexpected;
}

export async function runVerify(
  world: World,
  { folder, id, json }: InFolder & { id: string | undefined },
): Promise<number> {
  const repository = Repository.open(folder);
  const list = narrow(await repository.list(), id, folder);
  using progress = await progressOf(world, "verifying");
  const verified = await verifyBackups(repository, list, progress);
  progress.end();
  const isSound = verified.every(({ problems }) => problems.length === 0);
  if (json) {
    printJson(world, {
      isSound,
      backups: verified.map(({ manifest, ...result }) => ({
        ...result,
        range: manifest === null ? null : describeBackup(manifest).range,
      })),
    });
    return isSound ? ExitCode.Normal : ExitCode.Unexpected;
  }
  for (const { id, problems, manifest, txnCount, znodeCount } of verified) {
    if (problems.length > 0) {
      world.print(`${id}: DAMAGED\n${problems.map((problem) => `  ${problem}\n`).join("")}`);
    } else {
      const { fromZxid, fromTime, toZxid, toTime } = manifest!.range;
      world.print(
        `${id}: good: ${txnCount} txns, ${znodeCount} znodes at the end; restores ${
          zxidText(fromZxid)
        } (${timeText(fromTime)}) to ${zxidText(toZxid)} (${timeText(toTime)})\n`,
      );
    }
  }
  return isSound ? ExitCode.Normal : ExitCode.Unexpected;
}

function narrow(list: BackupList, id: string | undefined, folder: string): BackupList {
  if (id === undefined) return list;
  const isMeant = (backup: { id: string }) => backup.id === id;
  const one = { backups: list.backups.filter(isMeant), damaged: list.damaged.filter(isMeant) };
  if (one.backups.length + one.damaged.length > 0) return one;
  throw new CommandError(
    `Cannot find backup "${id}" in "${folder}"; "backup list ${folder}" tells which there are`,
  );
}

// ---------------------------------------------------------------- restore

export async function runRestore(
  world: World,
  options: RestoreCommand & InFolder & { id: string | undefined },
): Promise<number> {
  const { folder, id, to, at, plan: isPlanOnly, json } = options;
  refuseEmpty({ "--to": to, "--data-log-dir": options.dataLogDir });
  const point = at === undefined ? null : pointOf(at);
  const repository = Repository.open(folder);
  using progress = await progressOf(world, "restoring");
  try {
    const list = await repository.list();
    const chosen = chooseBackup(repository, list, { id, point });
    const restore = {
      ...{ repository, chosen, progress },
      dataDir: resolve(to),
      dataLogDir: resolve(options.dataLogDir ?? to),
      force: options.force ?? false,
      dropEphemerals: options.dropEphemerals ?? false,
      warn: (message: string) => world.writeStderr(`${message}\n`),
    };
    const plan = planRestore(restore);
    warnOfTraps(restore, { list, id, isLogDirNamed: options.dataLogDir !== undefined });
    const described = { ...describeChosen(chosen), to: restore.dataDir, ...describePlan(plan) };
    if (isPlanOnly) {
      if (json) printJson(world, described);
      else world.print(`Would restore ${planText(chosen, restore.dataDir, plan)}`);
      return ExitCode.Normal;
    }
    const restored = await restoreBackup(restore, plan);
    progress.end();
    if (json) {
      printJson(world, { ...described, ...restored });
      return ExitCode.Normal;
    }
    const dropped = restore.dropEphemerals
      ? `; ${restored.droppedEphemeralCount} ephemerals were dropped`
      : "";
    world.print(
      `Restored ${planText(chosen, restore.dataDir, plan)}` +
        `It holds ${restored.znodeCount} znodes and ${restored.sessionCount} sessions${dropped}\n`,
    );
    return ExitCode.Normal;
  } catch (error) {
    if (!(error instanceof BackupDamagedError)) throw error;
    throw new CommandError(
      `${error.message}; "backup verify ${folder}" tells which backups are good`,
      { cause: error },
    );
  }
}

/** Where what is done is likely not what is meant. */
function warnOfTraps(
  { chosen: { manifest }, warn }: RestoreOptions,
  { list, id, isLogDirNamed }: { list: BackupList; id: string | undefined; isLogDirNamed: boolean },
): void {
  const { source } = manifest;
  const nameOf = ({ source: { host, dataDir } }: BackupManifest) => `${host}:${dataDir}`;
  const others = new Set(list.backups.map(nameOf).filter((name) => name !== nameOf(manifest)));
  if (id === undefined && others.size > 0) {
    warn(
      `the backup ${manifest.id} of "${nameOf(manifest)}" is taken; there are others, of ` +
        `${[...others].map((name) => `"${name}"`).join(", ")}: name an id if one of those is meant`,
    );
  }
  if (!isLogDirNamed && source.dataLogDir !== source.dataDir) {
    warn(
      `the server of the backup had a dataLogDir of its own, "${source.dataLogDir}": if the one that ` +
        "is restored has one too, name it with --data-log-dir, or the txns in it will be done again",
    );
  }
}

function pointOf(text: string): RestorePoint {
  const point = parseRestorePoint(text, Date.now());
  if (point !== null) return point;
  throw new CommandError(
    `Cannot restore to "${text}": it is no zxid (0x1a3), no time (2026-11-26T09:30:00Z; without a ` +
      "zone, local time) and no time before now (-30s, -15m, -2h, -1d)",
    { exitCode: ExitCode.InvalidInvocation },
  );
}

function describeChosen({ manifest, throughZxid, timeMs }: ChosenBackup) {
  return {
    id: manifest.id,
    zxid: zxidText(throughZxid),
    time: timeMs === null ? null : timeText(timeMs),
  };
}

function describePlan({ snapshot, moved, epochs }: RestorePlan) {
  return { snapshot, moved, epochs };
}

function planText(
  { manifest, throughZxid, timeMs }: ChosenBackup,
  dataDir: string,
  { snapshot, moved, epochs }: RestorePlan,
): string {
  const time = timeMs === null ? "" : `, of ${timeText(timeMs)}`;
  const lines = [
    `backup ${manifest.id} as it was after txn ${zxidText(throughZxid)}${time}, to ` +
    `"${dataDir}/version-2/${snapshot}"`,
    ...moved.map(({ from, to }) => `Moved aside: "${from}" to "${to}"`),
  ];
  if (epochs !== null) {
    lines.push(
      `For a member of an ensemble: acceptedEpoch is ${epochs.acceptedEpoch}, currentEpoch ` +
        `${epochs.currentEpoch}. Restore the same on every member while all are stopped, then start them.`,
    );
  }
  return lines.map((line) => `${line}\n`).join("");
}

// ---------------------------------------------------------------- delete, prune

export async function runDelete(
  world: World,
  { folder, ids, json }: InFolder & { ids: readonly string[] },
): Promise<number> {
  const repository = Repository.open(folder);
  using _ = repository.lock();
  const list = await repository.list();
  for (const id of ids) narrow(list, id, folder);
  return await deleteBackups(world, repository, { ids: [...new Set(ids)], json });
}

export async function runPrune(
  world: World,
  { folder, keep, plan, json }: PruneCommand & InFolder,
): Promise<number> {
  const count = /^\d+$/.test(keep) ? Number(keep) : 0;
  if (count < 1) {
    throw new CommandError(`Cannot keep "${keep}" backups: expected a whole number from 1 on`, {
      exitCode: ExitCode.InvalidInvocation,
    });
  }
  const repository = Repository.open(folder);
  using _ = repository.lock();
  const { backups } = await repository.list();
  const ids = backups.slice(0, -count).map(({ id }) => id);
  if (!plan) return await deleteBackups(world, repository, { ids, json });
  if (json) printJson(world, { wouldDelete: ids });
  else world.print(ids.map((id) => `Would delete ${id}\n`).join(""));
  return ExitCode.Normal;
}

async function deleteBackups(
  world: World,
  repository: Repository,
  { ids, json }: { ids: readonly string[]; json: true | undefined },
): Promise<number> {
  repository.remove(ids);
  const { damaged } = await repository.list();
  for (const { id, reason } of damaged) {
    world.writeStderr(
      `${reason}: while it is there, no file is deleted, since it may need any of them; "backup ` +
        `delete ${repository.dir} ${id}" takes it away\n`,
    );
  }
  const freedBytes = await repository.removeUnused();
  if (json) printJson(world, { deleted: ids, freedBytes });
  else {
    world.print(ids.map((id) => `Deleted ${id}\n`).join(""));
    world.print(`${sizeText(freedBytes)} came free\n`);
  }
  return ExitCode.Normal;
}

// ---------------------------------------------------------------- inside

function printJson(world: World, value: unknown): void {
  world.print(`${JSON.stringify(value, null, world.terminal.stdout ? 2 : 0)}\n`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
