/**
 * Locks: who comes first holds it, and the others queue, in znodes that Curator's `InterProcessMutex` and kazoo's
 * `Lock` read and write as well.
 *
 * The answer that one holds a lock is true when it is given; a client that pauses, or cannot reach the ensemble,
 * may lose it by its session's end without noticing. So every holder gets a fencing token that is higher than
 * all before, for what the lock protects to refuse those that come late.
 *
 * @module
 */
import * as z from "zod";
import { sessionIdToHex, zxidText } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import { duration } from "../duration.ts";
import { Problem, RETRY_AFTER_S } from "../problem.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import { delayBefore, isDelayed, LOCK_DELAY_MS_MAX, markDelay, unmarkDelay } from "./lock_delay.ts";
import { checkMayRead, entryJson, LOCK_QUEUE, queueEntries, QueueEntryJson } from "./queue.ts";
import {
  type Contender,
  type Place,
  type Standing,
  standingOf,
  waitForTurn,
} from "./queue_place.ts";
import {
  contend,
  type Contention,
  type ContentionEnd,
  QUEUE_HEADERS,
  QueueBody,
  QueueQuery,
  withdraw,
} from "./queue_request.ts";
import type { QueueWait } from "./queue_wait.ts";

const TAG = "locks";

const LockBody = z.strictObject({
  ...QueueBody.shape,
  lockDelay: duration({ max: LOCK_DELAY_MS_MAX }).default(0).meta({
    description: "nobody gets the lock for so long after its holder's session ended unreleased",
  }),
});

const LockQuery = z.strictObject({
  queue: z.enum(["leave", "keep"]).default("leave").meta({
    description: "keep: who does not get the lock in time keeps its place, and asks again later",
  }),
});

const HeldLock = z.object({
  held: z.literal(true),
  path: z.string(),
  node: z.string().meta({ description: "the znode in the queue" }),
  position: z.literal(0),
  fencingToken: HexText.meta({ description: "higher than that of each holder before" }),
  session: HexText,
  ttlMs: z.int().meta({ description: "the session's timeout" }),
  token: z.string().optional()
    .meta({
      description: "of the session that was made for the lock: to keep it, and to release it",
    }),
}).meta({ id: "HeldLock" });

const LockQueue = z.object({
  path: z.string(),
  holder: QueueEntryJson.nullable(),
  queue: z.array(QueueEntryJson).meta({ description: "those who wait, the next one first" }),
  waitingCount: z.int(),
  delayed: z.boolean().meta({ description: "a lock delay lasts: nobody gets it now" }),
}).meta({ id: "LockQueue" });

