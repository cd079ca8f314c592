/**
 * Reads a connect string: `host1:port1,host2:port2/chroot`.
 *
 * @module
 */

import { ClientArgumentError } from "./client_errors.ts";
import { checkPath } from "./client_paths.ts";

const PORT_DEFAULT = 2181;
const PORT_MAX = 65_535;

export interface ServerName {
  /** A name or an address, that of IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

export interface ConnectString {
  readonly servers: readonly ServerName[];
  /** What stands before every path; empty: nothing. */
  readonly chroot: string;
}

/** @throws {ClientArgumentError} saying which part cannot be read */
export function parseConnectString(text: string): ConnectString {
  if (text.startsWith("dns-srv:")) {
    throw new ClientArgumentError(
      `Connect string "${text}": SRV records are not looked up: name the servers`,
    );
  }
  const slash = text.indexOf("/");
  const hosts = slash < 0 ? text : text.slice(0, slash);
  const chroot = slash < 0 ? "" : text.slice(slash);
  if (chroot.length > 1) checkPath(chroot);
  const servers = hosts.split(",").map((part) => part.trim()).filter((part) => part !== "")
    .map((part) => parseServer(part, text));
  if (servers.length === 0) {
    throw new ClientArgumentError(`Connect string "${text}" names no server`);
  }
  return { servers, chroot: chroot.length > 1 ? chroot : "" };
}

/** As it stands in a connect string: `host:port`, an IPv6 address in brackets. */
export function serverText({ hostname, port }: ServerName): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function parseServer(part: string, whole: string): ServerName {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(part);
  if (bracketed !== null) {
    return { hostname: bracketed[1]!, port: parsePort(bracketed[2] ?? "", part, whole) };
  }
  if (part.startsWith("[")) {
    throw new ClientArgumentError(`Connect string "${whole}": "${part}" has no matching "]"`);
  }
  const colon = part.lastIndexOf(":");
  const hostname = colon < 0 ? part : part.slice(0, colon);
  if (hostname === "") {
    throw new ClientArgumentError(`Connect string "${whole}": "${part}" names no host`);
  }
  if (colon < 0) return { hostname, port: PORT_DEFAULT };
  // an IPv6 address without brackets: its port, if it has one, stands behind what is an address by itself
  const isAddress = hostname.includes(":") && !isIpv6Address(hostname);
  if (isAddress) return { hostname: part, port: PORT_DEFAULT };
  return { hostname, port: parsePort(part.slice(colon + 1), part, whole) };
}

function isIpv6Address(text: string): boolean {
  return URL.canParse(`http://[${text}]`);
}

function parsePort(digits: string, part: string, whole: string): number {
  if (digits === "") return PORT_DEFAULT;
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port >= 1 && port <= PORT_MAX) return port;
  throw new ClientArgumentError(
    `Connect string "${whole}": the port of "${part}" is not a number from 1 to ${PORT_MAX}`,
  );
}
