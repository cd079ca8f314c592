/**
 * The HTTP API: finds the operation that a request asks for, checks what it brings, and lets the operation's handler
 * answer. Whatever fails becomes a problem document.
 *
 * Hono only finds the resource. A request of the hot path (the data of one znode) runs synchronously through one
 * method, without middleware, and without zod when there is no query.
 *
 * @module
 */
import { zxidText } from "../../core/zxid.ts";
import "./listener/fetch_classes.ts";
import { Hono } from "hono";
import type * as z from "zod";
import type { Logger } from "../../core/ports.ts";
import { DENKEEPER_VERSION } from "../../core/version.ts";
import { bytesAtHand, issuesOf, readBytes, readJson } from "./body.ts";
import { BodyBudget } from "./body_budget.ts";
import { CONSISTENCY, type Consistency, consistencyOf, waitUntilFresh } from "./freshness.ts";
import type { Caller, Gateway } from "./gateway.ts";
import type { Guard } from "./guard.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import type { Identities, Identity } from "./identity.ts";
import { Reply } from "./listener/reply.ts";
import type { Mount } from "./mount.ts";
import { Problem } from "./problem.ts";
import { problemResponse } from "./problem_response.ts";
import type { AnyRoute, Call } from "./route.ts";
import { sessionKeyOf, withoutTokens } from "./session_token.ts";
import { paramNamesOf, paramsOf, PATH_PARAM, rawPathOf } from "./url_template.ts";
import { znodePathOf } from "./znode_path.ts";

/** JSON may take twice the room of what it stands for: base64, escapes. */
const JSON_BODY_FACTOR = 2;

/** What is asked for most: found without the router, which would cost a twentieth of the request. */
const HOT_TEMPLATE = `/api/v1/data${PATH_PARAM}`;
const HOT_PREFIX = "/api/v1/data/";

/** With which clients keep writes from being done. */
const WRITE_CONDITIONS = ["If-Match", "If-None-Match", "If-Unmodified-Since"];

const NO_BODY = Object.freeze({ value: undefined });
const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

/** What is known of a request's connection. */
export interface ConnectionInfo {
  readonly remoteAddr: { readonly hostname: string };
  /** The response has been sent to its end, or never will be. */
  readonly completed: Promise<void>;
}

export interface AppOptions {
  readonly gateway: Gateway;
  readonly routes: readonly AnyRoute[];
  readonly mounts: readonly Mount[];
  readonly identities: Identities;
  readonly guard: Guard;
  readonly logger: Logger;
  readonly metrics: HttpMetrics;
  /** The server stops. */
  readonly stopping: AbortSignal;
}

/** All operations of one URL. */
interface Resource {
  readonly template: string;
  /** What a znode's path begins behind; null where the URL has none. */
  readonly znodePrefix: string | null;
  readonly paramNames: readonly string[];
  readonly operations: Map<string, Operation>;
  readonly allow: string;
}

interface Operation {
  readonly route: AnyRoute;
  /** The query of requests without one; null when some of it must be given. */
  readonly emptyQuery: Readonly<Record<string, unknown>> | null;
  readonly queryKeys: ReadonlySet<string>;
  /** Header fields with conditions that it does not look at, in lower case. */
  readonly unknownConditions: readonly string[];
}

/** What is found out of a request on its way, for the answer to it. */
interface Progress {
  readonly request: Request;
  readonly rawPath: string;
  readonly beganMs: number;
  operationId: string;
  isWrite: boolean;
  znodePath: string | undefined;
  identity: Identity | undefined;
}

export class App {
  readonly #options: AppOptions;
  readonly #bodyBudget = new BodyBudget();
  readonly #hono: Hono<{ Bindings: ConnectionInfo }>;
  #hot: Resource | null = null;

  constructor(options: AppOptions) {
    this.#options = options;
    // the router sees URLs as they come: what is encoded in them is the handlers' business
    this.#hono = new Hono({ getPath: (request) => rawPathOf(request.url) });
    for (const resource of resourcesOf(options.routes)) {
      if (resource.template === HOT_TEMPLATE) this.#hot = resource;
      const pattern = resource.znodePrefix === null
        ? resource.template.replaceAll(/\{(\w+)\}/g, ":$1")
        : `${resource.znodePrefix}/*`;
      this.#hono.all(pattern, (context) => this.#serve(resource, context.req.raw, context.env));
    }
    for (const mount of options.mounts) {
      this.#hono.all(mount.path, (context) => this.#visit(mount, context.req.raw, context.env));
    }
    this.#hono.notFound((context) => this.#notFound(context.req.raw, context.env));
  }

