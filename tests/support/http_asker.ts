/**
 * Asks an HTTP API, and takes the whole of each answer, which must be as the API's own document says.
 *
 * @module
 */

import { assertDocumented, documentOf } from "./documented.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly text: string;
  /** The body as JSON, to be looked into. */
  // deno-lint-ignore no-explicit-any
  readonly json: any;
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit | null;
  /** The token of a session. */
  readonly session?: string;
  /** Hangs up. */
  readonly signal?: AbortSignal;
}

export class HttpAsker {
  readonly #url: string;
  readonly #apiUrl: string;

  /** @param url of the server; what is asked for is below `/api/v1` */
  constructor(url: string) {
    this.#url = url;
    this.#apiUrl = `${url}/api/v1`;
  }

  async ask(method: string, path: string, options: AskOptions = {}): Promise<Answer> {
    const headers = new Headers(options.headers);
    if (options.session !== undefined) headers.set("x-zk-session", options.session);
    const response = await fetch(`${this.#apiUrl}${path}`, {
      method,
      headers,
      body: options.body ?? null,
      signal: options.signal ?? null,
    });
    const bytes = await response.bytes();
    assertDocumented(await documentOf(this.#url), {
      method,
      path: `/api/v1${path}`,
      status: response.status,
      contentType: response.headers.get("content-type"),
      text: new TextDecoder().decode(bytes),
    });
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      get text() {
        return new TextDecoder().decode(bytes);
      },
      get json() {
        return JSON.parse(new TextDecoder().decode(bytes));
      },
    };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.ask("GET", path, { headers });
  }

  put(path: string, body: BodyInit, headers: Readonly<Record<string, string>> = {}) {
    return this.ask("PUT", path, { headers, body });
  }

  delete(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.ask("DELETE", path, { headers });
  }

  /** Sends JSON. */
  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    return this.ask("POST", path, {
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }
}
