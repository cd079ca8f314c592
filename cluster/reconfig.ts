/**
 * What a reconfig request makes of the members, or why it is refused; and who leads afterwards
 * (quorum protocol section 15).
 *
 * Judges only: the leader proposes the result and counts the acks. Whether reconfig is enabled, and
 * who may do it, is checked by others: ZooKeeper looks at the first before, and at the ACL of
 * `/zookeeper/config` after what is checked here. Errors are those of ZooKeeper 3.8.0, which allows
 * equal addresses and ports of different servers, and to leave for who is no member.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { ErrorCode } from "../core/errors.ts";
import type { EnsembleServer } from "../core/server_config.ts";
import { readTxnRecord } from "../core/txn/txn.ts";
import { decodeUtf8, JuteReader } from "../core/wire/jute.ts";
import { OpCode } from "../core/wire/op_code.ts";
import { type Zxid, zxidToHex } from "../core/zxid.ts";
import { type EnsembleLine, formatServerLine, isEnsembleLine } from "./ensemble_lines.ts";
import { type EnsembleLines, type LineFault, parseEnsembleLines } from "./ensemble_lines.ts";
import { serverWithoutGroup, splitLines, strangerInGroups } from "./ensemble_lines.ts";
import { QuorumConfig } from "./quorum_config.ts";
import type { ServerId } from "./server_id.ts";

/** A request's body: members that come and go, or all of them. */
export interface ReconfigRequest {
  /** `server.N=...` with a client port each, commas between. */
  readonly joiningServers: string | null;
  /** Ids, commas between. */
  readonly leavingServers: string | null;
  /** A whole configuration, commas or newlines between its lines; wins over the other two. */
  readonly newMembers: string | null;
  /** The version that the client believes to be the last; -1 is any. */
  readonly curConfigId: Zxid;
}

export interface ReconfigState {
  readonly committed: QuorumConfig;
  /** Of the newest reconfig that was proposed or is about to be. */
  readonly lastSeen: QuorumConfig;
  readonly standaloneEnabled: boolean;
  readonly multiAddressEnabled: boolean;
  /** Servers that are connected and in sync, the leader included. */
  readonly syncedServers: ReadonlySet<ServerId>;
}

/** The members to propose, without a version; or the answer to the client, and why for the log. */
export type ReconfigOutcome =
  | { readonly config: QuorumConfig }
  | { readonly err: ErrorCode; readonly reason: string };

type Refusal = Extract<ReconfigOutcome, { reason: string }>;

export function reconfigure(request: ReconfigRequest, state: ReconfigState): ReconfigOutcome {
  const { committed, lastSeen } = state;
  if (lastSeen.version !== committed.version) {
    const version = zxidToHex(lastSeen.version);
    return refused(ErrorCode.ReconfigInProgress, `configuration ${version} is not committed yet`);
  }
  if (request.curConfigId !== -1 && request.curConfigId !== lastSeen.version) {
    const [wanted, actual] = [zxidToHex(request.curConfigId), zxidToHex(lastSeen.version)];
    return refused(ErrorCode.BadVersion, `it is for configuration ${wanted}, now it is ${actual}`);
  }
  const members = request.newMembers
    ? parseNewMembers(request.newMembers, state)
    : changedMembers(request, state);
  if ("reason" in members) return members;
  const config = new QuorumConfig({ version: 0, ...members });
  const voterCountMin = state.standaloneEnabled ? 2 : 1;
  if (config.voters.size < voterCountMin) {
    return refused(
      ErrorCode.BadArguments,
      `${config.voters.size} voting servers would be left, ${voterCountMin} are needed`,
    );
  }
  if (!config.isQuorum(state.syncedServers)) {
    const missing = [...config.voters].filter((voter) => !state.syncedServers.has(voter));
    return refused(
      ErrorCode.NewConfigNoQuorum,
      `no quorum of the new members is connected and in sync: missing ${missing.join(", ")}`,
    );
  }
  return { config };
}

/**
 * Who leads once the new members are committed: the leader itself if it still votes at the same
 * address, else the new voter whose log is furthest ahead of those that have the reconfig.
 *
 * Addresses are compared as they are written. A leader whose name was only spelled otherwise hands
 * over without need, which costs a moment and no safety.
 *
 * @param ackedBy servers that acknowledged the reconfig: a quorum of `next` among them
 * @param laterAcks those that acknowledged each later proposal outstanding, in order of zxid
 */
export function designatedLeaderOf({ leader, committed, next, ackedBy, laterAcks }: {
  readonly leader: ServerId;
  readonly committed: QuorumConfig;
  readonly next: QuorumConfig;
  readonly ackedBy: ReadonlySet<ServerId>;
  readonly laterAcks: Iterable<ReadonlySet<ServerId>>;
}): ServerId {
  assert(next.isQuorum(ackedBy), "a reconfig is committed by a quorum of the new members");
  if (canLeadOn(leader, committed, next)) return leader;
  let candidates = [...next.voters].filter((voter) => voter !== leader && ackedBy.has(voter));
  for (const acks of laterAcks) {
    const ahead = candidates.filter((candidate) => acks.has(candidate));
    if (ahead.length === 0) break;
    candidates = ahead;
  }
  return candidates[0] ?? leader; // a leader alone, at another address
}

/** Whether a leader still votes with the new members, and is where it was. */
export function canLeadOn(leader: ServerId, committed: QuorumConfig, next: QuorumConfig): boolean {
  return next.voters.has(leader) &&
    quorumAddressOf(committed, leader) === quorumAddressOf(next, leader);
}

