/**
 * Reads streams of server-sent events as EventSource does, one event at a time.
 *
 * @module
 */

export interface SseEvent {
  readonly name: string;
  // deno-lint-ignore no-explicit-any
  readonly data: any;
  /** What the event itself says; null: nothing. */
  readonly id: string | null;
}

/** Takes events out of bytes. */
class SseText {
  /** What a client would resume with: of the last whole event, or of a heartbeat behind it. */
  lastId: string | null = null;
  readonly #decoder = new TextDecoder();
  #text = "";

  add(bytes: Uint8Array): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
  }

  /** The next event that is there as a whole. */
  take(): SseEvent | null {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) return null;
      const block = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      const event = this.#parse(block);
      if (event !== null) return event;
    }
  }

  #parse(block: string): SseEvent | null {
    let name = "message";
    let id: string | null = null;
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      if (colon === 0) continue; // a comment
      const field = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = value;
      else if (field === "data") data.push(value);
      else if (field === "id") id = value;
    }
    if (id !== null) this.lastId = id;
    return data.length === 0 ? null : { name, data: JSON.parse(data.join("\n")), id };
  }
}

/** Takes events out of a body as they come. */
export class SseBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #text = new SseText();

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.getReader();
  }

  get lastId(): string | null {
    return this.#text.lastId;
  }

  /** The next event; null at the end. */
  async next(): Promise<SseEvent | null> {
    for (;;) {
      const event = this.#text.take();
      if (event !== null) return event;
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text.add(value);
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  /** Resolves at the end, rejects when it breaks off. */
  get closed(): Promise<unknown> {
    return this.#reader.closed;
  }
}

export class SseReader implements AsyncDisposable {
  readonly response: Response;
  readonly #abort: AbortController;
  readonly #events: SseBody | null;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#events = response.body === null ? null : new SseBody(response.body);
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<SseReader> {
    const abort = new AbortController();
    return new SseReader(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  get lastId(): string | null {
    return this.#events?.lastId ?? null;
  }

  /** The next event; null at the end of the stream. */
  next(): Promise<SseEvent | null> {
    return this.#events!.next();
  }

  /** The next event, which there must be. */
  async must(name: string): Promise<SseEvent> {
    const event = await this.next();
    if (event?.name === name) return event;
    const got = event === null ? `the end of a ${this.response.status}` : JSON.stringify(event);
    throw new Error(`Expected "${name}", got ${got}`);
  }

  /** Hangs up, wherever the stream is. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#events?.closed.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
