/**
 * What a backup consists of: one JSON file a backup, which names the files with its content.
 *
 * Zxids are text in hex, times are ISO 8601 in UTC. A manifest is taken as damaged when it is not, byte for byte,
 * what we would write of the same content: a checksum alone would not see a change of what it is computed from.
 *
 * @module
 */
import * as z from "zod";
import type { Zxid } from "../../core/zxid.ts";
import { sha256Hex } from "./sha256.ts";

/** Raised when an older program could not restore what a newer one wrote. */
const FORMAT_VERSION = 1;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const zxid = z.codec(z.string().regex(/^0x(0|[1-9a-f][0-9a-f]{0,13})$/), z.number(), {
  decode: (text) => parseInt(text.slice(2), 16),
  encode: (zxid) => `0x${zxid.toString(16)}`,
});
const time = z.codec(z.iso.datetime({ precision: 3 }), z.number(), {
  decode: (text) => Date.parse(text),
  encode: (ms) => new Date(ms).toISOString(),
});
/** Names go into paths. */
const fileName = z.string().regex(/^(snapshot|log)\.[0-9a-f]+\.[0-9a-f]{64}(\.gz|\.snappy)?$/);

const storedFile = {
  /** In the folder `files` of the repository. */
  file: fileName,
  /** What it is named in the data directory; a part of a log has the name that it could have there. */
  source: z.string(),
  /** Of the content as it is in the data directory: what makes two files the same. */
  sha256: hash,
  bytes: count,
  /** Of the file in the repository, which may be compressed. */
  storedSha256: hash,
  storedBytes: count,
};

const snapshotEntry = z.object({
  ...storedFile,
  zxid,
  /** It was taken while txns were applied, and may hold any of those up to this one. */
  throughZxid: zxid,
  znodeCount: count,
});

const logEntry = z.object({
  ...storedFile,
  firstZxid: zxid,
  lastZxid: zxid,
  txnCount: count.min(1),
  firstTime: time,
  lastTime: time,
  /** Later than `lastTime` where the clock of a new leader was behind. */
  latestTime: time,
});

const backup = z.object({
  format: z.literal("denkeeper-backup"),
  version: z.literal(FORMAT_VERSION),
  id: z.string().regex(/^\d{8}T\d{6}Z(-\d+)?$/),
  /** When reading began: what was durable before is in it. */
  createdAt: time,
  source: z.object({
    host: z.string(),
    dataDir: z.string(),
    dataLogDir: z.string(),
    serverId: count.nullable(),
    /** Of a member of an ensemble; null for a server that stands alone. */
    acceptedEpoch: count.nullable(),
    currentEpoch: count.nullable(),
    /** The last committed txn, where a running server could be asked for it. */
    committedZxid: zxid.nullable(),
  }),
  range: z.object({ fromZxid: zxid, fromTime: time, toZxid: zxid, toTime: time }),
  /** Oldest first. */
  snapshots: z.array(snapshotEntry).min(1),
  /** In the order of replay. */
  logs: z.array(logEntry),
});

export type SnapshotEntry = z.output<typeof snapshotEntry>;
export type LogEntry = z.output<typeof logEntry>;
export type StoredEntry = SnapshotEntry | LogEntry;
/** Times are milliseconds since 1970, zxids numbers. */
export type BackupManifest = z.output<typeof backup>;

/** A file of the repository does not hold what it must. */
export class BackupDamagedError extends Error {
  override name = "BackupDamagedError";
}

export function newManifest(
  content: Omit<BackupManifest, "format" | "version">,
): BackupManifest {
  return { format: "denkeeper-backup", version: FORMAT_VERSION, ...content };
}

export function encodeManifest(manifest: BackupManifest): string {
  const content = backup.encode(manifest);
  return textOf({ ...content, checksum: sha256Hex(textOf(content)) });
}

/** @throws {BackupDamagedError} */
export function decodeManifest(path: string, text: string): BackupManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BackupDamagedError(`Cannot read "${path}": it is damaged: no JSON`);
  }
  checkVersion(path, json);
  const parsed = backup.safeDecode(json as z.input<typeof backup>);
  if (!parsed.success) {
    const { path: at, message } = parsed.error.issues[0]!;
    throw new BackupDamagedError(
      `Cannot read "${path}": it is damaged: ${at.join(".")}: ${message}`,
    );
  }
  if (encodeManifest(parsed.data) !== text) {
    throw new BackupDamagedError(
      `Cannot read "${path}": it was changed or is damaged: its checksum does not match`,
    );
  }
  return parsed.data;
}

function checkVersion(path: string, json: unknown): void {
  const { success, data } = z.object({ format: z.literal("denkeeper-backup"), version: z.int() })
    .safeParse(json);
  if (!success || data.version <= FORMAT_VERSION) return;
  throw new BackupDamagedError(
    `Cannot read "${path}": it is of version ${data.version}, and this program knows versions up ` +
      `to ${FORMAT_VERSION}; use a newer one`,
  );
}

function textOf(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Everything a backup consists of. */
export function entriesOf({ snapshots, logs }: BackupManifest): StoredEntry[] {
  return [...snapshots, ...logs];
}

export function isWithin({ range }: BackupManifest, zxid: Zxid): boolean {
  return zxid >= range.fromZxid && zxid <= range.toZxid;
}
