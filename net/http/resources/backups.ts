/**
 * Backups of this server in the folder of the setting `backup.dir`: made while it runs, listed and deleted. All of it
 * is for admins.
 *
 * What reads and writes them is `net/backup/`. A backup is restored by the command line, since the server must not
 * run; and verified there, since that builds the tree a second time.
 *
 * @module
 */
import { z } from "zod";
import { describeBackup } from "../../backup/backup_json.ts";
import { BackupError } from "../../backup/backup_error.ts";
import { createBackup as makeBackup } from "../../backup/create_backup.ts";
import { NO_PROGRESS } from "../../backup/progress.ts";
import { isOfSystem, Repository } from "../../backup/repository.ts";
import { isDiskFull } from "../../disk_full.ts";
import { jsonResponse } from "../compression.ts";
import type { HttpHost } from "../http_ports.ts";
import { Reply } from "../listener/reply.ts";
import { type Outcome, Problem } from "../problem.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import { requireAdmin } from "./admin_access.ts";

const TAG = "backups";
const PROBLEMS = ["no-auth", "auth-required", "backups-disabled", "backup-failed"] as const;
const RESTORING = 'The command "denkeeper backup" uses the same folder: it verifies backups ' +
  '("backup verify"), and restores one, as of any txn or time in its range, to a server that is ' +
  'stopped ("backup restore").';

const Time = z.string().meta({ description: "ISO 8601, in UTC" });
const Backup = z.object({
  id: z.string(),
  created: Time.meta({ description: "when it was begun" }),
  source: z.object({
    host: z.string(),
    dataDir: z.string(),
    dataLogDir: z.string(),
    serverId: z.int().nullable(),
  }),
  range: z.object({
    fromZxid: HexText,
    fromTime: Time,
    toZxid: HexText,
    toTime: Time,
    completeThrough: Time.meta({ description: "nothing was logged between toTime and this" }),
  }).meta({ description: "what it can restore" }),
  snapshotCount: z.int(),
  txnCount: z.int(),
  bytes: z.int().meta({ description: "on the disk; files that backups share count in each" }),
}).meta({ id: "Backup" });

const MadeBackup = Backup.extend({
  newBytes: z.int().meta({ description: "of files that no backup had before" }),
  sharedBytes: z.int(),
  warnings: z.array(z.string()),
}).meta({ id: "MadeBackup" });

const BackupListJson = z.object({
  backups: z.array(Backup).meta({ description: "oldest first" }),
  damaged: z.array(z.object({ id: z.string(), reason: z.string() })).meta({
    description: "what cannot be read; while one is there, no file is deleted",
  }),
});

