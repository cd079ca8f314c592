/**
 * Reads the lines that describe an ensemble: `server.N`, `group.N` and `weight.N`.
 *
 * Checks syntax and that the lines agree with each other. What to make of them is decided in
 * `config_loader.ts`.
 *
 * @module
 */

import type { EnsembleServer } from "../core/server_config.ts";
import type { Setting } from "./config_sources.ts";

export interface EnsembleLines {
  readonly servers: EnsembleServer[];
  readonly groups: Map<number, number[]>;
  readonly weights: Map<number, number>;
}

const SERVER_SYNTAX =
  "host:quorumPort:electionPort[:participant|observer][;[host:]clientPort[;[host:]securePort]]";

export function isEnsembleLine(key: string): boolean {
  // Clients have two properties that look like one.
  if (key === "server.principal" || key === "server.realm") return false;
  return /^(server|group|weight)\.[^.]*$/.test(key);
}

/** @param complain is told of every line that cannot be used: what would have been allowed */
export function parseEnsembleLines(
  lines: Iterable<Setting>,
  complain: (line: Setting, expected: string) => void,
): EnsembleLines {
  const servers: EnsembleServer[] = [];
  const groups = new Map<number, number[]>();
  const weights = new Map<number, number>();
  const groupOf = new Map<number, number>();
  for (const line of lines) {
    const [family, idText] = [line.key.slice(0, line.key.indexOf(".")), afterDot(line.key)];
    const id = integer(idText);
    const value = line.value.trim();
    if (id === undefined) {
      complain(line, `a whole number after "${family}."`);
    } else if (family === "server") {
      const server = parseServer(id, value);
      if (typeof server === "string") complain(line, server);
      else servers.push(server);
    } else if (family === "group") {
      const members = value.split(":").map((part) => integer(part.trim()));
      const again = members.find((member) => groupOf.has(member ?? -1));
      if (members.includes(undefined)) complain(line, "server numbers with colons between: 1:2:3");
      else if (again !== undefined) {
        complain(line, `no server of another group (${again} is in two)`);
      }
      for (const member of members) if (member !== undefined) groupOf.set(member, id);
      groups.set(id, members.filter((member) => member !== undefined));
    } else {
      const weight = integer(value);
      if (weight === undefined) complain(line, "a whole number, 0 or more");
      else weights.set(id, weight);
    }
  }
  servers.sort((a, b) => a.serverId - b.serverId);
  return { servers, groups, weights };
}

function afterDot(key: string): string {
  return key.slice(key.indexOf(".") + 1);
}

function integer(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

/** @returns what would have been allowed, when the value is not */
function parseServer(serverId: number, value: string): EnsembleServer | string {
  const [serverPart = "", clientPart = "", securePart = "", ...more] = value.split(";");
  if (more.length > 0) return SERVER_SYNTAX;
  const addresses: { host: string; quorumPort: number; electionPort: number }[] = [];
  const roles = new Set<string>();
  for (const text of serverPart.split("|")) {
    const [host, quorumText, electionText, role = "participant", ...rest] = splitColons(text);
    const quorumPort = portOf(quorumText);
    const electionPort = portOf(electionText);
    if (!host || quorumPort === undefined || electionPort === undefined || rest.length > 0) {
      return SERVER_SYNTAX;
    }
    if (quorumPort === electionPort) return "a quorum port that is not the election port";
    roles.add(role.toLowerCase());
    addresses.push({ host, quorumPort, electionPort });
  }
  const [role] = roles;
  if (roles.size !== 1) return "the same role for all addresses of a server";
  if (role !== "participant" && role !== "observer") return "the role participant or observer";
  const client = parseClient(clientPart);
  const secure = parseClient(securePart);
  if (client === undefined || secure === undefined) return SERVER_SYNTAX;
  return {
    serverId,
    role,
    addresses,
    clientHost: client?.host ?? null,
    clientPort: client?.port ?? null,
    secureClientHost: secure?.host ?? null,
    secureClientPort: secure?.port ?? null,
  };
}

/** `[host:]port`; null when empty, undefined when wrong. */
function parseClient(text: string): { host: string; port: number } | null | undefined {
  if (text.trim() === "") return null;
  const parts = splitColons(text);
  const port = portOf(parts.at(-1));
  if (port === undefined || parts.length > 2) return undefined;
  return { host: parts.length === 2 ? parts[0]! : "0.0.0.0", port };
}

function portOf(text: string | undefined): number | undefined {
  const port = integer(text ?? "");
  return port !== undefined && port >= 1 && port <= 65535 ? port : undefined;
}

/** Splits at colons outside of `[...]`, whose brackets are dropped. */
function splitColons(text: string): string[] {
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(text.trim());
  if (match === null) return text.trim().split(":");
  return [match[1]!, ...(match[2] === undefined ? [] : match[2].split(":"))];
}