  fetch(request: Request, info: ConnectionInfo): Response | Promise<Response> {
    const { url } = request;
    if (this.#hot !== null && url.startsWith(HOT_PREFIX, url.indexOf("/", 8))) {
      return this.#serve(this.#hot, request, info);
    }
    return this.#hono.fetch(request, info);
  }

  // ---------------------------------------------------------------- operations

  #serve(
    resource: Resource,
    request: Request,
    info: ConnectionInfo,
  ): Response | Promise<Response> {
    const progress = this.#begin(request);
    try {
      const { gateway, guard, identities } = this.#options;
      const peerAddress = info.remoteAddr.hostname;
      guard.check(request, { peerAddress, isPublic: false });
      const operation = resource.operations.get(request.method);
      if (operation === undefined) return this.#otherMethod(progress, resource.allow);
      const { route } = operation;
      progress.operationId = route.operationId;
      progress.isWrite = route.isWrite;
      if (resource.znodePrefix !== null) {
        progress.znodePath = znodePathOf(progress.rawPath.slice(resource.znodePrefix.length));
      }
      if (route.isWrite && gateway.config.http.readOnly) throw readOnlyApi();
      for (const name of operation.unknownConditions) {
        if (request.headers.has(name)) throw unknownCondition(name, operation);
      }
      const identity = progress.identity = identities.of(request, peerAddress);
      const { headers, url } = request;
      const queryAt = url.indexOf("?");
      const params = queryAt < 0 || queryAt === url.length - 1
        ? null
        : queryParamsOf(url.slice(queryAt + 1));
      const consistency = params === null ? "local" : consistencyOf(params);
      const token = headers.get("x-zk-session");
      const minZxid = headers.get("x-zk-min-zxid");
      const draft = {
        request,
        path: progress.znodePath ?? "/",
        params: resource.paramNames.length === 0
          ? NO_PARAMS
          : paramsOf(resource.template, progress.rawPath),
        query: queryOf(operation, params),
        caller: identity.caller,
        gateway,
        info,
        options: this.#options,
      };
      const isAtOnce = token === null && minZxid === null && consistency === "local";
      const body = isAtOnce ? this.#bodyAtHand(route, request) : null;
      const response = body !== null
        ? route.handle(new ServedCall(draft, draft.caller, body.value))
        : this.#prepare(draft, { route, token, minZxid, consistency });
      return this.#answer(response, progress);
    } catch (error) {
      return this.#fail(error, progress);
    }
  }

  /** What cannot be done at once: a session's sign of life, waiting for a state, the body. */
  async #prepare(
    draft: CallDraft,
    { route, token, minZxid, consistency }: {
      route: AnyRoute;
      token: string | null;
      minZxid: string | null;
      consistency: Consistency;
    },
  ): Promise<Response> {
    const { gateway } = draft;
    let { caller } = draft;
    if (token !== null) {
      const session = sessionKeyOf(token, "X-Zk-Session");
      await gateway.touch(session);
      caller = { ...caller, session };
    }
    await waitUntilFresh({ gateway, caller }, { minZxid, consistency });
    const body = await this.#bodyOf(route, draft.request);
    return await route.handle(new ServedCall(draft, caller, body));
  }

  /** The body, where it need not be waited for: there is none, or its bytes have come. */
  #bodyAtHand({ body }: AnyRoute, request: Request): { value: unknown } | null {
    if (body === null) return NO_BODY;
    if (body !== "raw") return null;
    const value = bytesAtHand(request, this.#options.gateway.config.juteMaxBufferBytes);
    return value === null ? null : { value };
  }

  #bodyOf({ body }: AnyRoute, request: Request): unknown {
    const { juteMaxBufferBytes, http } = this.#options.gateway.config;
    const timeoutMs = http.requestTimeoutMs;
    switch (body) {
      case null:
        return undefined;
      case "stream":
        return request.body;
      case "raw":
        return readBytes(request, {
          bytesMax: juteMaxBufferBytes,
          because: "jute.maxbuffer",
          timeoutMs,
          budget: this.#bodyBudget,
        });
      default:
        return readJson(request, {
          schema: body as z.ZodType,
          bytesMax: juteMaxBufferBytes * JSON_BODY_FACTOR,
          because: `${JSON_BODY_FACTOR} x jute.maxbuffer`,
          timeoutMs,
          budget: this.#bodyBudget,
        });
    }
  }

  // ---------------------------------------------------------------- what is no operation

  #visit(mount: Mount, request: Request, info: ConnectionInfo): Response | Promise<Response> {
    const progress = this.#begin(request);
    try {
      const { guard, identities } = this.#options;
      const peerAddress = info.remoteAddr.hostname;
      guard.check(request, { peerAddress, isPublic: mount.isPublic });
      const method = request.method === "HEAD" ? "GET" : request.method;
      if (!mount.methods.includes(method)) {
        const withHead = mount.methods.flatMap((name) => name === "GET" ? ["GET", "HEAD"] : [name]);
        return this.#otherMethod(progress, allowText(withHead));
      }
      const options = this.#options;
      let signal: AbortSignal | null = null;
      progress.operationId = mount.operationId;
      const response = mount.handle({
        request,
        rawPath: progress.rawPath,
        get remoteAddress() {
          return identities.addressOf(request, peerAddress);
        },
        identity: () => progress.identity ??= identities.of(request, peerAddress),
        get signal() {
          return signal ??= signalOf(request, info, options);
        },
      });
      return this.#answer(response, progress);
    } catch (error) {
      return this.#fail(error, progress);
    }
  }

  #otherMethod(progress: Progress, allow: string): Response {
    const { method } = progress.request;
    if (method === "OPTIONS") {
      const headers = { allow };
      return this.#finish(new Reply(null, { status: 204, headers }), progress);
    }
    throw new Problem("method-not-allowed", {
      detail: `Cannot ${method} ${progress.rawPath}: there are ${allow}`,
      headers: { Allow: allow },
    });
  }

  #notFound(request: Request, info: ConnectionInfo): Response {
    const progress = this.#begin(request);
    const { rawPath } = progress;
    try {
      this.#options.guard.check(request, {
        peerAddress: info.remoteAddr.hostname,
        isPublic: false,
      });
    } catch (error) {
      return this.#fail(error, progress);
    }
    const detail = `There is nothing at ${JSON.stringify(rawPath)}: /docs tells what there is` +
      (rawPath.length > 1 && rawPath.endsWith("/") ? "; perhaps without the slash at the end" : "");
    return this.#fail(new Problem("not-found", { detail }), progress);
  }

  // ---------------------------------------------------------------- beginnings and answers

  #begin(request: Request): Progress {
    this.#options.metrics.inFlight++;
    return {
      request,
      rawPath: rawPathOf(request.url),
      beganMs: performance.now(),
      operationId: "none",
      isWrite: false,
      znodePath: undefined,
      identity: undefined,
    };
  }

  /** What a handler answers, now or later. */
  #answer(
    response: Response | Promise<Response>,
    progress: Progress,
  ): Response | Promise<Response> {
    return response instanceof Promise
      ? response.then(
        (made) => this.#finish(made, progress),
        (error) => this.#fail(error, progress),
      )
      : this.#finish(response, progress);
  }

  /** What every reply tells. A handler that has the zxid of what it tells sets it itself. */
  #finish(response: Response, { request, operationId, beganMs }: Progress): Response {
    const { gateway, metrics } = this.#options;
    metrics.inFlight--;
    metrics.observed(operationId, request.method, response.status, performance.now() - beganMs);
    const { headers } = response;
    if (!headers.has("x-zk-zxid")) headers.append("x-zk-zxid", zxidText(gateway.lastZxid));
    headers.append("x-denkeeper-version", DENKEEPER_VERSION);
    // what changes at any moment is asked for anew each time: a cache would guess by Last-Modified
    if (!headers.has("cache-control")) headers.append("cache-control", "no-cache");
    return response;
  }

  #fail(error: unknown, progress: Progress): Response {
    const { request, rawPath, znodePath, identity, isWrite } = progress;
    let problem: Problem;
    if (!(error instanceof Problem)) {
      this.#options.logger.error("an HTTP request failed unexpectedly", {
        method: request.method,
        url: withoutTokens(rawPath),
        problem: error instanceof Error ? error.message : String(error),
        stack: error instanceof Error ? error.stack : undefined,
      });
      problem = new Problem("system-error", {
        detail: "The request failed for a reason that the server's log has",
        outcome: "unknown",
      });
    } else if (error.problem === "no-auth" && identity?.hasCredentials === false) {
      problem = new Problem("auth-required", error.details);
    } else problem = error;
    if (isWrite && problem.details.outcome === undefined && problem.status < 500) {
      problem = new Problem(problem.problem, { ...problem.details, outcome: "not-applied" });
    }
    const response = problemResponse(problem, {
      instance: rawPath,
      path: znodePath,
      zxid: zxidText(this.#options.gateway.lastZxid),
      method: request.method,
    });
    return this.#finish(response, progress);
  }
}

