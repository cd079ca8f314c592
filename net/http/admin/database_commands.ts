/**
 * `snapshot` and `restore`: a backup over HTTP, and its way back.
 *
 * Both are limited to one in `admin.rateLimiterIntervalInMS`, as documented; ZooKeeper takes the interval of
 * snapshots for microseconds, and so lets a thousand times as many through.
 *
 * @module
 */
import { basename } from "../../file_path.ts";
import type { ServerMetrics } from "../../../core/metrics/server_metrics.ts";
import type { Clock, Logger } from "../../../core/ports.ts";
import type { ServerConfig } from "../../../core/server_config.ts";
import { type Zxid, zxidToHex } from "../../../core/zxid.ts";
import { type AdminCommand, type CommandAnswer, type CommandCall, failure } from "./command.ts";
import { RateLimiter } from "./rate_limiter.ts";

/** What is done with the database as a whole. */
export interface AdminDatabase {
  /** Takes a snapshot of what is there now, behind one that is under way. */
  takeSnapshot(): Promise<{ path: string; zxid: Zxid; bytes: number }>;
  /** Why this server does not restore; null when it does. */
  readonly restoreRefusal: string | null;
  /**
   * Replaces everything by a snapshot, or leaves everything as it is.
   *
   * @returns the zxid of the database from now on; null when there was not a byte
   */
  restore(snapshot: ReadableStream<Uint8Array>): Promise<Zxid | null>;
}

export interface DatabaseCommandOptions {
  readonly config: {
    readonly serializeLastProcessedZxid: boolean;
    readonly http: Pick<
      ServerConfig["http"],
      "snapshotEnabled" | "restoreEnabled" | "rateLimiterIntervalMs"
    >;
  };
  readonly database: AdminDatabase;
  readonly metrics: ServerMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function databaseCommands(options: DatabaseCommandOptions): readonly AdminCommand[] {
  const { config: { http: { rateLimiterIntervalMs: intervalMs } }, clock } = options;
  const snapshots = new RateLimiter({ intervalMs, clock });
  const restores = new RateLimiter({ intervalMs, clock });
  return [
    {
      names: ["snapshot", "snap"],
      method: "GET",
      needsServer: true,
      isProtected: true,
      run: (call) => snapshot(call, options, snapshots),
    },
    {
      names: ["restore", "rest"],
      method: "POST",
      needsServer: true,
      isProtected: true,
      run: (call) => restore(call, options, restores),
    },
  ];
}

async function snapshot(
  { request, query }: CommandCall,
  { config, database, metrics, logger }: DatabaseCommandOptions,
  limiter: RateLimiter,
): Promise<CommandAnswer> {
  if (!config.http.snapshotEnabled) return disabled("snapshot", "admin.snapshot.enabled");
  if (!config.serializeLastProcessedZxid) return unserialized("snapshot");
  const waitMs = limiter.take();
  if (waitMs > 0) {
    metrics.snapshotRateLimitedCount.increment();
    return tooSoon("snapshot", waitMs);
  }
  try {
    const { path, zxid, bytes } = await database.takeSnapshot();
    const headers = { last_zxid: `0x${zxidToHex(zxid)}`, snapshot_size: String(bytes) };
    if (query.get("streaming")?.toLowerCase() === "false") return { fields: {}, headers };
    if (request.method === "HEAD") return { fields: {}, headers };
    return {
      fields: {},
      headers: {
        ...headers,
        "Content-Type": "application/octet-stream",
        "Content-Length": String(bytes),
        // under this name, suffix included, a server loads it
        "Content-Disposition": `attachment; filename="${basename(path)}"`,
      },
      stream: (await Deno.open(path, { read: true })).readable,
    };
  } catch (error) {
    metrics.snapshotErrorCount.increment();
    return failed("snapshot", error, logger);
  }
}

async function restore(
  { request }: CommandCall,
  { config, database, metrics, clock, logger }: DatabaseCommandOptions,
  limiter: RateLimiter,
): Promise<CommandAnswer> {
  if (!config.http.restoreEnabled) return disabled("restore", "admin.restore.enabled");
  if (!config.serializeLastProcessedZxid) return unserialized("restore");
  const { restoreRefusal } = database;
  if (restoreRefusal !== null) return failure(409, restoreRefusal);
  const { body } = request;
  if (body === null) return noBody();
  const waitMs = limiter.take();
  if (waitMs > 0) {
    metrics.restoreRateLimitedCount.increment();
    return tooSoon("restore", waitMs);
  }
  const startMs = clock.monotonicMs();
  try {
    const zxid = await database.restore(body);
    if (zxid === null) {
      limiter.giveBack();
      return noBody();
    }
    metrics.restoreTime.add(Math.round(clock.monotonicMs() - startMs));
    return { fields: { last_zxid: zxid } };
  } catch (error) {
    metrics.restoreErrorCount.increment();
    return failed("restore", error, logger);
  }
}

function disabled(what: string, key: string): CommandAnswer {
  return failure(503, `The ${what} command is disabled: ${key}=false`);
}

/** What a snapshot does not say of itself, its name would have to: and a stream has none. */
function unserialized(what: string): CommandAnswer {
  return failure(
    500,
    `The ${what} command needs zookeeper.serializeLastProcessedZxid.enabled=true`,
  );
}

function noBody(): CommandAnswer {
  return failure(400, "No request body: send the bytes of a snapshot");
}

function tooSoon(what: string, waitMs: number): CommandAnswer {
  const seconds = Math.ceil(waitMs / 1000);
  return failure(
    429,
    `The ${what} command was used already: wait ${seconds} s, or lower ` +
      "admin.rateLimiterIntervalInMS",
    { "Retry-After": String(seconds) },
  );
}

function failed(what: string, error: unknown, logger: Logger): CommandAnswer {
  const problem = error instanceof Error ? error.message : String(error);
  logger.error(`the ${what} command failed`, { problem });
  return failure(500, problem);
}
