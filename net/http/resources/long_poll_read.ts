/**
 * `?since=…&wait=…` on reads: the answer comes when there is something newer, or 204 when time runs out.
 *
 * @module
 */
import type * as z from "zod";
import { LONG_POLL_WAIT_MS_MAX } from "../../../core/limits.ts";
import { zxidText } from "../../../core/zxid.ts";
import { waitForChange } from "../watch/long_poll.ts";
import { Problem } from "../problem.ts";
import { duration } from "../duration.ts";
import { ZxidText } from "../query_values.ts";
import type { Call } from "../route.ts";
import { Reply } from "../listener/reply.ts";

export const WAIT_QUERY = {
  since: ZxidText.optional()
    .meta({ description: "X-Zk-Since of an answer: only what is newer is answered" }),
  wait: duration({ max: LONG_POLL_WAIT_MS_MAX }).optional()
    .meta({ description: "with since: how long to wait for it, such as 55s or 10m" }),
};

export const SINCE_HEADER = {
  "X-Zk-Since": "what to send as since to be answered when this has changed",
} as const;

type WaitQuery = { [Name in keyof typeof WAIT_QUERY]?: z.output<typeof WAIT_QUERY[Name]> };

/** Answers by `answer` when the znode has changed since then, else 204. */
export async function whenChanged<Query extends WaitQuery, Body>(
  call: Call<Query, Body>,
  kind: "data" | "children",
  answer: (call: Call<Query, Body>) => Response | Promise<Response>,
): Promise<Response> {
  const { path, signal } = call;
  const { since, wait = 0 } = call.query;
  if (since === undefined) {
    throw new Problem("bad-request", {
      path,
      detail: "wait needs since: send the X-Zk-Since of an earlier answer with it",
    });
  }
  const end = await waitForChange(call, { path, since, kind, waitMs: wait, signal });
  // of one that is gone the answer is 404
  if (end !== "timeout") return answer(call);
  return new Reply(null, { status: 204, headers: { "x-zk-since": zxidText(since) } });
}