interface CallDraft {
  readonly request: Request;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
  readonly gateway: Gateway;
  readonly info: ConnectionInfo;
  readonly options: AppOptions;
}

class ServedCall implements Call<Readonly<Record<string, unknown>>, unknown> {
  readonly request: Request;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly caller: Caller;
  readonly gateway: Gateway;
  readonly #info: ConnectionInfo;
  readonly #options: AppOptions;
  #signal: AbortSignal | null = null;

  /** @param caller with the session of the request, where the draft's has none */
  constructor(draft: CallDraft, caller: Caller, body: unknown) {
    this.request = draft.request;
    this.path = draft.path;
    this.params = draft.params;
    this.query = draft.query;
    this.body = body;
    this.caller = caller;
    this.gateway = draft.gateway;
    this.#info = draft.info;
    this.#options = draft.options;
  }

  /** Made when it is asked for: it costs more than the rest of a read. */
  get signal(): AbortSignal {
    return this.#signal ??= signalOf(this.request, this.#info, this.#options);
  }
}

/** For a request that may take long: it counts as a stream until its response has been sent. */
function signalOf(
  request: Request,
  { completed }: ConnectionInfo,
  { stopping, metrics }: AppOptions,
): AbortSignal {
  metrics.openStreams++;
  const ended = () => void metrics.openStreams--;
  completed.then(ended, ended);
  return AbortSignal.any([request.signal, stopping]);
}

