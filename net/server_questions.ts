/**
 * Asks a server, from outside, by a four-letter word or by HTTP. One question a connection, within a time.
 *
 * By sockets rather than `fetch`, which would ask the proxy of HTTP_PROXY even for this machine's own ports.
 *
 * @module
 */

import type { ClientRequest, IncomingMessage } from "node:http";
import { connect } from "node:net";

/** Nobody answered in time, or nobody listens. */
export class NoAnswerError extends Error {
  override name = "NoAnswerError";
  /** Somebody listens there, and did not answer in time. */
  readonly isTimeout: boolean;

  constructor(message: string, { isTimeout }: { isTimeout: boolean }) {
    super(message);
    this.isTimeout = isTimeout;
  }
}

/** No answer to a question of ours is larger. */
const ANSWER_BYTES_MAX = 1 << 20;

/**
 * @returns the answer, up to the end of the connection
 * @throws {NoAnswerError}
 */
export function askWord(
  { host, port }: { host: string; port: number },
  { word, timeoutMs }: { word: string; timeoutMs: number },
): Promise<string> {
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host, port });
    const timer = setTimeout(() => {
      fail(`Cannot get an answer to ${word} from ${where}: none within ${timeoutMs} ms`, true);
    }, timeoutMs);
    const fail = (message: string, isTimeout: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new NoAnswerError(message, { isTimeout }));
    };
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(word));
    socket.on("data", (text: string) => {
      if ((answer += text).length > ANSWER_BYTES_MAX) {
        fail(`Cannot take the answer to ${word} from ${where}: it is too long`, false);
      }
    });
    socket.on("end", () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    });
    socket.on(
      "error",
      (error: Error) => fail(`Cannot connect to ${where}: ${reasonOf(error)}`, false),
    );
  });
}

/** @throws {NoAnswerError} */
export async function askHttp(
  url: URL,
  { timeoutMs, headers = {} }: { timeoutMs: number; headers?: Readonly<Record<string, string>> },
): Promise<{ status: number; date: string | null; text: string }> {
  const { request: send } = url.protocol === "https:"
    ? await import("node:https")
    : await import("node:http");
  return await new Promise((resolve, reject) => {
    const request: ClientRequest = send(url, { agent: false, headers });
    const timer = setTimeout(() => {
      fail(`Cannot get ${url}: no answer within ${timeoutMs} ms`, true);
    }, timeoutMs);
    const fail = (message: string, isTimeout: boolean) => {
      clearTimeout(timer);
      request.destroy();
      reject(new NoAnswerError(message, { isTimeout }));
    };
    request.on("error", (error: Error) => fail(`Cannot get ${url}: ${reasonOf(error)}`, false));
    request.on("response", (response: IncomingMessage) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("error", (error: Error) => fail(`Cannot get ${url}: ${reasonOf(error)}`, false));
      response.on("data", (chunk: string) => {
        if ((text += chunk).length > ANSWER_BYTES_MAX) {
          fail(`Cannot get ${url}: it is too long`, false);
        }
      });
      response.on("end", () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, date: response.headers.date ?? null, text });
      });
    });
    request.end();
  });
}

function reasonOf(error: Error): string {
  const code = (error as { code?: string }).code;
  return code === "ECONNREFUSED"
    ? "nobody listens there"
    : code === "ENOTFOUND"
    ? "the name is not known"
    : error.message || code || "the connection failed";
}
