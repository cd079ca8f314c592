/**
 * `doctor`: examines a server's settings, its machine and its ensemble, and tells what is wrong, what that means
 * and what to do.
 *
 * Changes nothing but for a file that it writes to measure the disk, and removes.
 *
 * @module
 */
import { CommandError } from "../command_line.ts";
import type { LoadOptions } from "../gathered_settings.ts";
import { ExitCode, type World } from "../world.ts";
import { checkClock, CLOCK_FINDINGS } from "./check_clock.ts";
import { checkConfig, CONFIG_FINDINGS } from "./check_config.ts";
import { checkData, DATA_FINDINGS } from "./check_data.ts";
import { checkDisks, DISK_FINDINGS } from "./check_disk.ts";
import { checkMembers, MEMBER_FINDINGS } from "./check_members.ts";
import { checkMemory, MEMORY_FINDINGS } from "./check_memory.ts";
import { checkMyid, MYID_FINDINGS } from "./check_myid.ts";
import { checkNames, NAME_FINDINGS, resolveNames } from "./check_names.ts";
import { checkPorts, PORT_FINDINGS } from "./check_ports.ts";
import { type Examination, findRunningServer } from "./examination.ts";
import {
  type Finding,
  type FindingKind,
  type FindingKinds,
  findingKinds,
  type Report,
} from "./finding.ts";
import { type Machine, systemMachine } from "./machine.ts";
import { surveyMembers } from "./member_survey.ts";
import { readSubject, type Subject } from "./subject.ts";
import { wrapped } from "./wrapped_text.ts";

interface Check {
  readonly name: string;
  readonly kinds: FindingKinds;
  run(examination: Examination, report: (code: string, found: string) => void): unknown;
}

function check<Kinds extends FindingKinds>(
  name: string,
  kinds: Kinds,
  run: (examination: Examination, report: Report<Kinds>) => unknown,
): Check {
  return { name, kinds, run };
}

/** The worst first. */
const SEVERITIES = ["error", "warning", "info"] as const;

/** In the order of the report. */
const CHECKS: readonly Check[] = [
  check("config", CONFIG_FINDINGS, checkConfig),
  check("myid", MYID_FINDINGS, checkMyid),
  check("names", NAME_FINDINGS, checkNames),
  check("ports", PORT_FINDINGS, checkPorts),
  check("disk", DISK_FINDINGS, checkDisks),
  check("data", DATA_FINDINGS, checkData),
  check("memory", MEMORY_FINDINGS, checkMemory),
  check("clock", CLOCK_FINDINGS, checkClock),
  check("members", MEMBER_FINDINGS, checkMembers),
];

const OWN_FINDINGS = findingKinds({
  "DK-DOC-001": {
    severity: "warning",
    title: "A check could not be done",
    meaning: "What it would have found is not known.",
    action:
      "Run as the user that the server runs as, or as root; if that does not help, report it.",
  },
});

export const CHECK_NAMES: readonly string[] = CHECKS.map(({ name }) => name);

/** All that can be found, by code. */
export const ALL_FINDINGS: FindingKinds = Object.assign(
  {},
  ...CHECKS.map(({ kinds }) => kinds),
  OWN_FINDINGS,
);

export interface DoctorOptions {
  readonly file?: string | undefined;
  readonly configDir?: string | undefined;
  readonly defines?: readonly string[];
  readonly timeoutMs: number;
  readonly isDeep: boolean;
  /** Names of checks; all without any. */
  readonly only?: readonly string[] | undefined;
}

export interface Diagnosis {
  readonly subject: Subject;
  /** The worst first. */
  readonly findings: readonly Finding[];
}

export async function diagnose(
  options: LoadOptions & Pick<DoctorOptions, "timeoutMs" | "isDeep" | "only">,
  machine: Machine = systemMachine,
): Promise<Diagnosis> {
  const { timeoutMs, isDeep, only = CHECK_NAMES } = options;
  const subject = readSubject(options);
  const [resolved, running] = await Promise.all([
    resolveNames({ subject, machine, timeoutMs }),
    findRunningServer(subject, machine, timeoutMs),
  ]);
  const asksMembers = only.includes("clock") || only.includes("members");
  const answers = asksMembers ? await surveyMembers({ subject, machine, running, timeoutMs }) : [];
  const examination = { subject, machine, timeoutMs, isDeep, running, resolved, answers };
  const found = await Promise.all(
    CHECKS.filter(({ name }) => only.includes(name)).map((each) => runCheck(each, examination)),
  );
  const findings = SEVERITIES.flatMap((severity) =>
    found.flat().filter((finding) => finding.severity === severity)
  );
  return { subject, findings };
}

