/**
 * The names of the members, from name to address and back.
 *
 * @module
 */
import type { EnsembleServer } from "../../core/server_config.ts";
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";
import { within } from "./machine.ts";
import { isLoopback, isWildcard } from "./subject.ts";

export const NAME_FINDINGS = findingKinds({
  "DK-DNS-001": {
    severity: "error",
    title: "The name of a member has no address",
    meaning:
      "This server cannot reach that member, nor listen at its own name if it is its own. It asks " +
      "again at every attempt; Java servers give up, or keep the old answer.",
    action:
      "Correct the server line, or add the name to DNS or /etc/hosts. In Kubernetes, the headless " +
      "service needs publishNotReadyAddresses: true.",
  },
  "DK-DNS-002": {
    severity: "error",
    title: "Our own name is an address that only this machine reaches",
    meaning:
      "The server listens for other members at the loopback interface, where they cannot connect.",
    action:
      "Remove the name from the 127.0.x.1 line of /etc/hosts, or set quorumListenOnAllIPs=true.",
  },
  "DK-DNS-003": {
    severity: "error",
    title: "Our own line names the address of any host",
    meaning:
      "Others are told to connect to 0.0.0.0, which is themselves: it goes well until the leader " +
      "changes, and then the ensemble has none.",
    action:
      "Name this host in its own line, and set quorumListenOnAllIPs=true to listen everywhere.",
  },
  "DK-DNS-004": {
    severity: "error",
    title: "Two members have one address",
    meaning: "Connections to one reach the other: there will be no quorum, or votes count twice.",
    action: "Give each line the host of its own, or other ports where they share a host.",
  },
  "DK-DNS-005": {
    severity: "warning",
    title: "The name of a member has several addresses",
    meaning: "Connections go to any of them. A name that stands for several members mixes them up.",
    action:
      "Use a name with one address for each member; with several network cards, list the addresses " +
      "with | and set multiAddress.enabled=true.",
  },
  "DK-DNS-006": {
    severity: "warning",
    title: "Our own name is not an address of this machine",
    meaning:
      "The server cannot listen there, unless quorumListenOnAllIPs is set and something forwards.",
    action:
      "Correct the server line or myid; behind NAT or a service, set quorumListenOnAllIPs=true.",
  },
  "DK-DNS-007": {
    severity: "info",
    title: "An address does not lead back to the name of its member",
    meaning:
      "Nothing here depends on it; Kerberos, host checks of TLS in Java servers, and logs do.",
    action: "Add the reverse (PTR) record, where those are used.",
  },
  "DK-DNS-008": {
    severity: "warning",
    title: "This machine's own host name has no address",
    meaning: "Java servers and tools on it wait for DNS, and may fail to start.",
    action: "Add the host name to /etc/hosts.",
  },
  "DK-DNS-009": {
    severity: "error",
    title: "The name of another member leads to this machine",
    meaning: "This server talks to itself, or to nobody, instead of that member.",
    action: "Correct the server line, or the loopback lines of /etc/hosts.",
  },
});

/** Resolves every name of the server lines once. */
export async function resolveNames(
  { subject: { servers }, machine, timeoutMs }: Pick<
    Examination,
    "subject" | "machine" | "timeoutMs"
  >,
): Promise<Map<string, readonly string[] | Error>> {
  const hosts = new Set(servers.flatMap(({ addresses }) => addresses.map(({ host }) => host)));
  const resolved = new Map<string, readonly string[] | Error>();
  await Promise.all([...hosts].map(async (host) => {
    try {
      const addresses = await within(machine.lookup(host), timeoutMs);
      resolved.set(host, addresses.length === 0 ? new Error("no address") : addresses);
    } catch (error) {
      resolved.set(host, error instanceof Error ? error : new Error(String(error)));
    }
  }));
  return resolved;
}

