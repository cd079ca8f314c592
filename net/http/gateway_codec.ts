/**
 * The bodies of ZooKeeper's requests and replies, as far as the HTTP API sends and reads them itself (client
 * protocol sections 7 and 8).
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";
import { type AclEntry, makeAclList, OPEN_ACL, readAclList } from "../../core/tree/acl_list.ts";
import { decodeUtf8, type JuteReader, type JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import type { ClientStat } from "../client/client_types.ts";
import type { CreateKind, CreateRequest, MultiOp, MultiResult } from "./gateway.ts";
import { Problem } from "./problem.ts";

const CREATE_FLAGS: Readonly<Record<CreateKind, number>> = {
  persistent: 0,
  ephemeral: 1,
  persistent_sequential: 2,
  ephemeral_sequential: 3,
  container: 4,
  ttl: 5,
  ttl_sequential: 6,
};

export function createOpCode(kind: CreateKind): number {
  switch (kind) {
    case "container":
      return OpCode.CreateContainer;
    case "ttl":
    case "ttl_sequential":
      return OpCode.CreateTtl;
    default:
      return OpCode.Create2;
  }
}

export function writeCreate(
  writer: JuteWriter,
  { path, data, acl, kind, ttlMs }: CreateRequest,
): void {
  writer.string(path);
  writer.bytes(data);
  writer.raw((acl === null ? OPEN_ACL : makeAclList(acl)).encoded);
  writer.int(CREATE_FLAGS[kind]);
  if (createOpCode(kind) === OpCode.CreateTtl) writer.long(BigInt(ttlMs ?? 0));
}

export function writeSetData(
  writer: JuteWriter,
  { path, data, version }: { path: string; data: Uint8Array | null; version: number },
): void {
  writer.string(path);
  writer.bytes(data);
  writer.int(version);
}

export function writePathAndVersion(
  writer: JuteWriter,
  { path, version }: { path: string; version: number },
): void {
  writer.string(path);
  writer.int(version);
}

export function writeSetAcl(
  writer: JuteWriter,
  { path, acl, version }: { path: string; acl: readonly AclEntry[]; version: number },
): void {
  writer.string(path);
  writer.raw(makeAclList(acl).encoded);
  writer.int(version);
}

/**
 * Never create2: as part of a multi that a leader of ours makes a txn of, followers before ZooKeeper 3.9 do not apply
 * it (verified with 3.8.0), and their trees are others from then on.
 */
function createOpCodeInMulti(kind: CreateKind): number {
  const op = createOpCode(kind);
  return op === OpCode.Create2 ? OpCode.Create : op;
}

export function writeMulti(writer: JuteWriter, ops: readonly MultiOp[]): void {
  for (const op of ops) {
    switch (op.op) {
      case "create":
        writeMultiHeader(writer, createOpCodeInMulti(op.kind), false);
        writeCreate(writer, op);
        break;
      case "set":
        writeMultiHeader(writer, OpCode.SetData, false);
        writeSetData(writer, op);
        break;
      case "delete":
        writeMultiHeader(writer, OpCode.Delete, false);
        writePathAndVersion(writer, op);
        break;
      case "check":
        writeMultiHeader(writer, OpCode.Check, false);
        writePathAndVersion(writer, op);
    }
  }
  writeMultiHeader(writer, -1, true);
}

function writeMultiHeader(writer: JuteWriter, type: number, done: boolean): void {
  writer.int(type);
  writer.boolean(done);
  writer.int(-1);
}

/** About as long as the multi is in a frame; never less. */
function multiBytes(ops: readonly MultiOp[]): number {
  let bytes = 9;
  for (const op of ops) {
    bytes += 64 + op.path.length * 3;
    if (op.op === "create" || op.op === "set") bytes += op.data?.length ?? 0;
    if (op.op === "create" && op.acl !== null) bytes += makeAclList(op.acl).encoded.length;
  }
  return bytes;
}

/** What became of a multi: its results, or the first operation that failed. */
export type MultiOutcome =
  | { kind: "done"; results: MultiResult[] }
  | { kind: "failed"; index: number; code: number };

/** @param statOfNew tells of a znode that was just made what the result of a create leaves out */
export function readMulti(
  body: JuteReader,
  ops: readonly MultiOp[],
  statOfNew: (path: string, op: MultiOp & { op: "create" }) => ClientStat,
): MultiOutcome {
  const results: MultiResult[] = [];
  const codes: number[] = [];
  for (const op of ops) {
    const type = body.int();
    const done = body.boolean();
    body.int();
    if (done) break;
    if (type === OpCode.Error) {
      codes.push(body.int());
      continue;
    }
    switch (op.op) {
      case "create": {
        const path = body.string() ?? "";
        const stat = type === OpCode.Create ? statOfNew(path, op) : readStat(body);
        results.push({ op: "create", path, stat });
        break;
      }
      case "set":
        results.push({ op: "set", stat: readStat(body) });
        break;
      default:
        results.push({ op: op.op });
    }
  }
  // those behind the failed one say RuntimeInconsistency, those before it Ok
  const index = codes.findIndex((code) => code !== ErrorCode.Ok);
  if (index < 0) return { kind: "done", results };
  return { kind: "failed", index, code: codes[index]! };
}

export function readStat(body: JuteReader): ClientStat {
  return {
    czxid: body.zxid(),
    mzxid: body.zxid(),
    ctime: body.longAsNumber(),
    mtime: body.longAsNumber(),
    version: body.int(),
    cversion: body.int(),
    aversion: body.int(),
    ephemeralOwner: body.long(),
    dataLength: body.int(),
    numChildren: body.int(),
    pzxid: body.zxid(),
  };
}

export function readAcl(body: JuteReader): readonly AclEntry[] {
  return readAclList(body)?.entries ?? [];
}

/** A copy of a buffer: the reply is borrowed. */
export function readData(body: JuteReader): Uint8Array<ArrayBuffer> | null {
  return body.bytes()?.slice() as Uint8Array<ArrayBuffer> | undefined ?? null;
}

export function readText(body: JuteReader): string {
  const bytes = body.bytes();
  return bytes === null ? "" : decodeUtf8(bytes);
}

/** Data that came within JSON may be larger than any body of bytes: @throws {Problem} `too-large` */
export function checkDataSize(
  { path, data }: { path: string; data: Uint8Array | null },
  bytesMax: number,
): void {
  if (data === null || data.length <= bytesMax) return;
  throw new Problem("too-large", {
    path,
    detail:
      `The data of ${path} has ${data.length} bytes: at most ${bytesMax} are taken (jute.maxbuffer)`,
    outcome: "not-applied",
  });
}

/** @throws {Problem} `too-large` */
export function checkMultiSize(ops: readonly MultiOp[], bytesMax: number): void {
  if (multiBytes(ops) <= bytesMax) return;
  throw new Problem("too-large", {
    detail: `The operations take more than ${bytesMax} bytes together, which is the limit of one ` +
      "transaction (jute.maxbuffer): send fewer at a time",
    outcome: "not-applied",
  });
}
