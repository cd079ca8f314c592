/**
 * How a request is handled, by its type (quorum protocol section 16 for read-only mode).
 *
 * @module
 */
import { OpCode } from "../wire/op_code.ts";

export type RequestKind =
  | "read"
  | "write"
  | "sync"
  | "setWatches"
  | "ping"
  | "closeSession"
  | "unknown";

const WRITES: readonly number[] = [
  OpCode.Create,
  OpCode.Create2,
  OpCode.CreateContainer,
  OpCode.CreateTtl,
  OpCode.Delete,
  OpCode.DeleteContainer,
  OpCode.SetData,
  OpCode.SetAcl,
  OpCode.Multi,
  OpCode.Reconfig,
];
const READS: readonly number[] = [
  OpCode.Exists,
  OpCode.GetData,
  OpCode.GetAcl,
  OpCode.GetChildren,
  OpCode.GetChildren2,
  OpCode.MultiRead,
  OpCode.GetEphemerals,
  OpCode.GetAllChildrenNumber,
  OpCode.AddWatch,
  OpCode.WhoAmI,
  OpCode.CheckWatches,
  OpCode.RemoveWatches,
];

const KINDS: RequestKind[] = new Array(128).fill("unknown");
for (const op of WRITES) KINDS[op] = "write";
for (const op of READS) KINDS[op] = "read";
KINDS[OpCode.SetWatches] = "setWatches";
KINDS[OpCode.SetWatches2] = "setWatches";
KINDS[OpCode.Sync] = "sync";
KINDS[OpCode.Ping] = "ping";

/** What a server in read-only mode refuses: what changes something, and `sync` (section 16). */
export function needsQuorum(op: number): boolean {
  return WRITES.includes(op) || op === OpCode.Sync || op === OpCode.Check;
}

/** What looks at any number of znodes, however short its request and its reply are. */
export function walksFar(op: number): boolean {
  return op === OpCode.GetAllChildrenNumber || op === OpCode.GetEphemerals;
}

/** What may be refused for having waited too long: not what a session lives by, nor auth requests. */
export function isThrottlable(op: number): boolean {
  return op !== OpCode.Ping && op !== OpCode.CloseSession && op !== OpCode.Auth &&
    op !== OpCode.Sasl;
}

/** Request types that exist on the wire, except auth and sasl, which are handled before. */
export function requestKind(op: number): RequestKind {
  if (op === OpCode.CloseSession) return "closeSession";
  return op >= 0 && op < KINDS.length ? KINDS[op]! : "unknown";
}
