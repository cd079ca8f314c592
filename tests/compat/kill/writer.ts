/**
 * A client that keeps writing until the server is killed, and knows what the server must hold then.
 *
 * Requests are pipelined; each reply is compared with what the model foretells.
 *
 * @module
 */
import assert from "node:assert/strict";
import { JuteDecoder } from "../../support/jute.ts";
import { decodeReply, RawClient, type Reply } from "../../support/raw_client.ts";
import {
  check,
  closeSession,
  create,
  Flags,
  getChildren2,
  getData,
  multi,
  remove,
  type Request,
  setData,
} from "../../support/requests.ts";
import type { SeededRandom } from "../../support/seeded_random.ts";
import {
  applyOp,
  EMPTY_STATE,
  matchingState,
  type SubOp,
  type WriterOp,
  type WriterState,
} from "./writer_model.ts";

/** None ends by itself, however long a restart takes. */
export const SESSION_MS = 600_000;
/** Requests a writer has under way at once. */
const PIPELINED_COUNT = 24;
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const NODE_COUNT_MAX = 30;

export class Writer {
  readonly path: string;
  /** Ids and passwords of the sessions this writer has closed, acknowledged or found to be gone. */
  readonly closedSessions: { sessionId: bigint; password: Uint8Array }[] = [];
  ackCount = 0;
  readonly #random: SeededRandom;
  #client: RawClient | null = null;
  #session = { sessionId: 0n, password: new Uint8Array() as Uint8Array };
  /** After everything that was acknowledged. */
  #acknowledged = EMPTY_STATE;
  /** Sent and not acknowledged, oldest first. */
  #sent: WriterOp[] = [];
  /** After everything that was sent. */
  #tip = EMPTY_STATE;
  #valueCount = 0;

  constructor(path: string, random: SeededRandom) {
    this.path = path;
    this.#random = random;
  }

  /** Takes up the session, or makes a new one. */
  async connect(port: number): Promise<void> {
    const options = this.#acknowledged.isSessionOpen && this.#session.sessionId !== 0n
      ? this.#session
      : {};
    this.#client = await RawClient.session(port, { ...options, timeoutMs: SESSION_MS });
    this.#session = { sessionId: this.#client.sessionId, password: this.#client.password };
    this.#acknowledged = { ...this.#acknowledged, isSessionOpen: true };
    this.#tip = this.#acknowledged;
  }

