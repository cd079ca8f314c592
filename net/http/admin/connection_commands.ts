/**
 * Commands about client connections and sessions.
 *
 * @module
 */
import type { AdminContext } from "../../admin_context.ts";
import type { ConnectionInfo, ExpiryDump, SessionDump } from "../../four_letter_context.ts";
import { formatSocketAddress } from "../../java_address.ts";
import { readText } from "./body.ts";
import {
  type AdminCommand,
  command,
  type CommandAnswer,
  type CommandCall,
  failure,
  type Fields,
} from "./command.ts";
import { type Json, JsonMap } from "./json_text.ts";

/** A request for `shed_connections` is a few bytes. */
const SHED_BODY_BYTES_MAX = 1024;

export const CONNECTION_COMMANDS: readonly AdminCommand[] = [
  command(["connection_stat_reset", "crst"], ({ context }) => {
    context.resetConnectionStats();
    return {};
  }),
  command(["connections", "cons"], ({ context }) => ({
    connections: mapped(context.connections(), fullConnection),
    secure_connections: [],
  })),
  command(["dump"], ({ context }) => ({
    expiry_time_to_session_ids: new JsonMap(expiries(context.sessions())),
    session_id_to_ephemeral_paths: new JsonMap(ephemerals(context)),
  })),
  {
    names: ["shed_connections", "shed"],
    method: "POST",
    needsServer: true,
    isProtected: true,
    run: shedConnections,
  },
];

/** What `stats` tells of each connection. */
export function briefConnections(context: AdminContext): Generator<Json> {
  return mapped(context.connections(), briefConnection);
}

function briefConnection(connection: ConnectionInfo): Fields {
  const { remoteAddress, remotePort } = connection;
  return {
    remote_socket_address: formatSocketAddress(remoteAddress, remotePort).slice(1),
    interest_ops: connection.interestOps,
    outstanding_requests: connection.outstandingRequestCount,
    packets_received: connection.packetsReceived,
    packets_sent: connection.packetsSent,
  };
}

function fullConnection(connection: ConnectionInfo): Fields {
  const { session } = connection;
  if (session === null) return briefConnection(connection);
  return {
    ...briefConnection(connection),
    session_id: session.sessionId,
    last_operation: session.lastOperation,
    established: session.establishedMs,
    session_timeout: session.timeoutMs,
    last_cxid: session.lastCxid,
    last_zxid: session.lastZxid,
    last_response_time: session.lastResponseMs,
    last_latency: session.lastLatencyMs,
    min_latency: session.minLatencyMs,
    avg_latency: session.avgLatencyMs,
    max_latency: session.maxLatencyMs,
  };
}

/** Of sessions that this server ends itself: a follower's are the leader's affair. */
function* expiries(dump: SessionDump): Generator<[string, Json]> {
  switch (dump.kind) {
    case "owner":
      return yield* bucketsOf(dump.sessions);
    case "ownerWithLocal":
      yield* bucketsOf(dump.local);
      return yield* bucketsOf(dump.global);
    case "learner":
      if (dump.local !== null) yield* bucketsOf(dump.local);
  }
}

function* bucketsOf({ buckets }: ExpiryDump<bigint>): Generator<[string, Json]> {
  for (const { deadlineMs, items } of buckets) yield [String(deadlineMs), [...items]];
}

function* ephemerals(context: AdminContext): Generator<[string, Json]> {
  for (const { sessionId, paths } of context.ephemerals().sessions) {
    yield [String(sessionId), [...paths]];
  }
}

/** Lets clients go to other servers: each with the same chance, so that no kind of them is left. */
async function shedConnections({ context, request }: CommandCall): Promise<CommandAnswer> {
  const text = await readText(request, SHED_BODY_BYTES_MAX);
  if (text === null) {
    return failure(400, `The request body is longer than ${SHED_BODY_BYTES_MAX} bytes`);
  }
  if (text.trim() === "") return failure(400, 'No request body: send {"percentage": 0..100}');
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return failure(400, 'The request body is no JSON: send {"percentage": 0..100}');
  }
  const percentage = (body as { percentage?: unknown } | null)?.percentage;
  if (percentage === undefined || percentage === null) {
    return failure(400, 'The request body has no percentage: send {"percentage": 0..100}');
  }
  if (!Number.isInteger(percentage)) {
    return failure(400, "The percentage is not a whole number from 0 to 100");
  }
  const wanted = percentage as number;
  if (wanted < 0 || wanted > 100) {
    return failure(400, `The percentage ${wanted} is not from 0 to 100`);
  }
  const shedCount = context.shedConnections(wanted);
  return { fields: { connections_shed: shedCount, percentage_requested: wanted } };
}

function* mapped<Item>(items: Iterable<Item>, toJson: (item: Item) => Json): Generator<Json> {
  for (const item of items) yield toJson(item);
}
