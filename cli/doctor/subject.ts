/**
 * What `doctor` examines: the settings of one server, as far as they can be understood.
 *
 * The server itself refuses settings with a fault in them; here all the others are looked at all the same, so
 * that one run finds as much as it can.
 *
 * @module
 */
import { resolve } from "../../net/file_path.ts";
import { isEnsembleLine, parseEnsembleLines } from "../../cluster/ensemble_lines.ts";
import type { EnsembleServer, HttpConfig } from "../../core/server_config.ts";
import { ConfigError, type Notice } from "../config_error.ts";
import { loadConfig } from "../config_loader.ts";
import { type Settings, settingsSchema } from "../config_schema.ts";
import type { Setting } from "../config_sources.ts";
import { gatherSettings, type LoadOptions } from "../gathered_settings.ts";
import { isMemberOfEnsemble } from "../ensemble_settings.ts";
import { httpConfigOf } from "../http_settings.ts";

export interface Subject {
  /** Absolute; null when settings come from the environment, or are nowhere. */
  readonly configPath: string | null;
  /** Why the server would not start with these settings, but for what is wrong with myid. */
  readonly problems: readonly string[];
  /** What it would tell at its start. */
  readonly notices: readonly Notice[];
  /** Wrong values are replaced by defaults; null without a dataDir. */
  readonly values: Settings | null;
  /** Every key as written. */
  readonly raw: ReadonlyMap<string, string>;
  readonly servers: readonly EnsembleServer[];
  readonly isMember: boolean;
  /** What is in the file; null without one. */
  readonly myidText: string | null;
  readonly myid: number | null;
  /** ZOO_MY_ID of the environment. */
  readonly myidOfEnvironment: string | null;
  /** The server line of `myid`. */
  readonly own: EnsembleServer | null;
  readonly http: HttpConfig | null;
  /** Null host: all addresses. */
  readonly clients: { readonly host: string | null; readonly port: number } | null;
}

export function readSubject(options: LoadOptions): Subject {
  const { environment } = options;
  const { notices, problems } = whatTheServerSays(options);
  const { path, settings } = readLeniently(options);
  const raw = new Map([...settings].map(([key, { value }]) => [key, value.trim()]));
  const { servers } = parseEnsembleLines(
    [...settings.values()].filter(({ key }) => isEnsembleLine(key)),
    () => {},
  );
  const values = lenientValues(raw);
  const untold = { notices: [], problems: [], originOf: () => undefined };
  const isMember = values !== null && isMemberOfEnsemble(values, { servers }, untold);
  const myidText = values === null ? null : textOf(`${values.dataDir}/myid`);
  const myidOfEnvironment = environment("ZOO_MY_ID") || null;
  const myid = numberOf(myidText ?? (path === null ? myidOfEnvironment ?? "1" : null));
  const own = servers.find(({ serverId }) => serverId === myid) ?? null;
  const port = own?.clientPort ?? values?.clientPort;
  const host = own?.clientPort != null ? own.clientHost : values?.clientPortAddress ?? null;
  const clients = port === undefined ? null : { host: isWildcard(host) ? null : host, port };
  return {
    configPath: path === null ? null : resolve(path),
    problems: problems.filter((problem) => !isAboutMyid(problem)),
    notices,
    values,
    raw,
    servers,
    isMember,
    myidText,
    myid,
    myidOfEnvironment,
    own,
    http: values === null ? null : httpConfigOf(values, {
      clients: { address: clients?.host ?? null, port: clients?.port ?? 0 },
      maxSessionTimeoutMs: 0,
      ...untold,
    }),
    clients,
  };
}

export function isWildcard(host: string | null): boolean {
  return host === null || host === "0.0.0.0" || host === "::";
}

export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}

function whatTheServerSays(
  options: LoadOptions,
): { notices: readonly Notice[]; problems: string[] } {
  try {
    return { notices: loadConfig(options).notices, problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { notices: [], problems: [...error.problems] };
  }
}

/** `check_myid.ts` finds these in the file itself, each with a code of its own. */
function isAboutMyid(problem: string): boolean {
  return /^(Cannot read ")?[^":]*\/myid"?:/.test(problem) || problem.startsWith("ZOO_MY_ID ");
}

function readLeniently(
  options: LoadOptions,
): { path: string | null; settings: ReadonlyMap<string, Setting> } {
  try {
    const { file, settings } = gatherSettings(options, []);
    return { path: file?.path ?? null, settings };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { path: null, settings: new Map() }; // told among the problems
  }
}

function lenientValues(raw: ReadonlyMap<string, string>): Settings | null {
  const usable = new Map(raw);
  const first = settingsSchema.safeParse(Object.fromEntries(usable));
  for (const { path } of first.error?.issues ?? []) usable.delete(String(path[0]));
  return settingsSchema.safeParse(Object.fromEntries(usable)).data ?? null;
}

function textOf(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

function numberOf(text: string | null): number | null {
  const first = (text ?? "").split(/\r?\n/, 1)[0]!.trim();
  return /^\d+$/.test(first) && Number.isSafeInteger(Number(first)) ? Number(first) : null;
}
