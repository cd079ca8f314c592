/**
 * Asks each member of an ensemble what it is and with which settings it runs: by four-letter words at its client
 * port, and by the commands of its HTTP port. Java servers answer both ways too.
 *
 * @module
 */
import { splitLines } from "../../cluster/ensemble_lines.ts";
import type { EnsembleServer } from "../../core/server_config.ts";
import { serverText } from "../../net/client/connect_string.ts";
import { askHttp, askWord } from "../../net/server_questions.ts";
import { isZooKeeperAnswer, type RunningServer } from "./examination.ts";
import type { Machine } from "./machine.ts";
import { isWildcard, type Subject } from "./subject.ts";

export interface MemberAnswer {
  /** `server.2 at host:2181`. */
  readonly name: string;
  /** Null: a server that stands alone. */
  readonly server: EnsembleServer | null;
  readonly isOurs: boolean;
  /** The client port was not in the server line: it may be another one. */
  readonly isPortAssumed: boolean;
  /** Null: it serves, or looks for a leader. */
  readonly problem: string | null;
  readonly version: string | null;
  /** `leader`, `follower`, `standalone`, `read-only`; null: it looks for a leader. */
  readonly mode: string | null;
  readonly zxid: bigint | null;
  /** By the keys of zoo.cfg, with `serverId`; null when it does not tell. */
  readonly settings: ReadonlyMap<string, string> | null;
  /** System properties; null when it does not tell. */
  readonly properties: ReadonlyMap<string, string> | null;
  /** Lines without blanks, sorted; null when it does not tell. */
  readonly members: readonly string[] | null;
  /** Against that of this machine; null when it does not tell. */
  readonly clock: { readonly aheadMs: number; readonly uncertaintyMs: number } | null;
  /** Connections by the client's address; null when it does not tell. */
  readonly clients: ReadonlyMap<string, number> | null;
}

interface Surveyor {
  readonly subject: Subject;
  readonly machine: Machine;
  readonly running: RunningServer | null;
  readonly timeoutMs: number;
}

export async function surveyMembers(surveyor: Surveyor): Promise<MemberAnswer[]> {
  const { subject, running } = surveyor;
  const { servers, own, isMember } = subject;
  if (!isMember) return running === null ? [] : [await ask(null, surveyor)];
  const asked = servers.filter((server) => server !== own || running !== null);
  return await Promise.all(asked.map((server) => ask(server, surveyor)));
}

async function ask(server: EnsembleServer | null, surveyor: Surveyor): Promise<MemberAnswer> {
  const { subject: { own, clients }, timeoutMs } = surveyor;
  const isOurs = server === null || server === own;
  const host = isOurs ? clients!.host ?? "127.0.0.1" : hostOf(server);
  const port = isOurs ? clients!.port : server.clientPort ?? clients?.port ?? 2181;
  const place = { host, port };
  const name = `${server === null ? "this server" : `server.${server.serverId}`} at ${
    serverText({ hostname: host, port })
  }`;
  const isPortAssumed = !isOurs && server.clientPort === null;
  const blank = {
    ...{ name, server, isOurs, isPortAssumed, version: null, mode: null, zxid: null },
    ...{ settings: null, properties: null, members: null, clock: null, clients: null },
  };
  let srvr: string;
  try {
    srvr = await askWord(place, { word: "srvr", timeoutMs });
  } catch (error) {
    return { ...blank, problem: error instanceof Error ? error.message : String(error) };
  }
  if (!isZooKeeperAnswer(srvr)) {
    return { ...blank, problem: `no ZooKeeper: it says ${JSON.stringify(srvr.slice(0, 60))}` };
  }
  const [conf, cons, http] = await Promise.all([
    askWord(place, { word: "conf", timeoutMs }).catch(() => ""),
    askWord(place, { word: "cons", timeoutMs }).catch(() => ""),
    askCommands(place, surveyor),
  ]);
  const zxid = /^Zxid: (0x[0-9a-f]+)$/m.exec(srvr)?.[1];
  const told = /^tickTime=/m.test(conf);
  const icfg = http.initialConfiguration;
  return {
    ...blank,
    problem: null,
    version: /^Zookeeper version: ([^,\s-]+)/m.exec(srvr)?.[1] ?? null,
    mode: /^Mode: (.*)$/m.exec(srvr)?.[1] ?? null,
    zxid: zxid === undefined ? null : BigInt(zxid),
    settings: told ? settingsOfWord(conf) : http.settings,
    properties: http.properties,
    members: membersIn(told ? conf : icfg),
    clock: http.clock,
    clients: clientsIn(cons) ?? http.clients,
  };
}

