/**
 * What requests for a lock and for a candidacy have in common: their bodies and queries, and what is cleaned up
 * when they fail.
 *
 * @module
 */
import * as z from "zod";
import { LOCK_WAIT_MS_MAX, QUEUE_LIST_LENGTH_MAX } from "../../../core/limits.ts";
import { DataInput, dataOfJson } from "../data_json.ts";
import { duration } from "../duration.ts";
import { Reply } from "../listener/reply.ts";
import { Problem } from "../problem.ts";
import { count } from "../query_values.ts";
import type { Call } from "../route.ts";
import { IDEMPOTENCY_KEY, idempotencyKeyOf } from "./idempotency_key.ts";
import type { QueueEntry, QueueKind } from "./queue.ts";
import {
  type Contender,
  deleteEntry,
  entriesToLeave,
  isSessionFor,
  leavePlace,
  type Place,
  type Standing,
  standingOf,
  takePlace,
} from "./queue_place.ts";
import { QueueWait, type WaitEnd } from "./queue_wait.ts";
import { type RequestSession, SESSION_FIELDS, sessionOfRequest } from "./request_session.ts";

export const QueueBody = z.strictObject({
  ...SESSION_FIELDS,
  wait: duration({ max: LOCK_WAIT_MS_MAX }).default(0)
    .meta({ description: "how long to wait; nothing: only try" }),
  data: DataInput.optional()
    .meta({ description: "what others are shown of the contender, such as its name" }),
});

/** Reads of a queue. */
export const QueueQuery = z.strictObject({
  limit: count({ min: 1, max: QUEUE_LIST_LENGTH_MAX }).default(100)
    .meta({ description: "entries to list at most" }),
});

export const QUEUE_HEADERS = {
  "X-Zk-Session": "the session's token",
  [IDEMPOTENCY_KEY]:
    "tells several places of one session apart: without it a session has one in each queue",
};

/** A place that a request has in a queue. */
export interface Contention {
  readonly contender: Contender;
  readonly session: RequestSession;
  readonly place: Place;
}

/** How it ended. "won": the first in line, and nothing holds it up. */
export type ContentionEnd = "won" | "gone" | Exclude<WaitEnd, "changed">;

export interface ContentionOptions {
  readonly kind: QueueKind;
  /** Whether the place is kept when it is not won. */
  readonly keepsPlace: boolean;
  readonly body: z.output<typeof QueueBody>;
  /** Waits until it is won, or says why it cannot wait. */
  readonly waitToWin: (
    contender: Contender,
    place: Place,
    wait: QueueWait,
  ) => Promise<ContentionEnd>;
  /** Answers, or throws what is answered, from how the queue stands. */
  readonly answer: (
    contention: Contention,
    result: { readonly standing: Standing; readonly isWon: boolean },
  ) => Response;
  /** Of an entry that somebody deleted while its request waited. */
  readonly gone: (contention: Contention) => Problem;
}

/** What of a call does not depend on its route. */
type QueueCall = Pick<Call, "request" | "path" | "caller" | "gateway" | "signal">;

/** Takes a place in a queue, waits as long as the request says, and answers. */
export async function contend(call: QueueCall, options: ContentionOptions): Promise<Response> {
  const { gateway, caller, path } = call;
  const key = idempotencyKeyOf(call.request); // before there is a session to clean up
  const data = options.body.data === undefined ? undefined : dataOfJson(options.body.data, path);
  const session = await sessionOfRequest(call, options.body);
  const contender: Contender = {
    gateway,
    caller: { ...caller, session: session.key },
    path,
    kind: options.kind,
    key,
    isSessionForIt: session.token !== null,
  };
  const kept = { session: session.token === null };
  try {
    const place = await takePlace(contender, data === null ? new Uint8Array() : data);
    using wait = new QueueWait({
      gateway,
      session: session.key,
      waitMs: options.body.wait,
      hungUp: call.request.signal,
      signal: call.signal,
    });
    const end = await options.waitToWin(contender, place, wait);
    const isHungUp = end === "won" && call.request.signal.aborted;
    const contention = { contender, session, place };
    return await conclude(contention, { options, end: isHungUp ? "hungUp" : end, kept });
  } finally {
    if (!kept.session) await endSession(contender);
  }
}

/** @param kept to be told that the session is of use to the client: otherwise one made for this ends */
async function conclude(
  contention: Contention,
  { options, end, kept }: {
    options: ContentionOptions;
    end: ContentionEnd;
    kept: { session: boolean };
  },
): Promise<Response> {
  const { contender, session, place } = contention;
  const standing = standingOf(contender, place);
  switch (standing.position < 0 ? "gone" : end) {
    case "won":
      kept.session = true;
      return options.answer(contention, { standing, isWon: true });
    case "timeUp": {
      const answer = attempt(() => options.answer(contention, { standing, isWon: false }));
      if (options.keepsPlace) kept.session = true;
      else await leave(contention, standing);
      return answer();
    }
    case "hungUp":
      if (!options.keepsPlace) await leave(contention, standing);
      throw hungUp(contender.path);
    case "serviceEnded":
      throw serviceEnded(contention);
    case "gone":
      await contender.gateway.touch(session.key); // which says if that is why
      throw options.gone(contention);
  }
}

/**
 * Leaves the queue: what the session has there, or what it has with the request's key.
 *
 * @param leaving is called before each entry is deleted
 * @param none what to throw when there is nothing to leave
 */
export async function withdraw(
  call: QueueCall,
  { kind, leaving, none }: {
    kind: QueueKind;
    leaving: (contender: Contender, entry: QueueEntry) => Promise<void>;
    none: () => Problem;
  },
): Promise<Response> {
  const { gateway, caller, path } = call;
  const { key: session } = await sessionOfRequest(call, {});
  const contender: Contender = {
    gateway,
    caller: { ...caller, session },
    path,
    kind,
    key: idempotencyKeyOf(call.request),
    isSessionForIt: false,
  };
  const entries = await entriesToLeave(contender);
  if (entries.length === 0) throw none();
  for (const entry of entries) {
    await leaving(contender, entry);
    if (isSessionFor(contender, entry)) await gateway.closeSession(contender.caller);
    else await deleteEntry(contender, entry.path, -1);
  }
  return new Reply(null, { status: 204 });
}

/** Makes the answer now, of the queue as it is, and gives or throws it later. */
function attempt(answer: () => Response): () => Response {
  try {
    const response = answer();
    return () => response;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/**
 * Leaves the queue, but for a first place that was there before the request: an earlier one may have been told
 * that it is won.
 */
async function leave({ contender, session, place }: Contention, standing: Standing): Promise<void> {
  if (session.token !== null || (standing.position === 0 && !place.isNew)) return;
  await leavePlace(contender, place);
}

/** Nobody reads it. */
function hungUp(path: string): Problem {
  return new Problem("operation-timeout", {
    detail: `The request for a place in the queue of ${path} was given up by its client`,
    path,
  });
}

function serviceEnded({ session, place, contender: { path } }: Contention): Problem {
  return new Problem("no-quorum", {
    detail:
      "This server lost its quorum or its role, or stops, while the request waited: ask again, " +
      "here or at another member" + (session.token === null
        ? `; the session's place, ${place.path}, is kept`
        : "; the session that was made for it ends by itself"),
    path,
    outcome: "unknown",
  });
}

/** Of a request that fails: its client does not know of the session. */
async function endSession({ gateway, caller }: Contender): Promise<void> {
  try {
    await gateway.closeSession(caller);
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // it ends by itself
  }
}
