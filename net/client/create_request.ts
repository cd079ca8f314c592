/**
 * A create, alone or in a multi: which op code and flags its mode takes, and what is refused before it is sent.
 *
 * @module
 */

import { ErrorCode } from "../../core/errors.ts";
import { TTL_MS_MAX } from "../../core/tree/stat.ts";
import type { JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { ClientArgumentError, KeeperError } from "./client_errors.ts";
import { checkPath } from "./client_paths.ts";
import { CREATE_FLAGS, OPEN_ACL, writeAcl } from "./client_records.ts";
import type { ClientAcl, CreateMode } from "./client_types.ts";

export interface CreateRequest {
  /** The caller's or the server's, as the function says. */
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly mode?: CreateMode;
  readonly acl?: readonly ClientAcl[];
  readonly ttlMs?: number;
}

/** @throws {ClientArgumentError | KeeperError} when no server would take it */
export function checkCreate({ path, mode = "persistent", acl, ttlMs }: CreateRequest): void {
  // a number is added to it: it may end with a slash
  checkPath(mode.includes("equential") ? `${path}1` : path);
  checkAcl(acl);
  if (!hasTtl(mode)) {
    if (ttlMs === undefined) return;
    throw new ClientArgumentError(`Cannot create "${path}": mode ${mode} has no TTL`);
  }
  if (ttlMs !== undefined && Number.isInteger(ttlMs) && ttlMs > 0 && ttlMs <= TTL_MS_MAX) return;
  throw new ClientArgumentError(
    `Cannot create "${path}": its TTL is ${ttlMs}, not a number of ms from 1 to ${TTL_MS_MAX}`,
  );
}

/** @throws {KeeperError} InvalidAcl for an empty list */
export function checkAcl(acl: readonly ClientAcl[] | undefined): void {
  if (acl?.length === 0) throw new KeeperError(ErrorCode.InvalidAcl, null);
}

export function createOpCode(mode: CreateMode): number {
  if (hasTtl(mode)) return OpCode.CreateTtl;
  return mode === "container" ? OpCode.CreateContainer : OpCode.Create2;
}

/** @param writeHeader what comes before the record, with its op code */
export function writeCreate(
  writer: JuteWriter,
  { path, data, mode = "persistent", acl = OPEN_ACL, ttlMs = 0 }: CreateRequest,
  writeHeader: (opCode: number) => void = () => {},
): void {
  writeHeader(createOpCode(mode));
  writer.string(path);
  writer.bytes(data);
  writeAcl(writer, acl);
  writer.int(CREATE_FLAGS[mode]);
  if (hasTtl(mode)) writer.longFromNumber(ttlMs);
}

function hasTtl(mode: CreateMode): boolean {
  return mode.endsWith("WithTtl");
}
