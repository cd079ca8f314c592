/**
 * A request as it was received: a `Request` that costs no more than what its handler asks of it.
 *
 * Everything that most handlers need is at hand; whatever else a `Request` can do is left to a real one, which
 * is made when it is first asked for.
 *
 * @module
 */
import type { ReceivedHeaders } from "./received_headers.ts";

/** Where a request's body comes from. */
export interface BodySource {
  /** All of it has come. */
  readonly isComplete: boolean;
  /** The whole body. Once; rejects when it breaks off. */
  readAll(): Promise<Uint8Array<ArrayBuffer>>;
  /** The whole body, when all of it has come. Once. */
  takeComplete(): Uint8Array<ArrayBuffer>;
  /** Some of the body, null at its end. One at a time; rejects when it breaks off. */
  readSome(): Promise<Uint8Array<ArrayBuffer> | null>;
}

export interface RequestOptions {
  readonly method: string;
  readonly url: string;
  readonly headers: ReceivedHeaders;
  /** Null: there is none. */
  readonly source: BodySource | null;
  /** Called once, when somebody wants to know that the client hung up. */
  watchPeer(controller: AbortController): void;
}

export class ReceivedRequest implements Request {
  readonly method: string;
  readonly url: string;
  readonly headers: ReceivedHeaders;
  readonly #options: RequestOptions;
  #isTaken = false;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #controller: AbortController | null = null;
  #real: Request | null = null;

  constructor(options: RequestOptions) {
    this.method = options.method;
    this.url = options.url;
    this.headers = options.headers;
    this.#options = options;
  }

  /** The whole body, when it has come already and nobody has taken it. */
  takeBody(): Uint8Array<ArrayBuffer> | null {
    const { source } = this.#options;
    if (source === null || !source.isComplete || this.bodyUsed || this.#stream !== null) {
      return null;
    }
    this.#isTaken = true;
    return source.takeComplete();
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      this.#options.watchPeer(this.#controller);
    }
    return this.#controller.signal;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const { source } = this.#options;
    if (source === null) return null;
    return this.#stream ??= new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        this.#isTaken = true;
        const part = await source.readSome();
        if (part !== null) return controller.enqueue(part);
        controller.close();
      },
    }, { highWaterMark: 0 });
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? this.#isTaken;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const { source } = this.#options;
    if (source === null) return new Uint8Array();
    if (this.#stream !== null) return await this.#whole().bytes();
    if (this.#isTaken) throw new TypeError("The body was read before");
    this.#isTaken = true;
    return await source.readAll();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  textStream(): ReadableStream<string> {
    return this.#whole().textStream();
  }

  blob(): Promise<Blob> {
    return this.#whole().blob();
  }

  formData(): Promise<FormData> {
    return this.#whole().formData();
  }

  clone(): Request {
    return this.#whole().clone();
  }

  get cache(): RequestCache {
    return this.#whole().cache;
  }

  get credentials(): RequestCredentials {
    return this.#whole().credentials;
  }

  get destination(): RequestDestination {
    return this.#whole().destination;
  }

  get integrity(): string {
    return this.#whole().integrity;
  }

  get isHistoryNavigation(): boolean {
    return false;
  }

  get isReloadNavigation(): boolean {
    return false;
  }

  get keepalive(): boolean {
    return this.#whole().keepalive;
  }

  get mode(): RequestMode {
    return this.#whole().mode;
  }

  get redirect(): RequestRedirect {
    return this.#whole().redirect;
  }

  get referrer(): string {
    return this.#whole().referrer;
  }

  get referrerPolicy(): ReferrerPolicy {
    return this.#whole().referrerPolicy;
  }

  #whole(): Request {
    const { method, url, headers } = this;
    return this.#real ??= new Request(url, {
      method,
      headers: [...headers],
      body: method === "GET" || method === "HEAD" ? null : this.body,
    });
  }
}