  /** Writes until the connection ends: when the server is killed or the session closed. */
  async write(): Promise<void> {
    const client = this.#client!;
    const room = { wait: Promise.withResolvers<void>() };
    const replies = this.#readReplies(client, room);
    replies.catch(() => {}); // it is awaited at the end, and may fail before
    try {
      while (this.#tip.isSessionOpen) {
        while (this.#sent.length >= PIPELINED_COUNT) {
          await Promise.race([room.wait.promise, replies]);
          room.wait = Promise.withResolvers<void>();
          if (this.#client === null) return;
        }
        const op = this.#chooseOp();
        this.#sent.push(op);
        this.#tip = applyOp(this.#tip, op).state;
        await client.send(this.#request(op), this.#sent.length);
      }
    } catch (error) {
      if (!isConnectionError(error)) throw error;
    } finally {
      await replies;
      client.close();
    }
  }

  /**
   * Compares what the server holds with what was acknowledged and sent, and goes on from there.
   *
   * @param reader a client with a session of its own
   * @throws when something acknowledged is missing, or something there was never sent
   */
  async verify(reader: RawClient, port: number): Promise<void> {
    const actual = await this.#readDirectory(reader);
    const isSessionOpen = await canResume(port, this.#session);
    const match = matchingState(
      this.#acknowledged,
      this.#sent,
      (state) => state.isSessionOpen === isSessionOpen && textOf(state) === actual.text,
    );
    if (match === null) {
      assert.fail(
        `${this.path}, session open: ${isSessionOpen}, holds\n${actual.text}\n` +
          `acknowledged was\n${textOf(this.#acknowledged)}\nand sent behind that\n` +
          this.#sent.map((op) => JSON.stringify(op)).join("\n"),
      );
    }
    for (const owner of actual.owners) assert.equal(owner, this.#session.sessionId, this.path);
    const { state } = match;
    if (!state.isSessionOpen) this.closedSessions.push(this.#session);
    this.#acknowledged = state;
    this.#tip = state;
    this.#sent = [];
  }

  /** Takes every reply as the acknowledgement of the oldest request. */
  async #readReplies(
    client: RawClient,
    room: { wait: PromiseWithResolvers<void> },
  ): Promise<void> {
    while (true) {
      const payload = await client.receiveFrame();
      if (typeof payload === "string") break;
      const reply = decodeReply(payload);
      const op = this.#sent.shift();
      assert(op !== undefined, `${this.path}: a reply to nothing`);
      assert(reply.zxid > client.lastZxid, `${this.path}: zxid ${reply.zxid} is not larger`);
      client.lastZxid = reply.zxid;
      const outcome = applyOp(this.#acknowledged, op);
      this.#checkReply(op, reply, outcome.err, outcome.created);
      this.#acknowledged = outcome.state;
      this.ackCount++;
      room.wait.resolve();
    }
    this.#client = null;
    room.wait.resolve();
  }

  #checkReply(op: WriterOp, reply: Reply, err: number, created: readonly string[]): void {
    const what = `${this.path}: answer to ${JSON.stringify(op)}`;
    if (op.kind === "multi") {
      const results = multiResults(reply);
      const firstError = results.errors.find((code) => code !== 0) ?? 0;
      assert.equal(firstError, err, what);
      assert.deepEqual(results.paths, created.map((name) => `${this.path}/${name}`), what);
      return;
    }
    assert.equal(reply.err, err, what);
    if (op.kind === "create" && err === 0) {
      assert.equal(new JuteDecoder(reply.body).string(), `${this.path}/${created[0]}`, what);
    }
  }

  #chooseOp(): WriterOp {
    const random = this.#random;
    if (random.chance(1, 400)) return { kind: "close" };
    if (random.chance(1, 6)) {
      return { kind: "multi", ops: Array.from({ length: 1 + random.below(5) }, this.#chooseSubOp) };
    }
    const op = this.#chooseSubOp();
    // A check stands in a multi only.
    return op.kind === "check" ? { kind: "multi", ops: [op] } : op;
  }

  readonly #chooseSubOp = (): SubOp => {
    const random = this.#random;
    const names = [...this.#tip.nodes.keys()];
    const name = random.chance(9, 10) && names.length > 0 ? random.pick(names) : random.pick(NAMES);
    const version = random.chance(1, 8) ? random.below(4) : -1;
    const data = `${this.#valueCount++} ${
      "x".repeat(random.below(random.chance(1, 30) ? 9000 : 200))
    }`;
    const wanted = names.length >= NODE_COUNT_MAX ? 10 : random.below(10);
    if (wanted < 4) {
      const isSequential = random.chance(1, 3);
      const base = isSequential ? "s-" : random.pick(NAMES);
      return { kind: "create", name: base, data, isEphemeral: random.chance(1, 3), isSequential };
    }
    if (wanted < 7) return { kind: "set", name, data, version };
    if (wanted < 8) return { kind: "check", name, version };
    return { kind: "delete", name, version };
  };

  #request(op: WriterOp): Request {
    switch (op.kind) {
      case "close":
        return closeSession;
      case "multi":
        return multi(op.ops.map((subOp) => this.#request(subOp)));
      case "check": // only inside a multi
        return check(`${this.path}/${op.name}`, op.version);
      case "create": {
        const flags = (op.isEphemeral ? Flags.ephemeral : 0) |
          (op.isSequential ? Flags.sequential : 0);
        return create(`${this.path}/${op.name}`, { data: op.data, flags });
      }
      case "set":
        return setData(`${this.path}/${op.name}`, op.data, op.version);
      case "delete":
        return remove(`${this.path}/${op.name}`, op.version);
    }
  }

  async #readDirectory(reader: RawClient): Promise<{ text: string; owners: bigint[] }> {
    const listing = await reader.must(getChildren2(this.path));
    const names = listing.vector(() => listing.string() ?? "") ?? [];
    const { cversion } = readStat(listing);
    const lines: string[] = [];
    const owners: bigint[] = [];
    for (const name of names.sort()) {
      const answer = await reader.must(getData(`${this.path}/${name}`));
      const data = answer.string() ?? "null";
      const { version, owner } = readStat(answer);
      if (owner !== 0n) owners.push(owner);
      lines.push(lineOf(name, { data, version, isEphemeral: owner !== 0n }));
    }
    const createCount = (cversion + names.length) / 2;
    return { text: [`${createCount} created`, ...lines].join("\n"), owners };
  }
}

/** True when the session can be taken up with its password. */
export async function canResume(
  port: number,
  session: { sessionId: bigint; password: Uint8Array },
): Promise<boolean> {
  using client = await RawClient.open(port);
  const response = await client.connect({ ...session, timeoutMs: SESSION_MS });
  return typeof response !== "string" && response.sessionId === session.sessionId;
}

/** A state as text, in the form the server's directory is read in. */
function textOf(state: WriterState): string {
  const lines = [...state.nodes].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, node]) => lineOf(name, node));
  return [`${state.createCount} created`, ...lines].join("\n");
}

function lineOf(
  name: string,
  { data, version, isEphemeral }: { data: string; version: number; isEphemeral: boolean },
): string {
  const shownData = `${data.slice(0, 12)}(${data.length})`;
  return `${name} v${version} ${isEphemeral ? "ephemeral " : ""}${shownData}`;
}

function readStat(decoder: JuteDecoder): { version: number; cversion: number; owner: bigint } {
  decoder.take(32);
  const [version, cversion] = [decoder.int(), decoder.int()];
  decoder.int();
  return { version, cversion, owner: decoder.long() };
}

function multiResults(reply: Reply): { errors: number[]; paths: string[] } {
  const decoder = new JuteDecoder(reply.body);
  const errors: number[] = [];
  const paths: string[] = [];
  while (true) {
    const [type, done, err] = [decoder.int(), decoder.boolean(), decoder.int()];
    if (done) return { errors, paths };
    errors.push(type === -1 ? err : 0);
    if (type === -1) decoder.int();
    else if (type === 1) paths.push(decoder.string() ?? "");
    else if (type === 5) decoder.take(68);
  }
}

function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}
