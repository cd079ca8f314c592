/**
 * What the HTTP API answers when it cannot do what was asked: RFC 9457 problems, each with a status and,
 * where ZooKeeper has one, its code and name. The one table from code to status.
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** ZooKeeper's code, where it has one for this. */
  readonly code?: number;
  /** The same request may succeed later. */
  readonly isRetryable?: boolean;
  /** What to do, where a problem is thrown that does not say it. */
  readonly advice?: string;
}

/** Errors that clients of ZooKeeper make up themselves: no server sends them. */
export const ClientErrorCode = { ConnectionLoss: -4, OperationTimeout: -7 } as const;

/** Seconds until a request may be sent again, where nobody knows better; 429 and 503 always tell it. */
export const RETRY_AFTER_S = 1;

export const PROBLEMS = {
  // ZooKeeper's own
  "no-node": {
    status: 404,
    code: ErrorCode.NoNode,
    title: "There is no such znode",
    advice: "make it with PUT, or look what there is with GET /api/v1/children",
  },
  "parent-missing": {
    status: 409,
    code: ErrorCode.NoNode,
    title: "The parent does not exist",
    advice: "make it first, or send parents=1",
  },
  "node-exists": {
    status: 409,
    code: ErrorCode.NodeExists,
    title: "The znode exists already",
    advice: "change it with PUT, or take another name",
  },
  "not-empty": {
    status: 409,
    code: ErrorCode.NotEmpty,
    title: "The znode has children",
    advice: "delete the children first, or send recursive=1",
  },
  "no-children-for-ephemerals": {
    status: 409,
    code: ErrorCode.NoChildrenForEphemerals,
    title: "An ephemeral znode cannot have children",
    advice: "put it beside the ephemeral, below a znode that stays",
  },
  "bad-version": {
    status: 412,
    code: ErrorCode.BadVersion,
    title: "The version does not match",
    advice: "read it again, and send its ETag",
  },
  "contended": {
    status: 409,
    title: "Others changed the same each time that this was tried",
    isRetryable: true,
  },
  "txn-failed": { status: 409, title: "An operation of the transaction failed: nothing was done" },
  "no-auth": {
    status: 403,
    code: ErrorCode.NoAuth,
    title: "The ACL does not allow it",
    advice: "ask who has ADMIN on it for the permission, or send other credentials",
  },
  "auth-required": {
    status: 401,
    code: ErrorCode.NoAuth,
    title: "Credentials are needed",
    advice: "send Authorization: Basic with a user that the ACL names",
  },
  "auth-failed": { status: 401, code: ErrorCode.AuthFailed, title: "Authentication failed" },
  "session-requires-auth": {
    status: 401,
    code: ErrorCode.SessionClosedRequireSaslAuth,
    title: "The server demands an authentication that was not given",
  },
  "bad-arguments": {
    status: 400,
    code: ErrorCode.BadArguments,
    title: "Arguments are not valid",
    advice:
      "neither the root nor what lies below /zookeeper can be made or deleted, nor a znode that would take its place",
  },
  "invalid-acl": {
    status: 400,
    code: ErrorCode.InvalidAcl,
    title: "The ACL is not valid",
    advice: "write it as scheme:id:perms, such as world:anyone:r",
  },
  "marshalling-error": {
    status: 400,
    code: ErrorCode.MarshallingError,
    title: "The request cannot be encoded",
  },
  "session-expired": {
    status: 410,
    code: ErrorCode.SessionExpired,
    title: "The session has ended",
    advice: "make a new session, and with it again what it owned",
  },
  "session-moved": {
    status: 409,
    code: ErrorCode.SessionMoved,
    title: "The session is used through another server",
    isRetryable: true,
    advice: "ask again, and use the session through one server",
  },
  "ephemeral-on-local-session": {
    status: 409,
    code: ErrorCode.EphemeralOnLocalSession,
    title: "A local session cannot own znodes",
    advice: "use a session that POST /api/v1/sessions made",
  },
  "quota-exceeded": {
    status: 507,
    code: ErrorCode.QuotaExceeded,
    title: "The quota is used up",
    advice:
      "delete something below the znode that has the quota, or raise it under /zookeeper/quota",
  },
  "throttled": {
    status: 429,
    code: ErrorCode.ThrottledOp,
    title: "Too many requests are under way",
    isRetryable: true,
  },
  "unimplemented": {
    status: 501,
    code: ErrorCode.Unimplemented,
    title: "There is no such request",
    advice: "TTL nodes need extendedTypesEnabled=true on every server",
  },
  "reconfig-disabled": {
    status: 403,
    code: ErrorCode.ReconfigDisabled,
    title: "Changes of the membership are off",
  },
  "new-config-no-quorum": {
    status: 409,
    code: ErrorCode.NewConfigNoQuorum,
    title: "No quorum of the new configuration is up to date",
    isRetryable: true,
    advice: "start the new members, and wait until they are in sync",
  },
  "reconfig-in-progress": {
    status: 409,
    code: ErrorCode.ReconfigInProgress,
    title: "Another change of the membership is under way",
    isRetryable: true,
    advice: "ask again when it is done: GET /api/v1/cluster tells",
  },
  "no-quorum": {
    status: 503,
    code: ClientErrorCode.ConnectionLoss,
    title: "This server is not part of a quorum",
    isRetryable: true,
  },
  "not-read-only": {
    status: 503,
    code: ErrorCode.NotReadOnly,
    title: "This server can only read now",
    isRetryable: true,
  },
  "operation-timeout": {
    status: 504,
    code: ClientErrorCode.OperationTimeout,
    title: "The answer took too long",
    isRetryable: true,
  },
  "unavailable": { status: 503, title: "The server cannot answer now", isRetryable: true },
  "system-error": { status: 500, code: ErrorCode.SystemError, title: "The server failed" },
  "disk-full": {
    status: 507,
    code: ErrorCode.SystemError,
    title: "The disk of the server is full",
    isRetryable: true,
    advice: "make room on it, or move the server",
  },
  "memory-full": {
    status: 507,
    code: ErrorCode.SystemError,
    title: "The memory of the server is nearly full",
    isRetryable: true,
    advice: "delete znodes, or give it more memory (memory.softLimit)",
  },
  // HTTP's
  "bad-request": { status: 400, title: "The request is not valid" },
  "bad-path": { status: 400, code: ErrorCode.BadArguments, title: "The path is not valid" },
  "bad-json": { status: 400, title: "The body is not JSON" },
  "session-required": { status: 400, title: "The request needs a session" },
  "cross-site": { status: 403, title: "Requests of other sites are refused" },
  "read-only-api": { status: 403, title: "This HTTP port only reads" },
  "backups-disabled": {
    status: 403,
    title: "The server has no folder for backups",
    advice: "name one with the setting backup.dir, and start the server again",
  },
  "no-backup": { status: 404, title: "There is no such backup" },
  "backup-in-progress": {
    status: 409,
    title: "Another one changes the backups",
    isRetryable: true,
  },
  "backup-failed": { status: 500, title: "The folder with the backups cannot be used" },
  "not-leader": { status: 409, title: "Only the leader can do this" },
  "lead-transfer-refused": {
    status: 409,
    title: "The lead cannot be given to another server now",
    isRetryable: true,
  },
  "no-connection": { status: 404, title: "There is no such connection" },
  "no-session": { status: 404, title: "There is no such session" },
  "no-membership": { status: 409, title: "The server stands alone" },
  "not-found": { status: 404, title: "There is nothing at this URL" },
  "method-not-allowed": { status: 405, title: "The method does not fit the URL" },
  "slow-request": { status: 408, title: "The request took too long to arrive" },
  "too-large": { status: 413, title: "The request is too large" },
  "unsupported-media-type": { status: 415, title: "The content type does not fit" },
  "wrong-host": { status: 421, title: "The Host header names another host" },
  "too-many-streams": {
    status: 503,
    title: "Too many streams are open",
    isRetryable: true,
  },
  "lock-held": { status: 409, title: "Another holds the lock", isRetryable: true },
  "lock-delayed": { status: 409, title: "The lock's delay lasts", isRetryable: true },
  "lock-not-held": { status: 404, title: "The session has no place in the lock's queue" },
  "not-a-candidate": { status: 404, title: "The session is no candidate" },
  "behind": {
    status: 503,
    title: "This server has not caught up so far",
    isRetryable: true,
  },
} as const satisfies Readonly<Record<string, ProblemKind>>;

