/**
 * How requests of a client fail.
 *
 * @module
 */

import { ErrorCode } from "../../core/errors.ts";

/** Of the client's own making: no server answers with them (client protocol, section 8). */
export const ClientErrorCode = { ConnectionLoss: -4, OperationTimeout: -7 } as const;

/** A server's refusal. `code` is one of {@linkcode ErrorCode}; `path` the one asked for, without the chroot. */
export class KeeperError extends Error {
  override name = "KeeperError";
  readonly code: number;
  readonly path: string | null;

  constructor(code: number, path: string | null, message?: string) {
    super(message ?? `${nameOfCode(code)}${path === null ? "" : ` for ${path}`}`);
    this.code = code;
    this.path = path;
  }
}

/** The connection went away, or none could be made: whether the request was carried out is not known. */
export class ConnectionLossError extends KeeperError {
  override name = "ConnectionLossError";

  constructor(path: string | null, message?: string) {
    super(ClientErrorCode.ConnectionLoss, path, message);
  }
}

/** The session is over, with its ephemerals and watches: make a new client. */
export class SessionExpiredError extends KeeperError {
  override name = "SessionExpiredError";

  constructor(path: string | null, message?: string) {
    super(ErrorCode.SessionExpired, path, message);
  }
}

/** No operation was done. */
export class MultiError extends KeeperError {
  override name = "MultiError";
  /** Of each operation; 0 before the one that failed. */
  readonly codes: readonly number[];
  /** Of the one that failed. */
  readonly index: number;

  constructor(
    code: number,
    path: string | null,
    { codes, index }: { codes: readonly number[]; index: number },
  ) {
    super(code, path);
    this.codes = codes;
    this.index = index;
  }
}

/** A path, ACL or option cannot be sent at all. */
export class ClientArgumentError extends Error {
  override name = "ClientArgumentError";
}

/** As ZooKeeper's own tools say them, for example `NoNode`. */
export function nameOfCode(code: number): string {
  if (code === ClientErrorCode.ConnectionLoss) return "ConnectionLoss";
  if (code === ClientErrorCode.OperationTimeout) return "OperationTimeout";
  const found = Object.entries(ErrorCode).find(([, value]) => value === code);
  return found?.[0] ?? `Unknown error ${code}`;
}
