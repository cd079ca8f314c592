/**
 * The members that run: whether they agree on settings, and whether they work together.
 *
 * @module
 */
import { resolve } from "node:path";
import { formatServerLine, parseEnsembleLines, splitLines } from "../../cluster/ensemble_lines.ts";
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";
import type { MemberAnswer } from "./member_survey.ts";

export const MEMBER_FINDINGS = findingKinds({
  "DK-MEMB-001": {
    severity: "warning",
    title: "A member does not answer at its client port",
    meaning: "It is down, or cannot be reached from here: its state and settings are not known.",
    action:
      "Start it, or open the port; name client ports in the server lines, behind a semicolon.",
  },
  "DK-MEMB-002": {
    severity: "info",
    title: "The client port of a member is not in its server line",
    meaning: "It was looked for at the port that this server has.",
    action: "Write it behind the line: server.N=host:2888:3888;2181.",
  },
  "DK-MEMB-003": {
    severity: "error",
    title: "No member leads",
    meaning: "The ensemble takes no requests.",
    action:
      "Look at the findings about names and ports: enough members must reach each other's election " +
      "ports.",
  },
  "DK-MEMB-004": {
    severity: "error",
    title: "Two members lead",
    meaning:
      "They are of two ensembles, or one of them has not noticed yet that it lost its quorum.",
    action: "Ask again in a few seconds; if it stays so, compare the server lines of all members.",
  },
  "DK-MEMB-005": {
    severity: "warning",
    title: "A member is far behind the leader",
    meaning: "Its clients read old data, and it has to catch up before it can lead.",
    action: "Look at its disk and network; it may also be receiving a snapshot just now.",
  },
  "DK-MEMB-006": {
    severity: "warning",
    title: "Members run different versions",
    meaning: "That is for the time of an upgrade: some features work only where all have them.",
    action: "Finish the upgrade.",
  },
  "DK-MEMB-007": {
    severity: "error",
    title: "Members have different time limits",
    meaning:
      "They take each other, and sessions, for dead at different times: leaders and sessions are " +
      "lost for no other reason.",
    action: "Give all members the same tickTime, initLimit, syncLimit and session timeouts.",
  },
  "DK-MEMB-008": {
    severity: "error",
    title: "Members have different server lists",
    meaning: "They count quorums of different ensembles: two halves may both go on.",
    action:
      "Give all members the same lines, and restart them one by one; with reconfig, let them get the " +
      "list from the leader.",
  },
  "DK-MEMB-009": {
    severity: "warning",
    title: "Members have a different jute.maxbuffer",
    meaning:
      "What one member takes, another cannot: it drops the connection, or cannot join the leader.",
    action: "Give all members, and all clients, the same value.",
  },
  "DK-MEMB-010": {
    severity: "info",
    title: "The settings of a member cannot be read",
    meaning: "They were not compared.",
    action:
      "Enable the word conf in its 4lw.commands.whitelist, or its AdminServer at our admin.serverPort.",
  },
  "DK-MEMB-011": {
    severity: "error",
    title: "A member takes itself for another one",
    meaning: "Its myid is not the number that the server lines give to its address.",
    action: "Correct myid there, or the server lines.",
  },
  "DK-MEMB-012": {
    severity: "warning",
    title: "A member does not serve",
    meaning: "It runs, and is cut off from the leader: its clients have to go elsewhere.",
    action: "Look at its log, and run doctor there.",
  },
  "DK-MEMB-013": {
    severity: "warning",
    title: "Members have a different limit of connections",
    meaning: "A client that moves on to the stricter one is refused there.",
    action: "Give all members the same maxClientCnxns.",
  },
  "DK-MEMB-014": {
    severity: "warning",
    title: "An address has nearly as many connections as it may",
    meaning:
      "From maxClientCnxns on, further ones are closed at once. Behind NAT many machines are one " +
      "address.",
    action: "Find the client that leaks connections, or raise maxClientCnxns (0: no limit).",
  },
  "DK-MEMB-015": {
    severity: "warning",
    title: "The server runs with other settings than the file has",
    meaning:
      "The file was changed after its start, or it is another server that has our client port: the " +
      "next start brings another behaviour.",
    action: "Restart it, or take the change back; give each server a client port of its own.",
  },
});

