/**
 * Elections: the candidate that came first leads, and the next one follows when it resigns or its session ends,
 * in znodes that Curator's `LeaderLatch` reads and writes as well.
 *
 * As with locks, a leader may lose its session without noticing: its fencing token is for those who take its
 * orders.
 *
 * @module
 */
import * as z from "zod";
import { sessionIdToHex, zxidText } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import { Problem } from "../problem.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import { checkMayRead, entryJson, LATCH_QUEUE, queueEntries, QueueEntryJson } from "./queue.ts";
import { type Standing, waitForTurn } from "./queue_place.ts";
import {
  contend,
  type Contention,
  QUEUE_HEADERS,
  QueueBody,
  QueueQuery,
  withdraw,
} from "./queue_request.ts";

const TAG = "elections";

const CandidacyQuery = z.strictObject({
  queue: z.enum(["leave", "keep"]).default("keep").meta({
    description: "leave: who is not elected in time is no candidate any more",
  }),
});

const Candidacy = z.object({
  leader: z.boolean(),
  path: z.string(),
  node: z.string().meta({ description: "the candidate's znode" }),
  position: z.int().meta({ description: "0: it leads" }),
  fencingToken: HexText.meta({ description: "higher than that of each leader before" }),
  session: HexText,
  ttlMs: z.int().meta({ description: "the session's timeout" }),
  current: QueueEntryJson.meta({ description: "who leads" }),
  token: z.string().optional()
    .meta({ description: "of the session that was made for the candidacy" }),
}).meta({ id: "Candidacy" });

const Election = z.object({
  path: z.string(),
  leader: QueueEntryJson.nullable(),
  candidates: z.array(QueueEntryJson).meta({ description: "the leader as well, in their order" }),
  candidateCount: z.int(),
}).meta({ id: "Election" });

export const electionRoutes: AnyRoute[] = [
  route({
    method: "POST",
    path: "/api/v1/elections/{path}",
    operationId: "standForElection",
    tag: TAG,
    summary: "Be a candidate, and wait to lead",
    description:
      "Waits up to `wait`, during which the session is kept alive. Who does not lead by then stays a candidate, " +
      "and may ask again, here or at another member: the same session keeps its place. `data` is Curator's " +
      "participant id. To learn of changes, watch the path.",
    query: CandidacyQuery,
    headers: QUEUE_HEADERS,
    body: QueueBody,
    responses: {
      200: { description: "The session was a candidate, and may lead now", body: Candidacy },
      201: { description: "The session is a candidate, and may lead", body: Candidacy },
    },
    problems: [
      ...["session-required", "session-expired", "session-moved"] as const,
      ...["not-a-candidate", "no-auth", "operation-timeout"] as const,
    ],
    isWrite: true,
    handle: (call) =>
      contend(call, {
        kind: LATCH_QUEUE,
        keepsPlace: call.query.queue === "keep",
        body: call.body,
        waitToWin: async (contender, place, wait) => {
          const turn = await waitForTurn(contender, place, wait);
          return turn === "first" ? "won" : turn;
        },
        answer: (contention, { standing }) => candidacyAnswer(call.request, contention, standing),
        gone: ({ contender: { path } }) =>
          new Problem("not-a-candidate", {
            detail: `The session's entry at ${path} was deleted while the request waited`,
            path,
          }),
      }),
  }),
  route({
    method: "GET",
    path: "/api/v1/elections/{path}",
    operationId: "getElection",
    tag: TAG,
    summary: "Who leads, and who stands for election",
    description: "As this member knows it. An election that does not exist has no candidates.",
    query: QueueQuery,
    body: null,
    responses: { 200: { description: "The election", body: Election } },
    problems: ["no-auth"],
    isWrite: false,
    handle: ({ request, gateway, caller, path, query }) => {
      checkMayRead(gateway, caller, path);
      const entries = queueEntries(gateway.tree, path, LATCH_QUEUE);
      const candidates = entries.slice(0, query.limit)
        .map((entry, position) => entryJson({ gateway, caller }, entry, position));
      const answer: z.input<typeof Election> = {
        path,
        leader: candidates[0] ?? null,
        candidates,
        candidateCount: entries.length,
      };
      return jsonResponse(request, answer);
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/elections/{path}",
    operationId: "resign",
    tag: TAG,
    summary: "Resign, or stand for election no more",
    description: "A session that was made for the candidacy ends with it.",
    query: z.strictObject({}),
    headers: QUEUE_HEADERS,
    body: null,
    responses: { 204: { description: "The session is no candidate any more" } },
    problems: [
      ...["session-required", "session-expired", "session-moved"] as const,
      ...["not-a-candidate", "no-auth"] as const,
    ],
    isWrite: true,
    handle: (call) =>
      withdraw(call, {
        kind: LATCH_QUEUE,
        leaving: () => Promise.resolve(),
        none: () =>
          new Problem("not-a-candidate", {
            detail: `The session does not stand for election at ${call.path}`,
            path: call.path,
          }),
      }),
  }),
];

function candidacyAnswer(
  request: Request,
  { contender, session, place }: Contention,
  { entries, position }: Standing,
): Response {
  const answer: z.input<typeof Candidacy> = {
    leader: position === 0,
    path: contender.path,
    node: place.path,
    position,
    fencingToken: zxidText(entries[position]!.czxid),
    session: sessionIdToHex(session.key.id),
    ttlMs: session.timeoutMs,
    current: entryJson(contender, entries[0]!, 0),
    ...(session.token === null ? {} : { token: session.token }),
  };
  return jsonResponse(request, answer, { status: place.isNew ? 201 : 200 });
}
