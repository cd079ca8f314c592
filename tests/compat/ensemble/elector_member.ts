/**
 * A member of an ensemble that only takes part in elections: real sockets, no data.
 *
 * @module
 */
import { Elector, type ElectorInput } from "../../../cluster/elector.ts";
import type { QuorumAuth } from "../../../cluster/quorum_auth.ts";
import type { QuorumConfig } from "../../../cluster/quorum_config.ts";
import { ElectionPort } from "../../../net/election_port.ts";
import { systemSockets, systemTimers } from "../../../net/sockets.ts";
import { systemClock } from "../../../net/system_clock.ts";
import { keepingLogger, type LogLine } from "../../support/silent_logger.ts";

export class ElectorMember implements AsyncDisposable {
  readonly elector: Elector;
  readonly lines: LogLine[] = [];
  /** `<state> <leader>` of each outcome. */
  readonly outcomes: string[] = [];
  readonly #port: ElectionPort;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ serverId, config, auth = null }: {
    serverId: number;
    config: QuorumConfig;
    auth?: QuorumAuth | null;
  }) {
    const { host, electionPort: port } = config.members.get(serverId)!.addresses[0]!;
    const logger = keepingLogger(this.lines);
    const ownAddresses = [{ host, port }];
    this.elector = new Elector({
      serverId,
      peerType: "participant",
      committed: config,
      lastSeen: config,
      reconfigEnabled: false,
      notificationIntervalMsMin: 200,
      notificationIntervalMsMax: 60_000,
      isMultiAddress: false,
      handshakeTimeoutMs: 2500,
      auth,
      ownAddresses,
      logger,
    });
    this.#port = new ElectionPort({
      sockets: systemSockets,
      timers: systemTimers,
      addresses: ownAddresses,
      listenOnAllIps: false,
      bindRetryCount: 0,
      connectTimeoutMs: 5000,
      clock: systemClock,
      logger,
      onInput: (input) => this.#step(input),
      onFatal: () => {},
    });
  }

  async start(): Promise<void> {
    this.look();
    await this.#port.listen();
  }

  look(): void {
    const nowMs = systemClock.monotonicMs();
    this.#step({ kind: "startLooking", lastLoggedZxid: 0, currentEpoch: 0, nowMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#port.close();
    clearTimeout(this.#timer);
  }

  #step(input: ElectorInput): void {
    for (const effect of this.elector.step(input)) {
      switch (effect.kind) {
        case "dial":
        case "write":
        case "close":
          this.#port.perform(effect);
          break;
        case "decided":
          this.outcomes.push(`${effect.state} ${effect.vote.leader}`);
          break;
      }
    }
    clearTimeout(this.#timer);
    const deadlineMs = this.elector.nextDeadlineMs;
    if (deadlineMs === null) return;
    this.#timer = setTimeout(() => {
      this.#step({ kind: "tick", nowMs: systemClock.monotonicMs() });
    }, Math.max(0, deadlineMs - systemClock.monotonicMs()));
  }
}