function resourcesOf(routes: readonly AnyRoute[]): Resource[] {
  const byTemplate = new Map<string, AnyRoute[]>();
  for (const route of routes) {
    const list = byTemplate.get(route.path);
    if (list === undefined) byTemplate.set(route.path, [route]);
    else list.push(route);
  }
  return [...byTemplate].map(([template, own]) => {
    const operations = new Map<string, Operation>(
      own.map((route) => [route.method, operationOf(route)]),
    );
    const get = operations.get("GET");
    // of an answer to HEAD the port sends no body
    if (get !== undefined && !operations.has("HEAD")) operations.set("HEAD", get);
    return {
      template,
      znodePrefix: template.endsWith(PATH_PARAM) ? template.slice(0, -PATH_PARAM.length) : null,
      paramNames: paramNamesOf(template),
      operations,
      allow: allowText([...operations.keys()]),
    };
  });
}

function operationOf(route: AnyRoute): Operation {
  const empty = route.query.safeParse({});
  return {
    route,
    emptyQuery: empty.success ? Object.freeze(empty.data) : null,
    queryKeys: new Set([...Object.keys(route.query.shape), CONSISTENCY]),
    unknownConditions: route.isWrite
      ? WRITE_CONDITIONS.filter((name) => !(name in (route.headers ?? {})))
        .map((name) => name.toLowerCase())
      : [],
  };
}

/** Whoever sends a condition relies on it: a write does not go on as if there was none. */
function unknownCondition(name: string, { route, unknownConditions }: Operation): Problem {
  const known = WRITE_CONDITIONS.filter((one) => !unknownConditions.includes(one.toLowerCase()));
  return new Problem("bad-request", {
    outcome: "not-applied",
    detail: `${route.operationId} knows no ${name}: ` +
      (known.length > 0 ? `it takes ${known.join(" and ")}` : "it takes no conditions"),
  });
}

function allowText(methods: readonly string[]): string {
  return [...methods, "OPTIONS"].sort().join(", ");
}

function queryParamsOf(search: string): Map<string, string> {
  const params = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(search)) {
    if (params.has(key)) {
      throw new Problem("bad-request", {
        detail: `The query has ${JSON.stringify(key)} twice: give it once`,
      });
    }
    params.set(key, value);
  }
  return params;
}

function queryOf(
  { route, emptyQuery, queryKeys }: Operation,
  params: Map<string, string> | null,
): Readonly<Record<string, unknown>> {
  if (params === null && emptyQuery !== null) return emptyQuery;
  const own: Record<string, string> = {};
  for (const [key, value] of params ?? []) {
    if (!queryKeys.has(key)) {
      throw new Problem("bad-request", {
        detail: `There is no query parameter ${JSON.stringify(key)} here: there are ${
          [...queryKeys].sort().join(", ")
        }`,
      });
    }
    if (key !== CONSISTENCY) own[key] = value;
  }
  const parsed = route.query.safeParse(own);
  if (parsed.success) return parsed.data;
  const issues = issuesOf(parsed.error, "");
  throw new Problem("bad-request", {
    detail: `The query is not what is expected: ${issues[0]!.at}: ${issues[0]!.message}`,
    members: { issues },
  });
}

function readOnlyApi(): Problem {
  return new Problem("read-only-api", {
    detail: "Nothing can be changed over HTTP here: http.readOnly is true",
    outcome: "not-applied",
  });
}
