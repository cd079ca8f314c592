/**
 * What the checks share: the settings, the machine, and what several of them would ask for again.
 *
 * @module
 */
import { askWord } from "../../net/server_questions.ts";
import type { MemberAnswer } from "./member_survey.ts";
import type { Machine } from "./machine.ts";
import type { Subject } from "./subject.ts";

export interface Examination {
  readonly subject: Subject;
  readonly machine: Machine;
  /** How long another program may take to answer. */
  readonly timeoutMs: number;
  /** Read all data, however much they are. */
  readonly isDeep: boolean;
  /** The server that runs on this machine with these settings; null: none does. */
  readonly running: RunningServer | null;
  /** Of each name of a server line: its addresses, or why there are none. */
  readonly resolved: ReadonlyMap<string, readonly string[] | Error>;
  /** What each member says, our own if it runs. */
  readonly answers: readonly MemberAnswer[];
}

export interface RunningServer {
  /** The process that listens for its clients; null where that cannot be seen. */
  readonly pid: number | null;
  readonly isServing: boolean;
}

/** Whether something at the client port of this machine answers as ZooKeeper does. */
export async function findRunningServer(
  { clients }: Subject,
  machine: Machine,
  timeoutMs: number,
): Promise<RunningServer | null> {
  if (clients === null || clients.port === 0) return null;
  const { port } = clients;
  try {
    const answer = await askWord({ host: clients.host ?? "127.0.0.1", port }, {
      word: "srvr",
      timeoutMs,
    });
    if (!isZooKeeperAnswer(answer)) return null;
    const holder = await holderOf(port, machine);
    return { pid: holder?.pid ?? null, isServing: answer.includes("Mode:") };
  } catch {
    return null;
  }
}

/** To the word `srvr`. */
export function isZooKeeperAnswer(answer: string): boolean {
  return answer.startsWith("Zookeeper version:") ||
    answer.includes("not currently serving requests") ||
    answer.includes("is not executed because it is not in the whitelist");
}

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

/** Who listens at a TCP port, where it can be seen: others' processes are hidden from all but root. */
export async function holderOf(port: number, machine: Machine): Promise<PortHolder | null> {
  return ofSs(await machine.outputOf(["ss", "-Hltnp", `sport = :${port}`])) ??
    ofProc(port, machine);
}

function ofSs(text: string | null): PortHolder | null {
  const [, command, pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(text ?? "") ?? [];
  return command === undefined ? null : { pid: Number(pid), command };
}

/** Without `ss`: the socket's inode, then whose descriptor it is. */
function ofProc(port: number, machine: Machine): PortHolder | null {
  const LISTEN = "0A";
  const inodes = new Set<string>();
  for (const path of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (machine.systemText(path) ?? "").split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const isPort = parseInt(local?.split(":").at(-1) ?? "", 16) === port;
      if (isPort && state === LISTEN) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) return null;
  try {
    for (const { name: pid } of Deno.readDirSync("/proc")) {
      if (/^\d+$/.test(pid) && hasDescriptor(pid, inodes)) {
        return { pid: Number(pid), command: machine.systemText(`/proc/${pid}/comm`)?.trim() ?? "" };
      }
    }
  } catch {
    // not ours to see
  }
  return null;
}

function hasDescriptor(pid: string, targets: ReadonlySet<string>): boolean {
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      if (targets.has(Deno.readLinkSync(`/proc/${pid}/fd/${name}`))) return true;
    }
  } catch {
    // gone, or another user's
  }
  return false;
}
