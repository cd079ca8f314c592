/**
 * What a learner's clients ask of the leader, as packets.
 *
 * @module
 */
import type { ForwardedRequest, LeaderLink } from "../core/server/forwarded_writes.ts";
import type { Channel } from "./member.ts";
import { writeRequest, writeRevalidate } from "./packet_bodies.ts";

export class ChannelLink implements LeaderLink {
  readonly #channel: () => Channel | null;

  /** @param channel null once the connection is gone: nothing is asked any more */
  constructor(channel: () => Channel | null) {
    this.#channel = channel;
  }

  request({ sessionId, cxid, op, body, ids }: ForwardedRequest): void {
    const channel = this.#channel();
    if (channel === null) return;
    writeRequest(channel.writer(), { sessionId, cxid, opCode: op, body }, ids);
  }

  revalidate(sessionId: bigint, timeoutMs: number): void {
    const channel = this.#channel();
    if (channel !== null) writeRevalidate(channel.writer(), sessionId, timeoutMs);
  }
}
