/**
 * Keeps at most one connection between each two servers for their election (quorum protocol section 2).
 *
 * Decides who dials whom, when, and which connection stays; sockets are the shell's. Of the messages to
 * one server only the newest waits: an older one is no longer true. A message goes out again on a fresh
 * connection, since the one before may have died with it.
 *
 * Invariant: a kept connection was opened by the server with the larger id, and no server waits for
 * another: each has its own dial, its own back-off and its own queue.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { DecodeError } from "../core/errors.ts";
import { STRANGE_ELECTION_LINK_COUNT_MAX } from "../core/limits.ts";
import type { Logger } from "../core/ports.ts";
import { ElectionHandshake } from "./election_handshake.ts";
import { ElectionStream, encodeFrame } from "./election_stream.ts";
import { addressText, type ElectionAddress, encodeHello, isConnectable } from "./hello.ts";
import type { Hello } from "./hello.ts";
import type { QuorumAuth } from "./quorum_auth.ts";
import type { ServerId } from "./server_id.ts";

/** Between failed dials of one server, doubling. */
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;
/**
 * A server that was called has so long to dial back before it is called again: a further call closes
 * the connection that the first one brought.
 */
const CALL_BACK_MS = 1000;
/** What was written so shortly before its connection was lost may be lost too. */
const DOUBTFUL_MS = 1000;
/** The larger id replaces a lost connection by itself, if it is still there: so long is left to it. */
const LOST_MS = 50;
const NOTHING = new Uint8Array();

/** A number the shell gives to a socket, never given again. */
export type LinkId = number;

export interface ElectionLinksOptions {
  readonly serverId: ServerId;
  /** `multiAddress.enabled`: all own addresses are told to others. */
  readonly isMultiAddress: boolean;
  /** How long who connects may take to say who it is, and either side to authenticate. */
  readonly handshakeTimeoutMs: number;
  /** null: without SASL. */
  readonly auth: QuorumAuth | null;
  readonly logger: Logger;
}

export type ElectionLinksInput =
  /** A message for another server, without its length. */
  | { kind: "send"; to: ServerId; message: Uint8Array; nowMs: number }
  /** Whoever has a message waiting is dialled now, whatever happened before. */
  | { kind: "connectAll"; nowMs: number }
  | { kind: "dialed"; serverId: ServerId; link: LinkId; nowMs: number }
  /** @param isRefused every address answered that nobody listens there */
  | {
    kind: "dialFailed";
    serverId: ServerId;
    isRefused: boolean;
    problem: string;
    nowMs: number;
  }
  | { kind: "accepted"; link: LinkId; remoteAddress: string; nowMs: number }
  /** @param bytes borrowed for the call */
  | { kind: "received"; link: LinkId; bytes: Uint8Array; nowMs: number }
  /** The bytes of the last `write` of this link are with the operating system. */
  | { kind: "written"; link: LinkId; nowMs: number }
  /** Either side closed it; not told of links that a `close` effect named. */
  | { kind: "closed"; link: LinkId; problem: string; nowMs: number }
  | { kind: "tick"; nowMs: number };

export type ElectionLinksEffect =
  /** To be answered by `dialed` or `dialFailed`; the addresses are tried in turn, never empty. */
  | { kind: "dial"; serverId: ServerId; addresses: readonly ElectionAddress[] }
  /** To be answered by `written`; `bytes` are the shell's. */
  | { kind: "write"; link: LinkId; bytes: Uint8Array }
  /** After what was written before it. Nothing is told of this link afterwards. */
  | { kind: "close"; link: LinkId }
  /** `message` is borrowed for the call. */
  | { kind: "message"; from: ServerId; message: Uint8Array }
  | { kind: "peerPresent"; serverId: ServerId }
  | { kind: "peerAbsent"; serverId: ServerId };

interface Link {
  readonly id: LinkId;
  readonly stream: ElectionStream;
  readonly remoteAddress: string;
  /** Whom we dialled; null: it was accepted. */
  readonly dialedId: ServerId | null;
  /** Whose messages it brings; null: not yet. */
  serverId: ServerId | null;
  readonly handshake: ElectionHandshake;
  /** Until when serverId is to be known; null once it is. */
  handshakeDeadlineMs: number | null;
  isWriting: boolean;
}

interface Peer {
  readonly serverId: ServerId;
  link: Link | null;
  isDialing: boolean;
  /** Waits for a connection, or for the message before it to be written. */
  queued: Uint8Array | null;
  lastSent: Uint8Array | null;
  lastSentMs: number;
  /** Where it said it listens, while it waits for us to dial back. */
  helloAddresses: readonly ElectionAddress[];
  retryMs: number;
  nextDialMs: number;
  /** It was called, and may dial back until then. */
  callBackDeadlineMs: number;
  /** Why it cannot be reached, as last logged. */
  problem: string | null;
  /** Where it said it listens, when that is not where it should; as last logged. */
  strangeAddresses: string | null;
}

