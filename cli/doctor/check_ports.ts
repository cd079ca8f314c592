/**
 * The ports this server opens, and those of the other members.
 *
 * @module
 */
import { ListenError } from "../../core/errors.ts";
import { QuorumConfig } from "../../cluster/quorum_config.ts";
import { serverText } from "../../net/client/connect_string.ts";
import { listen } from "../../net/tcp_listen.ts";
import { type Examination, holdersOf, isZooKeeperAnswer } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";
import { isWildcard, type Subject } from "./subject.ts";

export const PORT_FINDINGS = findingKinds({
  "DK-PORT-001": {
    severity: "error",
    title: "A port is in use by another program",
    meaning: "The server does not start, or runs without its HTTP port.",
    action: "Stop the program that is named, or choose another port.",
  },
  "DK-PORT-002": {
    severity: "error",
    title: "One port is configured for two things",
    meaning: "Only one of them can have it; the server does not start, or is without the other.",
    action: "Choose another number for one of them.",
  },
  "DK-PORT-003": {
    severity: "error",
    title: "An address to listen at is not one of this machine",
    meaning: "The server cannot listen there: it does not start, or no member reaches it.",
    action: "Correct clientPortAddress, admin.serverAddress or the server line; behind NAT, set " +
      "quorumListenOnAllIPs=true.",
  },
  "DK-PORT-004": {
    severity: "error",
    title: "This user may not listen at a port",
    meaning: "The server does not start when this user starts it.",
    action: "Choose a port from 1024 up, or give the program CAP_NET_BIND_SERVICE.",
  },
  "DK-PORT-005": {
    severity: "warning",
    title: "The election port of a member is not reachable",
    meaning: "That member is down, or something between drops connections: it cannot vote with us.",
    action:
      "Start it; if it runs, open the port in firewalls and network policies, in both directions.",
  },
  "DK-PORT-006": {
    severity: "error",
    title: "Too few members are reachable for a quorum",
    meaning: "This server cannot serve: it looks for a leader until more of them are there.",
    action: "Start the members that are named, or mend the network between.",
  },
  "DK-PORT-007": {
    severity: "error",
    title: "Something else answers at the port of a member",
    meaning: "That is no election port: the member cannot be reached for votes.",
    action:
      "Correct the ports of the server line; the order is host:quorumPort:electionPort;clientPort.",
  },
  "DK-PORT-008": {
    severity: "warning",
    title: "The quorum port of a member is blocked",
    meaning:
      "A member refuses connections there while it does not lead; here nothing answers at all. " +
      "Should it lead, we cannot follow.",
    action: "Open the port in firewalls and network policies.",
  },
  "DK-PORT-009": {
    severity: "info",
    title: "A server runs here with these settings",
    meaning:
      "Its own ports are taken by itself; what needs a server that is stopped was not looked at.",
    action: "Nothing has to be done.",
  },
  "DK-PORT-010": {
    severity: "error",
    title: "The server runs, and does not answer",
    meaning: "It hangs: it was stopped by a signal, waits for a disk, or has no processor time.",
    action: "Look at its log and its disk; `kill -CONT` lets a stopped one go on. Else restart it.",
  },
});

interface Place {
  readonly what: string;
  readonly host: string | null;
  readonly port: number;
}

/** A voice within so long is that of something that speaks first. */
const BANNER_MS = 150;

export async function checkPorts(
  examination: Examination,
  report: Report<typeof PORT_FINDINGS>,
): Promise<void> {
  const { subject, running, timeoutMs } = examination;
  const places = placesOf(subject);
  if (running !== null) {
    const pid = running.pid === null ? "" : ` (process ${running.pid})`;
    const port = subject.clients?.port;
    if (!running.isSilent) report("DK-PORT-009", `it answers at client port ${port}${pid}`);
    else report("DK-PORT-010", `no answer at client port ${port} in ${timeoutMs} ms${pid}`);
  }
  const clashing = checkClashes(places, report);
  for (const place of places) {
    if (!clashing.has(place)) await checkFree(place, examination, report);
  }
  if (subject.isMember && subject.own !== null) await checkOthers(examination, report);
}

