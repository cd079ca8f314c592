/**
 * The lines that describe an ensemble, `server.N`, `group.N` and `weight.N`, from text and to text:
 * those of a config file, of a dynamic config file and of what servers tell each other.
 *
 * Checks syntax and that the lines agree with each other; what to make of them is decided by others.
 * Texts are compared with what ZooKeeper 3.8.0 prints (quorum protocol sections 1 and 14).
 *
 * @module
 */

import { javaIpText } from "../core/auth/ip_address.ts";
import type { EnsembleServer } from "../core/server_config.ts";
import type { ServerId } from "./server_id.ts";

export interface EnsembleLine {
  readonly key: string;
  readonly value: string;
}

export interface EnsembleLines {
  /** Ascending by id, each once. */
  readonly servers: EnsembleServer[];
  readonly groups: Map<number, number[]>;
  readonly weights: Map<ServerId, number>;
}

type ServerAddress = EnsembleServer["addresses"][number];

const SERVER_SYNTAX =
  "host:quorumPort:electionPort[:participant|observer][;[host:]clientPort[;[host:]securePort]]";

export function isEnsembleLine(key: string): boolean {
  // Clients have two properties that look like one.
  if (key === "server.principal" || key === "server.realm") return false;
  return /^(server|group|weight)\.[^.]*$/.test(key);
}

/** Why a line cannot be used: `number` when ZooKeeper fails to read one in it, else `form`. */
export type LineFault = "number" | "form";