export class ElectionLinks {
  readonly #options: ElectionLinksOptions;
  readonly #logger: Logger;
  readonly #links = new Map<LinkId, Link>();
  readonly #peers = new Map<ServerId, Peer>();
  #members: ReadonlyMap<ServerId, readonly ElectionAddress[]> = new Map();
  #ownAddresses: readonly ElectionAddress[] = [];
  /** Observers without an id get -1, -2 and so on. */
  #anonymousCount = 0;

  constructor(options: ElectionLinksOptions) {
    this.#options = options;
    this.#logger = options.logger;
  }

  /** Tells who may be dialled, and where; and what others are told of where we listen. */
  setMembers(
    { members, ownAddresses }: {
      members: ReadonlyMap<ServerId, readonly ElectionAddress[]>;
      ownAddresses: readonly ElectionAddress[];
    },
  ): void {
    assert(ownAddresses.length > 0, "a server listens for elections");
    this.#members = members;
    this.#ownAddresses = ownAddresses;
    for (const peer of [...this.#peers.values()]) this.#forgetStranger(peer);
  }

  /** Servers with a connection, ascending. */
  get connected(): ServerId[] {
    return [...this.#peers.values()].filter(({ link }) => link !== null)
      .map(({ serverId }) => serverId).sort((a, b) => a - b);
  }

  /** Why a server cannot be reached; null: there is a connection, or none was tried. */
  problemOf(serverId: ServerId): string | null {
    return this.#peers.get(serverId)?.problem ?? null;
  }

  /** When a `tick` has something to do; null: never. */
  get nextDeadlineMs(): number | null {
    let deadlineMs = Infinity;
    for (const link of this.#links.values()) {
      deadlineMs = Math.min(deadlineMs, link.handshakeDeadlineMs ?? Infinity);
    }
    for (const peer of this.#peers.values()) {
      if (this.#wantsDial(peer)) deadlineMs = Math.min(deadlineMs, dialMsOf(peer));
    }
    return deadlineMs === Infinity ? null : deadlineMs;
  }

  step(input: ElectionLinksInput): ElectionLinksEffect[] {
    switch (input.kind) {
      case "send":
        return this.#send(input);
      case "connectAll":
        return this.#connectAll(input.nowMs);
      case "dialed":
        return this.#dialed(input);
      case "dialFailed":
        return this.#dialFailed(input);
      case "accepted":
        return this.#accepted(input);
      case "received":
        return this.#received(input);
      case "written":
        return this.#written(input);
      case "closed":
        return this.#closed(input);
      case "tick":
        return this.#tick(input.nowMs);
    }
  }

  #send(
    { to, message, nowMs }: { to: ServerId; message: Uint8Array; nowMs: number },
  ): ElectionLinksEffect[] {
    assert(to !== this.#options.serverId, "messages to oneself need no connection");
    if (!this.#members.has(to) && !this.#peers.has(to)) return []; // a stranger that has left
    const peer = this.#peer(to);
    peer.queued = message;
    return peer.link !== null ? this.#flush(peer, nowMs) : this.#dialWhenDue(peer, nowMs);
  }

  #connectAll(nowMs: number): ElectionLinksEffect[] {
    const effects: ElectionLinksEffect[] = [];
    for (const peer of this.#peers.values()) {
      peer.retryMs = RETRY_MS_MIN;
      peer.nextDialMs = nowMs;
      effects.push(...this.#dialWhenDue(peer, nowMs));
    }
    return effects;
  }

  #dialed(
    { serverId, link: id, nowMs }: { serverId: ServerId; link: LinkId; nowMs: number },
  ): ElectionLinksEffect[] {
    const peer = this.#peer(serverId);
    assert(peer.isDialing, "only a dial is answered");
    const hello = encodeHello({
      serverId: this.#options.serverId,
      addresses: this.#ownAddresses,
      isMultiAddress: this.#options.isMultiAddress,
    });
    const link = this.#addLink(id, { dialedId: serverId, remoteAddress: "", nowMs });
    const begun = link.handshake.begin();
    if (begun.kind === "done") return this.#dialDone(peer, link, { hello, nowMs });
    // as long as it takes, the dial is under way
    return [{ kind: "write", link: id, bytes: concat(hello, begun.bytes) }];
  }

  /** @param hello to be written before all else */
  #dialDone(
    peer: Peer,
    link: Link,
    { hello, nowMs }: { hello: Uint8Array; nowMs: number },
  ): ElectionLinksEffect[] {
    const { serverId } = peer;
    peer.isDialing = false;
    if (peer.link !== null) return this.#drop(link); // the other side was faster
    if (this.#options.serverId > serverId) {
      link.serverId = serverId;
      return this.#linkUp(peer, link, { hello, nowMs });
    }
    peer.callBackDeadlineMs = nowMs + CALL_BACK_MS; // it keeps no connection of ours
    peer.nextDialMs = nowMs + this.#backOff(peer);
    const call: ElectionLinksEffect[] = hello.length === 0
      ? []
      : [{ kind: "write", link: link.id, bytes: hello }];
    return [...call, ...this.#drop(link)];
  }

  #dialFailed({ serverId, isRefused, problem, nowMs }: {
    serverId: ServerId;
    isRefused: boolean;
    problem: string;
    nowMs: number;
  }): ElectionLinksEffect[] {
    const peer = this.#peer(serverId);
    assert(peer.isDialing, "only a dial fails");
    peer.isDialing = false;
    peer.helloAddresses = [];
    peer.nextDialMs = nowMs + this.#backOff(peer);
    if (peer.link !== null) return [];
    const fields = { serverId, problem };
    if (problem === peer.problem) this.#logger.debug("still no election connection", fields);
    else this.#logger.warn("no election connection to another server", fields);
    peer.problem = problem;
    this.#forgetStranger(peer);
    return isRefused ? [{ kind: "peerAbsent", serverId }] : [];
  }

  #accepted(
    { link: id, remoteAddress, nowMs }: { link: LinkId; remoteAddress: string; nowMs: number },
  ): ElectionLinksEffect[] {
    const strangers = [...this.#links.values()].filter(({ dialedId, serverId }) =>
      dialedId === null && (serverId === null || !this.#members.has(serverId))
    );
    const effects: ElectionLinksEffect[] = [];
    if (strangers.length >= STRANGE_ELECTION_LINK_COUNT_MAX) {
      effects.push(...this.#drop(strangers[0]!));
    }
    this.#addLink(id, { dialedId: null, remoteAddress, nowMs });
    return effects;
  }

  #received(
    { link: id, bytes, nowMs }: { link: LinkId; bytes: Uint8Array; nowMs: number },
  ): ElectionLinksEffect[] {
    const link = this.#links.get(id);
    if (link === undefined) return []; // we closed it meanwhile
    const effects: ElectionLinksEffect[] = [];
    try {
      link.stream.push(bytes);
      if (link.serverId === null) effects.push(...this.#handshake(link, nowMs));
      while (link.serverId !== null && this.#links.has(id)) {
        const message = link.stream.takeFrame();
        if (message === null) break;
        effects.push({ kind: "message", from: link.serverId, message });
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      effects.push(...this.#fail(link, error.message, nowMs));
    }
    return effects;
  }

  /**
   * What comes before the first message.
   *
   * @throws {DecodeError}
   */
  #handshake(link: Link, nowMs: number): ElectionLinksEffect[] {
    const step = link.handshake.step(link.stream);
    const effects: ElectionLinksEffect[] = [];
    if (step.bytes.length > 0) effects.push({ kind: "write", link: link.id, bytes: step.bytes });
    if (step.kind === "failed") effects.push(...this.#fail(link, step.problem, nowMs));
    if (step.kind !== "done") return effects;
    if (link.dialedId === null) {
      assert(step.hello !== null, "who connects says who it is");
      effects.push(...this.#greeted(link, step.hello, nowMs));
    } else {
      const peer = this.#peer(link.dialedId);
      effects.push(...this.#dialDone(peer, link, { hello: NOTHING, nowMs }));
    }
    return effects;
  }

  /** The other side is at fault: its connection is closed, and if we dialled, that has failed. */
  #fail(link: Link, problem: string, nowMs: number): ElectionLinksEffect[] {
    const { dialedId, serverId, remoteAddress } = link;
    const effects = this.#drop(link);
    if (dialedId !== null && serverId === null) {
      effects.push(...this.#dialFailed({ serverId: dialedId, isRefused: false, problem, nowMs }));
    } else {
      this.#logger.warn("election connection closed", {
        serverId,
        remoteAddress,
        problem,
      });
    }
    return effects;
  }

  /** Section 2.2: only connections opened by the larger id survive. */
  #greeted(link: Link, hello: Hello, nowMs: number): ElectionLinksEffect[] {
    const own = this.#options.serverId;
    const serverId = hello.serverId ?? -(++this.#anonymousCount);
    if (serverId === own) {
      this.#logger.warn("another server has our id, or we connected to ourselves", {
        serverId,
        remoteAddress: link.remoteAddress,
      });
      return this.#drop(link);
    }
    this.#checkAddresses(serverId, hello, link.remoteAddress);
    const effects: ElectionLinksEffect[] = [];
    const replaced = this.#peers.get(serverId)?.link ?? null;
    if (replaced !== null) effects.push(...this.#drop(replaced));
    if (hello.serverId === null || serverId > own) {
      link.serverId = serverId;
      effects.push(...this.#linkUp(this.#peer(serverId), link, { hello: NOTHING, nowMs }));
      return effects;
    }
    effects.push(...this.#drop(link), ...this.#dialBack(serverId, hello));
    return effects;
  }

  /** Two servers with one id, or two lists of servers, are hard to see from anything else. */
  #checkAddresses(serverId: ServerId, { addresses }: Hello, remoteAddress: string): void {
    const configured = this.#members.get(serverId)?.map(addressText) ?? [];
    const said = addresses.filter(isConnectable).map(addressText);
    if (configured.length === 0 || said.length === 0) return;
    const text = said.join(", ");
    if (said.some((address) => configured.includes(address))) return;
    const peer = this.#peer(serverId);
    if (peer.strangeAddresses === text) return;
    peer.strangeAddresses = text;
    this.#logger.warn(
      "another server says that it listens elsewhere than our configuration has it: " +
        "its configuration differs, or two servers have its id",
      { serverId, remoteAddress, says: text, configured: configured.join(", ") },
    );
  }

  /** A server with a smaller id has called, whether a configuration names it or not. */
  #dialBack(serverId: ServerId, hello: Hello): ElectionLinksEffect[] {
    const addresses = hello.addresses.filter(isConnectable);
    if (!this.#members.has(serverId)) {
      const strangers = [...this.#peers.keys()].filter((id) => !this.#members.has(id));
      if (addresses.length === 0 || strangers.length >= STRANGE_ELECTION_LINK_COUNT_MAX) {
        this.#logger.warn("another server that no configuration names is not dialled back", {
          serverId,
        });
        return [];
      }
    }
    const peer = this.#peer(serverId);
    if (peer.isDialing) return [];
    peer.helloAddresses = addresses;
    peer.retryMs = RETRY_MS_MIN;
    return this.#dial(peer);
  }

  /** @param hello to be written before all else */
  #linkUp(
    peer: Peer,
    link: Link,
    { hello, nowMs }: { hello: Uint8Array; nowMs: number },
  ): ElectionLinksEffect[] {
    assert(peer.link === null, "there is one connection between two servers");
    peer.link = link;
    link.handshakeDeadlineMs = null;
    peer.helloAddresses = [];
    peer.retryMs = RETRY_MS_MIN;
    peer.nextDialMs = 0;
    if (peer.problem !== null) {
      this.#logger.info("another server is reachable again", { serverId: peer.serverId });
      peer.problem = null;
    }
    this.#logger.debug("election connection made", {
      serverId: peer.serverId,
      remoteAddress: link.remoteAddress,
    });
    peer.queued ??= peer.lastSent;
    return [
      { kind: "peerPresent", serverId: peer.serverId },
      ...this.#flush(peer, nowMs, hello),
    ];
  }

  #written({ link: id, nowMs }: { link: LinkId; nowMs: number }): ElectionLinksEffect[] {
    const link = this.#links.get(id);
    if (link === undefined) return [];
    link.isWriting = false;
    const peer = link.serverId === null ? undefined : this.#peers.get(link.serverId);
    return peer?.link === link ? this.#flush(peer, nowMs) : [];
  }

  #closed(
    { link: id, problem, nowMs }: { link: LinkId; problem: string; nowMs: number },
  ): ElectionLinksEffect[] {
    const link = this.#links.get(id);
    if (link === undefined) return [];
    this.#links.delete(id);
    const { dialedId, serverId } = link;
    if (serverId === null) {
      if (dialedId === null) return [];
      return this.#dialFailed({ serverId: dialedId, isRefused: false, problem, nowMs });
    }
    this.#logger.debug("election connection lost", { serverId, problem });
    const peer = this.#peers.get(serverId)!;
    assert(peer.link === link, "a server that is known has this connection");
    peer.link = null;
    if (nowMs - peer.lastSentMs < DOUBTFUL_MS) peer.queued ??= peer.lastSent;
    if (this.#options.serverId < serverId) peer.nextDialMs = nowMs + LOST_MS;
    this.#forgetStranger(peer);
    return this.#dialWhenDue(peer, nowMs); // not reopened until there is something to say
  }

  #tick(nowMs: number): ElectionLinksEffect[] {
    const effects: ElectionLinksEffect[] = [];
    for (const link of [...this.#links.values()]) {
      if (link.handshakeDeadlineMs === null || nowMs < link.handshakeDeadlineMs) continue;
      effects.push(...this.#fail(link, "it did not say in time who it is", nowMs));
    }
    for (const peer of this.#peers.values()) effects.push(...this.#dialWhenDue(peer, nowMs));
    return effects;
  }

  #flush(peer: Peer, nowMs: number, hello: Uint8Array = NOTHING): ElectionLinksEffect[] {
    const { link, queued } = peer;
    assert(link !== null, "a message goes out on a connection");
    if (link.isWriting) return [];
    const frame = queued === null ? NOTHING : encodeFrame(queued);
    if (hello.length + frame.length === 0) return [];
    if (queued !== null) {
      peer.queued = null;
      peer.lastSent = queued;
      peer.lastSentMs = nowMs;
    }
    link.isWriting = true;
    return [{ kind: "write", link: link.id, bytes: concat(hello, frame) }];
  }

  #wantsDial(peer: Peer): boolean {
    return peer.queued !== null && peer.link === null && !peer.isDialing &&
      this.#addressesOf(peer).length > 0;
  }

  #dialWhenDue(peer: Peer, nowMs: number): ElectionLinksEffect[] {
    return this.#wantsDial(peer) && nowMs >= dialMsOf(peer) ? this.#dial(peer) : [];
  }

  #dial(peer: Peer): ElectionLinksEffect[] {
    const addresses = this.#addressesOf(peer);
    assert(!peer.isDialing, "a server is dialled once at a time");
    assert(addresses.length > 0, "only who has an address is dialled");
    peer.isDialing = true;
    return [{ kind: "dial", serverId: peer.serverId, addresses }];
  }

  /** Where it said it is comes first, then where it should be. */
  #addressesOf({ serverId, helloAddresses }: Peer): ElectionAddress[] {
    const byText = new Map<string, ElectionAddress>();
    for (const address of [...helloAddresses, ...this.#members.get(serverId) ?? []]) {
      byText.set(addressText(address), address);
    }
    return [...byText.values()];
  }

  /** @returns how long to wait now; the next time it will be twice as long */
  #backOff(peer: Peer): number {
    const waitMs = peer.retryMs;
    peer.retryMs = Math.min(waitMs * 2, RETRY_MS_MAX);
    return waitMs;
  }

  #addLink(
    id: LinkId,
    { dialedId, remoteAddress, nowMs }: {
      dialedId: ServerId | null;
      remoteAddress: string;
      nowMs: number;
    },
  ): Link {
    assert(!this.#links.has(id), "a link has a number of its own");
    const link: Link = {
      id,
      stream: new ElectionStream(),
      remoteAddress,
      dialedId,
      serverId: null,
      handshake: new ElectionHandshake({
        auth: this.#options.auth,
        isDialer: dialedId !== null,
      }),
      handshakeDeadlineMs: nowMs + this.#options.handshakeTimeoutMs,
      isWriting: false,
    };
    this.#links.set(id, link);
    return link;
  }

  /** We close it. */
  #drop(link: Link): ElectionLinksEffect[] {
    this.#links.delete(link.id);
    const peer = link.serverId === null ? undefined : this.#peers.get(link.serverId);
    if (peer?.link === link) {
      peer.link = null;
      this.#forgetStranger(peer);
    }
    return [{ kind: "close", link: link.id }];
  }

  #peer(serverId: ServerId): Peer {
    let peer = this.#peers.get(serverId);
    if (peer === undefined) {
      peer = {
        serverId,
        link: null,
        isDialing: false,
        queued: null,
        lastSent: null,
        lastSentMs: 0,
        helloAddresses: [],
        retryMs: RETRY_MS_MIN,
        nextDialMs: 0,
        callBackDeadlineMs: 0,
        problem: null,
        strangeAddresses: null,
      };
      this.#peers.set(serverId, peer);
    }
    return peer;
  }

  /** Only members are remembered without a connection: strangers may make up ids. */
  #forgetStranger(peer: Peer): void {
    if (this.#members.has(peer.serverId) || peer.link !== null || peer.isDialing) return;
    this.#peers.delete(peer.serverId);
  }
}

function dialMsOf({ nextDialMs, callBackDeadlineMs }: Peer): number {
  return Math.max(nextDialMs, callBackDeadlineMs);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