function hostOf({ clientHost, addresses }: EnsembleServer): string {
  return isWildcard(clientHost) ? addresses[0]!.host : clientHost!;
}

/** `key=value` lines before the membership. */
function settingsOfWord(conf: string): Map<string, string> {
  const [before = ""] = conf.split(/^membership:/m);
  return new Map(splitLines(before).map(({ key, value }) => [key, value.trim()]));
}

/** Null without any; text may be a config file, or the answer to `conf`. */
function membersIn(text: string | null): string[] | null {
  const lines = splitLines(text ?? "").filter(({ key }) => /^(server|group|weight)\.\d+$/.test(key))
    .map(({ key, value }) => `${key}=${value.replace(/\s/g, "")}`);
  return lines.length === 0 ? null : lines.sort();
}

/** Of ` /127.0.0.1:44224[1](...)` lines; null when the word is not enabled. */
function clientsIn(cons: string): Map<string, number> | null {
  if (!/^ \//m.test(cons)) return null;
  const counts = new Map<string, number>();
  for (const [, address] of cons.matchAll(/^ \/(.*):\d+\[/gm)) {
    counts.set(address!, (counts.get(address!) ?? 0) + 1);
  }
  return counts;
}

interface HttpAnswers {
  readonly settings: Map<string, string> | null;
  readonly properties: Map<string, string> | null;
  readonly initialConfiguration: string | null;
  readonly clock: MemberAnswer["clock"];
  readonly clients: Map<string, number> | null;
}

/**
 * At the HTTP port of our own settings: members mostly have the same. Members that share a host do not: who
 * answers there for another client port is not the one that is asked.
 */
async function askCommands(
  { host, port }: { readonly host: string; readonly port: number },
  { subject: { http }, machine, timeoutMs }: Surveyor,
): Promise<HttpAnswers> {
  const none = { settings: null, properties: null, initialConfiguration: null, clock: null };
  if (http === null || !http.enabled || http.port === 0) return { ...none, clients: null };
  const hostname = host.includes(":") ? `[${host}]` : host;
  const base = `http://${hostname}:${http.port}${http.commandUrl}`;
  let clock: MemberAnswer["clock"] = null;
  const get = async (command: string): Promise<Record<string, unknown> | null> => {
    try {
      const beforeMs = machine.nowMs();
      const answer = await askHttp(new URL(`${base}/${command}`), { timeoutMs });
      const afterMs = machine.nowMs();
      const body = JSON.parse(answer.text);
      const date = Date.parse(answer.date ?? "");
      if (!Number.isNaN(date)) {
        clock ??= {
          aheadMs: date + 500 - (beforeMs + afterMs) / 2, // it was cut to the second
          uncertaintyMs: 500 + (afterMs - beforeMs) / 2,
        };
      }
      return body !== null && body.error === null ? body : null;
    } catch {
      return null;
    }
  };
  const configuration = await get("configuration");
  if (configuration !== null && configuration.client_port !== port) {
    return { ...none, clients: null };
  }
  const [properties, initial, connections] = await Promise.all([
    get("system_properties"),
    get("initial_configuration"),
    get("connections"),
  ]);
  const text = initial?.initial_configuration;
  const initialConfiguration = typeof text === "string" ? text : null;
  return {
    settings: settingsOfHttp(configuration, initialConfiguration),
    properties: properties === null ? null : textsOf(properties),
    initialConfiguration,
    clock,
    clients: clientsOfHttp(connections),
  };
}

/** The command does not tell all: the file does, as far as it names them. */
function settingsOfHttp(
  configuration: Record<string, unknown> | null,
  initialConfiguration: string | null,
): Map<string, string> | null {
  if (configuration === null) return null;
  const settings = new Map<string, string>();
  for (const { key, value } of splitLines(initialConfiguration ?? "")) {
    if (key === "initLimit" || key === "syncLimit") settings.set(key, value.trim());
  }
  for (const [key, value] of textsOf(configuration)) {
    settings.set(key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()), value);
  }
  return settings;
}

function clientsOfHttp(answer: Record<string, unknown> | null): Map<string, number> | null {
  if (!Array.isArray(answer?.connections)) return null;
  const counts = new Map<string, number>();
  for (const connection of answer.connections) {
    const place: unknown = connection?.remote_socket_address;
    if (typeof place !== "string") continue;
    const address = place.slice(0, place.lastIndexOf(":")).replace(/^\//, "");
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
}

function textsOf(answer: Record<string, unknown>): Map<string, string> {
  const entries = Object.entries(answer).filter(([, value]) =>
    typeof value === "string" || typeof value === "number"
  );
  return new Map(entries.map(([key, value]) => [key, String(value)]));
}
