/**
 * This one server: its connections, sessions and watches, its log level, its settings. All of it is for admins.
 *
 * @module
 */
import * as z from "zod";
import type { LogLevel } from "../../../core/ports.ts";
import { sessionIdToHex, zxidText } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import { Problem } from "../problem.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import {
  connectionName,
  type ConnectionStatus,
  type PathWatches,
  type ServerAdmin,
  type SessionStatus,
  type SessionWatches,
} from "../server_admin.ts";
import { settingsJson } from "../settings_json.ts";
import { requireAdmin } from "./admin_access.ts";
import { type Page, PageEnd, pageOf, PageQuery } from "./paging.ts";
import { Reply } from "../listener/reply.ts";

const TAG = "server";
const ADMIN_PROBLEMS = ["no-auth", "auth-required"] as const;
/** Of a path that many watch. */
const WATCHERS_TOLD_MAX = 100;

const Connection = z.object({
  address: z.string().meta({ description: "the client's end, which names the connection" }),
  session: HexText.nullable(),
  timeoutMs: z.int().nullable(),
  connectedAt: z.int().meta({ description: "ms since 1970" }),
  outstandingCount: z.int(),
  packetsReceived: z.int(),
  packetsSent: z.int(),
  watchCount: z.int(),
  lastZxid: HexText.nullable(),
  latencyMs: z.object({ last: z.number(), avg: z.number(), max: z.number() }),
}).meta({ id: "Connection" });

const Session = z.object({
  id: HexText,
  kind: z.enum(["global", "local"]),
  timeoutMs: z.int(),
  remainingMs: z.int().nullable().meta({
    description: "until it ends if nothing is heard of it; null where only the leader knows",
  }),
  client: z.object({ address: z.string(), via: z.enum(["tcp", "http"]) }).nullable().meta({
    description: "who uses it through this server; null: through another one, or nobody",
  }),
  ephemeralCount: z.int(),
  closing: z.boolean(),
}).meta({ id: "ServerSession" });

const WatchKinds = z.array(z.enum(["data", "child", "persistent", "recursive"]));
const PathWatchesJson = z.object({
  path: z.string(),
  count: z.int(),
  watchers: z.array(z.object({
    session: HexText.nullable().meta({ description: "null: a stream or long poll over HTTP" }),
    kinds: WatchKinds,
  })).meta({ description: `${WATCHERS_TOLD_MAX} at most` }),
});
const SessionWatchesJson = z.object({
  session: HexText,
  count: z.int(),
  paths: z.array(z.string()),
});

const Level = z.enum(["debug", "info", "warn", "error", "off"]);

export function serverRoutes(admin: ServerAdmin): AnyRoute[] {
  return [
    ...connectionRoutes(admin),
    ...sessionRoutes(admin),
    watchesRoute(admin),
    ...logLevelRoutes(admin),
    settingsRoute(),
  ];
}

function connectionRoutes(admin: ServerAdmin): AnyRoute[] {
  return [
    route({
      method: "GET",
      path: "/api/v1/server/connections",
      operationId: "getConnections",
      tag: TAG,
      summary: "Connections on the client port, in order of their addresses",
      query: z.strictObject(PageQuery),
      body: null,
      responses: {
        200: {
          description: "A page of them",
          body: z.object({ connections: z.array(Connection), ...PageEnd }),
        },
      },
      problems: ADMIN_PROBLEMS,
      isWrite: false,
      handle: (call) => {
        requireAdmin(call);
        const page = pageOf(admin.connections(), { ...call.query, keyOf: connectionName });
        return jsonResponse(call.request, pageJson("connections", page, connectionJson));
      },
    }),
    route({
      method: "DELETE",
      path: "/api/v1/server/connections/{address}",
      operationId: "closeConnection",
      tag: TAG,
      summary: "Closes a connection; its session lives on, and its client may come back",
      query: z.strictObject({}),
      body: null,
      responses: { 204: { description: "It is closed" } },
      problems: [...ADMIN_PROBLEMS, "no-connection", "bad-request"],
      isWrite: true,
      handle: (call) => {
        requireAdmin(call);
        const address = call.params.address!;
        if (admin.closeConnection(parseAddress(address))) {
          return new Reply(null, { status: 204 });
        }
        throw new Problem("no-connection", {
          detail:
            `No client is connected from ${address}: GET /api/v1/server/connections lists them`,
          outcome: "not-applied",
        });
      },
    }),
  ];
}