export type ProblemName = keyof typeof PROBLEMS;

/** Whether a write that failed has been done all the same. Partial: some of it, for good. */
export const OUTCOMES = ["applied", "not-applied", "partial", "unknown"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface ProblemDetails {
  /** One sentence: what was attempted, the value, the limit, what to do. */
  readonly detail?: string;
  /** The znode's path. */
  readonly path?: string;
  /** Of a write: those who read are not told. */
  readonly outcome?: Outcome;
  /** Seconds. */
  readonly retryAfter?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the JSON object. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** Thrown by handlers: answered as `application/problem+json`. */
export class Problem extends Error {
  override name = "Problem";
  readonly problem: ProblemName;
  readonly details: ProblemDetails;

  constructor(problem: ProblemName, details: ProblemDetails = {}) {
    super(details.detail ?? PROBLEMS[problem].title);
    this.problem = problem;
    this.details = details;
  }

  get status(): number {
    return PROBLEMS[this.problem].status;
  }
}

/** Whether this is one of these problems. */
export function isProblem(error: unknown, ...names: ProblemName[]): error is Problem {
  return error instanceof Problem && names.includes(error.problem);
}

const BY_CODE = new Map<number, ProblemName>();
for (const [name, kind] of Object.entries(PROBLEMS)) {
  const code = (kind as ProblemKind).code;
  if (code !== undefined && !BY_CODE.has(code)) BY_CODE.set(code, name as ProblemName);
}

/** The problem that one of ZooKeeper's codes stands for; those without one of their own are `system-error`. */
export function problemOfCode(code: number): ProblemName {
  return BY_CODE.get(code) ?? "system-error";
}