export function backupRoutes(host: HttpHost): AnyRoute[] {
  const { config } = host.gateway;
  return [
    route({
      method: "GET",
      path: "/api/v1/backups",
      operationId: "getBackups",
      tag: TAG,
      summary: "The backups in the server's folder, with what each can restore",
      description: RESTORING,
      query: z.strictObject({}),
      body: null,
      responses: { 200: { description: "They", body: BackupListJson } },
      problems: PROBLEMS,
      isWrite: false,
      handle: async (call) => {
        requireAdmin(call);
        const { backups, damaged } = await asked(folderOf(config), { isWrite: false }, listOf);
        return jsonResponse(call.request, { backups: backups.map(describeBackup), damaged });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/backups",
      operationId: "createBackup",
      tag: TAG,
      summary: "Makes a backup now",
      description:
        "It holds what was committed when it was begun, and shares with earlier ones what is the same. " +
        "Answered when it is durable, however long that takes; it is made to its end also when the client hangs " +
        `up, and is then in the list. ${RESTORING}`,
      query: z.strictObject({}),
      body: null,
      responses: {
        201: {
          description: "It is there",
          body: MadeBackup,
          headers: { "Location": "where it is" },
        },
      },
      problems: [...PROBLEMS, "backup-in-progress", "disk-full"],
      isWrite: true,
      handle: async (call) => {
        requireAdmin(call);
        const made = await asked(folderOf(config), { isWrite: true }, (dir) => create(host, dir));
        return jsonResponse(call.request, made, {
          status: 201,
          headers: { Location: `/api/v1/backups/${made.id}` },
        });
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/backups/{id}",
      operationId: "getBackup",
      tag: TAG,
      summary: "One backup",
      query: z.strictObject({}),
      body: null,
      responses: { 200: { description: "It", body: Backup } },
      problems: [...PROBLEMS, "no-backup"],
      isWrite: false,
      handle: async (call) => {
        requireAdmin(call);
        const { id } = call.params;
        const { backups, damaged } = await asked(folderOf(config), { isWrite: false }, listOf);
        const manifest = backups.find((backup) => backup.id === id);
        if (manifest !== undefined) return jsonResponse(call.request, describeBackup(manifest));
        const bad = damaged.find((backup) => backup.id === id);
        if (bad !== undefined) throw new Problem("backup-failed", { detail: bad.reason });
        throw noBackup(id!);
      },
    }),
    route({
      method: "DELETE",
      path: "/api/v1/backups/{id}",
      operationId: "deleteBackup",
      tag: TAG,
      summary: "Deletes a backup, and the files that no other one needs",
      query: z.strictObject({}),
      body: null,
      responses: { 204: { description: "It is gone" } },
      problems: [...PROBLEMS, "no-backup", "backup-in-progress"],
      isWrite: true,
      handle: async (call) => {
        requireAdmin(call);
        const id = call.params.id!;
        if (!await asked(folderOf(config), { isWrite: true }, (dir) => remove(dir, id))) {
          throw noBackup(id, "not-applied");
        }
        host.logger.info("backup deleted", { id, folder: folderOf(config) });
        return new Reply(null, { status: 204 });
      },
    }),
  ];
}

// ---------------------------------------------------------------- work

async function listOf(dir: string) {
  return isThere(dir) ? await Repository.open(dir).list() : { backups: [], damaged: [] }; // none was made yet
}

async function create({ gateway, logger }: HttpHost, dir: string) {
  const { config } = gateway;
  const warnings: string[] = [];
  const beganMs = performance.now();
  const { manifest, newBytes, sharedBytes } = await makeBackup({
    repository: Repository.openOrMake(dir),
    dataDir: config.dataDir,
    dataLogDir: config.dataLogDir,
    gzip: false, // compressing a part at once would hold up the server
    // what a server that stands alone has logged is committed
    committed: config.ensemble.isMember
      ? () => Promise.resolve({ throughZxid: gateway.lastZxid })
      : null,
    progress: NO_PROGRESS,
    warn: (message) => void warnings.push(message),
  });
  const { id } = manifest;
  for (const problem of warnings) logger.warn("backup", { id, problem });
  const ms = Math.round(performance.now() - beganMs);
  logger.info("backup made", { id, folder: dir, newBytes, sharedBytes, ms });
  return { ...describeBackup(manifest), newBytes, sharedBytes, warnings };
}

/** Returns whether there was one. */
async function remove(dir: string, id: string): Promise<boolean> {
  if (!isThere(dir)) return false;
  const repository = Repository.open(dir);
  using _ = repository.lock();
  const { backups, damaged } = await repository.list();
  if (![...backups, ...damaged].some((backup) => backup.id === id)) return false;
  repository.remove([id]);
  await repository.removeUnused();
  return true;
}

// ---------------------------------------------------------------- problems

function folderOf({ backupDir }: { backupDir: string | null }): string {
  if (backupDir !== null) return backupDir;
  throw new Problem("backups-disabled", {
    detail:
      "This server makes no backups: name a folder for them with the setting backup.dir, and " +
      'start it again; or use the command "denkeeper backup create"',
  });
}

/** Lets the engine work, and tells its errors as problems. */
async function asked<T>(
  dir: string,
  { isWrite }: { isWrite: boolean },
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const told = (outcome: Outcome) => isWrite ? { outcome } : {};
  try {
    return await work(dir);
  } catch (error) {
    const cause = error instanceof BackupError ? error.cause ?? error : error;
    if (isDiskFull(cause)) {
      throw new Problem("disk-full", {
        detail: `The disk of "${dir}", the folder of backup.dir, is full: make room on it`,
        ...told("not-applied"),
      });
    }
    if (error instanceof BackupError && error.kind === "busy") {
      throw new Problem("backup-in-progress", { detail: error.message, ...told("not-applied") });
    }
    if (error instanceof BackupError || isOfSystem(error)) {
      throw new Problem("backup-failed", {
        detail: (error as Error).message,
        ...told("unknown"),
      });
    }
    throw error;
  }
}

function noBackup(id: string, outcome?: "not-applied"): Problem {
  return new Problem("no-backup", {
    detail: `There is no backup ${
      JSON.stringify(id.slice(0, 100))
    }: GET /api/v1/backups lists them`,
    ...(outcome === undefined ? {} : { outcome }),
  });
}

function isThere(dir: string): boolean {
  try {
    Deno.statSync(dir);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
