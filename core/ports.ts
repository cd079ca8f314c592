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
