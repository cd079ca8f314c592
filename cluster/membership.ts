/**
 * Who belongs to the ensemble, as this server knows it: the committed configuration, and the last seen one,
 * which is newer while a reconfig is under way (quorum protocol section 15).
 *
 * @module
 */
import { isQuorumInBoth, type QuorumConfig } from "./quorum_config.ts";
import type { ServerId } from "./server_id.ts";

/** Files in which configurations survive. */
export interface ConfigStore {
  /** Keeps a configuration that is proposed. */
  saveNext(config: QuorumConfig): void;
  /** What was proposed will never be committed. */
  forgetNext(): void;
  /** Makes a configuration the one to start with. */
  saveCommitted(config: QuorumConfig): void;
}

export class Membership {
  readonly #store: ConfigStore | null;
  readonly #onChange: () => void;
  #committed: QuorumConfig;
  #lastSeen: QuorumConfig;

  /** @param x `store` is null when configurations cannot change (reconfigEnabled=false) */
  constructor(x: {
    committed: QuorumConfig;
    lastSeen: QuorumConfig;
    store: ConfigStore | null;
    onChange: () => void;
  }) {
    this.#committed = x.committed;
    this.#lastSeen = x.lastSeen;
    this.#store = x.store;
    this.#onChange = x.onChange;
  }

  get committed(): QuorumConfig {
    return this.#committed;
  }

  get lastSeen(): QuorumConfig {
    return this.#lastSeen;
  }

  /** Whether configurations change at all; else the versions that others tell mean nothing. */
  get canChange(): boolean {
    return this.#store !== null;
  }

  isQuorum(servers: ReadonlySet<ServerId>): boolean {
    return isQuorumInBoth(this.#committed, this.#lastSeen, servers);
  }

  /** A newer configuration is proposed. Returns whether it was news. */
  see(config: QuorumConfig): boolean {
    if (this.#store === null || config.version <= this.#lastSeen.version) return false;
    this.#store.saveNext(config);
    this.#lastSeen = config;
    this.#onChange();
    return true;
  }

  /**
   * A new leader's last seen configuration. It replaces ours even when ours is newer: that one's txn was not
   * in the history of a quorum, so it was never committed.
   */
  follow(config: QuorumConfig): void {
    if (this.#store === null || config.version < this.#committed.version) return;
    if (config.version === this.#lastSeen.version) return;
    if (config.version > this.#committed.version) {
      this.#store.saveNext(config);
      this.#lastSeen = config;
    } else {
      this.#store.forgetNext();
      this.#lastSeen = this.#committed;
    }
    this.#onChange();
  }

  /** A newer configuration is committed. Returns whether it was news. */
  adopt(config: QuorumConfig): boolean {
    if (this.#store === null || config.version <= this.#committed.version) return false;
    this.#store.saveCommitted(config);
    this.#committed = config;
    if (config.version >= this.#lastSeen.version) this.#lastSeen = config;
    this.#onChange();
    return true;
  }
}