function quorumAddressOf(config: QuorumConfig, serverId: ServerId): string | null {
  const server = config.members.get(serverId);
  if (server === undefined) return null;
  const addresses = server.addresses.map((address) => ({ ...address, electionPort: 0 }));
  return formatServerLine({ ...server, addresses, clientPort: null, secureClientPort: null });
}

/** The incremental form: first who leaves, then who joins or changes. */
function changedMembers(
  { joiningServers, leavingServers }: ReconfigRequest,
  { lastSeen, multiAddressEnabled }: ReconfigState,
): EnsembleLines | Refusal {
  if (lastSeen.isHierarchical) {
    return refused(ErrorCode.BadArguments, "members of groups can be changed all together only");
  }
  const servers = new Map(lastSeen.members);
  for (const text of entriesOf(leavingServers)) {
    if (!/^[+-]?\d+$/.test(text)) {
      return refused(ErrorCode.MarshallingError, `a leaving server is ${quoted(text)}, no number`);
    }
    servers.delete(Number(text));
  }
  for (const text of entriesOf(joiningServers)) {
    const server = parseJoining(text, multiAddressEnabled);
    if ("reason" in server) return server;
    servers.set(server.serverId, server);
  }
  return { servers: [...servers.values()], groups: new Map(), weights: new Map() };
}

/** `server.N=...`; ZooKeeper looks at what follows the last dot of the key. */
function parseJoining(text: string, multiAddressEnabled: boolean): EnsembleServer | Refusal {
  const [key = "", value, ...more] = text.split("=").map((part) => part.trim());
  if (value === undefined || more.length > 0) {
    return refused(ErrorCode.BadArguments, `a joining server is ${quoted(text)}, not server.N=...`);
  }
  const line = { key: `server.${key.slice(key.lastIndexOf(".") + 1)}`, value };
  const parsed = parseLines([line]);
  if ("reason" in parsed) return parsed;
  const server = parsed.servers[0]!;
  if (server.clientPort === null && server.secureClientPort === null) {
    return refused(ErrorCode.BadArguments, `joining server ${server.serverId} has no client port`);
  }
  return tooManyAddresses([server], multiAddressEnabled) ?? server;
}

function parseNewMembers(
  text: string,
  { standaloneEnabled, multiAddressEnabled }: ReconfigState,
): EnsembleLines | Refusal {
  const lines: EnsembleLine[] = [];
  for (const line of splitLines(text.replaceAll(",", "\n"))) {
    if (isEnsembleLine(line.key)) lines.push(line);
    else if (line.key !== "version") {
      return refused(ErrorCode.BadArguments, `there is no ${quoted(line.key)} in a configuration`);
    } else if (!/^[+-]?[0-9a-fA-F]{1,16}$/.test(line.value)) {
      return refused(ErrorCode.MarshallingError, `version is ${quoted(line.value)}, no hex number`);
    }
  }
  const members = parseLines(lines);
  if ("reason" in members) return members;
  const { servers } = members;
  const wrong = tooManyAddresses(servers, multiAddressEnabled) ?? wrongGroups(members);
  if (wrong !== undefined) return wrong;
  const voterCount = servers.filter(({ role }) => role === "participant").length;
  // What ZooKeeper cannot read, where too few voters as such are bad arguments.
  if (voterCount < (standaloneEnabled ? 2 : 1) && servers.length > voterCount) {
    return refused(ErrorCode.MarshallingError, "observers are without voting servers to observe");
  }
  return members;
}

function parseLines(lines: readonly EnsembleLine[]): EnsembleLines | Refusal {
  let refusal: Refusal | undefined;
  const parsed = parseEnsembleLines(lines, ({ key, value }, expected, fault) => {
    refusal ??= refused(codeOf(fault), `${key} is ${quoted(value)}, expected ${expected}`);
  });
  return refusal ?? parsed;
}

function codeOf(fault: LineFault): ErrorCode {
  return fault === "number" ? ErrorCode.MarshallingError : ErrorCode.BadArguments;
}

function tooManyAddresses(
  servers: readonly EnsembleServer[],
  multiAddressEnabled: boolean,
): Refusal | undefined {
  const server = multiAddressEnabled ? undefined : servers.find((s) => s.addresses.length > 1);
  if (server === undefined) return undefined;
  const reason = `server ${server.serverId} has several addresses, multiAddress.enabled is false`;
  return refused(ErrorCode.BadArguments, reason);
}

function wrongGroups(members: EnsembleLines): Refusal | undefined {
  const ungrouped = serverWithoutGroup(members);
  if (ungrouped !== undefined) {
    return refused(ErrorCode.BadArguments, `server ${ungrouped} is in no group`);
  }
  const stranger = strangerInGroups(members);
  if (stranger === undefined) return undefined;
  return refused(
    ErrorCode.MarshallingError,
    `server ${stranger} of a group has neither vote nor weight`,
  );
}

function entriesOf(text: string | null): string[] {
  return (text ?? "").split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
}

function refused(err: ErrorCode, reason: string): Refusal {
  return { err, reason };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/** Where the type stands in a txn's header. */
const TXN_TYPE_OFFSET = 28;

/** The configuration that a txn, a log record's body, proposes; null when it is no reconfig. */
export function configOfReconfig(body: Uint8Array): QuorumConfig | null {
  if (body[TXN_TYPE_OFFSET + 3] !== OpCode.Reconfig || body[TXN_TYPE_OFFSET] !== 0) return null;
  const { txn } = readTxnRecord(new JuteReader(body, { lengthMax: body.length }));
  if (txn.kind !== "setData" || txn.data === null) return null;
  return QuorumConfig.parse(decodeUtf8(txn.data));
}
