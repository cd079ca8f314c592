/**
 * What all operations have in common, for the OpenAPI document: parameters, headers, credentials, problems.
 *
 * @module
 */
import { durationText } from "./duration.ts";
import { CONSISTENCIES, CONSISTENCY, MIN_ZXID_WAIT_MS } from "./freshness.ts";
import { OUTCOMES, type ProblemName, PROBLEMS } from "./problem.ts";
import type { AnyRoute } from "./route.ts";
import { PATH_PARAM } from "./url_template.ts";

const HEX = { type: "string", pattern: "^0x[0-9a-f]{1,16}$" } as const;

export const COMMON_PARAMETERS = {
  path: {
    name: "path",
    in: "path",
    required: true,
    description: "The znode's path without its first slash, slashes and all; each name is " +
      "percent-encoded by itself. Nothing stands for the root",
    schema: { type: "string" },
    example: "app/config",
  },
  consistency: {
    name: CONSISTENCY,
    in: "query",
    description:
      "local: from this server as it is, which may lag. sync: after all that the leader " +
      "had committed when it was asked. linearizable: behind a txn of its own, which a quorum has " +
      "to confirm; it costs what a write costs",
    schema: { type: "string", enum: CONSISTENCIES, default: "local" },
  },
  minZxid: {
    name: "X-Zk-Min-Zxid",
    in: "header",
    description:
      `Wait up to ${durationText(MIN_ZXID_WAIT_MS)} until this server has this transaction: ` +
      "the X-Zk-Zxid of a reply",
    schema: HEX,
  },
} as const;

export const COMMON_HEADERS = {
  zxid: { description: "The last transaction that the reply may show", schema: HEX },
  version: { description: "Denkeeper's version", schema: { type: "string" } },
} as const;

export const SECURITY_SCHEMES = {
  basic: {
    type: "http",
    scheme: "basic",
    description: "User and password of ZooKeeper's scheme digest; the super user's too",
  },
  session: {
    type: "apiKey",
    in: "header",
    name: "X-Zk-Session",
    description: "The token of a session: requests are made in it, and each keeps it alive",
  },
} as const;

export const PROBLEM_SCHEMA = {
  type: "object",
  description: "What failed (RFC 9457). Problems may have further members",
  required: ["type", "title", "status", "instance", "zxid", "retryable"],
  properties: {
    type: {
      type: "string",
      enum: Object.keys(PROBLEMS).map((name) => `urn:denkeeper:problem:${name}`),
    },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What was attempted, why it failed, what to do" },
    instance: { type: "string", description: "The URL's path" },
    code: { type: "integer", description: "ZooKeeper's error code" },
    name: { type: "string", description: "ZooKeeper's name of it, such as NONODE" },
    path: { type: "string", description: "The znode's path" },
    zxid: HEX,
    retryable: { type: "boolean", description: "The same request may succeed later" },
    outcome: {
      type: "string",
      enum: OUTCOMES,
      description: "Of a write: whether it was done all the same; partial: some of it, for good",
    },
  },
} as const;

/** What any operation may answer. */
const EVERYWHERE: readonly ProblemName[] = [
  ...["bad-request", "auth-failed", "session-requires-auth", "cross-site", "wrong-host"] as const,
  ...[
    "session-expired",
    "behind",
    "no-quorum",
    "not-read-only",
    "operation-timeout",
    "unavailable",
    "system-error",
  ] as const,
];
const OF_WRITES: readonly ProblemName[] = [
  "read-only-api",
  "throttled",
  "disk-full",
  "memory-full",
  "session-moved",
];
const OF_BODIES: readonly ProblemName[] = ["too-large", "slow-request"];
const OF_JSON: readonly ProblemName[] = ["bad-json", "unsupported-media-type"];

/** The problems that an operation may answer, each once. */
export function problemNamesOf({ problems, isWrite, body, path }: AnyRoute): ProblemName[] {
  const isJson = body !== null && body !== "raw" && body !== "stream";
  return [
    ...new Set([
      ...problems,
      // without credentials
      ...(problems.includes("no-auth") ? ["auth-required"] as const : []),
      ...(path.endsWith(PATH_PARAM) ? ["bad-path"] as const : []),
      ...EVERYWHERE,
      ...(isWrite ? OF_WRITES : []),
      ...(body === null ? [] : OF_BODIES),
      ...(isJson ? OF_JSON : []),
    ]),
  ];
}
