/**
 * Writes responses to one connection: replies with one write, whatever else is a stream as it comes.
 *
 * A stream is asked for more when what it gave was taken by the operating system, so a client that reads slowly
 * slows it down; when the client hangs up it is cancelled.
 *
 * @module
 */
import { Reply } from "./reply.ts";
import {
  encodeReply,
  headText,
  isBodiless,
  latin1Bytes,
  type ResponseContext,
  UnsendableError,
} from "./response_head.ts";
import type { UnsentBytes } from "./unsent_bytes.ts";

/** Responses that fit are sent with one write. */
const BUFFER_BYTES = 4 << 10;
/** Buffers that are kept for the next response; as many are used at once as there are slow clients. */
const BUFFER_COUNT_KEPT_MAX = 64;
/** Of a chunk's head and end. */
const CHUNK_FRAME_BYTES_MAX = 16;

export interface WriteContext extends ResponseContext {
  readonly isHead: boolean;
}

const encoder = new TextEncoder();
const CRLF = latin1Bytes("\r\n");
const LAST_CHUNK = latin1Bytes("0\r\n\r\n");
const CONTINUE = latin1Bytes("HTTP/1.1 100 Continue\r\n\r\n");

const spareBuffers: Uint8Array<ArrayBuffer>[] = [];

export interface ResponseWriterOptions {
  /** Told before each write and after it. */
  readonly wrote: (isUnderWay: boolean) => void;
  readonly unsent: UnsentBytes;
  /** Ends the connection. */
  readonly giveUp: () => void;
}

export class ResponseWriter {
  readonly #socket: Pick<Deno.Conn, "write">;
  readonly #options: ResponseWriterOptions;

  constructor(socket: Pick<Deno.Conn, "write">, options: ResponseWriterOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /**
   * Writes a whole response.
   *
   * @param streamEnd for streams: aborted when nobody reads any more
   * @returns false when the stream ended before it should have; rejects when the connection broke
   */
  async write(
    response: Response,
    context: WriteContext,
    streamEnd: (() => AbortSignal) | null,
  ): Promise<boolean> {
    if (!(response instanceof Reply) || response.isOpened) {
      return await this.#writeAny(response, context, streamEnd);
    }
    const buffer = spareBuffers.pop() ?? new Uint8Array(BUFFER_BYTES);
    const count = encodeReply(response, buffer, context);
    if (count >= 0) await this.#send(buffer.subarray(0, count));
    if (spareBuffers.length < BUFFER_COUNT_KEPT_MAX) spareBuffers.push(buffer);
    if (count < 0) await this.#writeLargeReply(response, context);
    return true;
  }

  async writeContinue(): Promise<void> {
    await this.#send(CONTINUE);
  }

  async #writeLargeReply(
    { status, content, headers: { fields } }: Reply,
    context: WriteContext,
  ): Promise<void> {
    const bytes = typeof content === "string"
      ? encoder.encode(content)
      : content ?? new Uint8Array();
    const told = context.isHead ? fields["content-length"] : undefined;
    const framing = isBodiless(status) ? "" : `content-length: ${told ?? bytes.length}\r\n`;
    await this.#send(latin1Bytes(headText(status, Object.entries(fields), framing, context)));
    if (!isBodiless(status) && !context.isHead) await this.#send(bytes);
  }

  async #writeAny(
    response: Response,
    context: WriteContext,
    streamEnd: (() => AbortSignal) | null,
  ): Promise<boolean> {
    const { status, headers, body } = response;
    const told = headers.get("content-length");
    if (body === null || context.isHead || isBodiless(status)) {
      await body?.cancel();
      const length = context.isHead ? told : "0";
      const framing = isBodiless(status) || length === null ? "" : `content-length: ${length}\r\n`;
      await this.#send(latin1Bytes(headText(status, headers, framing, context)));
      return true;
    }
    const reader = body.getReader();
    const cancel = (reason: unknown) => void reader.cancel(reason).catch(() => {});
    const signal = streamEnd?.() ?? null;
    signal?.addEventListener("abort", () => cancel(signal.reason), { once: true });
    try {
      if (told !== null) {
        const framing = `content-length: ${told}\r\n`;
        await this.#send(latin1Bytes(headText(status, headers, framing, context)));
        return await this.#sendCounted(reader, Number(told));
      }
      // HTTP/1.0 knows no chunks: the body ends with the connection
      const isChunked = context.minorVersion === 1;
      const framing = isChunked ? "transfer-encoding: chunked\r\n" : "";
      await this.#send(latin1Bytes(headText(status, headers, framing, context)));
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (value.length > 0) await this.#sendPart(value, isChunked);
      }
      if (signal?.aborted === true) return false;
      if (isChunked) await this.#send(LAST_CHUNK);
      return true;
    } catch (error) {
      cancel(error);
      throw error;
    }
  }

  async #sendCounted(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    length: number,
  ): Promise<boolean> {
    let left = length;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return left === 0;
      left -= value.length;
      if (left < 0) throw new UnsendableError("A response is longer than its Content-Length");
      await this.#send(value);
    }
  }

  async #sendPart(part: Uint8Array, isChunked: boolean): Promise<void> {
    if (!isChunked) return await this.#send(part);
    const head = `${part.length.toString(16)}\r\n`;
    if (part.length > BUFFER_BYTES - CHUNK_FRAME_BYTES_MAX) {
      await this.#send(latin1Bytes(head));
      await this.#send(part);
      return await this.#send(CRLF);
    }
    const buffer = spareBuffers.pop() ?? new Uint8Array(BUFFER_BYTES);
    const { written } = encoder.encodeInto(head, buffer);
    buffer.set(part, written);
    buffer.set(CRLF, written + part.length);
    await this.#send(buffer.subarray(0, written + part.length + CRLF.length));
    if (spareBuffers.length < BUFFER_COUNT_KEPT_MAX) spareBuffers.push(buffer);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { wrote, unsent, giveUp } = this.#options;
    const sent = unsent.add(bytes, giveUp);
    try {
      for (let at = 0; at < bytes.length;) {
        wrote(true);
        at += await this.#socket.write(at === 0 ? bytes : bytes.subarray(at));
      }
      wrote(false);
    } finally {
      sent?.();
    }
  }
}