/** In the order in which the server opens them. */
function placesOf({ values, http, clients, own, isMember }: Subject): Place[] {
  const places: Place[] = [];
  const add = (what: string, host: string | null, port: number) => {
    if (port !== 0) places.push({ what, host: isWildcard(host) ? null : host, port });
  };
  if (clients !== null) add("clientPort", clients.host, clients.port);
  const isHttpWanted = values !== null && values["admin.enableServer"] && values["http.enabled"];
  if (http !== null && isHttpWanted) add("admin.serverPort", http.address, http.port);
  // at the HTTP port /metrics is there anyway
  if (http?.metrics?.port != null) {
    add("metricsProvider.httpPort", http.metrics.address, http.metrics.port);
  }
  if (!isMember || own === null || values === null) return places;
  for (const { host, quorumPort, electionPort } of own.addresses) {
    const at = values.quorumListenOnAllIPs ? null : host;
    add(`election port of server.${own.serverId}`, at, electionPort);
    add(`quorum port of server.${own.serverId}`, at, quorumPort);
  }
  add("observerMasterPort", null, values.observerMasterPort);
  return places;
}

function checkClashes(
  places: readonly Place[],
  report: Report<typeof PORT_FINDINGS>,
): ReadonlySet<Place> {
  const clashing = new Set<Place>();
  for (const [i, place] of places.entries()) {
    const other = places.slice(0, i).find((other) =>
      other.port === place.port &&
      (other.host === place.host || other.host === null || place.host === null)
    );
    if (other === undefined) continue;
    clashing.add(place);
    report("DK-PORT-002", `${other.what} and ${place.what} are both ${place.port}`);
  }
  return clashing;
}

async function checkFree(
  place: Place,
  { subject: { own }, machine, running, resolved }: Examination,
  report: Report<typeof PORT_FINDINGS>,
): Promise<void> {
  const { what, host, port } = place;
  // a name without an address is DK-DNS-001, and cannot be listened at
  if (host !== null && resolved.get(host) instanceof Error) return;
  const text = `${what} ${host ?? "*"}:${port}`;
  try {
    listen({ port, address: host }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      const holders = await holdersOf(place, machine);
      const isOwn = running !== null &&
        (running.pid === null || holders.some(({ pid }) => pid === running.pid));
      if (isOwn) return;
      const [holder] = holders;
      const by = holder === undefined ? "" : ` by process ${holder.pid} (${holder.command})`;
      report("DK-PORT-001", `${text} is in use${by}`);
    } else if (/permission denied|os error 13/i.test(String(error))) {
      report("DK-PORT-004", `${text}: user ${machine.userId} may not listen there`);
    } else if (error instanceof ListenError || error instanceof Deno.errors.AddrNotAvailable) {
      // found with more detail as DK-DNS-006, where the name is the fault
      if (own !== null && what.includes("port of server")) {
        report("DK-PORT-003", `${text}: ${error.message}; quorumListenOnAllIPs is false`);
      } else report("DK-PORT-003", `${text}: ${error.message}`);
    } else throw error;
  }
}