const TIME_KEYS = ["tickTime", "initLimit", "syncLimit", "minSessionTimeout", "maxSessionTimeout"];
const LAG_MAX = 1000n;
const EPOCH_SHIFT = 32n;
const COUNTER_MASK = 0xffff_ffffn;
const CLIENT_RATIO_MAX = 0.8;
const JUTE_MAX_BUFFER = "jute.maxbuffer";
const JUTE_MAX_BUFFER_DEFAULT = "1048575";

type Told = Report<typeof MEMBER_FINDINGS>;

export function checkMembers(examination: Examination, report: Told): void {
  const { subject, answers } = examination;
  for (const answer of answers) checkConnections(answer, report);
  checkFile(examination, report);
  if (!subject.isMember) return;
  for (const { name, problem, isPortAssumed, settings } of answers) {
    if (isPortAssumed) report("DK-MEMB-002", name);
    if (problem !== null) report("DK-MEMB-001", `${name}: ${problem}`);
    else if (settings === null) report("DK-MEMB-010", name);
  }
  const heard = answers.filter(({ problem }) => problem === null);
  checkState(heard, subject.servers.length, report);
  for (const { name, server, settings } of heard) {
    const said = settings?.get("serverId");
    if (said === undefined || server === null || said === String(server.serverId)) continue;
    report("DK-MEMB-011", `${name} says that it is ${said}`);
  }
  checkAgreement(examination, heard, report);
}

function checkState(heard: readonly MemberAnswer[], memberCount: number, report: Told): void {
  const leaders = heard.filter(({ mode }) => mode === "leader");
  const namesOf = (answers: readonly MemberAnswer[]) => answers.map(({ name }) => name).join(", ");
  if (leaders.length > 1) report("DK-MEMB-004", namesOf(leaders));
  const followsSomebody = heard.some(({ mode }) => mode === "follower" || mode === "observer");
  if (
    heard.length > 0 && leaders.length === 0 && (heard.length === memberCount || !followsSomebody)
  ) {
    report("DK-MEMB-003", `${heard.length} of ${memberCount} members answer: ${namesOf(heard)}`);
    return;
  }
  for (const { name, mode } of heard) {
    if (mode === null) report("DK-MEMB-012", `${name} looks for a leader`);
    else if (mode === "read-only") report("DK-MEMB-012", `${name} serves reads only`);
  }
  const leader = leaders[0];
  if (leaders.length !== 1 || leader === undefined || leader.zxid === null) return;
  for (const { name, zxid } of heard) {
    if (zxid === null || zxid >= leader.zxid) continue;
    const isOldEpoch = zxid >> EPOCH_SHIFT !== leader.zxid >> EPOCH_SHIFT;
    // of an epoch without a txn yet, a follower keeps the zxid from before it
    const lag = isOldEpoch ? leader.zxid & COUNTER_MASK : leader.zxid - zxid;
    if (lag <= LAG_MAX) continue;
    const how = `${lag} txns ${isOldEpoch ? "or more " : ""}behind, limit ${LAG_MAX}`;
    report(
      "DK-MEMB-005",
      `${name} is at 0x${zxid.toString(16)}, ${how}; ${leader.name} is at 0x${
        leader.zxid.toString(16)
      }`,
    );
  }
}

function checkAgreement(
  { subject }: Examination,
  heard: readonly MemberAnswer[],
  report: Told,
): void {
  compare(heard, ({ version }) => version ?? undefined, (found) => report("DK-MEMB-006", found));
  for (const key of TIME_KEYS) {
    compare(heard, ({ settings }) => settings?.get(key), (found) => {
      report("DK-MEMB-007", `${key}: ${found}`);
    }, settingOf(subject, key));
  }
  compare(heard, ({ settings }) => settings?.get("maxClientCnxns"), (found) => {
    report("DK-MEMB-013", `maxClientCnxns: ${found}`);
  }, settingOf(subject, "maxClientCnxns"));
  const maxBufferOf = ({ properties }: MemberAnswer) =>
    properties === null ? undefined : bytesText(properties.get(JUTE_MAX_BUFFER));
  compare(heard, maxBufferOf, (found) => {
    report("DK-MEMB-009", `${JUTE_MAX_BUFFER}: ${found}`);
  }, bytesText(subject.raw.get(JUTE_MAX_BUFFER)));

  const ours = listText(subject.servers.map(formatServerLine));
  compare(heard, ({ members }) => members === null ? undefined : listText(members), (found) => {
    report("DK-MEMB-008", found);
  }, ours);
}

