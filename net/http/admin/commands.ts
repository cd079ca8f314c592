/**
 * ZooKeeper's AdminServer: `GET /commands/stat` and its like, answered as ZooKeeper answers them, 200 for an
 * unknown command included. The same numbers as the four-letter words, as JSON.
 *
 * @module
 */
import type { AuthProviders } from "../../../core/auth/auth_providers.ts";
import type { AdminContext } from "../../admin_context.ts";
import { rest } from "../../rest.ts";
import { type AdminCommand, type CommandAnswer, failure } from "./command.ts";
import { refusal } from "./command_auth.ts";
import { CONNECTION_COMMANDS } from "./connection_commands.ts";
import { type DatabaseCommandOptions, databaseCommands } from "./database_commands.ts";
import { ENSEMBLE_COMMANDS } from "./ensemble_commands.ts";
import { type Json, jsonText } from "./json_text.ts";
import { SERVER_COMMANDS } from "./server_commands.ts";
import { WATCH_COMMANDS } from "./watch_commands.ts";

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";
/** Longer answers are sent piece by piece. */
const WHOLE_CHARS_MAX = 64 * 1024;
const METHODS = "GET, HEAD, POST, OPTIONS";

export interface AdminCommandsOptions extends DatabaseCommandOptions {
  readonly config: DatabaseCommandOptions["config"] & {
    readonly http: { readonly commandUrl: string; readonly readOnly: boolean };
  };
  readonly context: AdminContext;
  readonly providers: AuthProviders;
}

/** @param info the client's address, numeric */
export type AdminHandler = (
  request: Request,
  info: { readonly remoteAddress: string },
) => Response | Promise<Response>;

/** Answers everything at `admin.commandURL` and below; 404 elsewhere. */
export function adminCommands(options: AdminCommandsOptions): AdminHandler {
  const { config, context, providers, logger } = options;
  const commandUrl = config.http.commandUrl.replace(/\/$/, ""); // the root is a place too
  const commands = [
    ...SERVER_COMMANDS,
    ...CONNECTION_COMMANDS,
    ...WATCH_COMMANDS,
    ...ENSEMBLE_COMMANDS,
    ...databaseCommands(options),
  ];
  const byName = new Map(
    commands.flatMap((command) => command.names.map((name) => [name, command] as const)),
  );
  const listing = commands.map(({ names }) => names[0]).sort()
    .map((name) => `<a href="${commandUrl}/${name}">${name}</a>\n<br/>\n`).join("");

  async function run(
    command: AdminCommand,
    request: Request,
    { query, remoteAddress }: { query: URLSearchParams; remoteAddress: string },
  ): Promise<CommandAnswer> {
    if (
      request.method !== command.method && !(request.method === "HEAD" && command.method === "GET")
    ) {
      return failure(
        405,
        `The method ${request.method} does not fit the command: use ${command.method}`,
        { Allow: command.method === "GET" ? "GET, HEAD" : command.method },
      );
    }
    if (command.method === "POST" && config.http.readOnly) {
      return failure(403, "Nothing can be changed over HTTP here: http.readOnly is true");
    }
    if (command.isProtected) {
      const rootAcl = () => context.rootAcl();
      const authorization = request.headers.get("Authorization");
      const refused = refusal({ providers, rootAcl }, { authorization, remoteAddress });
      if (refused !== null) return refused;
    }
    return await command.run({ context, query, request });
  }

  return async (request, { remoteAddress }) => {
    const { pathname, searchParams: query } = new URL(request.url);
    const name = commandName(pathname, commandUrl);
    if (name === null) return new Response(null, { status: 404 });
    switch (request.method) {
      case "GET":
      case "HEAD":
      case "POST":
        break;
      case "OPTIONS":
        return new Response(null, { headers: { Allow: METHODS } });
      case "TRACE":
        return new Response(null, { status: 403 });
      default:
        return new Response(null, { status: 405, headers: { Allow: METHODS } });
    }
    if (name === "") return plain(listing);
    const command = byName.get(name);
    if (command === undefined) return json({ command: name, error: `Unknown command: ${name}` });
    if (command.needsServer && !context.isServing) {
      return json({ command: name, error: NOT_SERVING });
    }
    let answer: CommandAnswer;
    try {
      answer = await run(command, request, { query, remoteAddress });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      logger.error("a command of the AdminServer failed", { command: command.names[0], problem });
      answer = failure(500, problem);
    }
    const { fields, problem, status = 200, headers = {}, stream } = answer;
    if (stream !== undefined) return new Response(stream, { status, headers });
    const error = fields.error ?? problem ?? null;
    return json({ ...fields, command: command.names[0], error }, { status, headers });
  };
}

/** Empty for the base itself; null for what is neither that nor below. */
function commandName(pathname: string, commandUrl: string): string | null {
  if (pathname === commandUrl) return "";
  if (!pathname.startsWith(`${commandUrl}/`)) return null;
  const name = pathname.slice(commandUrl.length + 1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** In one piece, with its length, when it is short; else as it is read. */
function json(
  value: Json,
  { status = 200, headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> } =
    {},
): Response {
  const encoder = new TextEncoder();
  const pieces = jsonText(value);
  let start = "";
  let next = pieces.next();
  for (; next.done !== true && start.length < WHOLE_CHARS_MAX; next = pieces.next()) {
    start += next.value;
  }
  const first = encoder.encode(start);
  const own = { "Content-Type": "application/json", ...headers };
  if (next.done === true) {
    return new Response(first, { status, headers: { ...own, ...lengthOf(first) } });
  }
  const second = encoder.encode(next.value);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(first);
      controller.enqueue(second);
    },
    async pull(controller) {
      await rest(); // what reads quickly would have all of it made at once
      const { done, value } = pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: () => void pieces.return(undefined),
  });
  return new Response(body, { status, headers: own });
}

/** Without a content type, as there. */
function plain(text: string): Response {
  const bytes = new TextEncoder().encode(text);
  return new Response(bytes, { headers: lengthOf(bytes) });
}

function lengthOf(bytes: Uint8Array): Record<string, string> {
  return { "Content-Length": String(bytes.length) };
}
