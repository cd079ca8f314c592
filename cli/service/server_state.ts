/**
 * What a server says it is, by its client port and, where that does not say, by its HTTP port. Any ZooKeeper
 * server is understood.
 *
 * @module
 */

import { isEnsembleLine, parseEnsembleLines } from "../../cluster/ensemble_lines.ts";
import { askHttp, askWord, NoAnswerError } from "../../net/server_questions.ts";
import { readMyid } from "../config_file.ts";
import type { GatheredSettings } from "../gathered_settings.ts";

export interface ClientAddress {
  readonly host: string;
  readonly port: number;
}

/** The client port that the settings name; null: none, as when it is in the line of a member without a myid. */
export function clientAddressOf(gathered: GatheredSettings): ClientAddress | null {
  const { settings } = gathered;
  const value = (key: string) => settings.get(key)?.value.trim() || undefined;
  const host = value("clientPortAddress");
  const own = value("clientPort");
  if (own !== undefined && /^\d+$/.test(own)) {
    return { host: host ?? "localhost", port: Number(own) };
  }
  const { servers } = parseEnsembleLines(
    [...settings.values()].filter(({ key }) => isEnsembleLine(key)),
    () => {}, // what is wrong there is told at the start
  );
  const myid = myidOf(gathered);
  const line = servers.find(({ serverId }) => serverId === myid) ??
    (servers.length === 1 ? servers[0] : undefined);
  if (line === undefined || line.clientPort === null) return null;
  const { clientHost, clientPort } = line;
  const isAny = clientHost === null || clientHost === "0.0.0.0" || clientHost === "::";
  return { host: host ?? (isAny ? "localhost" : clientHost), port: clientPort };
}

export function myidOf({ file, settings, environment }: GatheredSettings): number | null {
  const dataDir = settings.get("dataDir")?.value.trim();
  const written = dataDir ? readMyid(dataDir, []) : null;
  if (written !== null || file !== null) return written;
  const text = environment("ZOO_MY_ID") || "1"; // as the container image writes it
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** Where the HTTP port is by the settings; null: there is none. */
export function httpUrlOf({ settings }: GatheredSettings): URL | null {
  const value = (key: string) => settings.get(key)?.value.trim() || undefined;
  const isOff = (key: string) => value(key)?.toLowerCase() === "false";
  if (isOff("http.enabled") || isOff("admin.enableServer")) return null;
  const port = value("admin.serverPort") ?? "8080";
  const url = `http://${reachable(value("admin.serverAddress") ?? "0.0.0.0")}:${port}/`;
  return port === "0" || !URL.canParse(url) ? null : new URL(url);
}

/** Where a server that listens on all addresses is found from its own machine. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

export type ServerState =
  | { readonly kind: "serving"; readonly mode: string }
  | { readonly kind: "notServing"; readonly reason: string }
  /** Somebody answers, and not with a mode. */
  | { readonly kind: "unknown"; readonly reason: string }
  | { readonly kind: "down"; readonly reason: string };

/** @param httpUrl null: there is no HTTP port to ask */
export async function serverStateOf(
  client: { readonly host: string; readonly port: number },
  { httpUrl, commandUrl = "/commands", timeoutMs }: {
    httpUrl: URL | null;
    commandUrl?: string | undefined;
    timeoutMs: number;
  },
): Promise<ServerState> {
  if (client.port === 0) {
    return { kind: "down", reason: "clientPort is 0: the system chose one, which the log names" };
  }
  let answer: string;
  try {
    answer = await askWord(client, { word: "srvr", timeoutMs });
  } catch (error) {
    if (error instanceof NoAnswerError) return { kind: "down", reason: error.message };
    throw error;
  }
  const mode = /^Mode: (.+)$/m.exec(answer)?.[1];
  if (mode !== undefined) return { kind: "serving", mode };
  if (/not currently serving requests/.test(answer)) {
    const reason = await unreadyReason(httpUrl, timeoutMs) ??
      "it is not in a quorum: more members must run, and reach each other's election ports";
    return { kind: "notServing", reason };
  }
  if (/not in the whitelist/.test(answer)) {
    const mode = await modeByHttp(httpUrl, { commandUrl, timeoutMs });
    if (mode !== null) return { kind: "serving", mode };
    const reason = "the word srvr is not enabled: add it to the server's 4lw.commands.whitelist";
    return { kind: "unknown", reason };
  }
  const beginning = answer === "" ? "nothing" : JSON.stringify(answer.slice(0, 60));
  const reason = `${client.host}:${client.port} answered the word srvr with ${beginning}`;
  return { kind: "unknown", reason };
}

/** What `/readyz` of our own servers says. */
async function unreadyReason(httpUrl: URL | null, timeoutMs: number): Promise<string | null> {
  if (httpUrl === null) return null;
  try {
    const headers = { accept: "text/plain" };
    const { status, text } = await askHttp(new URL("readyz", httpUrl), { timeoutMs, headers });
    return status === 503 ? text.trim().replaceAll("\n", "; ") : null;
  } catch (error) {
    if (error instanceof NoAnswerError) return null;
    throw error;
  }
}

/** What ZooKeeper's command `srvr` says there. */
async function modeByHttp(
  httpUrl: URL | null,
  { commandUrl, timeoutMs }: { commandUrl: string; timeoutMs: number },
): Promise<string | null> {
  if (httpUrl === null) return null;
  try {
    const url = new URL(`${commandUrl.replace(/^\/|\/$/g, "")}/srvr`, httpUrl);
    const mode = JSON.parse((await askHttp(url, { timeoutMs })).text)?.server_stats?.server_state;
    return typeof mode === "string" ? mode : null;
  } catch (error) {
    if (error instanceof NoAnswerError || error instanceof SyntaxError) return null;
    throw error;
  }
}
