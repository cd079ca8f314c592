/**
 * One operation of the HTTP API: what it takes, what it answers, and who handles it. The router and the OpenAPI
 * document are both made from these.
 *
 * @module
 */
import type * as z from "zod";
import type { Caller, Gateway } from "./gateway.ts";
import type { ProblemName } from "./problem.ts";

export type Method = "GET" | "HEAD" | "PUT" | "POST" | "DELETE";

/** How a body is taken: not at all, as JSON checked by a schema, as bytes, or as they come. */
export type BodyKind = z.ZodType | "raw" | "stream" | null;

export type BodyOf<Body extends BodyKind> = Body extends z.ZodType ? z.output<Body>
  : Body extends "raw" ? Uint8Array<ArrayBuffer>
  : Body extends "stream" ? ReadableStream<Uint8Array<ArrayBuffer>> | null
  : undefined;

/** A request, checked, for one handler. */
export interface Call<Query = Record<string, never>, Body = undefined> {
  readonly request: Request;
  /** The znode path of the URL, decoded and checked; `/` where the route has none. */
  readonly path: string;
  /** Further parts of the URL, such as a session's token. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  readonly gateway: Gateway;
  /** The client hung up, or the server stops. */
  readonly signal: AbortSignal;
}

export interface ResponseDoc {
  readonly description: string;
  /** A schema of the JSON, or what the body is instead. */
  readonly body?: z.ZodType | { readonly contentType: string };
  /** Other forms that the client may ask for. */
  readonly otherContentTypes?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route<Query extends z.ZodObject = z.ZodObject, Body extends BodyKind = BodyKind> {
  readonly method: Method;
  /** As in OpenAPI; `{path}` at the end is a znode path, slashes and all, and may be missing: the root. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Strict: what it does not name is refused. Keys are what stands in the URL. */
  readonly query: Query;
  /** Request headers that are read, with what they mean. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly responses: Readonly<Record<number, ResponseDoc>>;
  /** What it may answer beside those that every operation may. */
  readonly problems: readonly ProblemName[];
  /** It changes something: refused where `http.readOnly=true`. */
  readonly isWrite: boolean;
  handle(call: Call<z.output<Query>, BodyOf<Body>>): Response | Promise<Response>;
}

/** A route of any kind, for lists of them. */
// deno-lint-ignore no-explicit-any
export type AnyRoute = Route<any, any>;

/** Lets TypeScript find out the types of query and body for the handler. */
export function route<Query extends z.ZodObject, Body extends BodyKind>(
  definition: Route<Query, Body>,
): AnyRoute {
  return definition;
}