export async function checkNames(
  examination: Examination,
  report: Report<typeof NAME_FINDINGS>,
): Promise<void> {
  const { subject, machine, timeoutMs } = examination;
  const { servers, isMember } = subject;
  try {
    await within(machine.lookup(machine.hostname), timeoutMs);
  } catch (error) {
    report("DK-DNS-008", `${machine.hostname}: ${error instanceof Error ? error.message : error}`);
  }
  if (!isMember) return;
  await Promise.all(servers.map((server) => checkMember(server, examination, report)));
  checkOwn(examination, report);
  checkDoubles(examination, report);
}

/** Members that are all on this machine, as in a trial of an ensemble. */
function areAllLocal({ subject: { servers }, resolved }: Examination): boolean {
  return servers.every(({ addresses }) =>
    addresses.every(({ host }) => {
      const found = resolved.get(host);
      return isWildcard(host) || found instanceof Error || found?.every(isLoopback);
    })
  );
}

async function checkMember(
  server: EnsembleServer,
  examination: Examination,
  report: Report<typeof NAME_FINDINGS>,
): Promise<void> {
  const { subject: { own }, machine, resolved, timeoutMs } = examination;
  for (const { host } of server.addresses) {
    if (isWildcard(host)) continue;
    const found = resolved.get(host);
    const line = `server.${server.serverId}=${host}`;
    if (found === undefined || found instanceof Error) {
      report("DK-DNS-001", `${line}: ${found?.message ?? "not resolved"}`);
      continue;
    }
    if (found.length > 1) report("DK-DNS-005", `${line}: ${found.join(", ")}`);
    if (server !== own && found.every(isLoopback) && !areAllLocal(examination)) {
      report("DK-DNS-009", `${line}: ${found.join(", ")}`);
    }
    if (found.includes(host)) continue; // an address, not a name
    try {
      const back = await within(machine.reverse(found[0]!), timeoutMs);
      if (back !== null && isSameName(back, host)) continue;
      report("DK-DNS-007", `${line}: ${found[0]} leads to ${back ?? "no name"}`);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      report("DK-DNS-007", `${line}: the name of ${found[0]}: ${error.message}`);
    }
  }
}

/** `a` and `a.example.org` may be one, by a search domain. */
function isSameName(a: string, b: string): boolean {
  const [x, y] = [a, b].map((name) => name.toLowerCase().replace(/\.$/, ""));
  return x === y || x!.startsWith(`${y}.`) || y!.startsWith(`${x}.`);
}

function checkOwn(examination: Examination, report: Report<typeof NAME_FINDINGS>): void {
  const { subject: { own, servers, values }, machine, resolved } = examination;
  if (own === null) return;
  const ours = new Set(machine.addresses);
  for (const { host } of own.addresses) {
    const line = `server.${own.serverId}=${host}`;
    if (isWildcard(host)) {
      if (servers.length > 1) report("DK-DNS-003", `${line}, with ${servers.length - 1} others`);
      continue;
    }
    const found = resolved.get(host);
    if (found === undefined || found instanceof Error) continue;
    if (found.every(isLoopback)) {
      const isHeard = values?.quorumListenOnAllIPs === true || areAllLocal(examination);
      if (!isHeard) report("DK-DNS-002", `${line}: ${found.join(", ")}`);
    } else if (!found.some((address) => ours.has(address))) {
      report(
        "DK-DNS-006",
        `${line}: ${found.join(", ")}; this machine has ${[...ours].join(", ")}`,
      );
    }
  }
}

function checkDoubles(
  { subject: { servers }, resolved }: Examination,
  report: Report<typeof NAME_FINDINGS>,
): void {
  const holders = new Map<string, number>();
  const told = new Set<string>();
  for (const { serverId, addresses } of servers) {
    for (const { host, quorumPort, electionPort } of addresses) {
      const found = resolved.get(host);
      const texts = found === undefined || found instanceof Error ? [host] : found;
      for (const text of texts) {
        for (const port of [quorumPort, electionPort]) {
          const other = holders.get(`${text}:${port}`);
          holders.set(`${text}:${port}`, serverId);
          const pair = `server.${other} and server.${serverId}`;
          if (other === undefined || other === serverId || told.has(pair)) continue;
          told.add(pair);
          report("DK-DNS-004", `${pair} are both at ${text}:${port}`);
        }
      }
    }
  }
}
