/**
 * The command `health`: whether a server is to be restarted, sent clients, or waited for; what a container's probe asks.
 *
 * The HTTP port tells, with reasons (`net/http/health.ts`). Where there is none, as with a Java server, the client
 * port tells as much as it can. A server that is ready by HTTP must also answer at its client port: another server may
 * have got the HTTP port first.
 *
 * @module
 */

import { askHttp, NoAnswerError } from "../net/server_questions.ts";
import { CommandError } from "./command_line.ts";
import type { LoadOptions } from "./gathered_settings.ts";
import type { ServerState } from "./service/server_state.ts";
import { ExitCode, type World } from "./world.ts";

export type HealthQuestion = "live" | "ready" | "startup";

export interface HealthOptions extends Omit<LoadOptions, "environment"> {
  readonly question: HealthQuestion;
  /** Asked by HTTP only. */
  readonly url: string | undefined;
  /** Asked at its client port only: `host:port`. */
  readonly server: string | undefined;
  readonly timeoutMs: number;
  readonly json: boolean;
}

interface Answer {
  readonly ok: boolean;
  readonly reason: string;
}

/** Null where a server does not have such a port, or may not be asked there. */
interface Places {
  readonly client: { readonly host: string; readonly port: number } | null;
  readonly http: URL | null;
}

const PATHS = { live: "livez", ready: "readyz", startup: "startupz" } as const;

/** @returns 0 for yes, 1 for no */
export async function health(world: World, options: HealthOptions): Promise<number> {
  const { question, json } = options;
  const places = await placesOf(world, options);
  const startMs = performance.now();
  const timeLeftMs = () =>
    Math.max(1, Math.ceil(options.timeoutMs - (performance.now() - startMs)));
  const { ok, reason } = await answerOf(places, question, timeLeftMs);
  world.print(
    json
      ? `${JSON.stringify({ question, ok, reason })}\n`
      : `${ok ? "ok" : `not ${question === "startup" ? "started" : question}`}: ${reason}\n`,
  );
  return ok ? ExitCode.Normal : ExitCode.Unexpected;
}

async function answerOf(
  { client, http }: Places,
  question: HealthQuestion,
  timeLeftMs: () => number,
): Promise<Answer> {
  const byHttp = http === null ? null : await answerByHttp(http, question, timeLeftMs());
  if (client === null) {
    return byHttp ?? { ok: false, reason: `${http} does not answer as a server's health does` };
  }
  if (byHttp !== null && (!byHttp.ok || question === "live")) return byHttp;
  const { serverStateOf } = await import("./service/server_state.ts");
  const state = await serverStateOf(client, { httpUrl: http, timeoutMs: timeLeftMs() });
  const byWord = answerOfState(state, question, `${client.host}:${client.port}`);
  return byWord.ok && byHttp !== null ? byHttp : byWord;
}

/** @returns null when it is not there, or not that of such a server: then the client port says more */
async function answerByHttp(
  base: URL,
  question: HealthQuestion,
  timeoutMs: number,
): Promise<Answer | null> {
  const url = new URL(PATHS[question], base);
  try {
    const headers = { accept: "application/json" };
    const { status, text } = await askHttp(url, { timeoutMs, headers });
    if (status !== 200 && status !== 503) return null;
    const { checks } = JSON.parse(text);
    const told = checks.filter((check: { ok: boolean }) => check.ok === (status === 200));
    const reason = told.map(({ name, detail }: Record<string, unknown>) => `${name}: ${detail}`);
    return { ok: status === 200, reason: reason.join("; ") };
  } catch (error) {
    if (error instanceof NoAnswerError) {
      return error.isTimeout ? { ok: false, reason: error.message } : null;
    }
    if (error instanceof SyntaxError || error instanceof TypeError) return null; // no JSON of ours
    throw error;
  }
}

function answerOfState(state: ServerState, question: HealthQuestion, where: string): Answer {
  if (state.kind === "down") return { ok: false, reason: state.reason };
  if (question === "live") return { ok: true, reason: `${where} answers` };
  if (state.kind !== "serving") return { ok: false, reason: state.reason };
  if (question === "ready" && state.mode === "read-only") {
    return { ok: false, reason: `${where} serves reads only: it is not in a quorum` };
  }
  return { ok: true, reason: `${where} serves, mode ${state.mode}` };
}

async function placesOf(world: World, options: HealthOptions): Promise<Places> {
  const { url, server } = options;
  if (url !== undefined) {
    const http = URL.canParse(url) ? new URL(url) : null;
    if (http === null || !/^https?:$/.test(http.protocol)) {
      throw wrong(
        `Cannot ask ${JSON.stringify(url)}: expected a URL such as http://localhost:8080`,
      );
    }
    if (!http.pathname.endsWith("/")) http.pathname += "/";
    return { client: null, http };
  }
  if (server !== undefined) {
    const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(server) ?? [];
    if (port === undefined || Number(port) > 65_535) {
      throw wrong(
        `Cannot ask ${JSON.stringify(server)}: expected host:port, such as localhost:2181`,
      );
    }
    return { client: { host: bracketed ?? bare!, port: Number(port) }, http: null };
  }
  const { servicePlaceOf } = await import("./service/service_files.ts");
  const { clientAddressOf, httpUrlOf } = await import("./service/server_state.ts");
  const { settings, configText } = servicePlaceOf({ ...options, environment: world.environment });
  const places = { client: clientAddressOf(settings), http: httpUrlOf(settings) };
  if (places.client !== null || places.http !== null) return places;
  throw wrong(
    `Cannot ask a server of ${configText}: it names neither a client port nor an HTTP port`,
  );
}

function wrong(message: string): CommandError {
  return new CommandError(message, { exitCode: ExitCode.InvalidInvocation });
}
