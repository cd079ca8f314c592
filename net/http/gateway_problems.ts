/**
 * Why a request that was carried into the server came to nothing, as the problem that its client is told.
 *
 * @module
 */
import type { LocalAnswer } from "../../core/server/local_client.ts";
import { sessionIdToHex } from "../../core/zxid.ts";
import { Problem, RETRY_AFTER_S } from "./problem.ts";

/** No answer came, in time or at all: what became of the request nobody knows. */
export function unanswered(
  answer: Exclude<LocalAnswer, { kind: "reply" }>,
  { path, requestTimeoutMs }: { path: string | null; requestTimeoutMs: number },
): Problem {
  const details = {
    outcome: "unknown",
    retryAfter: RETRY_AFTER_S,
    ...(path === null ? {} : { path }),
  } as const;
  if (answer.kind === "late") {
    return new Problem("operation-timeout", {
      detail:
        `No answer came in ${requestTimeoutMs} ms (http.requestTimeout): what was asked for ` +
        "may yet be done, read before you try again",
      ...details,
    });
  }
  return new Problem("no-quorum", {
    detail: `The answer is lost, since ${answer.reason}: what was asked for may have been done, ` +
      "read before you try again",
    ...details,
  });
}

/** The same of a request that needed a session first: it was not even sent. */
export function withoutSession(problem: Problem): Problem {
  return new Problem(problem.problem, {
    ...problem.details,
    detail: "No session could be used or made: ask again, or another server",
    outcome: "not-applied",
  });
}

export function notServing(): Problem {
  return new Problem("no-quorum", {
    detail: "This server is not part of a quorum now: ask again, or another server",
    outcome: "not-applied",
  });
}

export function onlyReading(): Problem {
  return new Problem("not-read-only", {
    detail: "This server has no quorum and serves reads only: ask again, or another server",
    outcome: "not-applied",
  });
}

export function throttled(outstandingCount: number): Problem {
  return new Problem("throttled", {
    detail: `${outstandingCount} requests are under way, which is as many as ` +
      "globalOutstandingLimit or request_throttle_max_requests allow: ask again later",
    outcome: "not-applied",
  });
}

export function expired(sessionId: bigint): Problem {
  return new Problem("session-expired", {
    detail: `Session ${sessionIdToHex(sessionId)} has ended or never was: make a new one`,
    outcome: "not-applied",
  });
}
