/**
 * A client within this server: its requests go the way of those that come by the client port, without a
 * socket. What HTTP asks for is asked by these.
 *
 * Answers are called back in the order of the requests, but for a sync, each exactly once. A reply is borrowed for
 * the call.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import { assert } from "../assert.ts";
import type { Id } from "../tree/acl_list.ts";
import { JuteReader, JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import type { Client } from "./client.ts";
import { REPLY_PREFIX_BYTES } from "./reply.ts";
import type { RequestProcessor } from "./request_processor.ts";

/** On whose account a request is made. */
export interface LocalCaller {
  readonly ids: readonly Id[];
  readonly remoteAddress: string;
}

/**
 * Lost: the role that was to answer has ended, or refused the connection. Late: there is no answer yet, and nobody
 * waits for it any more. In both cases what was asked for may have been done, or may yet be.
 */
export type LocalAnswer =
  | { kind: "reply"; err: ErrorCode; zxid: Zxid; body: JuteReader }
  | { kind: "lost"; reason: string }
  | { kind: "late" };

export type LocalSessionAnswer =
  /** Null: there is no such session. */
  | { kind: "session"; session: { id: bigint; timeoutMs: number } | null }
  | { kind: "lost"; reason: string }
  | { kind: "late" };

interface Waiting {
  /** Of a request. */
  readonly xid: number;
  readonly deadlineMs: number;
  /** Null: it was told that it is late. */
  answered: ((answer: LocalAnswer) => void) | null;
  /** Not null: a session is asked for, and this is answered instead. */
  attached: ((answer: LocalSessionAnswer) => void) | null;
}

const XID_MAX = 0x7fffffff;
/** What it reads is in memory already. */
const NO_LENGTH_LIMIT = 0x7fffffff;
const BODY_BYTES_KEPT_MAX = 64 << 10;

export class LocalClient {
  readonly client: Client;
  readonly #processor: RequestProcessor;
  readonly #reader = new JuteReader(new Uint8Array(0), { lengthMax: NO_LENGTH_LIMIT });
  readonly #replyReader = new JuteReader(new Uint8Array(0), { lengthMax: NO_LENGTH_LIMIT });
  #writer = new JuteWriter(256);
  #waiting: Waiting[] = [];
  /** Answered entries at the front. */
  #answeredCount = 0;
  #xid: number;
  #isGone = false;

  /**
   * @param x `firstXid`: outcomes are told by these numbers, so a session's clients on different servers should
   * not count from the same one
   */
  constructor(
    processor: RequestProcessor,
    x: { caller: LocalCaller; via: string; firstXid: number },
  ) {
    this.#processor = processor;
    this.#xid = x.firstXid & 0x3fffffff;
    this.client = processor.acceptLocal(addressOf(x.caller.remoteAddress), x.via);
    this.client.connection = this;
  }

  /** Nothing more can be asked of it. */
  get isGone(): boolean {
    return this.#isGone || this.client.isClosing || this.client.isReadingDone;
  }

  /**
   * Sends a request that is answered later, and not looked at again when that takes beyond the deadline.
   *
   * @param writeBody writes what follows the header
   * @param deadlineMs monotonic
   */
  request(
    op: number,
    { caller, writeBody, deadlineMs, answered }: {
      caller: LocalCaller;
      writeBody: (writer: JuteWriter) => void;
      deadlineMs: number;
      answered: (answer: LocalAnswer) => void;
    },
  ): void {
    if (this.isGone) return answered({ kind: "lost", reason: this.client.closeReason ?? "" });
    this.#nextXid();
    this.#waiting.push({ xid: this.#xid, deadlineMs, answered, attached: null });
    this.#send(op, caller, writeBody);
  }

  /** Sends a request that is answered from the tree, and returns the reply. Not behind a write. */
  read(
    op: number,
    caller: LocalCaller,
    writeBody: (writer: JuteWriter) => void,
  ): { err: ErrorCode; zxid: Zxid; body: JuteReader } {
    this.#nextXid();
    this.#send(op, caller, writeBody);
    const { output } = this.client;
    assert(output !== null && output.position > 0, "a read is answered at once");
    const reply = this.#readReply(output, 0);
    output.position = 0; // borrowed until the next one
    return reply;
  }

  createSession(
    timeoutMs: number,
    x: { deadlineMs: number; attached: (answer: LocalSessionAnswer) => void },
  ): void {
    this.#awaitSession(x);
    this.#processor.writes.createSession(this.client, timeoutMs);
  }

  /** @param session its password was checked */
  renewSession(
    session: { sessionId: bigint; timeoutMs: number },
    x: { deadlineMs: number; attached: (answer: LocalSessionAnswer) => void },
  ): void {
    this.#awaitSession(x);
    this.#processor.writes.renewSession(this.client, session);
  }

