/**
 * What the AdminServer's commands need to know of a server, beyond what the four-letter words do.
 *
 * @module
 */
import type { AclList } from "../core/tree/acl_list.ts";
import type { Zxid } from "../core/zxid.ts";
import type { FourLetterContext } from "./four_letter_context.ts";

export interface AdminContext extends FourLetterContext {
  /** Whole milliseconds. */
  readonly uptimeMs: number;
  /** The config file as it was when the server started; empty without one. */
  readonly initialConfiguration: string;
  /** In any order. */
  systemProperties(): Iterable<[name: string, value: string]>;
  /** The newest on the disk. */
  lastSnapshot(): { zxid: Zxid; writtenMs: number } | null;
  /** Who may do what to the root. */
  rootAcl(): AclList;
  /**
   * Closes connections, each with the chance of `percentage` in 100, whose sessions live on.
   *
   * @returns how many
   */
  shedConnections(percentage: number): number;

  /** Null when standalone. */
  ensembleState(): EnsembleStateInfo | null;
  /** Those that follow this server. */
  observers(): Iterable<ObserverInfo>;
  resetObserverStats(): void;
}

export interface EnsembleMemberInfo {
  readonly serverId: number;
  readonly addresses: readonly {
    readonly host: string;
    readonly quorumPort: number;
    readonly electionPort: number;
  }[];
  /** `host:port`; null where the membership does not say. */
  readonly clientAddress: string | null;
  readonly role: "participant" | "observer";
}

export type ZabPhase = "discovery" | "synchronization" | "broadcast";

export interface EnsembleStateInfo {
  readonly own: EnsembleMemberInfo;
  /** Null while there is none, or it is not among the members any more. */
  readonly leader: EnsembleMemberInfo | null;
  /** Ascending by id. */
  readonly voters: readonly EnsembleMemberInfo[];
  readonly isVoter: boolean;
  /** Null while it looks for a leader. */
  readonly phase: ZabPhase | null;
}

export interface ObserverInfo {
  /** `/127.0.0.1:56698` */
  readonly remoteAddress: string;
  readonly serverId: number;
  readonly isSynced: boolean;
  /** Since 1970. */
  readonly establishedMs: number;
  readonly queuedPacketCount: number;
  readonly queuedBytes: number;
  readonly packetsReceived: number;
  /** Txns and pings; single answers are not counted. */
  readonly packetsSent: number;
  readonly requestCount: number;
  readonly lastZxid: Zxid;
}
