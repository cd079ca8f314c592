/**
 * What an operator wants to know of a server that has just started, on one screen.
 *
 * @module
 */

import { resolve } from "../net/file_path.ts";
import { formatServerLine } from "../cluster/ensemble_lines.ts";
import type { LogFields } from "../core/ports.ts";
import type { EnsembleConfig, ServerConfig } from "../core/server_config.ts";
import { DENKEEPER_VERSION, ZOOKEEPER_PROTOCOL_VERSION } from "../core/version.ts";
import type { LoggingConfig } from "./logging_config.ts";

/** That the server runs; a member of an ensemble may be long without a quorum. */
export function startMessage({ ensemble }: ServerConfig): string {
  return ensemble.isMember
    ? "member started: it serves clients as soon as it is in a quorum"
    : "server started";
}

/** The same for the log, which may be read by a machine. */
export function startFields(config: ServerConfig, clientPort: number): LogFields {
  const { ensemble, serverId } = config;
  return {
    ...(ensemble.isMember
      ? {
        serverId,
        role: ensemble.peerType,
        members: ensemble.servers.map(formatServerLine).join(" "),
        quorum: quorumText(ensemble),
      }
      : {}),
    address: addressOf(config, clientPort),
    dataDir: resolve(config.dataDir),
    dataLogDir: resolve(config.dataLogDir),
    purge: purgeText(config),
    fourLetterWords: wordsText(config),
    forceSync: config.forceSync,
  };
}

export function bannerOf(
  config: ServerConfig,
  { source, clientPort, httpPort, logging }: {
    /** Where the settings come from. */
    source: string;
    clientPort: number;
    /** Null: there is none. */
    httpPort: number | null;
    logging: LoggingConfig;
  },
): string {
  const dataDir = resolve(config.dataDir);
  const logDir = resolve(config.dataLogDir);
  const rows: [what: string, value: string][] = [
    ["clients", addressOf(config, clientPort)],
    ["http", httpText(config, httpPort)],
    ["config", source],
    ["data", `${dataDir}/version-2 (snapshots)`],
    ["", `${logDir}/version-2 (txn logs)`],
    ["purge", purgeText(config)],
    ["words", `${wordsText(config)} (4lw.commands.whitelist)`],
    ["sessions", `${config.minSessionTimeoutMs} to ${config.maxSessionTimeoutMs} ms`],
    ["log", logText(logging)],
  ];
  if (config.ensemble.isMember) rows.unshift(...memberRows(config));
  if (!config.forceSync) rows.push(["DANGER", "forceSync=no, a power failure loses writes"]);
  if (config.skipAcl) rows.push(["DANGER", "skipACL=yes, everyone may do anything"]);
  const lines = rows.map(([what, value]) => `  ${what.padEnd(9)} ${value}`);
  const what = config.ensemble.isMember ? `server ${config.serverId} of an ensemble` : "standalone";
  const head = `Denkeeper ${DENKEEPER_VERSION} ${what}, as ZooKeeper ${ZOOKEEPER_PROTOCOL_VERSION}`;
  return ["", head, ...lines, "", ""].join("\n");
}

function memberRows({ ensemble, serverId }: ServerConfig): [what: string, value: string][] {
  const rows = ensemble.servers.map((server): [string, string] => [
    server === ensemble.servers[0] ? "members" : "",
    formatServerLine(server) + (server.serverId === serverId ? "  <- this one" : ""),
  ]);
  return [...rows, ["waits for", `${quorumText(ensemble)}, then it serves clients`]];
}

/** What `start` tells of the server it started. */
export interface StartedReport {
  readonly pid: number;
  readonly clients: string;
  /** Null: it has no HTTP port. */
  readonly http: string | null;
  /** What a member needs before it serves clients; null: it stands alone. */
  readonly waitsFor: string | null;
}

export function startedReportOf(
  config: ServerConfig,
  { clientPort, httpPort }: { clientPort: number; httpPort: number | null },
): StartedReport {
  return {
    pid: Deno.pid,
    clients: addressOf(config, clientPort),
    http: httpPort === null ? null : httpUrlText(config, httpPort),
    waitsFor: config.ensemble.isMember ? quorumText(config.ensemble) : null,
  };
}

function quorumText({ servers, groups }: EnsembleConfig): string {
  const voters = servers.filter(({ role }) => role === "participant");
  const ids = voters.map(({ serverId }) => serverId).join(", ");
  return groups.size > 0
    ? `a quorum by weight of the voting servers ${ids}`
    : `${Math.floor(voters.length / 2) + 1} of the voting servers ${ids}`;
}

function addressOf({ clientPortAddress }: ServerConfig, clientPort: number): string {
  const host = clientPortAddress ?? "*";
  return host.includes(":") ? `[${host}]:${clientPort}` : `${host}:${clientPort}`;
}

function httpText(config: ServerConfig, port: number | null): string {
  if (port !== null) return httpRow(httpUrlText(config, port));
  return config.http.enabled ? "none, the log says why" : "off (admin.enableServer, http.enabled)";
}

export function httpRow(url: string): string {
  return `${url} (/docs describes it)`;
}

function httpUrlText({ http }: ServerConfig, port: number): string {
  const host = http.address === "0.0.0.0" || http.address === "::" ? "*" : http.address;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function purgeText({ autopurge }: ServerConfig): string {
  const { snapRetainCount, purgeIntervalMs, isConfigured } = autopurge;
  if (purgeIntervalMs === 0) return "off (autopurge.purgeInterval=0)";
  const whose = isConfigured ? "" : " (default, set autopurge.purgeInterval to change)";
  return `keeps ${snapRetainCount} snapshots and their logs, every ${
    durationText(purgeIntervalMs)
  }${whose}`;
}

function durationText(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}

function wordsText({ fourLetterWords }: ServerConfig): string {
  return fourLetterWords === "*" ? "all" : [...fourLetterWords].sort().join(", ");
}

function logText({ threshold, stderrThreshold, files }: LoggingConfig): string {
  const places = files.map(({ path }) => path);
  if (stderrThreshold !== null) places.unshift("stderr");
  return places.length === 0 ? "nowhere" : `${threshold} to ${places.join(" and ")}`;
}
