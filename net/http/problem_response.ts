/**
 * A {@linkcode Problem} as a response: `application/problem+json` (RFC 9457), with ZooKeeper's name of the error
 * in a header too, for those who read no JSON.
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";
import { Reply } from "./listener/reply.ts";
import {
  ClientErrorCode,
  type Problem,
  type ProblemKind,
  PROBLEMS,
  RETRY_AFTER_S,
} from "./problem.ts";

/** ZooKeeper's constants, by code. */
const NAMES = new Map<number, string>(
  Object.entries({ ...ErrorCode, ...ClientErrorCode })
    .map(([name, code]) => [code, name.toUpperCase()]),
);

/** ZooKeeper's name of an error, such as NONODE. */
export function errorNameOf(code: number): string | undefined {
  return NAMES.get(code);
}

export interface ProblemContext {
  /** The path of the URL as it came. */
  readonly instance: string;
  /** The znode's, where the URL has one. */
  readonly path?: string | undefined;
  /** The last zxid, as text. */
  readonly zxid: string;
  /** The request's: the answer to HEAD has no body, and that to a read no outcome. */
  readonly method: string;
}

export function problemResponse(
  { problem, details }: Problem,
  { instance, path, zxid, method }: ProblemContext,
): Response {
  const kind: ProblemKind = PROBLEMS[problem];
  const { status, title, code } = kind;
  const name = code === undefined ? undefined : errorNameOf(code);
  const headers: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...(name === undefined ? {} : { "x-zk-error": name }),
    ...(status === 401 ? { "www-authenticate": 'Basic realm="ZooKeeper", charset="UTF-8"' } : {}),
  };
  for (const [name, value] of Object.entries(details.headers ?? {})) {
    headers[name.toLowerCase()] = value;
  }
  if (status === 503 || status === 429 || details.retryAfter !== undefined) {
    headers["retry-after"] = String(details.retryAfter ?? RETRY_AFTER_S);
  }
  // what is undefined is left out
  const body = {
    type: `urn:denkeeper:problem:${problem}`,
    title,
    status,
    detail: details.detail ?? adviceOf(kind, details.path ?? path),
    instance,
    code,
    name,
    path: details.path ?? path,
    zxid,
    retryable: kind.isRetryable ?? false,
    outcome: method === "GET" || method === "HEAD" ? undefined : details.outcome,
    ...details.members,
  };
  const text = `${JSON.stringify(body)}\n`;
  return new Reply(method === "HEAD" ? null : text, { status, headers });
}

/** For problems that were thrown without a word. */
function adviceOf(
  { title, advice }: ProblemKind,
  path: string | undefined,
): string | undefined {
  if (advice === undefined) return undefined;
  return `${title}${path === undefined ? "" : ` (${path})`}: ${advice}`;
}
