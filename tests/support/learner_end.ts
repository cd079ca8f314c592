/**
 * A learner's end of a connection on the quorum port, without a network: what it sends comes at once to a
 * leader, or to an observer master, and what it was sent is read when a test asks.
 *
 * @module
 */
import type { Channel } from "../../cluster/member.ts";
import { writeLearnerInfo } from "../../cluster/packet_bodies.ts";
import {
  PacketStream,
  PacketType,
  type QuorumPacket,
  writeBarePacket,
} from "../../cluster/quorum_packet.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";

const NAMES = new Map<number, string>(
  Object.entries(PacketType).map(([name, type]) => [type, name]),
);

/** Whom learners connect to. */
export interface LearnerPort {
  connected(channel: Channel): void;
  received(channel: Channel, bytes: Uint8Array): void;
  drained(channel: Channel): void;
  closed(channel: Channel): void;
}

export class LearnerEnd {
  isClosed = false;
  readonly #port: LearnerPort;
  readonly #output = new JuteWriter(64);
  readonly #packets = new PacketStream({ dataBytesMax: 1 << 20 });
  readonly #channel: Channel;

  constructor(port: LearnerPort) {
    this.#port = port;
    this.#channel = {
      remoteAddress: "127.0.0.1:1",
      writer: () => this.#output,
      outputBytes: 0,
      close: () => void (this.isClosed = true),
    };
    port.connected(this.#channel);
  }

  info(type: typeof PacketType.ObserverInfo | typeof PacketType.FollowerInfo, serverId: number) {
    this.send((writer) =>
      writeLearnerInfo(writer, { type, acceptedEpochZxid: 0, serverId, configVersion: 0 })
    );
  }

  ack(zxid: Zxid = 0): void {
    this.send((writer) => writeBarePacket(writer, PacketType.Ack, zxid));
  }

  send(write: (writer: JuteWriter) => void): void {
    const writer = new JuteWriter(64);
    write(writer);
    this.#port.received(this.#channel, writer.written());
  }

  /** All that was written to it is on its way. */
  drained(): void {
    this.#port.drained(this.#channel);
  }

  /** It hangs up. */
  hangUp(): void {
    this.#port.closed(this.#channel);
  }

  /** What it was sent is a tree, which is read elsewhere. */
  skip(): void {
    this.#output.position = 0;
  }

  packets(): QuorumPacket[] {
    this.#packets.push(this.#output.written().slice());
    this.#output.position = 0;
    const packets: QuorumPacket[] = [];
    for (let p = this.#packets.next(); p !== null; p = this.#packets.next()) {
      packets.push({ ...p, data: p.data?.slice() ?? null });
    }
    return packets;
  }

  /** What it was sent since the last call: `Inform 5`. */
  take(): string[] {
    return this.packets().map(({ type, zxid }) => `${NAMES.get(type)} ${zxid}`);
  }
}
