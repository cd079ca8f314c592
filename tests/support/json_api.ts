/**
 * Single requests to the HTTP API that send and get JSON.
 *
 * @module
 */
import { type AskOptions, HttpAsker } from "./http_asker.ts";

export interface JsonReply {
  readonly status: number;
  readonly headers: Headers;
  /** Null: there is none. What is no JSON, as from a server that starts, is text. */
  // deno-lint-ignore no-explicit-any -- to be looked into
  readonly body: any;
}

export interface JsonRequest extends Omit<AskOptions, "body"> {
  readonly body?: unknown;
}

/** @param path below `/api/v1` */
export async function callApi(
  url: string,
  method: string,
  path: string,
  { body, headers, ...options }: JsonRequest = {},
): Promise<JsonReply> {
  const answer = await new HttpAsker(url).ask(method, path, {
    ...options,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const { status, text } = answer;
  const isJson = /^application\/(\w+\+)?json/.test(answer.headers.get("content-type") ?? "");
  return {
    status,
    headers: answer.headers,
    body: text === "" ? null : isJson ? answer.json : text,
  };
}