  /** The shell's: hands out what was answered in this turn. */
  flush(): void {
    const { client } = this;
    const { output } = client;
    if (output !== null && output.position > 0) {
      client.output = null;
      client.eventBytes = 0;
      for (let at = 0; at < output.position;) at = this.#handOut(output, at);
      this.#processor.writers.release(output);
    }
    if (!client.isClosing || this.#isGone || client.outstandingCount > 0) return;
    this.close(client.closeReason ?? "the server closed it");
  }

  /** Whoever waits for longer than it wanted to is told so. */
  checkDeadlines(nowMs: number): void {
    for (let i = this.#answeredCount; i < this.#waiting.length; i++) {
      const waiting = this.#waiting[i]!;
      if (waiting.deadlineMs > nowMs) return;
      const { answered, attached } = waiting;
      waiting.answered = null;
      if (attached !== null) waiting.attached = ignore;
      answered?.({ kind: "late" });
      attached?.({ kind: "late" });
    }
  }

  /** Leaves the session; what is under way is lost sight of. */
  close(reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#processor.disconnected(this.client);
    const lost = this.#waiting.slice(this.#answeredCount);
    this.#waiting = [];
    this.#answeredCount = 0;
    for (const { answered, attached } of lost) {
      answered?.({ kind: "lost", reason });
      attached?.({ kind: "lost", reason });
    }
  }

  #send(op: number, caller: LocalCaller, writeBody: (writer: JuteWriter) => void): void {
    const { client } = this;
    const writer = this.#writer;
    client.ids = caller.ids;
    if (client.address.remoteAddress !== caller.remoteAddress) {
      client.address = addressOf(caller.remoteAddress);
    }
    writer.position = 0;
    writer.int(this.#xid);
    writer.int(op);
    writeBody(writer);
    const { buffer, view, position } = writer;
    this.#reader.reset(buffer, view, 0, position);
    this.#processor.touch(client);
    this.#processor.request(client, this.#reader);
    if (buffer.length > BODY_BYTES_KEPT_MAX) this.#writer = new JuteWriter(256);
  }

  #nextXid(): void {
    this.#xid = this.#xid === XID_MAX ? 1 : this.#xid + 1;
  }

  #awaitSession({ deadlineMs, attached }: {
    deadlineMs: number;
    attached: (answer: LocalSessionAnswer) => void;
  }): void {
    this.#waiting.push({ xid: 0, deadlineMs, answered: null, attached });
  }

  /** Returns where the next frame begins. */
  #handOut(output: JuteWriter, at: number): number {
    const { view } = output;
    const end = at + 4 + view.getInt32(at);
    const waiting = this.#take(view, at);
    if (waiting.attached !== null) {
      const timeoutMs = view.getInt32(at + 8);
      const id = view.getBigInt64(at + 12);
      waiting.attached({ kind: "session", session: id === 0n ? null : { id, timeoutMs } });
    } else waiting.answered?.({ kind: "reply", ...this.#readReply(output, at) });
    return end;
  }

  /** Who waits for the frame that begins there: nearly always who has waited for longest. */
  #take(view: DataView, at: number): Waiting {
    const waiting = this.#waiting;
    const first = waiting[this.#answeredCount];
    if (first !== undefined && first.attached === null && first.xid !== view.getInt32(at + 4)) {
      const xid = view.getInt32(at + 4);
      const index = waiting.findIndex((other, i) => i >= this.#answeredCount && other.xid === xid);
      assert(index >= 0, "what is answered was asked");
      return waiting.splice(index, 1)[0]!;
    }
    assert(first !== undefined, "what is answered was asked");
    this.#answeredCount++;
    if (this.#answeredCount === waiting.length) waiting.length = this.#answeredCount = 0;
    else if (this.#answeredCount >= 64 && this.#answeredCount * 2 >= waiting.length) {
      waiting.splice(0, this.#answeredCount);
      this.#answeredCount = 0;
    }
    return first;
  }

  #readReply(output: JuteWriter, at: number): { err: ErrorCode; zxid: Zxid; body: JuteReader } {
    const { buffer, view } = output;
    const body = this.#replyReader;
    body.reset(buffer, view, at + 8, at + 4 + view.getInt32(at));
    const zxid = body.zxid();
    const err = body.int() as ErrorCode;
    assert(body.position === at + REPLY_PREFIX_BYTES, "the body follows the header");
    return { err, zxid, body };
  }
}

const ignore = () => {};

function addressOf(remoteAddress: string) {
  return { remoteAddress, remotePort: 0, isSecure: false };
}