function sessionRoutes(admin: ServerAdmin): AnyRoute[] {
  return [
    route({
      method: "GET",
      path: "/api/v1/server/sessions",
      operationId: "getServerSessions",
      tag: TAG,
      summary: "All sessions of the ensemble and this server's local ones, in order of their ids",
      query: z.strictObject(PageQuery),
      body: null,
      responses: {
        200: {
          description: "A page of them",
          body: z.object({ sessions: z.array(Session), ...PageEnd }),
        },
      },
      problems: ADMIN_PROBLEMS,
      isWrite: false,
      handle: (call) => {
        requireAdmin(call);
        const { limit, after } = call.query;
        const page = pageOf(admin.sessions(), { limit, after, keyOf: ({ id }) => idKey(id) });
        return jsonResponse(call.request, pageJson("sessions", page, sessionJson));
      },
    }),
    route({
      method: "DELETE",
      path: "/api/v1/server/sessions/{id}",
      operationId: "killSession",
      tag: TAG,
      summary: "Ends a session, with its ephemeral znodes, wherever its client is",
      description:
        "Answered when the end is committed. A local session of another server is not known here.",
      query: z.strictObject({}),
      body: null,
      responses: { 204: { description: "It has ended" } },
      problems: [...ADMIN_PROBLEMS, "no-session", "bad-request", "no-quorum", "operation-timeout"],
      isWrite: true,
      handle: async (call) => {
        requireAdmin(call);
        const id = call.params.id!;
        switch (await admin.endSession(parseSessionId(id))) {
          case "ended":
            return new Reply(null, { status: 204 });
          case "unknown":
            throw new Problem("no-session", {
              detail: `There is no session ${id}: GET /api/v1/server/sessions lists them`,
              outcome: "not-applied",
            });
          case "noQuorum":
            throw new Problem("no-quorum", {
              detail: "No leader is there to end the session: ask again",
              outcome: "not-applied",
            });
          case "late":
            throw new Problem("operation-timeout", {
              detail:
                `Session ${id} has not ended in ${call.gateway.config.http.requestTimeoutMs} ms ` +
                "(http.requestTimeout), and may yet",
              outcome: "unknown",
            });
        }
      },
    }),
  ];
}

function watchesRoute(admin: ServerAdmin): AnyRoute {
  return route({
    method: "GET",
    path: "/api/v1/server/watches",
    operationId: "getWatches",
    tag: TAG,
    summary: "Watches of this server's clients, by path or by session",
    query: z.strictObject({ by: z.enum(["path", "session"]).default("path"), ...PageQuery }),
    body: null,
    responses: {
      200: {
        description: "A page of them",
        body: z.union([
          z.object({ paths: z.array(PathWatchesJson), ...PageEnd }),
          z.object({ sessions: z.array(SessionWatchesJson), ...PageEnd }),
        ]),
      },
    },
    problems: ADMIN_PROBLEMS,
    isWrite: false,
    handle: (call) => {
      requireAdmin(call);
      const { by, limit, after } = call.query;
      if (by === "path") {
        const page = pageOf(admin.watchesByPath(), { limit, after, keyOf: ({ path }) => path });
        return jsonResponse(call.request, pageJson("paths", page, pathWatchesJson));
      }
      const page = pageOf(admin.watchesBySession(), {
        ...{ limit, after, keyOf: ({ sessionId }) => idKey(sessionId) },
      });
      return jsonResponse(call.request, pageJson("sessions", page, sessionWatchesJson));
    },
  });
}

function logLevelRoutes(admin: ServerAdmin): AnyRoute[] {
  const body = z.object({ level: Level });
  return [
    route({
      method: "GET",
      path: "/api/v1/server/log-level",
      operationId: "getLogLevel",
      tag: TAG,
      summary: "From which level on lines are logged",
      query: z.strictObject({}),
      body: null,
      responses: { 200: { description: "It", body } },
      problems: [...ADMIN_PROBLEMS, "unimplemented"],
      isWrite: false,
      handle: (call) => {
        requireAdmin(call);
        return jsonResponse(call.request, { level: logLevelOf(admin).threshold });
      },
    }),
    route({
      method: "PUT",
      path: "/api/v1/server/log-level",
      operationId: "setLogLevel",
      tag: TAG,
      summary: "Logs more or less from now on, until the server stops",
      query: z.strictObject({}),
      body: z.strictObject({ level: Level }),
      responses: { 200: { description: "It is set", body } },
      problems: [...ADMIN_PROBLEMS, "unimplemented"],
      isWrite: true,
      handle: (call) => {
        requireAdmin(call);
        const logLevel = logLevelOf(admin);
        logLevel.threshold = call.body.level;
        return jsonResponse(call.request, { level: logLevel.threshold });
      },
    }),
  ];
}

