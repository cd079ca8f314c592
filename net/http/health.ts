/**
 * Answers `/livez`, `/readyz` and `/startupz`: whether to restart this server, to send clients to it, and to
 * wait for it. They need no credentials, wait for nothing, and answer as soon as the process listens, before
 * the data are loaded. `health_checks.ts` says what counts.
 *
 * A sync of the log for few txns holds up the event loop, and a disk that hangs in it leaves these without an
 * answer: whoever asks needs a time limit of its own, as kubelets have.
 *
 * @module
 */
import {
  type HealthCheck,
  type HealthSource,
  liveChecks,
  readyChecks,
  startupChecks,
  strictChecks,
} from "./health_checks.ts";
import { Reply } from "./listener/reply.ts";
import type { OpenApiParameter } from "./openapi.ts";

export type HealthQuestion = "livez" | "readyz" | "startupz";

/** Makes the handlers of the three. */
export function health(
  source: HealthSource,
): Record<HealthQuestion, (request: Request) => Response> {
  return {
    livez: (request) => answer(request, "livez", () => liveChecks(source)),
    readyz: (request) =>
      answer(request, "readyz", (isStrict) => [
        ...readyChecks(source),
        ...(isStrict && source.stage === "running" ? strictChecks(source) : []),
      ]),
    startupz: (request) => answer(request, "startupz", () => startupChecks(source)),
  };
}

// ---------------------------------------------------------------- answers

function answer(
  request: Request,
  question: HealthQuestion,
  ask: (isStrict: boolean) => HealthCheck[],
): Response {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") {
    return new Reply(`${method} is not allowed here: use GET\n`, {
      status: 405,
      headers: { "content-type": "text/plain; charset=utf-8", "allow": "GET, HEAD" },
    });
  }
  const { searchParams } = new URL(request.url);
  const checks = ask(isSet(searchParams.get("strict")));
  const ok = checks.every((check) => check.ok);
  const isJson = isSet(searchParams.get("verbose")) ||
    wantsJson(request.headers.get("accept"), question);
  const body = isJson
    ? `${JSON.stringify({ status: ok ? "ok" : "failed", checks })}\n`
    : ok
    ? "ok\n"
    : checks.filter((check) => !check.ok).map(({ name, detail }) => `${name}: ${detail}\n`).join(
      "",
    );
  return new Reply(method === "HEAD" ? null : body, {
    status: ok ? 200 : 503,
    headers: {
      "content-type": isJson ? "application/json" : "text/plain; charset=utf-8",
      "cache-control": "no-store",
    },
  });
}

/** `?strict`, `?strict=1`, `?strict=true`. */
function isSet(value: string | null): boolean {
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

/** What is live is told in a word, the rest with its reasons, unless somebody asks otherwise. */
function wantsJson(accept: string | null, question: HealthQuestion): boolean {
  if (accept?.includes("application/json")) return true;
  return question !== "livez" && !accept?.includes("text/plain");
}

// ---------------------------------------------------------------- OpenAPI

const CHECKS = {
  type: "object",
  required: ["status", "checks"],
  properties: {
    status: { enum: ["ok", "failed"] },
    checks: {
      type: "array",
      items: {
        type: "object",
        required: ["name", "ok", "detail"],
        properties: {
          name: { type: "string" },
          ok: { type: "boolean" },
          detail: { type: "string", description: "What is so, and what to do if it is wrong" },
        },
      },
    },
  },
} as const;

const CONTENT = {
  "application/json": { schema: CHECKS },
  "text/plain": { schema: { type: "string" } },
} as const;

const VERBOSE = {
  name: "verbose",
  in: "query",
  description: "Answer with JSON",
  schema: { type: "string" },
} as const;

const STRICT = {
  name: "strict",
  in: "query",
  description: "Also ask for lag, delays of the event loop and of syncs, and room on the disks",
  schema: { type: "string" },
} as const;

function openApiItem(
  { operationId, summary, parameters }: {
    operationId: string;
    summary: string;
    parameters: readonly OpenApiParameter[];
  },
) {
  return {
    get: {
      operationId,
      tags: ["health and metrics"],
      summary,
      parameters,
      security: [],
      responses: {
        "200": { description: "Yes", content: CONTENT },
        "503": { description: "No, and why", content: CONTENT },
      },
    },
  };
}

/** For the OpenAPI document. */
export const healthOpenApi = {
  "/livez": openApiItem({
    operationId: "isLive",
    summary: "Whether the process works; if not, restart it",
    parameters: [VERBOSE],
  }),
  "/readyz": openApiItem({
    operationId: "isReady",
    summary: "Whether clients can be sent to this server",
    parameters: [VERBOSE, STRICT],
  }),
  "/startupz": openApiItem({
    operationId: "isStarted",
    summary: "Whether the data are loaded and clients were answered once",
    parameters: [VERBOSE],
  }),
};
