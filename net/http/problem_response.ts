/**
 * A {@linkcode Problem} as a response: `application/problem+json` (RFC 9457), with ZooKeeper's name of the error
 * in a header too, for those who read no JSON.
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";
import { type Problem, PROBLEMS } from "./problem.ts";
import { Reply } from "./listener/reply.ts";

/** Seconds, where the problem does not say. */
const RETRY_AFTER_S = 1;

/** ZooKeeper's constants, by code; those of its clients are no server's. */
const NAMES = new Map<number, string>([
  ...Object.entries(ErrorCode).map(([name, code]): [number, string] => [code, name.toUpperCase()]),
  [-4, "CONNECTIONLOSS"],
  [-7, "OPERATIONTIMEOUT"],
  [-122, "REQUESTTIMEOUT"],
]);

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
  /** The answer to HEAD has no body. */
  readonly isHead: boolean;
}

export function problemResponse(
  { problem, details }: Problem,
  { instance, path, zxid, isHead }: ProblemContext,
): Response {
  const kind: {
    readonly status: number;
    readonly title: string;
    readonly code?: number;
    readonly isRetryable?: boolean;
    readonly advice?: string;
  } = PROBLEMS[problem];
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
    outcome: details.outcome,
    ...details.members,
  };
  return new Reply(isHead ? null : JSON.stringify(body) + "\n", { status, headers });
}

/** For problems that were thrown without a word. */
function adviceOf(
  { title, advice }: { readonly title: string; readonly advice?: string },
  path: string | undefined,
): string | undefined {
  if (advice === undefined) return undefined;
  return `${title}${path === undefined ? "" : ` (${path})`}: ${advice}`;
}
