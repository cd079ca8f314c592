/**
 * The members of an ensemble as `init --servers` takes them: host names, or server lines in whole or in part.
 *
 * @module
 */

import { parseEnsembleLines } from "../../cluster/ensemble_lines.ts";
import type { EnsembleServer } from "../../core/server_config.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode } from "../world.ts";

export interface MemberPorts {
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface MemberList {
  /** `server.N=...` */
  readonly lines: readonly string[];
  readonly servers: readonly EnsembleServer[];
}

/**
 * @param text members with commas or blanks between: `zk1`, `zk1:2888:3888`, `3=zk1:2888:3888:observer;2181`
 * @throws {CommandError}
 */
export function memberListOf(text: string, { quorumPort, electionPort }: MemberPorts): MemberList {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const numbered = words.map((word, index) => {
    const [, key, line] = /^(?:server\.)?(\d+)=(.*)$/.exec(word) ?? [];
    const rest = line ?? word;
    const isHost = /^(\[[^\]]*\]|[^:;[\]]+)$/.test(rest);
    const value = isHost ? `${rest}:${quorumPort}:${electionPort}` : rest;
    return { key: `server.${key ?? index + 1}`, value, word };
  });
  const keys = numbered.map(({ key }) => key);
  const twice = numbered.find(({ key }, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) {
    throw wrong(
      `Cannot have ${JSON.stringify(twice.word)} in --servers: there is another ${twice.key}`,
    );
  }
  const { servers } = parseEnsembleLines(numbered, ({ word }, expected) => {
    throw wrong(`Cannot have ${JSON.stringify(word)} in --servers: expected ${expected}`);
  });
  const places = servers.flatMap(({ addresses }) =>
    addresses.flatMap(({ host, quorumPort, electionPort }) => [
      `${host.toLowerCase()}:${quorumPort}`,
      `${host.toLowerCase()}:${electionPort}`,
    ])
  );
  const shared = places.find((place, index) => places.indexOf(place) !== index);
  if (shared !== undefined) {
    throw wrong(`Cannot have two ports of --servers at one place: ${shared}`);
  }
  if (servers.length === 0) throw wrong("Cannot make an ensemble of --servers: it names none");
  return { lines: numbered.map(({ key, value }) => `${key}=${value}`), servers };
}

/**
 * Which of them this machine is.
 *
 * @param myid what was said; undefined: by the name of this machine
 * @throws {CommandError}
 */
export function ownMember(
  { servers }: MemberList,
  { myid, hostname }: { myid: number | undefined; hostname: string },
): EnsembleServer {
  const names = servers.map(({ serverId, addresses }) => `${serverId} (${addresses[0]!.host})`);
  if (myid !== undefined) {
    const own = servers.find(({ serverId }) => serverId === myid);
    if (own !== undefined) return own;
    throw wrong(`Cannot be member ${myid}: --servers has ${names.join(", ")}`);
  }
  const label = (name: string) => name.toLowerCase().split(".")[0]!;
  const isAddress = (host: string) => host.includes(":") || /^[\d.]+$/.test(host);
  const all = (isOwn: (host: string) => boolean) =>
    servers.filter(({ addresses }) =>
      addresses.some(({ host }) => !isAddress(host) && isOwn(host))
    );
  for (
    const found of [
      all((host) => host.toLowerCase() === hostname.toLowerCase()),
      all((host) => label(host) === label(hostname)),
    ]
  ) {
    if (found.length === 1) return found[0]!;
  }
  throw wrong(
    `Cannot tell which member this machine ("${hostname}") is: say so with --myid, one of ${
      names.join(", ")
    }`,
  );
}

function wrong(message: string): CommandError {
  return new CommandError(message, { exitCode: ExitCode.InvalidInvocation });
}
