/**
 * The long lists: `dump` (sessions, ephemerals, connections) and `wchc`, `wchp` (watches).
 *
 * @module
 */
import { sessionIdToHex } from "../core/zxid.ts";
import type {
  ConnectionExpiry,
  ExpiryDump,
  FourLetterContext,
  SessionDump,
} from "./four_letter_context.ts";
import { formatSocketAddress } from "./java_address.ts";
import { formatJavaDate } from "./java_date.ts";

export function* dumpLines(context: FourLetterContext): IterableIterator<string> {
  yield "SessionTracker dump:\n";
  yield* sessionLines(context.sessions());
  yield "ephemeral nodes dump:\n";
  const ephemerals = context.ephemerals();
  yield `Sessions with Ephemerals (${ephemerals.sessionCount}):\n`;
  for (const { sessionId, paths } of ephemerals.sessions) {
    yield `${sessionIdToHex(sessionId)}:\n`;
    for (const path of paths) yield `\t${path}\n`;
  }
  yield "Connections dump:\n";
  const connections = context.connectionExpiry();
  if (connections !== null) yield* expiryLines("Connections Sets", connections, connectionLine);
}

export function* watchesBySessionLines(context: FourLetterContext): IterableIterator<string> {
  for (const { sessionId, paths } of context.watchesBySession()) {
    yield `${sessionIdToHex(sessionId)}\n`;
    for (const path of paths) yield `\t${path}\n`;
  }
  yield "\n";
}

export function* watchesByPathLines(context: FourLetterContext): IterableIterator<string> {
  for (const { path, sessionIds } of context.watchesByPath()) {
    yield `${path}\n`;
    for (const sessionId of sessionIds) yield `\t${sessionIdToHex(sessionId)}\n`;
  }
  yield "\n";
}

function* sessionLines(dump: SessionDump): IterableIterator<string> {
  switch (dump.kind) {
    case "owner":
      yield* expiryLines("Session Sets", dump.sessions, sessionLine);
      break;
    case "ownerWithLocal":
      yield* expiryLines("Local Session Sets", dump.local, sessionLine);
      yield* expiryLines("Global Session Sets", dump.global, sessionLine);
      break;
    case "learner":
      if (dump.local !== null) yield* expiryLines("Local Session Sets", dump.local, sessionLine);
      yield `Global Sessions(${dump.globalCount}):\n`;
      for (const { sessionId, timeoutMs } of dump.global) {
        yield `${sessionIdToHex(sessionId)}\t${timeoutMs}ms\n`;
      }
  }
}

function* expiryLines<Item>(
  title: string,
  { bucketCount, itemCount, buckets }: ExpiryDump<Item>,
  line: (item: Item) => string,
): IterableIterator<string> {
  yield `${title} (${bucketCount})/(${itemCount}):\n`;
  for (const bucket of buckets) {
    yield `${bucket.itemCount} expire at ${formatJavaDate(bucket.expiresAtMs)}:\n`;
    for (const item of bucket.items) yield line(item);
  }
}

function sessionLine(sessionId: bigint): string {
  return `\t${sessionIdToHex(sessionId)}\n`;
}

function connectionLine({ remoteAddress, remotePort, sessionId }: ConnectionExpiry): string {
  const address = formatSocketAddress(remoteAddress, remotePort);
  return `\tip: ${address} sessionId: ${sessionIdToHex(sessionId)}\n`;
}