async function runCheck({ name, kinds, run }: Check, examination: Examination): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    await run(examination, (code, found) => findings.push({ code, ...kinds[code]!, found }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const code = "DK-DOC-001";
    findings.push({ code, ...OWN_FINDINGS[code], found: `${name}: ${reason}` });
  }
  const byCode = (a: Finding, b: Finding) =>
    a.code < b.code ? -1 : a.code > b.code ? 1 : a.found < b.found ? -1 : 1;
  return findings.sort(byCode);
}

export async function doctor(
  world: World,
  { json, ...options }: DoctorOptions & { readonly json: boolean },
): Promise<number> {
  for (const name of options.only ?? []) {
    if (CHECK_NAMES.includes(name)) continue;
    const exitCode = ExitCode.InvalidInvocation;
    const message = `Cannot check "${name}": there are ${CHECK_NAMES.join(", ")}`;
    throw new CommandError(message, { exitCode });
  }
  const { subject, findings } = await diagnose({ ...options, environment: world.environment });
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of findings) counts[severity]++;
  if (json) {
    const report = { config: subject.configPath, member: subject.myid, counts, findings };
    world.print(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    const what = subject.configPath ?? options.file ?? "settings of the environment";
    world.print(textOf({ subject, findings }, { what, counts, columns: world.terminal.columns }));
  }
  return counts.error + counts.warning === 0 ? ExitCode.Normal : ExitCode.Unexpected;
}

/** `--list`. */
export function listFindings(world: World, json: boolean): number {
  const kinds = Object.entries(ALL_FINDINGS).map(([code, kind]) => ({ code, ...kind }));
  if (json) world.print(`${JSON.stringify(kinds, null, 2)}\n`);
  else {
    for (const { code, severity, title } of kinds) {
      world.print(`${code.padEnd(14)}${severity.padEnd(9)}${title}\n`);
    }
  }
  return ExitCode.Normal;
}

/** `--explain`. */
export function explainFinding(world: World, text: string, json: boolean): number {
  const code = text.toUpperCase();
  const kind = ALL_FINDINGS[code];
  if (kind === undefined) {
    throw new CommandError(
      `Cannot explain "${text}": there is no such code; \`denkeeper doctor --list\` has them all`,
      { exitCode: ExitCode.InvalidInvocation },
    );
  }
  world.print(
    json
      ? `${JSON.stringify({ code, ...kind }, null, 2)}\n`
      : `${headOf(code, kind)}\n${adviceOf(kind, world.terminal.columns)}`,
  );
  return ExitCode.Normal;
}

const INDENT = "         ";

function textOf(
  { subject, findings }: Diagnosis,
  { what, counts, columns }: {
    readonly what: string;
    readonly counts: Readonly<Record<Finding["severity"], number>>;
    readonly columns: number;
  },
): string {
  const { isMember, servers, myid, values } = subject;
  const who = values === null
    ? "cannot be used"
    : isMember
    ? `member ${myid ?? "?"} of ${servers.length}`
    : "a server that stands alone";
  let text = `${what}: ${who}\n\n`;
  for (const code of new Set(findings.map((finding) => finding.code))) {
    const same = findings.filter((finding) => finding.code === code);
    const [first] = same;
    text += `${headOf(code, first!)}\n`;
    for (const { found } of same) text += wrapped(found, { first: `${INDENT}- `, columns });
    text += `${adviceOf(first!, columns)}\n`;
  }
  const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const { error, warning, info } = counts;
  return text +
    `${plural(error, "error")}, ${plural(warning, "warning")}, ${info} for information\n`;
}

function headOf(code: string, { severity, title }: FindingKind): string {
  return `${severity.padEnd(INDENT.length)}${code}  ${title}`;
}

function adviceOf({ severity, meaning, action }: FindingKind, columns: number): string {
  const lines = wrapped(meaning, { first: `${INDENT}Means: `, columns });
  const isToBeDone = severity !== "info" || action !== "Nothing has to be done.";
  return isToBeDone ? lines + wrapped(action, { first: `${INDENT}Do:    `, columns }) : lines;
}
