/**
 * The lines of the audit log: who asked for which change, and what came of it, in the form that
 * ZooKeeper writes them in (admin reference section 11).
 *
 * A request is described when it arrives, since its buffer is gone when its txn is applied; the line is
 * written then. Says nothing of reads, of what a session's opening does, and of containers and TTL nodes
 * that the server removes by itself.
 *
 * Departs from ZooKeeper where its lines mislead: what did not come by the client port says so (`via=http`); creates of TTL nodes are logged too, and with their
 * type inside a multi; a request that cannot be decoded has a line; entries of an ACL stand with commas
 * between, digests in them masked; control characters cannot make up fields or lines.
 *
 * @module
 */
import { maskDigests } from "../auth/acl_check.ts";
import type { AuthProviders } from "../auth/auth_providers.ts";
import { DecodeError } from "../errors.ts";
import { type AclList, Permission } from "../tree/acl_list.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { PreparedTxn } from "../txn/prepare.ts";
import type { Txn } from "../txn/txn.ts";
import { readMultiRequest, readWriteRequest, type WriteRequest } from "../txn/write_request.ts";
import { decodeUtf8, type JuteReader } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { sessionIdToHex } from "../zxid.ts";
import type { Client } from "./client.ts";

export type AuditResult = "success" | "failure" | "invoked";

/** Takes a line without its end. */
export type AuditSink = (line: string, result: AuditResult) => void;

/** One change as it was asked for. */
interface AuditedOperation {
  /** Null where a request of the type is not logged. */
  readonly operation: string | null;
  /** Null where the request does not say. */
  readonly path: string | null;
  readonly mode: string | null;
  readonly acl: string | null;
}

/** A request as it came in; kept until its txn is applied. */
export interface AuditedRequest {
  /** Session, user and ip. */
  readonly who: string;
  readonly operation: AuditedOperation;
  /** Those of a multi. */
  readonly operations: readonly AuditedOperation[];
}

export interface AuditLogOptions {
  readonly write: AuditSink;
  readonly providers: AuthProviders;
  /** The user that the server runs as: who does what no client asked for. */
  readonly serverUser: string;
}

export class AuditLog {
  readonly #write: AuditSink;
  readonly #providers: AuthProviders;
  readonly #serverUser: string;

  constructor({ write, providers, serverUser }: AuditLogOptions) {
    this.#write = write;
    this.#providers = providers;
    this.#serverUser = `user=${printable(serverUser)}`;
  }

  serverStarted(): void {
    this.#write(`${this.#serverUser}\toperation=serverStart\tresult=success`, "success");
  }

  serverStopping(): void {
    this.#write(`${this.#serverUser}\toperation=serverStop\tresult=invoked`, "invoked");
  }

  /** Describes a request before it is prepared; `reader` stands at its body, and stays there. */
  describe(client: Client, op: number, reader: JuteReader): AuditedRequest {
    const start = reader.position;
    const users = client.ids.map(({ scheme, id }) => this.#providers.get(scheme)?.userName(id))
      .filter((user) => user !== undefined);
    const session = sessionIdToHex(client.sessionId);
    const ip = client.address.remoteAddress;
    const via = client.via === null ? "" : `\tvia=${client.via}`;
    const who = `session=${session}\tuser=${printable(users.join(","))}\tip=${ip}${via}`;
    let operation: AuditedOperation = {
      operation: operationName(op),
      path: null,
      mode: null,
      acl: null,
    };
    let operations: AuditedOperation[] = [];
    try {
      if (op === OpCode.Multi) operations = readMultiRequest(reader).map(describeOperation);
      else if (op !== OpCode.Reconfig) operation = describeOperation(readWriteRequest(reader, op));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
    reader.position = start;
    return { who, operation, operations };
  }

  /**
   * Writes the lines of a txn that is durable and about to be applied: the ephemerals of a session that
   * it closes are still in the tree, to be named.
   *
   * @param request null for what no client asked for
   */
  committed(request: AuditedRequest | null, { header, txn }: PreparedTxn, tree: DataTree): void {
    if (request !== null) this.#answered(request, txn);
    if (txn.kind !== "closeSession") return;
    const { sessionId } = header;
    const owned = () => [...tree.ephemeralsOf(sessionId)].map((id) => tree.store.path(id));
    this.#sessionClosed(sessionId, txn.paths ?? owned());
  }

  #answered({ who, operation, operations }: AuditedRequest, txn: Txn): void {
    if (txn.kind !== "multi") return this.#line(who, operation, txn);
    if (txn.ops.some((op) => op.txn.kind === "error")) return this.#line(who, operation, FAILED);
    for (const [index, op] of txn.ops.entries()) this.#line(who, operations[index]!, op.txn);
  }

  /** Writes the line of a request that came to nothing, not even an error txn. */
  failed({ who, operation }: AuditedRequest): void {
    this.#line(who, operation, FAILED);
  }

  /** Writes a line for each ephemeral that goes with its session. */
  #sessionClosed(sessionId: bigint, paths: Iterable<Uint8Array>): void {
    const who = `session=${sessionIdToHex(sessionId)}\t${this.#serverUser}`;
    for (const path of paths) {
      const znode = printable(decodeUtf8(path));
      const operation = "ephemeralZNodeDeletionOnSessionCloseOrExpire";
      this.#write(`${who}\toperation=${operation}\tznode=${znode}\tresult=success`, "success");
    }
  }

