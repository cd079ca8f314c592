/**
 * What is said between test clients and one server, as a transcript that two servers can be compared
 * by. A conversation opens connections by name and sends requests; every frame that comes back is a
 * line.
 *
 * A reply is waited for before the next request is sent unless `send` is used, and `settle` waits for
 * what other connections were told, so that the transcript never depends on timing.
 *
 * @module
 */
import {
  type ConnectOptions,
  connectRequest,
  decodeConnectResponse,
  decodeReply,
  frame,
  RawClient,
  type Reply,
  requestFrame,
} from "../../support/raw_client.ts";
import { closeSession, Op, ping, type Request } from "../../support/requests.ts";
import { connectResponseText, hex, Normalizer, replyText } from "./frame_text.ts";

/** One conversation, and where our answers are meant to differ from those of Java 3.8.0. */
export interface Scenario {
  readonly name: string;
  readonly run: (conversation: Conversation) => Promise<void>;
  readonly differences?: readonly Difference[];
}

/** A pair of lines that is accepted, because newer ZooKeeper or good sense answers otherwise. */
export interface Difference {
  /** Line of the Java server's transcript; matched in whole, without the connection's name. */
  readonly java: string | RegExp;
  readonly denkeeper: string | RegExp;
  readonly why: string;
}

export class Conversation {
  readonly lines: string[] = [];
  readonly normal = new Normalizer();
  readonly port: number;
  readonly #peers: Peer[] = [];

  constructor(port: number) {
    this.port = port;
  }

  /** Opens a TCP connection, by default to the conversation's port, and says nothing yet. */
  async open(name: string, port = this.port): Promise<Peer> {
    const peer = new Peer(name, await RawClient.open(port), this);
    this.#peers.push(peer);
    return peer;
  }

  /** Opens a connection with a session of its own; the first one starts the counting of zxids. */
  async session(name: string, options: ConnectOptions = {}, port = this.port): Promise<Peer> {
    const peer = await this.open(name, port);
    await peer.connect(options);
    if (this.normal.baseZxid === null) {
      const reply = await peer.client.call(ping, -2);
      this.normal.baseZxid = reply.zxid;
    }
    return peer;
  }

  /** A remark in the transcript: what the following lines are about. */
  note(text: string): void {
    this.lines.push(`-- ${text}`);
  }

  /** Puts the last lines in order, where a server may choose the order. */
  sortLast(count: number): void {
    this.lines.push(...this.lines.splice(-count).sort());
  }

  /** Ends every session that was opened, so that none expires during a later conversation. */
  async end(): Promise<void> {
    for (const { client } of this.#peers) client.close();
    for (const { client } of this.#peers) {
      if (client.sessionId !== 0n) await this.#endSession(client).catch(() => {});
    }
  }

  async #endSession({ sessionId, password }: RawClient): Promise<void> {
    using client = await RawClient.session(this.port, { sessionId, password });
    await client.call(closeSession);
  }
}

/** One connection of a conversation. */
export class Peer {
  readonly name: string;
  readonly client: RawClient;
  readonly #conversation: Conversation;
  readonly #typeOfXid = new Map<number, number>([[-2, Op.ping]]);
  #nextXid = 1;

  constructor(name: string, client: RawClient, conversation: Conversation) {
    this.name = name;
    this.client = client;
    this.#conversation = conversation;
  }

  get password(): Uint8Array {
    return this.client.password;
  }

  get sessionId(): bigint {
    return this.client.sessionId;
  }

  /** The handshake; `trailing` bytes are sent inside the same frame. */
  async connect(options: ConnectOptions = {}, trailing = new Uint8Array()): Promise<void> {
    const request = connectRequest(options);
    await this.client.sendBytes(frame(new Uint8Array([...request, ...trailing])));
    await this.connected();
  }

  /** Waits for the answer to a ConnectRequest that was sent as bytes. */
  async connected(): Promise<void> {
    const payload = await this.client.receiveFrame();
    if (typeof payload === "string") return this.line(payload);
    let response;
    try {
      response = decodeConnectResponse(payload);
    } catch {
      return this.line(`undecodable ${hex(payload)}`);
    }
    this.client.sessionId = response.sessionId;
    this.client.password = response.password;
    this.line(connectResponseText(response, payload.length, this.#conversation.normal));
  }

  /** Sends a request without waiting. @returns its xid */
  async send(request: Request, xid = this.#nextXid++): Promise<number> {
    this.asked(request, xid);
    // A connection that is closed already shows when its answer is read.
    await this.client.sendBytes(requestFrame(request, xid)).catch(() => {});
    return xid;
  }

  /** Sends several requests in one write. */
  async sendTogether(requests: readonly Request[]): Promise<void> {
    const bytes = requests.flatMap((request) => {
      const xid = this.#nextXid++;
      this.asked(request, xid);
      return [...requestFrame(request, xid)];
    });
    await this.client.sendBytes(new Uint8Array(bytes));
  }

  /** Sends a request and records all frames up to its reply. @returns null when none came */
  async call(request: Request, xid?: number): Promise<Reply | null> {
    await this.send(request, xid);
    while (true) {
      const reply = await this.receive();
      if (reply === null || reply.xid !== -1) return reply;
    }
  }

  /** Records the next frame. @returns null when there is none */
  async receive(timeoutMs?: number): Promise<Reply | null> {
    const payload = await this.client.receiveFrame(timeoutMs);
    if (typeof payload === "string") {
      this.line(payload);
      return null;
    }
    this.line(replyText(payload, (xid) => this.#typeOfXid.get(xid), this.#conversation.normal));
    return payload.length < 16 ? null : decodeReply(payload);
  }

  /** Records as many frames. */
  async receiveMany(count: number): Promise<void> {
    for (let i = 0; i < count; i++) if (await this.receive() === null) return;
  }

  /** Records everything this connection was told because of what was answered on any connection. */
  async settle(): Promise<void> {
    await this.call(ping, -2);
  }

  /** Records the events this connection was sent because of what was answered; or that there are none. */
  async receiveEvents(): Promise<void> {
    const { client } = this;
    await client.call(ping, -2);
    const texts = client.events.splice(0).map((payload) =>
      replyText(payload, () => undefined, this.#conversation.normal)
    );
    for (const text of texts.length === 0 ? ["no event"] : texts) this.line(text);
  }

  /** Records everything up to the end of the connection. */
  async untilClosed(): Promise<void> {
    while (await this.receive() !== null) { /* more */ }
  }

  line(text: string): void {
    this.#conversation.lines.push(`${this.name} < ${text}`);
  }

  /** Notes a request as sent, so that its reply is understood. */
  asked(request: Request, xid: number): void {
    this.#typeOfXid.set(xid, request.type);
    const { lines } = this.#conversation;
    if (request.type !== Op.ping || xid !== -2) {
      lines.push(`${this.name} > xid=${xid} op=${request.type} ${hex(request.body)}`);
    }
  }
}
