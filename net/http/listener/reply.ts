/**
 * A response whose body is at hand: a `Response` that the HTTP port writes without asking for streams.
 *
 * The runtime's own `Response` costs about as much to make, and to read again, as a request costs to handle.
 * Any `Response` can be answered with; this is for the answers that are given most often.
 *
 * @module
 */
import { FieldList } from "./field_list.ts";

export type ReplyBody = string | Uint8Array<ArrayBuffer> | null;

/** Fields of a response, by names in lower case. */
export type ReplyFields = Record<string, string>;

export class ReplyHeaders extends FieldList implements Headers {
  /** As they will be written. */
  readonly fields: ReplyFields;

  constructor(fields: ReplyFields) {
    super();
    this.fields = fields;
  }

  get(name: string): string | null {
    return this.fields[name.toLowerCase()] ?? null;
  }

  has(name: string): boolean {
    return this.fields[name.toLowerCase()] !== undefined;
  }

  set(name: string, value: string): void {
    this.fields[name.toLowerCase()] = value;
  }

  append(name: string, value: string): void {
    const key = name.toLowerCase();
    const before = this.fields[key];
    this.fields[key] = before === undefined ? value : `${before}, ${value}`;
  }

  delete(name: string): void {
    delete this.fields[name.toLowerCase()];
  }

  getSetCookie(): string[] {
    const cookie = this.get("set-cookie");
    return cookie === null ? [] : [cookie];
  }

  protected override toHeaders(): Headers {
    return new Headers(this.fields);
  }
}

export class Reply implements Response {
  readonly status: number;
  readonly headers: ReplyHeaders;
  /** What is to be written. */
  readonly content: ReplyBody;
  #real: Response | null = null;

  /** @param x.headers names in lower case; kept, not copied */
  constructor(content: ReplyBody, x: { status?: number; headers?: ReplyFields } = {}) {
    this.content = content;
    this.status = x.status ?? 200;
    this.headers = new ReplyHeaders(x.headers ?? {});
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  get redirected(): boolean {
    return false;
  }

  get statusText(): string {
    return "";
  }

  get type(): ResponseType {
    return "default";
  }

  get url(): string {
    return "";
  }

  get body(): Response["body"] {
    return this.#whole().body;
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? false;
  }

  /** Whether the body was asked for, so that it may be somebody else's by now. */
  get isOpened(): boolean {
    return this.#real !== null;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#whole().arrayBuffer();
  }

  blob(): Promise<Blob> {
    return this.#whole().blob();
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#whole().bytes();
  }

  clone(): Response {
    return this.#whole().clone();
  }

  formData(): Promise<FormData> {
    return this.#whole().formData();
  }

  json(): Promise<unknown> {
    return this.#whole().json();
  }

  text(): Promise<string> {
    return this.#whole().text();
  }

  textStream(): ReadableStream<string> {
    return this.#whole().textStream();
  }

  #whole(): Response {
    return this.#real ??= new Response(this.content, {
      status: this.status,
      headers: this.headers.fields,
    });
  }
}