/** Keys and values of a text such as servers send each other, as Java reads properties. */
export function splitLines(text: string): EnsembleLine[] {
  const lines: EnsembleLine[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, key, value = ""] = /^\s*([^\s=:#!][^\s=:]*)\s*[=:]?\s*(.*)$/.exec(line) ?? [];
    if (key !== undefined) lines.push({ key, value });
  }
  return lines;
}

/** @param complain is told of every line that cannot be used: what would have been allowed */
export function parseEnsembleLines<L extends EnsembleLine>(
  lines: Iterable<L>,
  complain: (line: L, expected: string, fault: LineFault) => void,
): EnsembleLines {
  const servers = new Map<ServerId, EnsembleServer>();
  const groups = new Map<number, number[]>();
  const weights = new Map<ServerId, number>();
  const groupOf = new Map<ServerId, number>();
  for (const line of lines) {
    const [family, idText] = [line.key.slice(0, line.key.indexOf(".")), afterDot(line.key)];
    const id = integer(idText);
    const value = line.value.trim();
    if (id === undefined) {
      complain(line, `a whole number after "${family}."`, "number");
    } else if (family === "server") {
      const server = parseServer(id, value);
      if (typeof server === "string") complain(line, server, faultOfServer(value));
      else servers.set(id, server);
    } else if (family === "group") {
      const members = parseGroup(value);
      if (members === undefined) {
        complain(line, "server numbers with colons between: 1:2:3", "number");
        continue;
      }
      const again = members.find((member, at) =>
        groupOf.has(member) || members.indexOf(member) < at
      );
      if (again !== undefined) {
        complain(line, `no server of another group (${again} is in two)`, "form");
      }
      for (const member of members) groupOf.set(member, id);
      groups.set(id, members);
    } else {
      const weight = integer(value);
      if (weight === undefined) complain(line, "a whole number, 0 or more", "number");
      else weights.set(id, weight);
    }
  }
  const sorted = [...servers.values()].sort((a, b) => a.serverId - b.serverId);
  return { servers: sorted, groups, weights };
}

/**
 * Whom a group names although it has neither vote nor weight: ZooKeeper cannot add up such a group.
 * Undefined when all is well.
 */
export function strangerInGroups({ servers, groups, weights }: {
  readonly servers: Iterable<EnsembleServer>;
  readonly groups: ReadonlyMap<number, readonly ServerId[]>;
  readonly weights: ReadonlyMap<ServerId, number>;
}): ServerId | undefined {
  const known = new Set(weights.keys());
  for (const { serverId, role } of servers) if (role === "participant") known.add(serverId);
  return [...groups.values()].flat().find((member) => !known.has(member));
}

/**
 * A voting server that is in no group although there are groups or weights: ZooKeeper wants each in
 * exactly one. Undefined when all is well.
 */
export function serverWithoutGroup({ servers, groups, weights }: {
  readonly servers: Iterable<EnsembleServer>;
  readonly groups: ReadonlyMap<number, readonly ServerId[]>;
  readonly weights: ReadonlyMap<ServerId, number>;
}): ServerId | undefined {
  if (groups.size === 0 && weights.size === 0) return undefined;
  const grouped = new Set([...groups.values()].flat());
  for (const { serverId, role } of servers) {
    if (role === "participant" && !grouped.has(serverId)) return serverId;
  }
  return undefined;
}

/**
 * `server.N=...` as ZooKeeper prints it: addresses by host and each once, IPv6 addresses in full and
 * in brackets, and the role always.
 */
export function formatServerLine(server: EnsembleServer): string {
  const texts = new Set(
    [...server.addresses].sort(byHost).map(({ host, quorumPort, electionPort }) =>
      `${hostText(host)}:${quorumPort}:${electionPort}`
    ),
  );
  let line = `server.${server.serverId}=${[...texts].join("|")}:${server.role}`;
  if (server.clientPort !== null) line += `;${clientText(server.clientHost, server.clientPort)}`;
  else if (server.secureClientPort !== null) line += ";";
  if (server.secureClientPort !== null) {
    line += `;${clientText(server.secureClientHost, server.secureClientPort)}`;
  }
  return line;
}

/** `host:port`, without a host that of any address. */
function clientText(host: string | null, port: number): string {
  return `${hostText(host ?? "0.0.0.0")}:${port}`;
}

function hostText(host: string): string {
  if (!host.includes(":")) return host;
  const text = javaIpText(host);
  return text.includes(":") ? `[${text}]` : text;
}

function byHost(a: ServerAddress, b: ServerAddress): number {
  const [hostA, hostB] = [javaIpText(a.host), javaIpText(b.host)];
  if (hostA !== hostB) return hostA < hostB ? -1 : 1;
  return a.quorumPort - b.quorumPort || a.electionPort - b.electionPort;
}

function afterDot(key: string): string {
  return key.slice(key.indexOf(".") + 1);
}

function integer(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

function parseGroup(value: string): ServerId[] | undefined {
  const members = value.split(":").map((part) => integer(part.trim()));
  const known = members.filter((member) => member !== undefined);
  return known.length === members.length ? known : undefined;
}

function faultOfServer(value: string): LineFault {
  const isPortBeyond = (part: string) => /^\d+$/.test(part) && Number(part) > 65535;
  return value.split(/[:;|]/).some(isPortBeyond) ? "number" : "form";
}

/**
 * The server that a line `server.<serverId>=<value>` describes.
 *
 * @returns what would have been allowed, when the value is not
 */
function parseServer(serverId: ServerId, value: string): EnsembleServer | string {
  const [serverPart = "", clientPart = "", securePart = "", ...more] = value.split(";");
  if (more.length > 0) return SERVER_SYNTAX;
  const addresses: ServerAddress[] = [];
  const roles = new Set<string>();
  for (const text of serverPart.split("|")) {
    const [host, quorumText, electionText, roleText, ...rest] = splitColons(text);
    const quorumPort = portOf(quorumText);
    const electionPort = portOf(electionText);
    if (!host || quorumPort === undefined || electionPort === undefined || rest.length > 0) {
      return SERVER_SYNTAX;
    }
    if (quorumPort === electionPort) return "a quorum port that is not the election port";
    if (roleText !== undefined) roles.add(roleText.trim().toLowerCase());
    addresses.push({ host, quorumPort, electionPort });
  }
  if (roles.size > 1) return "the same role for all addresses of a server";
  const [role = "participant"] = roles;
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