/** Tells who says what, when not all say the same. */
function compare(
  heard: readonly MemberAnswer[],
  valueOf: (answer: MemberAnswer) => string | undefined,
  differ: (found: string) => void,
  ofFile?: string,
): void {
  const byValue = new Map<string, string[]>();
  const add = (value: string | undefined, name: string) => {
    if (value !== undefined) byValue.set(value, [...byValue.get(value) ?? [], name]);
  };
  // our own server is asked where it runs; its file is compared with it by itself
  if (!heard.some(({ isOurs }) => isOurs)) add(ofFile, "this config file");
  for (const answer of heard) add(valueOf(answer), answer.name);
  if (byValue.size < 2) return;
  differ([...byValue].map(([value, names]) => `${value} (${names.join(", ")})`).join("; "));
}

/** What a server with these settings would answer. */
function settingOf({ values }: Examination["subject"], key: string): string | undefined {
  if (values === null) return undefined;
  const ticks = { minSessionTimeout: 2, maxSessionTimeout: 20 }[key];
  const value = values[key as "tickTime"];
  return String(ticks !== undefined && value === -1 ? ticks * values.tickTime : value);
}

/** Of Java's integers, which may be hexadecimal. */
function bytesText(text: string | undefined): string {
  return text === undefined ? JUTE_MAX_BUFFER_DEFAULT : String(Number(text));
}

/** Server lines as ZooKeeper prints them, without client ports: some servers leave those out. */
function listText(lines: readonly string[]): string {
  const { servers, groups, weights } = parseEnsembleLines(splitLines(lines.join("\n")), () => {});
  return [
    ...servers.map((server) => {
      const bare = { ...server, clientPort: null, secureClientPort: null };
      return formatServerLine(bare).replace(/;.*$/, "");
    }),
    ...[...groups].map(([id, members]) => `group.${id}=${members.join(":")}`).sort(),
    ...[...weights].filter(([, weight]) => weight !== 1)
      .map(([id, weight]) => `weight.${id}=${weight}`).sort(),
  ].join(" ");
}

function checkConnections({ name, clients, settings }: MemberAnswer, report: Told): void {
  const limit = Number(settings?.get("maxClientCnxns") ?? 0);
  if (clients === null || limit <= 0) return;
  for (const [address, count] of clients) {
    if (count < limit * CLIENT_RATIO_MAX) continue;
    report(
      "DK-MEMB-014",
      `${name}: ${address} has ${count} connections, maxClientCnxns is ${limit}`,
    );
  }
}

/** Our own running server beside our file. */
function checkFile({ subject, answers }: Examination, report: Told): void {
  const running = answers.find(({ isOurs }) => isOurs);
  if (running?.settings == null || subject.values === null) return;
  const keys = subject.isMember ? TIME_KEYS : TIME_KEYS.filter((key) => !key.endsWith("Limit"));
  const changed = [...keys, "maxClientCnxns"].flatMap((key) => {
    const [now, then] = [settingOf(subject, key), running.settings!.get(key)];
    return then === undefined || now === then ? [] : [`${key} is ${then}, in the file ${now}`];
  });
  const dir = `${resolve(subject.values.dataDir)}/version-2`;
  const then = running.settings.get("dataDir") ?? dir;
  if (then.startsWith("/") && then !== dir) changed.push(`dataDir is ${then}, in the file ${dir}`);
  if (changed.length > 0) report("DK-MEMB-015", `${running.name}: ${changed.join("; ")}`);
}
