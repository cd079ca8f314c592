/**
 * Whether a server is a member of an ensemble or stands alone, and what a member is told: the checks
 * of ZooKeeper's start-up, and settings put into an {@linkcode EnsembleConfig}.
 *
 * Reads the files that hold members, writes none.
 *
 * @module
 */

import {
  formatServerLine,
  serverWithoutGroup,
  strangerInGroups,
} from "../cluster/ensemble_lines.ts";
import { QuorumConfig } from "../cluster/quorum_config.ts";
import { DecodeError } from "../core/errors.ts";
import type { EnsembleConfig, EnsembleServer } from "../core/server_config.ts";
import { ConfigError, type Notice } from "./config_error.ts";
import { readConfigText } from "./config_file.ts";
import type { Settings } from "./config_schema.ts";

/** What the server, group and weight lines say, and where they are. */
export interface Membership {
  readonly servers: readonly EnsembleServer[];
  readonly groups: ReadonlyMap<number, readonly number[]>;
  readonly weights: ReadonlyMap<number, number>;
  readonly myid: number | null;
  /** Absolute; null when settings came from the environment only. */
  readonly configPath: string | null;
}

/** Gets what was corrected, and what cannot be. */
interface Told {
  readonly notices: Notice[];
  readonly problems: string[];
  /** Of a setting or server line; undefined when it is not set. */
  readonly originOf: (key: string) => string | undefined;
}

const COMMIT_LOG_COUNT_MIN = 500;
const SNAPSHOT_SIZE_FACTOR_DEFAULT = 0.33;
/** The byte of a session id that names its server marks znodes of extended types when it is 255. */
const EXTENDED_TYPES_SERVER_ID_MAX = 254;

/** Whether ZooKeeper would run an ensemble's member with these lines, or a standalone server. */
export function isMemberOfEnsemble(
  { standaloneEnabled }: Settings,
  { servers }: Pick<Membership, "servers">,
  { problems, originOf }: Told,
): boolean {
  const voterCount = servers.filter(({ role }) => role === "participant").length;
  const first = servers[0];
  if (first === undefined) {
    if (!standaloneEnabled) {
      problems.push(
        `${
          originOf("standaloneEnabled")
        }: standaloneEnabled=false asks for an ensemble, and there are no server lines: set standaloneEnabled=true`,
      );
    }
    return false;
  }
  const isMember = voterCount > (standaloneEnabled ? 1 : 0);
  if (!isMember && servers.length > voterCount) {
    problems.push(
      `${
        lineOrigin(first, originOf)
      }: observers cannot be without a quorum of voting servers to observe`,
    );
  }
  return isMember;
}

export function ensembleConfigOf(
  values: Settings,
  { isMember, ...membership }: Membership & { readonly isMember: boolean },
  told: Told,
): EnsembleConfig {
  const { servers, groups, weights, myid } = membership;
  const own = servers.find(({ serverId }) => serverId === myid);
  if (isMember) {
    checkMember(values, membership, own, told);
    checkQuorumAuth(values, told);
  }
  const configVersion = versionOfFileName(values.dynamicConfigFile);
  return {
    isMember,
    servers,
    groups,
    weights,
    configVersion,
    nextConfigText: isMember && values.reconfigEnabled
      ? nextConfigText(membership.configPath, configVersion, told)
      : null,
    peerType: own?.role ?? values.peerType ?? "participant",
    standaloneEnabled: values.standaloneEnabled,
    reconfigEnabled: values.reconfigEnabled,
    dynamicConfigPath: values.dynamicConfigFile ?? null,
    initLimitTicks: values.initLimit,
    syncLimitTicks: values.syncLimit,
    connectToLearnerMasterLimitTicks: values.connectToLearnerMasterLimit,
    leaderConnectDelayDuringRetryMs: values.leaderConnectDelayDuringRetryMs,
    cnxTimeoutMs: values.cnxTimeout,
    quorumCnxnTimeoutMs: values.quorumCnxnTimeoutMs === -1
      ? values.tickTime * values.syncLimit
      : values.quorumCnxnTimeoutMs,
    electionPortBindRetryCount: values.electionPortBindRetry,
    quorumListenOnAllIps: values.quorumListenOnAllIPs,
    minNotificationIntervalMs: values["fastleader.minNotificationInterval"],
    maxNotificationIntervalMs: values["fastleader.maxNotificationInterval"],
    multiAddressEnabled: values["multiAddress.enabled"],
    leaderServes: values.leaderServes,
    commitLogCount: corrected("commitLogCount", values.commitLogCount, {
      isRight: values.commitLogCount >= COMMIT_LOG_COUNT_MIN,
      instead: COMMIT_LOG_COUNT_MIN,
      notices: told.notices,
    }),
    snapshotSizeFactor: corrected("snapshotSizeFactor", values.snapshotSizeFactor, {
      isRight: values.snapshotSizeFactor <= 1,
      instead: SNAPSHOT_SIZE_FACTOR_DEFAULT,
      notices: told.notices,
    }),
    forceSnapshotSync: values.forceSnapshotSync,
    maxConcurrentSnapSyncs: values["leader.maxConcurrentSnapSyncs"],
    maxConcurrentDiffSyncs: values["leader.maxConcurrentDiffSyncs"],
    maxTimeToWaitForEpochMs: values["leader.maxTimeToWaitForEpoch"],
    syncEnabled: values.syncEnabled,
    observerMasterPort: values.observerMasterPort,
    observerReconnectDelayMs: values["observer.reconnectDelayMs"],
    observerElectionDelayMs: values["observer.election.DelayMs"],
    quorumAuth: {
      enabled: values["quorum.auth.enableSasl"],
      learnerRequireSasl: values["quorum.auth.learnerRequireSasl"],
      serverRequireSasl: values["quorum.auth.serverRequireSasl"],
      learnerSection: values["quorum.auth.learner.saslLoginContext"],
      serverSection: values["quorum.auth.server.saslLoginContext"],
    },
  };
}

