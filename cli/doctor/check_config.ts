/**
 * The settings themselves: what cannot be understood, what has no effect, what is dangerous.
 *
 * @module
 */
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";
import { isWildcard } from "./subject.ts";

export const CONFIG_FINDINGS = findingKinds({
  "DK-CONF-001": {
    severity: "error",
    title: "The settings cannot be used",
    meaning:
      "The server does not start with them. Other findings rest on what could be understood.",
    action: "Correct the line that is named; config.example.cfg has every key with its default.",
  },
  "DK-CONF-002": {
    severity: "warning",
    title: "A setting is not known",
    meaning: "It has no effect: the server goes on with the default of what was meant.",
    action: "Correct the spelling, or remove the line.",
  },
  "DK-CONF-003": {
    severity: "warning",
    title: "A setting does not do what it says",
    meaning: "It is overridden, corrected, or has no effect here; the server says so at its start.",
    action: "Remove it, or change it as the reason says.",
  },
  "DK-CONF-004": {
    severity: "warning",
    title: "forceSync is off",
    meaning:
      "Writes are acknowledged before they are on the disk: a power cut loses them, and in an " +
      "ensemble may take back what clients were told is done.",
    action: "Remove forceSync=no, unless all of the data may be lost.",
  },
  "DK-CONF-005": {
    severity: "warning",
    title: "ACLs are not checked",
    meaning: "Every client may read, change and delete everything, whatever the ACLs say.",
    action: "Remove skipACL=yes; use a super user to get at data behind a lost password.",
  },
  "DK-CONF-006": {
    severity: "warning",
    title: "Old snapshots and logs are never removed",
    meaning: "They fill the disk, and then the server stops taking writes.",
    action: "Set autopurge.purgeInterval=24 (hours), or run `denkeeper purge` from cron.",
  },
  "DK-CONF-007": {
    severity: "warning",
    title: "snapshot.trust.empty is on",
    meaning: "A server whose snapshots were lost starts without their data, and says nothing.",
    action: "Remove it as soon as the first snapshot is there: it is meant for one upgrade.",
  },
  "DK-CONF-008": {
    severity: "warning",
    title: "Costly four-letter words are open to everybody",
    meaning:
      "wchp, wchc and dump list every watch and session; a server with many of them stands still " +
      "meanwhile, and anybody who reaches the client port may ask.",
    action: "List the words that are needed in 4lw.commands.whitelist, or bind clientPortAddress.",
  },
  "DK-CONF-009": {
    severity: "info",
    title: "Words that probes and tools ask for are not enabled",
    meaning:
      "Health probes with ruok, exporters with mntr, and this command with conf get no answer.",
    action: "Set 4lw.commands.whitelist=srvr,ruok,mntr,conf,isro, or probe over HTTP (/readyz).",
  },
  "DK-CONF-010": {
    severity: "warning",
    title: "The number of voting servers is even",
    meaning: "It survives no more failures than with one server less, and one more can fail.",
    action: "Add or remove a voting server, or make one an observer.",
  },
  "DK-CONF-011": {
    severity: "warning",
    title: "jute.maxbuffer is not the default",
    meaning:
      "Every server and every client must have the same: one with less drops the connection at " +
      "a longer answer, and reconnects for ever.",
    action:
      "Give all of them -Djute.maxbuffer with this value, or keep znodes small and remove it.",
  },
  "DK-CONF-012": {
    severity: "warning",
    title: "Others can read a file with secrets in it",
    meaning: "Any user of this machine can become the super user.",
    action: "chmod 600 the file, and change the password or the digest.",
  },
  "DK-CONF-013": {
    severity: "warning",
    title: "dataDir is a relative path",
    meaning: "The data are wherever the server was started: elsewhere it starts empty.",
    action: "Write the absolute path.",
  },
  "DK-CONF-014": {
    severity: "warning",
    title: "Data are kept in a directory for temporary files",
    meaning: "The system empties it, at a restart or after some days.",
    action: "Move them, with the server stopped, to a directory of their own, such as /var/lib.",
  },
  "DK-CONF-015": {
    severity: "warning",
    title: "There is no config file",
    meaning:
      "The server runs for programs of this machine only, with its data in the current directory.",
    action: "Name the file, or write one with `denkeeper init`.",
  },
});

