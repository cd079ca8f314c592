/**
 * The answer of a server that is not there yet, crowded, or about to go: to requests of the API it is a problem like
 * any other, so that its clients need not know of another form.
 *
 * @module
 */
import { Reply } from "./listener/reply.ts";
import { Problem, RETRY_AFTER_S } from "./problem.ts";
import { problemResponse } from "./problem_response.ts";
import { rawPathOf } from "./url_template.ts";

const API_PREFIX = "/api/";
/** It may have no tree to tell of. */
const NO_ZXID = "0x0";

/** @param detail one sentence */
export function unavailable({ method, url }: Request, detail: string): Response {
  const rawPath = rawPathOf(url);
  if (!rawPath.startsWith(API_PREFIX)) {
    return new Reply(`${detail}\n`, {
      status: 503,
      headers: {
        "content-type": "text/plain; charset=utf-8",
        "retry-after": `${RETRY_AFTER_S}`,
      },
    });
  }
  const problem = new Problem("unavailable", { detail, outcome: "not-applied" });
  return problemResponse(problem, { instance: rawPath, zxid: NO_ZXID, method });
}
