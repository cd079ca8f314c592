/**
 * Decodes the bodies of requests that change the tree (client protocol section 7).
 *
 * A request names its path and data by offsets into the buffer it was read from: nothing is copied
 * until the txn is written.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { type AclList, readAclList } from "../tree/acl_list.ts";
import type { JuteReader } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import type { Zxid } from "../zxid.ts";

export interface WriteRequest {
  op: number;
  buffer: Uint8Array;
  pathStart: number;
  /** -1 when the path is null. */
  pathEnd: number;
  dataStart: number;
  /** -1 for null. */
  dataLength: number;
  /** null when the vector was null, and for requests that carry none. */
  acl: AclList | null;
  /** Create: the flags. Others: the expected version. */
  flags: number;
  /** createTTL: ms; else -1. */
  ttl: bigint;
}

/** @throws {DecodeError} when the body ends early, or the type may not stand here */
export function readWriteRequest(reader: JuteReader, op: number): WriteRequest {
  const request: WriteRequest = {
    op,
    buffer: reader.buffer,
    pathStart: 0,
    pathEnd: -1,
    dataStart: 0,
    dataLength: -1,
    acl: null,
    flags: 0,
    ttl: -1n,
  };
  const pathLength = reader.length();
  request.pathStart = reader.position;
  if (pathLength >= 0) reader.position = request.pathEnd = reader.position + pathLength;
  switch (op) {
    case OpCode.Create:
    case OpCode.Create2:
    case OpCode.CreateContainer:
    case OpCode.CreateTtl:
      readData(reader, request);
      request.acl = readAclList(reader);
      request.flags = reader.int();
      if (op === OpCode.CreateTtl) request.ttl = reader.long();
      break;
    case OpCode.SetData:
      readData(reader, request);
      request.flags = reader.int();
      break;
    case OpCode.SetAcl:
      request.acl = readAclList(reader);
      request.flags = reader.int();
      break;
    case OpCode.Delete:
    case OpCode.Check:
      request.flags = reader.int();
      break;
    default:
      throw new DecodeError(`Request type ${op} is no write`);
  }
  return request;
}

/** A change of the membership (client protocol section 7); null where a part was left out. */
export interface ReconfigRequest {
  joiningServers: string | null;
  leavingServers: string | null;
  newMembers: string | null;
  /** The version that must be current; -1 for any. */
  curConfigId: Zxid;
}

/** @throws {DecodeError} when the body ends early */
export function readReconfigRequest(reader: JuteReader): ReconfigRequest {
  return {
    joiningServers: reader.string(),
    leavingServers: reader.string(),
    newMembers: reader.string(),
    curConfigId: reader.zxid(),
  };
}

/**
 * Reads the sub-requests of a multi.
 *
 * @throws {DecodeError} also when a type may not stand in a multi
 */
export function readMultiRequest(reader: JuteReader): WriteRequest[] {
  const requests: WriteRequest[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.boolean();
    reader.int(); // err, ignored
    if (done) return requests;
    if (type === OpCode.SetAcl) throw new DecodeError("A multi cannot hold a setACL");
    const request = readWriteRequest(reader, type);
    if (request.pathEnd < 0) {
      throw new DecodeError("A multi cannot hold an operation without a path");
    }
    request.op = operationInMulti(request);
    requests.push(request);
  }
}

/**
 * Whether a request, alone or in a multi, makes a znode that needs a global session. The reader is left
 * where it was; what cannot be read makes none.
 */
export function makesEphemeral(op: number, reader: JuteReader): boolean {
  const start = reader.position;
  try {
    if (op === OpCode.Multi) return readMultiRequest(reader).some(isEphemeralCreate);
    if (op !== OpCode.Create && op !== OpCode.Create2) return false;
    return isEphemeralCreate(readWriteRequest(reader, op));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return false;
  } finally {
    reader.position = start;
  }
}

function isEphemeralCreate({ op, flags }: WriteRequest): boolean {
  return (op === OpCode.Create || op === OpCode.Create2) && (flags === 1 || flags === 3);
}

/**
 * Inside a multi the flags of a create say what is made and what its result looks like, whatever the op
 * code; only create2 keeps a result of its own, as since 3.9.
 */
function operationInMulti({ op, flags }: WriteRequest): number {
  switch (op) {
    case OpCode.Create:
    case OpCode.Create2:
    case OpCode.CreateContainer:
    case OpCode.CreateTtl:
      if (isTtlFlags(flags)) {
        if (op === OpCode.CreateTtl) return op;
        throw new DecodeError("A multi cannot hold a create with the flags of a TTL node");
      }
      if (flags === CONTAINER_FLAGS) return OpCode.CreateContainer;
      return op === OpCode.Create2 ? op : OpCode.Create;
    default:
      return op;
  }
}

const CONTAINER_FLAGS = 4;

/** The create modes that only createTTL may ask for. */
export function isTtlFlags(flags: number): boolean {
  return flags === 5 || flags === 6;
}

function readData(reader: JuteReader, request: WriteRequest): void {
  request.dataLength = reader.length();
  request.dataStart = reader.position;
  if (request.dataLength > 0) reader.position += request.dataLength;
}