  #line(who: string, { operation, path, mode, acl }: AuditedOperation, txn: Txn): void {
    if (operation === null) return;
    const result = txn.kind === "error" ? "failure" : "success";
    // what was made may have a sequence number that was not asked for
    const znode = "path" in txn ? decodeUtf8(txn.path) : path;
    let line = `${who}\toperation=${operation}`;
    if (znode !== null) line += `\tznode=${printable(znode)}`;
    if (mode !== null) line += `\tznode_type=${mode}`;
    if (acl !== null) line += `\tacl=${printable(acl)}`;
    this.#write(`${line}\tresult=${result}`, result);
  }
}

const FAILED: Txn = { kind: "error", err: 0 };

/** Create modes by their flags. */
const MODES = [
  ...["persistent", "ephemeral", "persistent_sequential", "ephemeral_sequential"],
  ...["container", "persistent_with_ttl", "persistent_sequential_with_ttl"],
];

function operationName(op: number): string | null {
  switch (op) {
    case OpCode.Create:
    case OpCode.Create2:
    case OpCode.CreateContainer:
    case OpCode.CreateTtl:
      return "create";
    case OpCode.Delete:
    case OpCode.DeleteContainer:
      return "delete";
    case OpCode.SetData:
      return "setData";
    case OpCode.SetAcl:
      return "setAcl";
    case OpCode.Multi:
      return "multiOperation";
    case OpCode.Reconfig:
      return "reconfig";
    default:
      return null; // a check changes nothing
  }
}

function describeOperation(request: WriteRequest): AuditedOperation {
  const { op, buffer, pathStart, pathEnd, flags, acl } = request;
  const operation = operationName(op);
  return {
    operation,
    path: pathEnd < 0 ? null : decodeUtf8(buffer.subarray(pathStart, pathEnd)),
    mode: operation === "create" ? MODES[flags] ?? null : null,
    acl: op === OpCode.SetAcl && acl !== null ? aclText(acl) : null,
  };
}

const PERMISSION_LETTERS: readonly [bit: number, letter: string][] = [
  [Permission.Create, "c"],
  [Permission.Delete, "d"],
  [Permission.Read, "r"],
  [Permission.Write, "w"],
  [Permission.Admin, "a"],
];

/** `world:anyone:r,ip:10.0.0.0/8:cdrwa` */
function aclText(acl: AclList): string {
  return maskDigests(acl).entries.map(({ perms, id }) => {
    const letters = PERMISSION_LETTERS.filter(([bit]) => (perms & bit) !== 0);
    return `${id.scheme}:${id.id}:${letters.map(([, letter]) => letter).join("")}`;
  }).join(",");
}

/** Tabs and line ends separate fields and lines: inside of one they are written as `\u0009`. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
