/**
 * What a learner makes of the reconfigs that its leader tells it of: keeps the configurations, and says when
 * the role ends by one (quorum protocol section 15).
 *
 * @module
 */
import { decodeUtf8 } from "../core/wire/jute.ts";
import type { Zxid } from "../core/zxid.ts";
import type { Successor } from "./leader.ts";
import type { Membership } from "./membership.ts";
import { QuorumConfig } from "./quorum_config.ts";
import { canLeadOn, configOfReconfig } from "./reconfig.ts";
import type { ServerId } from "./server_id.ts";

export class LearnerReconfig {
  /** Who leads when the role is over; null: an election has to find out. */
  successor: Successor | null = null;
  readonly #membership: Membership;
  readonly #serverId: ServerId;
  readonly #leader: ServerId;
  readonly #isObserver: boolean;
  #newLeaderConfig: QuorumConfig | null = null;
  /** Of the newest reconfig that is proposed and not committed; null for none. */
  #zxid: Zxid | null = null;

  constructor(x: {
    membership: Membership;
    serverId: ServerId;
    leader: ServerId;
    isObserver: boolean;
  }) {
    this.#membership = x.membership;
    this.#serverId = x.serverId;
    this.#leader = x.leader;
    this.#isObserver = x.isObserver;
  }

  /** A txn, the body of a log record, is proposed. */
  proposed(zxid: Zxid, body: Uint8Array): void {
    const config = configOfReconfig(body);
    if (config === null) return;
    this.#membership.see(config);
    this.#zxid = zxid;
  }

  committed(zxid: Zxid): void {
    if (this.#zxid === zxid) this.#zxid = null;
  }

  /** @param data of NEWLEADER: the leader's last seen configuration; null from servers before 3.5 */
  newLeader(data: Uint8Array | null): void {
    if (data === null || data.length === 0 || !this.#membership.canChange) return;
    this.#newLeaderConfig = QuorumConfig.parse(decodeUtf8(data));
    this.#membership.follow(this.#newLeaderConfig);
  }

  /** The leader is established. Returns why our role is over, or null. */
  upToDate(): string | null {
    const config = this.#newLeaderConfig;
    // one that is only proposed may still come to nothing, and others would go on with the old members
    if (config === null || config.version === this.#zxid) return null;
    const { committed: before } = this.#membership;
    if (!this.#membership.adopt(config)) return null;
    const isLeading = before.members.has(this.#leader)
      ? canLeadOn(this.#leader, before, config)
      : config.voters.has(this.#leader);
    if (!isLeading) return "the newest members have another leader";
    return this.#isOtherRole ? "the newest members have another role for us" : null;
  }

  /** The reconfig at `zxid` is committed. Returns why our role is over, or null. */
  activate(zxid: Zxid, designatedLeader: ServerId): string | null {
    const { lastSeen, canChange } = this.#membership;
    if (!canChange) return null;
    if (lastSeen.version === zxid) this.#membership.adopt(lastSeen);
    const reason = designatedLeader !== this.#leader
      ? `a reconfig makes server ${designatedLeader} the leader`
      : this.#isOtherRole
      ? "a reconfig gives us another role"
      : null;
    if (reason !== null) this.successor = { leader: designatedLeader, zxid };
    return reason;
  }

  /** Whether we are not any more what we began as. Who is no member follows, without a vote. */
  get #isOtherRole(): boolean {
    const role = this.#membership.committed.members.get(this.#serverId)?.role;
    return (role === "observer") !== this.#isObserver;
  }
}
