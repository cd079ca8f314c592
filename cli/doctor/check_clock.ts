/**
 * The clock of this machine, and those of the members.
 *
 * @module
 */
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";
import type { Machine } from "./machine.ts";

export const CLOCK_FINDINGS = findingKinds({
  "DK-CLOCK-001": {
    severity: "warning",
    title: "The clock is not synchronised",
    meaning:
      "Times of znodes and of log lines drift apart between the members, and TTL znodes go too " +
      "early or too late after the leader changed.",
    action: "Run chrony or systemd-timesyncd, and let them reach their time servers.",
  },
  "DK-CLOCK-002": {
    severity: "warning",
    title: "The clocks of two members differ",
    meaning:
      "When the lead moves, time jumps: ctime and mtime go back or ahead, and TTL znodes with " +
      "them; log lines cannot be put side by side.",
    action: "Synchronise the clocks of all members with chrony or systemd-timesyncd.",
  },
});

/** HTTP tells whole seconds. */
const SKEW_MS_MAX = 2000;

export async function checkClock(
  { machine, answers }: Examination,
  report: Report<typeof CLOCK_FINDINGS>,
): Promise<void> {
  const by = await notSynchronisedBy(machine);
  if (by !== null) report("DK-CLOCK-001", by);
  for (const { name, clock } of answers) {
    if (clock === null) continue;
    const { aheadMs, uncertaintyMs } = clock;
    if (Math.abs(aheadMs) - uncertaintyMs <= SKEW_MS_MAX) continue;
    const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
    const way = aheadMs > 0 ? "ahead of" : "behind";
    report(
      "DK-CLOCK-002",
      `${name} is ${seconds} s ${way} this machine, limit ${SKEW_MS_MAX / 1000} s`,
    );
  }
}

/** What says so; null when it is synchronised, or nothing tells. */
async function notSynchronisedBy(machine: Machine): Promise<string | null> {
  const chrony = await machine.outputOf(["chronyc", "-n", "tracking"]);
  const leap = /^Leap status\s*:\s*(.*)$/m.exec(chrony ?? "")?.[1];
  if (leap !== undefined) return leap === "Not synchronised" ? `chronyc: ${leap}` : null;
  const timedatectl = await machine.outputOf(["timedatectl", "show"]);
  const isSynchronised = /^NTPSynchronized=(yes|no)$/m.exec(timedatectl ?? "")?.[1];
  return isSynchronised === "no" ? "timedatectl: NTPSynchronized=no" : null;
}
