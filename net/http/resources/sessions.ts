/**
 * Sessions for those who come over HTTP: real ones of the ensemble, with an id and a timeout like those of
 * ZooKeeper's own clients. Every member accepts their tokens.
 *
 * A session lives as long as its timeout without a sign of life: any request that names it in `X-Zk-Session` is
 * one. It owns ephemeral znodes, places in the queues of locks, and candidacies.
 *
 * @module
 */
import * as z from "zod";
import { SESSION_EPHEMERAL_LIST_LENGTH_MAX } from "../../../core/limits.ts";
import { Permission } from "../../../core/tree/acl_list.ts";
import { decodeUtf8 } from "../../../core/wire/jute.ts";
import { sessionIdToHex } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import type { Caller, Gateway, SessionKey } from "../gateway.ts";
import { onlyReading } from "../gateway_problems.ts";
import { Reply } from "../listener/reply.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import { sessionTokenOf } from "../session_token.ts";
import {
  clampTtl,
  CURRENT_HEADERS,
  SESSION_TIMEOUT_MS_DEFAULT,
  sessionOfUrl,
  SessionTtl,
} from "./request_session.ts";

const TAG = "sessions";
const PATH = "/api/v1/sessions";

const NO_QUERY = z.strictObject({});

const SessionBody = z.strictObject({
  ttl: SessionTtl.default(SESSION_TIMEOUT_MS_DEFAULT)
    .meta({ description: "how long it lives without a request: 15s unless said otherwise" }),
});

const NewSession = z.object({
  id: HexText.meta({ description: "as others see it: the owner of its ephemerals" }),
  token: z.string().meta({ description: "who has it has the session: keep it secret" }),
  ttlMs: z.int(),
  expiresInMs: z.int().meta({ description: "unless there is another request" }),
  clamped: z.string().optional().meta({ description: "why ttlMs is not what was asked for" }),
}).meta({ id: "NewSession" });

const Expiry = z.object({ expiresInMs: z.int() }).meta({ id: "SessionExpiry" });

const Session = z.object({
  id: HexText,
  ttlMs: z.int(),
  expiresInMs: z.int(),
  ephemerals: z.array(z.string()).meta({
    description: "paths of its znodes that the caller may read, as this member knows them; " +
      `${SESSION_EPHEMERAL_LIST_LENGTH_MAX} at most`,
  }),
  ephemeralCount: z.int(),
}).meta({ id: "Session" });

export const sessionRoutes: AnyRoute[] = [
  route({
    method: "POST",
    path: PATH,
    operationId: "createSession",
    tag: TAG,
    summary: "Make a session",
    description:
      "It ends when nothing is heard of it for its ttl, never earlier. The ttl is kept within minSessionTimeout " +
      "and http.maxSessionTimeout.",
    query: NO_QUERY,
    body: SessionBody,
    responses: {
      201: {
        description: "The session",
        body: NewSession,
        headers: { Location: "its URL, which holds the token" },
      },
    },
    problems: ["operation-timeout"],
    isWrite: true,
    handle: async ({ request, gateway, caller, body }) => {
      const { ttlMs, clamped } = clampTtl(gateway.config, body.ttl);
      const { key, timeoutMs } = await gateway.createSession({ ...caller, session: null }, ttlMs);
      const token = sessionTokenOf(key);
      const answer: z.input<typeof NewSession> = {
        id: sessionIdToHex(key.id),
        token,
        ttlMs: timeoutMs,
        expiresInMs: timeoutMs,
        ...(clamped === null ? {} : { clamped }),
      };
      const headers = { "location": `${PATH}/${token}`, "cache-control": "no-store" };
      return jsonResponse(request, answer, { status: 201, headers });
    },
  }),
  route({
    method: "GET",
    path: `${PATH}/{token}`,
    operationId: "getSession",
    tag: TAG,
    summary: "A session's timeout and its znodes",
    description: "Keeps it alive like every request.",
    query: NO_QUERY,
    headers: CURRENT_HEADERS,
    body: null,
    responses: { 200: { description: "The session", body: Session } },
    problems: ["session-required", "session-expired"],
    isWrite: false,
    handle: async (call) => {
      if (call.gateway.isReadOnly) throw onlyReading(); // it would say when the session expires
      const { key, timeoutMs } = await call.gateway.touch(sessionOfUrl(call));
      const answer: z.input<typeof Session> = {
        id: sessionIdToHex(key.id),
        ttlMs: timeoutMs,
        expiresInMs: timeoutMs,
        ...ephemeralsOf(call, key),
      };
      return jsonResponse(call.request, answer, { headers: { "cache-control": "no-store" } });
    },
  }),
  route({
    method: "POST",
    path: `${PATH}/{token}/keepalive`,
    operationId: "keepSessionAlive",
    tag: TAG,
    summary: "Give a sign of life",
    query: NO_QUERY,
    headers: CURRENT_HEADERS,
    body: null,
    responses: { 200: { description: "The session's whole ttl is ahead of it", body: Expiry } },
    problems: ["session-required", "session-expired", "operation-timeout"],
    isWrite: true,
    handle: async (call) => {
      const { gateway, caller } = call;
      const { timeoutMs } = await gateway.touch(sessionOfUrl(call));
      // the leader counts the time: of a member that it does not hear, nobody is to rely on the answer
      await gateway.sync(caller);
      const answer: z.input<typeof Expiry> = { expiresInMs: timeoutMs };
      return jsonResponse(call.request, answer, { headers: { "cache-control": "no-store" } });
    },
  }),
  route({
    method: "DELETE",
    path: `${PATH}/{token}`,
    operationId: "closeSession",
    tag: TAG,
    summary: "End a session",
    description: "Its ephemerals are deleted at once, and with them its locks and candidacies.",
    query: NO_QUERY,
    headers: CURRENT_HEADERS,
    body: null,
    responses: { 204: { description: "The session has ended" } },
    problems: ["session-required", "session-expired", "session-moved", "operation-timeout"],
    isWrite: true,
    handle: async (call) => {
      await call.gateway.closeSession({ ...call.caller, session: sessionOfUrl(call) });
      return new Reply(null, { status: 204 });
    },
  }),
];

function ephemeralsOf(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  { id }: SessionKey,
): { ephemerals: string[]; ephemeralCount: number } {
  const { tree } = gateway;
  const nodes = tree.ephemeralsOf(id);
  const ephemerals: string[] = [];
  for (const node of nodes) {
    if (ephemerals.length === SESSION_EPHEMERAL_LIST_LENGTH_MAX) break;
    const path = decodeUtf8(tree.store.path(node));
    if (gateway.mayDo(caller, path, Permission.Read)) ephemerals.push(path);
  }
  return { ephemerals: ephemerals.sort(), ephemeralCount: nodes.size };
}
