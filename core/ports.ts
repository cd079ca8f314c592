/**
 * Where the world comes in: time, files and randomness. `net/` implements these for the operating
 * system, `tests/` for simulations; both are passed to constructors.
 *
 * @module
 */

/** Time, read by the shell only; the core is told it inside its inputs. */
export interface Clock {
  /** Milliseconds from an arbitrary start, never going back: for timeouts. */
  monotonicMs(): number;
  /** Milliseconds since 1970 UTC, may jump: for ctime, mtime and log lines. */
  wallMs(): number;
}

/** How much of the log is written; may be set while the server runs. */
export interface LogLevel {
  threshold: "debug" | "info" | "warn" | "error" | "off";
}

/** Called once with null or with what went wrong, never before the call that it was given to returned. */
export type Done = (error: unknown) => void;

/**
 * Files, by path. Errors are thrown as the system words them; a full disk is told from others by
 * `isDiskFull` of `net/disk_full.ts`.
 */
export interface FileSystem {
  /** Names of all files in a directory, those of directories left out, in any order. */
  namesIn(dir: string): string[];
  /** Opens a file to "read" or "change" it; "create" makes it, or empties the one of that name. */
  open(path: string, mode: "read" | "change" | "create"): OpenFile;
  /** Takes the place of a file that is named so already. */
  rename(from: string, to: string): void;
  /** Returns whether it was there. */
  remove(path: string): boolean;
  /** Makes the names in a directory durable: new, renamed and removed files survive a crash only then. */
  syncDirectory(dir: string): void;
  /** The same, without holding up the caller. */
  startDirectorySync(dir: string, done: Done): void;
}

/** An open file, with a cursor that begins at its start. */
export interface OpenFile {
  sizeBytes(): number;
  /** What it takes on the disk: less than its size when there are holes in it. */
  storedBytes(): number;
  /** Fills the start of `target`; returns how many bytes, 0 at the end of the file. */
  read(target: Uint8Array): number;
  /** Returns how many bytes were written, at least one. After a crash possibly lost, or torn. */
  write(bytes: Uint8Array): number;
  /** Writes all of `bytes` without holding up the caller, who leaves them alone until `done`. */
  startWrite(bytes: Uint8Array, done: Done): void;
  seek(offset: number): void;
  truncate(sizeBytes: number): void;
  /** Makes what was written durable. After a failure nobody knows what is on the disk. */
  sync(): void;
  /** The same, without holding up the caller; what is written meanwhile may be left out. */
  startSync(done: Done): void;
  close(): void;
}

/**
 * The two epochs that a member of an ensemble keeps on disk (quorum protocol section 19). Writing returns
 * when the value is durable; an error leaves both values as they were, in memory, and is fatal unless it
 * is a full disk's.
 */
export interface Epochs {
  /** The last one that we promised to follow; -1 for a member that has no database yet. */
  readonly acceptedEpoch: number;
  /** That of the last leader whose history we have; never above `acceptedEpoch`. */
  readonly currentEpoch: number;
  /** To be done before an ACKEPOCH. */
  writeAccepted(epoch: number): void;
  /** To be done before the ACK of a NEWLEADER, and after all txns before it are durable. */
  writeCurrent(epoch: number): void;
}

export interface Random {
  /** Uniform in [0, 2 ** 32). */
  uint32(): number;
}

/** One-way functions that authentication needs; core has no crypto of its own. */
export interface Hashing {
  /** @param algorithm `md5`, `sha1`, `sha256`, ... as node:crypto names them */
  digest(algorithm: string, bytes: Uint8Array): Uint8Array;
  /** As many unpredictable bytes. */
  randomBytes(byteCount: number): Uint8Array;
}

export type LogFields = Record<string, string | number | boolean | bigint | null | undefined>;

/** One line an event: fixed words first, then fields. Never znode data, digests or passwords. */
export interface Logger {
  readonly isDebug: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
