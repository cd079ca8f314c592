/**
 * The records of multi and multiRead (client protocol, section 9).
 *
 * @module
 */

import { DecodeError, ErrorCode } from "../../core/errors.ts";
import type { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { MultiError } from "./client_errors.ts";
import { readDataAndStat, readStat, readText, readTexts } from "./client_records.ts";
import { writeCreate } from "./create_request.ts";
import type { ClientStat, MultiOp, MultiResult, ReadOp, ReadResult } from "./client_types.ts";

/** @param serverPaths of each operation, in order */
export function writeMulti(
  writer: JuteWriter,
  ops: readonly MultiOp[],
  serverPaths: readonly string[],
): void {
  for (const [i, op] of ops.entries()) {
    const path = serverPaths[i]!;
    if (op.kind === "create") {
      writeCreate(writer, { ...op, path }, (opCode) => writeHeader(writer, opCode));
      continue;
    }
    writeHeader(writer, MULTI_OP_CODES[op.kind]);
    writer.string(path);
    if (op.kind === "set") writer.bytes(op.data);
    writer.int(op.version ?? -1);
  }
  writeEnd(writer);
}

/** @throws {MultiError} when none was done */
export function readMulti(
  reader: JuteReader,
  ops: readonly MultiOp[],
  clientPath: (serverPath: string) => string,
): MultiResult[] {
  const results: MultiResult[] = [];
  const codes: number[] = [];
  eachResult(reader, (opCode) => {
    if (opCode === OpCode.Error) {
      codes.push(reader.int());
      return;
    }
    codes.push(ErrorCode.Ok);
    results.push(readResult(reader, opCode, clientPath));
  });
  // those that come behind the one that failed are marked, too
  const failed = codes.findIndex((code) =>
    code !== ErrorCode.Ok && code !== ErrorCode.RuntimeInconsistency
  );
  const index = failed >= 0 ? failed : codes.findIndex((code) => code !== ErrorCode.Ok);
  if (index >= 0) {
    throw new MultiError(codes[index]!, ops[index]?.path ?? null, { codes, index });
  }
  if (results.length !== ops.length) {
    throw new DecodeError(`A multi of ${ops.length} operations has ${results.length} results`);
  }
  return results;
}

export function writeMultiRead(
  writer: JuteWriter,
  ops: readonly ReadOp[],
  serverPaths: readonly string[],
): void {
  for (const [i, op] of ops.entries()) {
    writeHeader(writer, op.kind === "get" ? OpCode.GetData : OpCode.GetChildren);
    writer.string(serverPaths[i]!);
    writer.boolean(false); // no watch
  }
  writeEnd(writer);
}

export function readMultiRead(reader: JuteReader): ReadResult[] {
  const results: ReadResult[] = [];
  eachResult(reader, (opCode) => {
    if (opCode === OpCode.Error) results.push({ kind: "error", code: reader.int() });
    else if (opCode === OpCode.GetData) results.push({ kind: "get", ...readDataAndStat(reader) });
    else if (opCode === OpCode.GetChildren) {
      results.push({ kind: "getChildren", children: readTexts(reader) });
    } else throw new DecodeError(`A multiRead has a result of op code ${opCode}`);
  });
  return results;
}

const MULTI_OP_CODES = {
  delete: OpCode.Delete,
  set: OpCode.SetData,
  check: OpCode.Check,
} as const;

function writeHeader(writer: JuteWriter, opCode: number): void {
  writer.int(opCode);
  writer.boolean(false);
  writer.int(-1);
}

function writeEnd(writer: JuteWriter): void {
  writer.int(-1);
  writer.boolean(true);
  writer.int(-1);
}

function eachResult(reader: JuteReader, read: (opCode: number) => void): void {
  for (;;) {
    const opCode = reader.int();
    const isDone = reader.boolean();
    reader.int(); // the code again
    if (isDone) return;
    read(opCode);
  }
}

function readResult(
  reader: JuteReader,
  opCode: number,
  clientPath: (serverPath: string) => string,
): MultiResult {
  switch (opCode) {
    case OpCode.Create:
      return { kind: "create", path: clientPath(readText(reader)), stat: null };
    case OpCode.Create2:
    case OpCode.CreateContainer:
    case OpCode.CreateTtl: {
      const path = clientPath(readText(reader));
      const stat: ClientStat = readStat(reader);
      return { kind: "create", path, stat };
    }
    case OpCode.Delete:
      return { kind: "delete" };
    case OpCode.SetData:
      return { kind: "set", stat: readStat(reader) };
    case OpCode.Check:
      return { kind: "check" };
    default:
      throw new DecodeError(`A multi has a result of op code ${opCode}`);
  }
}
