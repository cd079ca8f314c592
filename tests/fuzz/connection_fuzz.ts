/**
 * Drives connections through sockets that deliver bytes in any pieces, at any moment, and take output
 * as slowly as the seed wants: every frame is to be handled once and in order, and every reply is to
 * carry what that frame asked for.
 *
 * A read that is under way keeps the room it was given, as one of the operating system does: whoever
 * moves the buffer meanwhile is found out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { OpCode } from "../../core/wire/op_code.ts";
import { JuteDecoder } from "../support/jute.ts";
import {
  connectRequest,
  decodeConnectResponse,
  decodeReply,
  frame,
  requestFrame,
} from "../support/raw_client.ts";
import {
  closeSession,
  create,
  getData,
  ofPath,
  Op,
  ping,
  type Request,
  setData,
} from "../support/requests.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { joined } from "./mutations.ts";
import { makeConfig, ServerFixture } from "./server_fixture.ts";

/** A socket whose other end is the fuzzer. */
export class FakeSocket {
  /** Bytes sent and not read yet. */
  readonly #incoming: Uint8Array[] = [];
  #read: { room: Uint8Array; resolve: (count: number | null) => void } | null = null;
  #write:
    | { bytes: Uint8Array; resolve: (count: number) => void; reject: (e: Error) => void }
    | null = null;
  #received: Uint8Array[] = [];
  receivedBytes = 0;
  isClosed = false;
  #isEnded = false;

  /** What the connection gets as its socket. */
  get conn(): Deno.Conn {
    return this as unknown as Deno.Conn;
  }