/** What ZooKeeper refuses to start a member without, or with. */
function checkMember(
  values: Settings,
  { servers, groups, weights, myid, configPath }: Membership,
  own: EnsembleServer | undefined,
  { notices, problems, originOf }: Told,
): void {
  const at = lineOrigin(servers[0]!, originOf);
  const myidPath = `${values.dataDir}/myid`;
  if (myid === null) {
    problems.push(
      `${myidPath}: the file is missing; it must hold the number of this server: the N of its line server.N`,
    );
  } else if (own === undefined) {
    const numbers = servers.map(({ serverId }) => serverId).join(", ");
    problems.push(
      `${myidPath}: this server is ${myid}, but there is no line server.${myid}, only ${numbers}`,
    );
  } else if (values.extendedTypesEnabled && myid > EXTENDED_TYPES_SERVER_ID_MAX) {
    problems.push(
      `${myidPath}: myid cannot be ${myid} with extendedTypesEnabled=true: expected a number up to ${EXTENDED_TYPES_SERVER_ID_MAX}`,
    );
  }
  for (const key of ["initLimit", "syncLimit"] as const) {
    if (values[key] > 0) continue;
    problems.push(
      `${originOf(key) ?? at}: ${key} is not set: an ensemble needs a number of ticks, 1 or more`,
    );
  }
  const ungrouped = serverWithoutGroup({ servers, groups, weights });
  if (ungrouped !== undefined) {
    problems.push(
      `${
        originOf(`server.${ungrouped}`) ?? at
      }: server.${ungrouped} is in no group, and there are group or weight lines: each voting server must be in one`,
    );
  }
  const stranger = strangerInGroups({ servers, groups, weights });
  if (stranger !== undefined) {
    problems.push(
      `${at}: server ${stranger} is in a group, but has neither a vote nor a line weight.${stranger}`,
    );
  }
  for (const server of servers) {
    if (server.addresses.length === 1 || values["multiAddress.enabled"]) continue;
    problems.push(
      `${
        lineOrigin(server, originOf)
      }: server.${server.serverId} cannot have several addresses unless multiAddress.enabled=true`,
    );
  }
  if (values.sslQuorum) {
    problems.push(
      `${originOf("sslQuorum")}: sslQuorum=true cannot be: TLS is not available in this version`,
    );
  }
  if (own === undefined) return;
  if (values.peerType !== undefined && values.peerType !== own.role) {
    const fields = { at: originOf("peerType") ?? "", peerType: values.peerType, used: own.role };
    notices.push({ level: "warn", message: "peerType is not what the server line says", fields });
  }
  if (servers.length > 1 && own.addresses.some(({ host }) => host === "0.0.0.0" || host === "::")) {
    const fields = { at: lineOrigin(own, originOf), line: formatServerLine(own) };
    notices.push({
      level: "warn",
      message: "own address is that of any host, which other members cannot connect to; " +
        "name this host, and set quorumListenOnAllIPs=true to listen on all addresses",
      fields,
    });
  }
  if (values.reconfigEnabled && configPath === null) {
    notices.push({
      level: "warn",
      message: "there is no config file: a changed membership is not remembered over a restart",
    });
  }
}

function checkQuorumAuth(values: Settings, { problems, originOf }: Told): void {
  const chain = [
    "quorum.auth.enableSasl",
    "quorum.auth.learnerRequireSasl",
    "quorum.auth.serverRequireSasl",
  ] as const;
  for (const [i, key] of chain.entries()) {
    const needed = chain[i - 1];
    if (needed === undefined || !values[key] || values[needed]) continue;
    problems.push(`${originOf(key)}: ${key}=true cannot be without ${needed}=true`);
  }
}

/** Values that ZooKeeper puts right rather than refuse. */
function corrected(
  key: string,
  value: number,
  { isRight, instead, notices }: { isRight: boolean; instead: number; notices: Notice[] },
): number {
  if (isRight) return value;
  const fields = { key, given: value, used: instead };
  notices.push({ level: "warn", message: "setting is out of its range and was changed", fields });
  return instead;
}

/** Hex behind the last dot, as ZooKeeper names dynamic files; 0 for any other name. */
function versionOfFileName(path: string | undefined): number {
  const [, hex = "0"] = /\.([0-9a-fA-F]{1,16})$/.exec(path ?? "") ?? [];
  const version = parseInt(hex, 16);
  return Number.isSafeInteger(version) ? version : 0;
}

/** Members that were proposed when the server stopped; null unless newer than the committed ones. */
function nextConfigText(
  configPath: string | null,
  configVersion: number,
  { notices }: Told,
): string | null {
  if (configPath === null) return null;
  const path = `${configPath}.dynamic.next`;
  const ignored = (reason: string) => {
    notices.push({
      level: "warn",
      message: "proposed members are ignored",
      fields: { path, reason },
    });
    return null;
  };
  try {
    const text = readConfigText(path);
    if (text === null) return null;
    const { version } = QuorumConfig.parse(text);
    return version > configVersion ? text : ignored("they are no newer than the committed ones");
  } catch (error) {
    if (error instanceof DecodeError || error instanceof ConfigError) return ignored(error.message);
    throw error;
  }
}

function lineOrigin(server: EnsembleServer, originOf: Told["originOf"]): string {
  return originOf(`server.${server.serverId}`) ?? "dynamic config file";
}