async function checkOthers(
  examination: Examination,
  report: Report<typeof PORT_FINDINGS>,
): Promise<void> {
  const { subject: { servers, own, raw }, timeoutMs, resolved } = examination;
  const reached = new Set([own!.serverId]);
  const missing: string[] = [];
  await Promise.all(
    servers.filter((server) => server !== own).map(async (server) => {
      const problems: string[] = [];
      for (const { host, quorumPort, electionPort } of server.addresses) {
        if (isWildcard(host) || resolved.get(host) instanceof Error) {
          problems.push(`${host} has no address`);
          continue;
        }
        const place = serverText({ hostname: host, port: electionPort });
        const at = `server.${server.serverId} at ${place}`;
        const state = await listensLikeAMember({ hostname: host, port: electionPort }, timeoutMs);
        if (state.kind === "stranger") {
          report("DK-PORT-007", `${at} says ${JSON.stringify(state.said.slice(0, 60))}`);
        } else if (state.kind === "silent") reached.add(server.serverId);
        else problems.push(`${place}: ${state.reason}`);
        if (state.kind !== "silent") continue;
        const quorum = await reach({ hostname: host, port: quorumPort }, timeoutMs);
        if (quorum === "blocked") {
          const at = serverText({ hostname: host, port: quorumPort });
          const where = `server.${server.serverId} at ${at}`;
          report("DK-PORT-008", `${where}: no answer in ${timeoutMs} ms`);
        }
      }
      if (reached.has(server.serverId)) return;
      if (problems.length > 0) {
        report("DK-PORT-005", `server.${server.serverId}: ${problems.join("; ")}`);
      }
      if (server.role === "participant") missing.push(`server.${server.serverId}`);
    }),
  );
  if (quorumOf(servers, raw).isQuorum(reached)) return;
  const found = [...reached].sort((a, b) => a - b).join(", ");
  report("DK-PORT-006", `reachable: ${found}; not: ${missing.sort().join(", ")}`);
}

/** Groups and weights count too. */
function quorumOf(servers: Subject["servers"], raw: ReadonlyMap<string, string>): QuorumConfig {
  const groups = new Map<number, number[]>();
  const weights = new Map<number, number>();
  for (const [key, value] of raw) {
    const [, family, id] = /^(group|weight)\.(\d+)$/.exec(key) ?? [];
    if (family === "group") groups.set(Number(id), value.split(":").map(Number));
    if (family === "weight") weights.set(Number(id), Number(value));
  }
  return new QuorumConfig({ servers, groups, weights, version: 0 });
}

type ElectionPort =
  | { readonly kind: "silent" }
  | { readonly kind: "unreachable"; readonly reason: string }
  | { readonly kind: "stranger"; readonly said: string };

/**
 * A member waits there for a whole greeting and says nothing to less. A word of four letters gets an answer of
 * most other programs, of ZooKeeper's client port too, and leaves a member with a line in its log.
 */
async function listensLikeAMember(
  address: { hostname: string; port: number },
  timeoutMs: number,
): Promise<ElectionPort> {
  try {
    const said = await askWordAndListen(address, timeoutMs);
    if (said === "") return { kind: "silent" };
    return {
      kind: "stranger",
      said: isZooKeeperAnswer(said) ? `${said} (ZooKeeper's client port)` : said,
    };
  } catch (error) {
    return { kind: "unreachable", reason: error instanceof Error ? error.message : `${error}` };
  }
}

async function askWordAndListen(
  address: { hostname: string; port: number },
  timeoutMs: number,
): Promise<string> {
  using conn = await connectWithin(address, timeoutMs);
  await conn.write(new TextEncoder().encode("srvr"));
  await conn.closeWrite().catch(() => {});
  const buffer = new Uint8Array(256);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<null>((resolve) =>
    timer = setTimeout(resolve, Math.max(BANNER_MS, timeoutMs / 4), null)
  );
  const reading = conn.read(buffer).catch(() => null);
  const count = await Promise.race([reading, silence]);
  clearTimeout(timer);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
}

async function reach(
  address: { hostname: string; port: number },
  timeoutMs: number,
): Promise<"open" | "refused" | "blocked"> {
  try {
    (await connectWithin(address, timeoutMs)).close();
    return "open";
  } catch (error) {
    return error instanceof Deno.errors.ConnectionRefused ? "refused" : "blocked";
  }
}

async function connectWithin(
  address: { hostname: string; port: number },
  timeoutMs: number,
): Promise<Deno.TcpConn> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await Deno.connect({ ...address, signal });
  } catch (error) {
    if (signal.aborted) throw new Error(`no answer in ${timeoutMs} ms`);
    throw error;
  }
}