function settingsRoute(): AnyRoute {
  return route({
    method: "GET",
    path: "/api/v1/server/config",
    operationId: "getServerConfig",
    tag: TAG,
    summary: "The settings that the server runs with",
    description: "Passwords and digests are masked.",
    query: z.strictObject({}),
    body: null,
    responses: {
      200: {
        description: "As written in the file, and as they are in effect",
        body: z.object({
          file: z.record(z.string(), z.string()),
          effective: z.record(z.string(), z.json()),
        }),
      },
    },
    problems: ADMIN_PROBLEMS,
    isWrite: false,
    handle: (call) => {
      requireAdmin(call);
      return jsonResponse(call.request, settingsJson(call.gateway.config));
    },
  });
}

/** What a list answers, whose entries stand under `name`. */
function pageJson<T>(
  name: string,
  { entries, total, next }: Page<T>,
  json: (entry: T) => unknown,
): Record<string, unknown> {
  return { [name]: entries.map(json), total, next };
}

function connectionJson(connection: ConnectionStatus): z.input<typeof Connection> {
  const { sessionId, lastZxid, lastLatencyMs, avgLatencyMs, maxLatencyMs } = connection;
  return {
    address: connectionName(connection),
    session: sessionId === null ? null : sessionIdToHex(sessionId),
    timeoutMs: connection.timeoutMs,
    connectedAt: Math.floor(connection.connectedMs),
    outstandingCount: connection.outstandingCount,
    packetsReceived: connection.packetsReceived,
    packetsSent: connection.packetsSent,
    watchCount: connection.watchCount,
    lastZxid: lastZxid === null ? null : zxidText(lastZxid),
    latencyMs: {
      last: rounded(lastLatencyMs),
      avg: rounded(avgLatencyMs),
      max: rounded(maxLatencyMs),
    },
  };
}

function sessionJson(session: SessionStatus): z.input<typeof Session> {
  return {
    id: sessionIdToHex(session.id),
    kind: session.kind,
    timeoutMs: session.timeoutMs,
    remainingMs: session.remainingMs,
    client: session.client,
    ephemeralCount: session.ephemeralCount,
    closing: session.isClosing,
  };
}

function pathWatchesJson({ path, watchers }: PathWatches): z.input<typeof PathWatchesJson> {
  return {
    path,
    count: watchers.length,
    watchers: watchers.slice(0, WATCHERS_TOLD_MAX).map(({ sessionId, kinds }) => ({
      session: sessionId === null ? null : sessionIdToHex(sessionId),
      kinds: [...kinds],
    })),
  };
}

function sessionWatchesJson(
  { sessionId, pathCount, paths }: SessionWatches,
): z.input<typeof SessionWatchesJson> {
  return { session: sessionIdToHex(sessionId), count: pathCount, paths: [...paths] };
}

function logLevelOf({ logLevel }: ServerAdmin): LogLevel {
  if (logLevel !== null) return logLevel;
  throw new Problem("unimplemented", {
    detail: "The log of this server is its host program's: set its level there",
    outcome: "not-applied",
  });
}

function parseAddress(text: string): { remoteAddress: string; remotePort: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const remoteAddress = bracketed ?? plain;
  if (remoteAddress !== undefined) return { remoteAddress, remotePort: Number(port) };
  throw new Problem("bad-request", {
    detail: `A connection cannot be ${
      JSON.stringify(text.slice(0, 100))
    }: name it by its client's address and port, such as 10.0.0.7:50000 or [::1]:50000`,
  });
}

function parseSessionId(text: string): bigint {
  if (/^0x[0-9a-f]{1,16}$/i.test(text)) return BigInt.asIntN(64, BigInt(text));
  throw new Problem("bad-request", {
    detail: `A session's id cannot be ${
      JSON.stringify(text.slice(0, 100))
    }: write it as GET /api/v1/server/sessions does, such as 0x100000003000000`,
  });
}

/** Orders as unsigned numbers do. */
function idKey(id: bigint): string {
  return `0x${BigInt.asUintN(64, id).toString(16).padStart(16, "0")}`;
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
