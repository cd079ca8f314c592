/**
 * One line of `cons` or `stat` for a connection.
 *
 * @module
 */
import { OpCode } from "../core/wire/op_code.ts";
import { sessionIdToHex, zxidToHex } from "../core/zxid.ts";
import type { ConnectionInfo } from "./four_letter_context.ts";
import { formatSocketAddress } from "./java_address.ts";

const LAST_OPERATION_CODES: ReadonlyMap<number, string> = new Map<number, string>([
  [OpCode.Ping, "PING"],
  [OpCode.CreateSession, "SESS"],
  [OpCode.Create, "CREA"],
  [OpCode.Create2, "CREA"],
  [OpCode.CreateContainer, "CREA"],
  [OpCode.CreateTtl, "CREA"],
  [OpCode.Delete, "DELE"],
  [OpCode.DeleteContainer, "DELE"],
  [OpCode.SetData, "SETD"],
  [OpCode.GetData, "GETD"],
  [OpCode.Exists, "EXIS"],
  [OpCode.GetChildren, "GETC"],
  [OpCode.GetChildren2, "GETC"],
  [OpCode.GetAcl, "GETA"],
  [OpCode.SetAcl, "SETA"],
  [OpCode.Multi, "MULT"],
  [OpCode.MultiRead, "MLTR"],
  [OpCode.SetWatches, "SETW"],
  [OpCode.SetWatches2, "STW2"],
  [OpCode.AddWatch, "ADDW"],
  [OpCode.Sync, "SYNC"],
  [OpCode.CloseSession, "CLOS"],
  [OpCode.Check, "CHEC"],
  [OpCode.CheckWatches, "CHKW"],
  [OpCode.RemoveWatches, "REMW"],
  [OpCode.Reconfig, "RECO"],
  [OpCode.GetEphemerals, "GETE"],
  [OpCode.GetAllChildrenNumber, "GETACN"],
  [OpCode.WhoAmI, "HOMI"],
]);

/**
 * How `lop=` names an operation. A write that failed counts as {@linkcode OpCode.Error}, since that
 * is what its txn is: `NA`, like everything without a code.
 */
export function lastOperationCode(opCode: number): string {
  return LAST_OPERATION_CODES.get(opCode) ?? "NA";
}

/** With a line's leading space and its newline, as `stat` prints it. */
export function briefConnectionLine(connection: ConnectionInfo): string {
  return `${counts(connection)})\n`;
}

/** The same with what is known of the session, as `cons` prints it. */
export function connectionLine(connection: ConnectionInfo): string {
  const { session } = connection;
  if (session === null) return briefConnectionLine(connection);
  const lastCxid = session.lastCxid < 0 ? "" : `,lcxid=0x${session.lastCxid.toString(16)}`;
  return `${counts(connection)},sid=${sessionIdToHex(session.sessionId)}` +
    `,lop=${session.lastOperation},est=${session.establishedMs},to=${session.timeoutMs}` +
    `${lastCxid},lzxid=0x${zxidToHex(session.lastZxid)},lresp=${session.lastResponseMs}` +
    `,llat=${session.lastLatencyMs},minlat=${session.minLatencyMs}` +
    `,avglat=${session.avgLatencyMs},maxlat=${session.maxLatencyMs})\n`;
}

function counts(connection: ConnectionInfo): string {
  const address = formatSocketAddress(connection.remoteAddress, connection.remotePort);
  return ` ${address}[${connection.interestOps.toString(16)}]` +
    `(queued=${connection.outstandingRequestCount},recved=${connection.packetsReceived}` +
    `,sent=${connection.packetsSent}`;
}
