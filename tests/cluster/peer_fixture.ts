/**
 * A whole peer, with the other voters and its leader played by a test.
 *
 * @module
 */
import type { ElectionSocketInput } from "../../cluster/elector.ts";
import { encodeFrame } from "../../cluster/election_stream.ts";
import { encodeHello } from "../../cluster/hello.ts";
import type { Member } from "../../cluster/member.ts";
import { decodeNotification, encodeNotification } from "../../cluster/notification.ts";
import { Peer, type QuorumAddress } from "../../cluster/peer.ts";
import type { ServerId, ServerState } from "../../cluster/server_id.ts";
import type { Vote } from "../../cluster/vote.ts";
import type { RequestProcessor } from "../../core/server/request_processor.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { type FakeChannel, zxidOf, zxidText } from "./member_fixture.ts";

/** What a peer runs on: a `MemberFixture`, or a member with a disk. */
export interface PeerHost {
  readonly member: Member;
  readonly time: { nowMs: number; wallMs: number };
  nowMs: number;
  say(line: string): void;
  channel(remoteAddress: string): FakeChannel;
  flush(): boolean;
  takeTrace(): string[];
  /** What a server does at the end of a turn, for the disk. */
  afterTurn?(): void;
}

type Timeless = ElectionSocketInput extends infer I ? I extends unknown ? Omit<I, "nowMs"> : never
  : never;

export class ScriptedPeer {
  readonly peer: Peer;
  /** The last vote that was told to others. */
  vote: (Vote & { state: ServerState }) | null = null;
  /** What clients are served by. */
  processor: RequestProcessor | null = null;
  /** Why the quorum port cannot be opened. */
  listenProblem: string | null = null;
  /** The connection to the leader. */
  leader!: FakeChannel;
  readonly #host: PeerHost;
  readonly #inputs: Timeless[] = [];
  readonly #links = new Map<ServerId, number>();

  constructor(host: PeerHost) {
    this.#host = host;
    const { member } = host;
    const { serverId, config, membership } = member;
    const { ensemble } = config;
    this.peer = new Peer({
      member,
      random: new SeededRandom(1),
      elector: {
        serverId,
        peerType: ensemble.peerType,
        committed: membership.committed,
        lastSeen: membership.lastSeen,
        reconfigEnabled: ensemble.reconfigEnabled,
        notificationIntervalMsMin: 200,
        notificationIntervalMsMax: 60_000,
        isMultiAddress: false,
        handshakeTimeoutMs: 5000,
        auth: null,
        ownAddresses: [],
        logger: silentLogger,
      },
      ports: {
        election: (effect) => {
          if (effect.kind === "dial") {
            const { serverId } = effect;
            if (serverId > member.serverId) return; // it dials us
            const link = this.#links.size + 1;
            this.#links.set(serverId, link);
            this.#inputs.push({ kind: "dialed", serverId, link });
          } else if (effect.kind === "write") {
            this.#hear(effect.bytes);
            this.#inputs.push({ kind: "written", link: effect.link });
          }
        },
        listenForLearners: () => {
          this.#host.say("listening");
          return this.listenProblem;
        },
        stopListening: () => this.#host.say("not listening"),
        listenForObservers: () => null,
        stopListeningForObservers: () => {},
        connectToLeader: ({ host }: QuorumAddress) => this.#host.say(`connect to ${host}`),
        serve: (processor) => {
          if (processor === this.processor) return;
          this.processor = processor;
          this.#host.say(processor === null ? "no clients" : "clients");
        },
      },
    });
  }

  /** One turn, with what follows of it at once. */
  turn(run: () => void): void {
    const { peer } = this;
    peer.beginTurn(this.#host.time);
    run();
    peer.endTurn();
    this.#host.afterTurn?.();
    while (this.#inputs.length > 0) {
      const { nowMs } = this.#host;
      const input = { ...this.#inputs.shift()!, nowMs } as ElectionSocketInput;
      this.turn(() => peer.electionInput(input));
    }
    this.#host.flush();
  }

  start(): string[] {
    this.turn(() => this.peer.start());
    return this.#host.takeTrace();
  }

  /** Time goes on; returns what came of it. */
  wait(ms: number): string[] {
    for (let left = ms; left > 0; left -= 100) {
      this.#host.nowMs += Math.min(left, 100);
      this.turn(() => this.peer.tick());
    }
    return this.#host.takeTrace();
  }

  /** Another server says for whom it votes. */
  hear(
    from: ServerId,
    { state, leader, zxid = "0.0", peerEpoch = 4, electionEpoch = 1 }: {
      state: ServerState;
      leader: ServerId;
      zxid?: string;
      peerEpoch?: number;
      electionEpoch?: number;
    },
  ): void {
    if (!this.#links.has(from)) {
      const link = this.#links.size + 1;
      this.#links.set(from, link);
      this.#step({ kind: "accepted", link, remoteAddress: "127.0.0.1:1" });
      const addresses = [{ host: `127.0.0.${from}`, port: 3888 }];
      const bytes = encodeHello({ serverId: from, addresses, isMultiAddress: false });
      this.#step({ kind: "received", link, bytes });
    }
    const { membership } = this.#host.member;
    const bytes = encodeFrame(encodeNotification({
      state,
      vote: { leader, zxid: zxidOf(zxid), electionEpoch, peerEpoch },
      version: 2,
      configText: membership.committed.toText(),
    }));
    this.#step({ kind: "received", link: this.#links.get(from)!, bytes });
  }

  /** Follows server 3, which leads server 2 already. Returns what came of it. */
  follow(): string[] {
    const vote = { leader: 3, zxid: "9.9", peerEpoch: 9 };
    this.hear(3, { state: "LEADING", ...vote });
    this.hear(2, { state: "FOLLOWING", ...vote });
    return this.#host.takeTrace();
  }

  /** The leader takes the connection. */
  accept(): string[] {
    this.leader = this.#host.channel(`${this.peer.learner!.leader}`);
    this.turn(() => this.peer.leaderConnected(this.leader));
    return this.#host.takeTrace();
  }

  /** The leader says something. */
  receive(...messages: readonly Uint8Array[]): string[] {
    this.turn(() => {
      for (const message of messages) this.peer.leaderReceived(message);
    });
    return this.#host.takeTrace();
  }

  leaderCloses(): string[] {
    this.turn(() => this.peer.leaderClosed());
    return this.#host.takeTrace();
  }

  #step(input: Timeless): void {
    const { nowMs } = this.#host;
    this.turn(() => this.peer.electionInput({ ...input, nowMs } as ElectionSocketInput));
  }

  /** Takes note of a vote; hellos say nothing. */
  #hear(bytes: Uint8Array): void {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
    if (length < 44 || bytes.length !== 4 + length) return;
    const notification = decodeNotification(bytes.subarray(4));
    if ("ignored" in notification) return;
    this.vote = { ...notification.vote, state: notification.state };
  }

  /** The last vote in words: `LOOKING for 1: 4.2 of epoch 4`. */
  get voteText(): string {
    const { state, leader, zxid, peerEpoch } = this.vote!;
    return `${state} for ${leader}: ${zxidText(zxid)} of epoch ${peerEpoch}`;
  }
}
