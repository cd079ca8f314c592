/**
 * What the checks share: the settings, the machine, and what several of them would ask for again.
 *
 * @module
 */
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { askWord, NoAnswerError } from "../../net/server_questions.ts";
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
  /** It has our data and our client port, and gives no answer there. */
  readonly isSilent: boolean;
}

/** Whether something at the client port of this machine answers as ZooKeeper does, or holds our data. */
export async function findRunningServer(
  { clients, values }: Subject,
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
    const [holder] = await holdersOf(clients, machine);
    return { pid: holder?.pid ?? null, isServing: answer.includes("Mode:"), isSilent: false };
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    const pid = error.isTimeout && values !== null ? DataDirLock.holder(values.dataDir) : null;
    if (pid === null) return null;
    const isThere = (await holdersOf(clients, machine)).some((holder) => holder.pid === pid);
    return isThere ? { pid, isServing: false, isSilent: true } : null;
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

/**
 * Who listens at a TCP port of an address (null: any), where it can be seen: others' processes are hidden from all
 * but root.
 */
export async function holdersOf(
  { host, port }: { readonly host: string | null; readonly port: number },
  machine: Machine,
): Promise<PortHolder[]> {
  const text = await machine.outputOf(["ss", "-Hltnp", `sport = :${port}`]);
  return text === null ? ofProc(port, machine) : ofSs(text, host);
}

function ofSs(text: string, host: string | null): PortHolder[] {
  const holders: PortHolder[] = [];
  for (const line of text.split("\n")) {
    const [, , , local = ""] = line.trim().split(/\s+/);
    const address = local.slice(0, local.lastIndexOf(":")).replace(/^\[|\]$|%.*$/g, "");
    const isThere = host === null || !/^[\d.]+$|:/.test(host) || address === host ||
      ["*", "0.0.0.0", "::", `::ffff:${host}`].includes(address);
    if (!isThere) continue;
    for (const [, command, pid] of line.matchAll(/\("([^"]*)",pid=(\d+)/g)) {
      holders.push({ pid: Number(pid), command: command! });
    }
  }
  return holders;
}

/** Without `ss`: the inodes of the sockets, then whose descriptors they are. */
function ofProc(port: number, machine: Machine): PortHolder[] {
  const LISTEN = "0A";
  const inodes = new Set<string>();
  for (const path of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (machine.systemText(path) ?? "").split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const isPort = parseInt(local?.split(":").at(-1) ?? "", 16) === port;
      if (isPort && state === LISTEN) inodes.add(`socket:[${inode}]`);
    }
  }
  const holders: PortHolder[] = [];
  if (inodes.size === 0) return holders;
  try {
    for (const { name: pid } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(pid) || !hasDescriptor(pid, inodes)) continue;
      const command = machine.systemText(`/proc/${pid}/comm`)?.trim() ?? "";
      holders.push({ pid: Number(pid), command });
    }
  } catch {
    // not ours to see
  }
  return holders;
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
