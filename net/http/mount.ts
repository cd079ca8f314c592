/**
 * What the HTTP port serves beside the API, each with a contract of its own: ZooKeeper's commands, metrics, health,
 * the documents.
 *
 * @module
 */
import type { Identity } from "./identity.ts";

/** One request of it. */
export interface Visit {
  readonly request: Request;
  /** The URL's path as it came. */
  readonly rawPath: string;
  /** Where the client is, as far as trusted proxies tell it. */
  readonly remoteAddress: string;
  /** Who asks; throws a Problem where that is not to be told. */
  identity(): Identity;
  /** The client hung up, or the server stops. */
  readonly signal: AbortSignal;
}

export interface Mount {
  /** Such as `/metrics`; with `/*` at the end also everything below. */
  readonly path: string;
  /** For metrics. */
  readonly operationId: string;
  /** GET answers HEAD too. */
  readonly methods: readonly string[];
  /** What everyone may know: pages of other sites may have it fetched. */
  readonly isPublic: boolean;
  /** Problems that it throws are answered as those of the API. */
  handle(visit: Visit): Response | Promise<Response>;
}