  read(room: Uint8Array): Promise<number | null> {
    assert.equal(this.#read, null, "one read at a time");
    assert(room.length > 0, "a read with no room would never end");
    if (this.isClosed) return Promise.reject(new Error("closed"));
    return new Promise((resolve) => this.#read = { room, resolve });
  }

  write(bytes: Uint8Array): Promise<number> {
    assert.equal(this.#write, null, "one write at a time");
    if (this.isClosed) return Promise.reject(new Error("closed"));
    return new Promise((resolve, reject) => this.#write = { bytes, resolve, reject });
  }

  close(): void {
    assert(!this.isClosed, "closed once");
    this.isClosed = true;
    this.#read?.resolve(null);
    this.#write?.reject(new Error("closed"));
    this.#read = this.#write = null;
  }

  send(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }

  get canDeliver(): boolean {
    return this.#read !== null && (this.#incoming.length > 0 || this.#isEnded);
  }

  get canTake(): boolean {
    return this.#write !== null;
  }

  get isDrained(): boolean {
    return this.#incoming.length === 0;
  }

  /** Gives the read under way up to `byteCount` bytes. */
  deliver(byteCount: number): void {
    const { room, resolve } = this.#read!;
    this.#read = null;
    const first = this.#incoming[0];
    if (first === undefined) return resolve(null); // the other end closed
    const count = Math.min(byteCount, first.length, room.length);
    room.set(first.subarray(0, count));
    if (count === first.length) this.#incoming.shift();
    else this.#incoming[0] = first.subarray(count);
    resolve(count);
  }

  /** Takes up to `byteCount` bytes of the write under way. */
  take(byteCount: number): void {
    const { bytes, resolve } = this.#write!;
    this.#write = null;
    const count = Math.min(byteCount, bytes.length);
    this.#received.push(bytes.slice(0, count));
    this.receivedBytes += count;
    resolve(count);
  }

  /** All that was taken and is not looked at yet. */
  received(): Uint8Array<ArrayBuffer> {
    return joined(...this.#received);
  }

  closeWrite(): Promise<void> {
    return this.isClosed ? Promise.reject(new Error("closed")) : Promise.resolve();
  }

  /** The other end closes its half. */
  end(): void {
    this.#isEnded = true;
  }

  /** The other end is gone: what is under way fails. */
  reset(): void {
    this.#incoming.length = 0;
    this.#isEnded = true;
    this.#read?.resolve(null);
    this.#write?.reject(new Error("reset"));
    this.#read = this.#write = null;
  }

  /** Whole frames taken so far, in order; what is left stays. */
  frames(): Uint8Array[] {
    const joined = new Uint8Array(this.#received.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#received) {
      joined.set(part, at);
      at += part.length;
    }
    const view = new DataView(joined.buffer);
    const frames: Uint8Array[] = [];
    at = 0;
    while (joined.length - at >= 4 && joined.length - at - 4 >= view.getInt32(at)) {
      const end = at + 4 + view.getInt32(at);
      frames.push(joined.subarray(at + 4, end));
      at = end;
    }
    this.#received = at === joined.length ? [] : [joined.subarray(at)];
    return frames;
  }
}

/** Lets all promises that can go on go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve();
}

export interface ConnectionFuzzCounts {
  frames: number;
  bytes: number;
}

interface Expected {
  xid: number;
  /** Null where the reply has no body that is looked at. */
  body: Uint8Array | null;
}

class Peer {
  readonly socket = new FakeSocket();
  readonly expected: Expected[] = [];
  readonly path: string;
  data: Uint8Array = new Uint8Array();
  isConnected = false;
  xid = 0;
  sentFrames = 0;
  isClosing = false;

  constructor(path: string) {
    this.path = path;
  }

  ask(request: Request, body: Uint8Array | null = null): void {
    const isPing = request.type === OpCode.Ping;
    const xid = isPing ? -2 : ++this.xid;
    this.expected.push({ xid, body });
    this.sentFrames++;
    this.socket.send(requestFrame(request, xid));
  }

  /** Compares what came back so far. */
  check(): void {
    for (const payload of this.socket.frames()) {
      if (!this.isConnected) {
        assert.notEqual(decodeConnectResponse(payload).sessionId, 0n);
        this.isConnected = true;
        continue;
      }
      const expected = this.expected.shift();
      assert(expected !== undefined, "a reply that nothing asked for");
      const reply = decodeReply(payload);
      assert.equal(reply.xid, expected.xid, `replies of ${this.path} in the order of requests`);
      assert.equal(reply.err, 0, `request ${reply.xid} of ${this.path}`);
      if (expected.body === null) continue;
      const body = new JuteDecoder(reply.body).buffer()!;
      assert(equals(body, expected.body), `body of reply ${reply.xid} of ${this.path}`);
    }
  }
}

/** @throws {assert.AssertionError} when a frame is lost, repeated, out of order or garbled */
export async function runConnectionFuzz(
  seed: number,
  { frameCount = 120 }: { frameCount?: number } = {},
): Promise<ConnectionFuzzCounts> {
  const random = new SeededRandom(seed);
  const frameBytesMax = random.pick([4096, 65536, 200_000, 1_048_575]);
  const config = makeConfig({
    settings: {
      globalOutstandingLimit: random.pick([1, 2, 5, 1000]),
      "jute.maxbuffer": frameBytesMax,
      tickTime: 2000,
      request_throttle_max_requests: random.pick([0, 0, 1, 3, 20]),
    },
  });
  const server = new ServerFixture(config);
  const counts: ConnectionFuzzCounts = { frames: 0, bytes: 0 };
  const deliverMax = random.pick([1, 7, 100, 3000, 70_000, 2_000_000]);
  const takeMax = random.pick([1, 50, 5000, 300_000, 20_000_000]);
  const byteBudget = Math.min(4_000_000, 1000 * Math.min(deliverMax, takeMax));
  const peers = Array.from({ length: random.between(1, 3) }, (_, i) => new Peer(`/peer${i}`));
  for (const peer of peers) {
    void server.accept(peer.socket.conn);
    peer.socket.send(frame(connectRequest()));
    plan(peer, { random, frameCount, frameBytesMax, byteBudget });
    counts.frames += peer.sentFrames;
  }
  const durableChance = random.pick([1, 3, 10]);
  const order = (a: number) => a < 100 ? 1 + random.below(a) : random.between(1, a);
  let idleTurns = 0;
  while (peers.some(({ socket }) => !socket.isClosed)) {
    const moves: (() => void)[] = [];
    for (const { socket } of peers) {
      if (socket.isClosed) continue;
      if (socket.canDeliver) moves.push(() => socket.deliver(burst(random, order(deliverMax))));
      if (socket.canTake) moves.push(() => socket.take(burst(random, order(takeMax))));
    }
    if (server.hasBatch && (moves.length === 0 || random.chance(durableChance, 12))) {
      moves.push(() => server.makeDurable());
    }
    if (moves.length === 0) {
      assert(++idleTurns < 3, `nothing can go on: ${peers.map((p) => stateOf(p)).join("; ")}`);
    } else idleTurns = 0;
    // several things may happen in one turn
    for (let i = random.below(3); i >= 0 && moves.length > 0; i--) {
      const [move] = moves.splice(random.below(moves.length), 1);
      move!();
    }
    await settle();
    for (const peer of peers) peer.check();
  }
  for (const peer of peers) {
    assert.deepEqual(
      peer.expected.map(({ xid }) => xid),
      [],
      `replies of ${peer.path} are missing`,
    );
    counts.bytes += peer.socket.receivedBytes;
  }
  assert.equal(server.connections.size, 0);
  assert.equal(server.largeBytes, 0, "the budget for large requests is whole again");
  assert.equal(server.tree.ephemeralCount, 0);
  assert.deepEqual(server.logger.lines.filter((line) => !line.startsWith("info session")), []);
  return counts;
}

/** Mostly what was drawn; now and then a single byte. */
function burst(random: SeededRandom, count: number): number {
  return random.chance(1, 20) ? random.between(1, 5) : count;
}

function stateOf({ path, expected, socket }: Peer): string {
  return `${path} waits for ${expected.length} replies, closed: ${socket.isClosed}, ` +
    `read under way or not: ${socket.canDeliver}, unsent: ${!socket.isDrained}`;
}

/** Queues requests whose replies can be foretold. */
function plan(
  peer: Peer,
  { random, frameCount, frameBytesMax, byteBudget }: {
    random: SeededRandom;
    frameCount: number;
    frameBytesMax: number;
    byteBudget: number;
  },
): void {
  const overhead = 8 + 4 + peer.path.length + 4 + 4 + 4 + 4 + 5 + 4 + 6 + 8;
  const large = frameBytesMax - overhead;
  let budget = byteBudget;
  const size = () => {
    const bytes = random.weighted([
      [20, random.below(40)],
      [4, random.below(3000)],
      [2, random.below(Math.min(large, 70_000))],
      [1, large],
    ]);
    if (bytes > budget) return random.below(40);
    budget -= bytes;
    return bytes;
  };
  peer.ask(create(peer.path, { data: "" }), new TextEncoder().encode(peer.path));
  const writeShare = random.pick([0, 2, 8]);
  for (let i = 0; i < frameCount; i++) {
    switch (random.weighted([[6, "sync"], [writeShare, "set"], [4, "get"], [2, "ping"]])) {
      case "sync": {
        const echo = random.bytes(size());
        peer.ask(ofPath(Op.sync, echo), echo);
        break;
      }
      case "set":
        peer.data = random.bytes(size());
        peer.ask(setData(peer.path, peer.data));
        break;
      case "get":
        if (budget < peer.data.length) break;
        budget -= peer.data.length;
        peer.ask(getData(peer.path), peer.data);
        break;
      case "ping":
        peer.ask(ping);
        break;
    }
  }
  peer.ask(closeSession);
}

function equals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