export const lockRoutes: AnyRoute[] = [
  route({
    method: "POST",
    path: "/api/v1/locks/{path}",
    operationId: "acquireLock",
    tag: TAG,
    summary: "Get a lock",
    description:
      "Waits up to `wait`, during which the session is kept alive. The same request once more finds the same " +
      "place in the queue, here or at another member, also when it holds the lock. What is missing of the path " +
      "is made, as containers. A client that hangs up leaves the queue, unless `queue=keep`. Once the lock is " +
      "held, keep the session alive, and give the fencing token to what the lock protects.",
    query: LockQuery,
    headers: QUEUE_HEADERS,
    body: LockBody,
    responses: {
      200: { description: "The session holds the lock, in a place it had", body: HeldLock },
      201: { description: "The session holds the lock", body: HeldLock },
    },
    problems: [
      ...["session-required", "session-expired", "session-moved", "lock-held"] as const,
      ...["lock-delayed", "lock-not-held", "no-auth", "operation-timeout"] as const,
    ],
    isWrite: true,
    handle: (call) =>
      contend(call, {
        kind: LOCK_QUEUE,
        keepsPlace: call.query.queue === "keep",
        body: call.body,
        waitToWin: (contender, place, wait) =>
          waitToHold(contender, place, { wait, lockDelayMs: call.body.lockDelay }),
        answer: (contention, { standing, isWon }) => {
          if (isWon) return heldAnswer(call.request, contention, standing);
          throw notHeld(contention, { standing, isKept: call.query.queue === "keep" });
        },
        gone: ({ contender: { path } }) =>
          new Problem("lock-not-held", {
            detail:
              `The session's entry in the queue of ${path} was deleted while the request waited`,
            path,
          }),
      }),
  }),
  route({
    method: "GET",
    path: "/api/v1/locks/{path}",
    operationId: "getLock",
    tag: TAG,
    summary: "Who holds a lock, and who waits for it",
    description: "As this member knows it. A lock that does not exist is free.",
    query: QueueQuery,
    body: null,
    responses: { 200: { description: "The lock", body: LockQueue } },
    problems: ["no-auth"],
    isWrite: false,
    handle: ({ request, gateway, caller, path, query }) => {
      checkMayRead(gateway, caller, path);
      const entries = queueEntries(gateway.tree, path, LOCK_QUEUE);
      const delayed = isDelayed({ gateway, path }, entries);
      const heldCount = delayed || entries.length === 0 ? 0 : 1;
      const shown = entries.slice(0, heldCount + query.limit)
        .map((entry, position) => entryJson({ gateway, caller }, entry, position));
      const answer: z.input<typeof LockQueue> = {
        path,
        holder: heldCount === 1 ? shown[0]! : null,
        queue: shown.slice(heldCount),
        waitingCount: entries.length - heldCount,
        delayed,
      };
      return jsonResponse(request, answer);
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/locks/{path}",
    operationId: "releaseLock",
    tag: TAG,
    summary: "Release a lock, or leave its queue",
    description: "A session that was made for the lock ends with it.",
    query: z.strictObject({}),
    headers: QUEUE_HEADERS,
    body: null,
    responses: { 204: { description: "The session has no place in the queue any more" } },
    problems: ["session-required", "session-expired", "session-moved", "lock-not-held", "no-auth"],
    isWrite: true,
    handle: (call) =>
      withdraw(call, {
        kind: LOCK_QUEUE,
        leaving: unmarkDelay,
        none: () =>
          new Problem("lock-not-held", {
            detail: `The session neither holds the lock ${call.path} nor waits for it`,
            path: call.path,
          }),
      }),
  }),
];

/** Waits to be the first in line, then for the end of a delay; "won" is true as long as nothing is awaited. */
async function waitToHold(
  contender: Contender,
  place: Place,
  { wait, lockDelayMs }: { wait: QueueWait; lockDelayMs: number },
): Promise<ContentionEnd> {
  for (;;) {
    const turn = await waitForTurn(contender, place, wait);
    if (turn !== "first") return turn;
    const { entries } = standingOf(contender, place);
    const delay = await delayBefore(contender, entries);
    if (delay === null) {
      if (lockDelayMs > 0) await markDelay(contender, entries[0]!, lockDelayMs);
      if (standingOf(contender, place).position === 0) return "won";
      continue;
    }
    const end = await wait.next([delay, place.path]);
    if (end !== "changed") return end;
  }
}

function heldAnswer(
  request: Request,
  { contender, session, place }: Contention,
  { entries }: Standing,
): Response {
  const answer: z.input<typeof HeldLock> = {
    held: true,
    path: contender.path,
    node: place.path,
    position: 0,
    fencingToken: zxidText(entries[0]!.czxid),
    session: sessionIdToHex(session.key.id),
    ttlMs: session.timeoutMs,
    ...(session.token === null ? {} : { token: session.token }),
  };
  return jsonResponse(request, answer, { status: place.isNew ? 201 : 200 });
}

function notHeld(
  { contender, session, place }: Contention,
  { standing: { entries, position }, isKept }: { standing: Standing; isKept: boolean },
): Problem {
  const { path } = contender;
  const delayed = isDelayed(contender, entries);
  const holder = delayed || position === 0 ? null : entryJson(contender, entries[0]!, 0);
  const detail = delayed
    ? `The last holder of ${path} went without releasing it, and its lock delay lasts`
    : `${path} is held by session ${holder?.session ?? "(hidden)"}, and ${
      position - 1
    } wait before this one`;
  return new Problem(delayed ? "lock-delayed" : "lock-held", {
    detail: `${detail}: ask again with a longer wait`,
    path,
    outcome: isKept ? "applied" : "not-applied",
    retryAfter: RETRY_AFTER_S,
    members: {
      held: false,
      position,
      holder,
      ...(isKept ? { node: place.path, ttlMs: session.timeoutMs } : {}),
      ...(isKept && session.token !== null ? { token: session.token } : {}),
    },
  });
}
