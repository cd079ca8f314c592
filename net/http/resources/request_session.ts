/**
 * The session that a request is made in: named in its body or in `X-Zk-Session`, or made by it.
 *
 * @module
 */
import * as z from "zod";
import type { ServerConfig } from "../../../core/server_config.ts";
import { duration, durationText } from "../duration.ts";
import type { SessionKey } from "../gateway.ts";
import { Problem } from "../problem.ts";
import type { Call } from "../route.ts";
import { sessionKeyOf, sessionTokenOf } from "../session_token.ts";

/** Session timeouts are 32 bits wide. */
const SESSION_TIMEOUT_MS_MAX = 2 ** 31 - 1;
export const SESSION_TIMEOUT_MS_DEFAULT = 15_000;

/** A session's timeout, which the API calls its time to live. */
export const SessionTtl = duration({ min: 1, max: SESSION_TIMEOUT_MS_MAX });

/** Of bodies of requests that need a session. */
export const SESSION_FIELDS = {
  session: z.string().optional()
    .meta({ description: "the session's token, unless X-Zk-Session has it" }),
  ttl: SessionTtl.optional()
    .meta({ description: "makes a session for this only, which lives so long without a request" }),
};

export interface RequestSession {
  readonly key: SessionKey;
  readonly timeoutMs: number;
  /** Of a session that this request made; null: it had one. */
  readonly token: string | null;
}

/** @throws {Problem} `session-required`, `session-expired`, `bad-request` */
export async function sessionOfRequest(
  { caller, gateway }: Pick<Call, "caller" | "gateway">,
  { session, ttl }: { session?: string | undefined; ttl?: number | undefined },
): Promise<RequestSession> {
  const named = session === undefined ? caller.session : sessionKeyOf(session, "session");
  if (named !== null) {
    if (ttl !== undefined) {
      throw new Problem("bad-request", {
        detail:
          "The ttl is of a session that is to be made, but the request has one: leave one out",
      });
    }
    const { key, timeoutMs } = await gateway.touch(named);
    return { key, timeoutMs, token: null };
  }
  if (ttl === undefined) {
    throw new Problem("session-required", {
      detail: "Name a session (session in the body, or X-Zk-Session), or give a ttl to have one " +
        "made for this only",
    });
  }
  const { ttlMs } = clampTtl(gateway.config, ttl);
  const { key, timeoutMs } = await gateway.createSession({ ...caller, session: null }, ttlMs);
  return { key, timeoutMs, token: sessionTokenOf(key) };
}

/** In place of the token in a URL: the session of `X-Zk-Session`, for URLs that get logged. */
const CURRENT = "current";
/** Of operations whose URL has a token. */
export const CURRENT_HEADERS = {
  "X-Zk-Session": `the session's token, if the URL has \`${CURRENT}\` instead`,
};

/**
 * The session whose token stands in the URL.
 *
 * @throws {Problem} `session-required`, `bad-request`
 */
export function sessionOfUrl({ params, caller }: Pick<Call, "params" | "caller">): SessionKey {
  if (params.token !== CURRENT) return sessionKeyOf(params.token!, "The URL");
  if (caller.session !== null) return caller.session;
  throw new Problem("session-required", {
    detail: `The session ${CURRENT} is that of X-Zk-Session, which the request does not have`,
  });
}

/** The timeout that a session gets, and which setting made it another than asked for. */
export function clampTtl(
  { minSessionTimeoutMs: min, http: { maxSessionTimeoutMs: max } }: ServerConfig,
  ttlMs: number,
): { ttlMs: number; clamped: string | null } {
  if (ttlMs < min) {
    const clamped = `${durationText(ttlMs)} is less than minSessionTimeout, ${durationText(min)}`;
    return { ttlMs: min, clamped };
  }
  if (ttlMs > max && max >= min) {
    const clamped = `${durationText(ttlMs)} is more than http.maxSessionTimeout, ${
      durationText(max)
    }`;
    return { ttlMs: max, clamped };
  }
  return { ttlMs, clamped: null };
}