const JUTE_MAX_BUFFER_DEFAULT = 1_048_575;
const PROBED_WORDS = ["ruok", "mntr", "conf"];
const COSTLY_WORDS = ["wchp", "wchc", "dump"];
const OTHERS_READ = 0o004;

export function checkConfig(
  { subject }: Examination,
  report: Report<typeof CONFIG_FINDINGS>,
): void {
  for (const problem of subject.problems) report("DK-CONF-001", problem);
  for (const { level, message, fields = {} } of subject.notices) {
    if (level === "info") continue;
    if (message.startsWith("own address is that of any host")) continue; // DK-DNS-003
    if (message.startsWith("no config file:")) {
      report("DK-CONF-015", message);
      continue;
    }
    const text = Object.entries(fields).map(([name, value]) => `${name}=${value}`).join(", ");
    const isUnknown = message.startsWith("setting is not known");
    report(isUnknown ? "DK-CONF-002" : "DK-CONF-003", `${message}: ${text}`);
  }
  const { values, servers, isMember, configPath, raw } = subject;
  if (values === null) return;

  if (!values.forceSync) report("DK-CONF-004", "forceSync=no");
  if (values.skipACL) report("DK-CONF-005", "skipACL=yes");
  if (values["autopurge.purgeInterval"] === 0) {
    report("DK-CONF-006", "autopurge.purgeInterval=0 switches purging off");
  }
  if (values["snapshot.trust.empty"]) report("DK-CONF-007", "snapshot.trust.empty=true");

  const words = values["4lw.commands.whitelist"];
  const isAll = words.includes("*");
  const costly = COSTLY_WORDS.filter((word) => isAll || words.includes(word));
  const reach = subject.clients?.host ?? null;
  if (costly.length > 0 && (isWildcard(reach) || !reach!.startsWith("127."))) {
    report(
      "DK-CONF-008",
      `4lw.commands.whitelist=${words.join(",")} enables ${costly.join(", ")} at ${
        reach ?? "all addresses"
      }`,
    );
  }
  const missing = PROBED_WORDS.filter((word) => !isAll && !words.includes(word));
  if (missing.length > 0) {
    report("DK-CONF-009", `4lw.commands.whitelist does not have ${missing.join(", ")}`);
  }
  const voterCount = servers.filter(({ role }) => role === "participant").length;
  if (isMember && voterCount % 2 === 0) {
    const survived = Math.floor((voterCount - 1) / 2);
    report("DK-CONF-010", `${voterCount} voting servers survive the loss of ${survived}`);
  }
  const maxBuffer = values["jute.maxbuffer"];
  if (maxBuffer !== JUTE_MAX_BUFFER_DEFAULT) {
    report("DK-CONF-011", `jute.maxbuffer=${maxBuffer}, default ${JUTE_MAX_BUFFER_DEFAULT} bytes`);
  }
  checkSecrets(configPath, raw, report);
  if (!values.dataDir.startsWith("/")) report("DK-CONF-013", `dataDir=${values.dataDir}`);
  for (const key of ["dataDir", "dataLogDir"] as const) {
    const dir = values[key];
    if (dir !== undefined && /^\/(tmp|var\/tmp)(\/|$)/.test(dir)) {
      report("DK-CONF-014", `${key}=${dir}`);
    }
  }
}

function checkSecrets(
  configPath: string | null,
  raw: ReadonlyMap<string, string>,
  report: Report<typeof CONFIG_FINDINGS>,
): void {
  const jaas = raw.get("java.security.auth.login.config")?.replace(/^=?(file:)?/, "");
  const secret = [...raw.keys()].find((key) => /superDigest|password$/i.test(key));
  const files = [
    ...(secret === undefined || configPath === null ? [] : [[configPath, secret] as const]),
    ...(jaas === undefined ? [] : [[jaas, "passwords of SASL users"] as const]),
  ];
  for (const [path, what] of files) {
    const mode = modeOf(path);
    if (mode === null || (mode & OTHERS_READ) === 0) continue;
    report("DK-CONF-012", `"${path}" holds ${what}, and its mode is ${(mode & 0o777).toString(8)}`);
  }
}

function modeOf(path: string): number | null {
  try {
    return Deno.statSync(path).mode;
  } catch {
    return null;
  }
}
