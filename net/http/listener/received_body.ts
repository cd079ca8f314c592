/**
 * The body of one request, as it comes in on its connection.
 *
 * @module
 */
import { ChunkedBody } from "./chunked_body.ts";
import type { BodySource } from "./received_request.ts";
import type { BodyFraming } from "./request_head.ts";
import type { SocketInput } from "./socket_input.ts";

/** Of a body that is announced to be longer, no more memory is taken than twice what has come of it. */
const TRUSTED_BYTES_MAX = 64 << 10;
/** What one read of a stream asks for. */
const PART_BYTES_MAX = 64 << 10;

export class ReceivedBody implements BodySource {
  readonly #input: SocketInput;
  /** Told before more is read: the client may be waiting for leave to send. */
  readonly #beforeRead: () => Promise<void> | null;
  readonly #afterEnd: () => void;
  readonly #chunks: ChunkedBody | null;
  /** Of one whose length is known. */
  #bytesLeft: number;
  #isEnded = false;
  /** Somebody is waiting for more of it. */
  #isBusy = false;

  constructor(
    framing: Exclude<BodyFraming, { kind: "none" }>,
    { input, beforeRead, afterEnd }: {
      input: SocketInput;
      beforeRead: () => Promise<void> | null;
      afterEnd: () => void;
    },
  ) {
    this.#input = input;
    this.#beforeRead = beforeRead;
    this.#afterEnd = afterEnd;
    this.#chunks = framing.kind === "chunked" ? new ChunkedBody() : null;
    this.#bytesLeft = framing.kind === "length" ? framing.bytes : 0;
  }

  /** All of it was taken, so that what comes next is another request. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** What is still to be taken; Infinity when nobody knows, or somebody is taking it. */
  get bytesLeft(): number {
    if (this.#isEnded) return 0;
    return this.#chunks !== null || this.#isBusy ? Infinity : this.#bytesLeft;
  }

  get isComplete(): boolean {
    return this.#chunks === null && this.#input.length >= this.#bytesLeft;
  }

  takeComplete(): Uint8Array<ArrayBuffer> {
    const { bytes, start } = this.#input;
    const whole = new Uint8Array(this.#bytesLeft);
    whole.set(bytes.subarray(start, start + this.#bytesLeft));
    this.#input.use(this.#bytesLeft);
    this.#bytesLeft = 0;
    this.#end();
    return whole;
  }

  async readAll(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.isComplete) return this.takeComplete();
    this.#isBusy = true;
    return this.#chunks === null ? await this.#readLength() : await this.#readChunks();
  }

  async readSome(): Promise<Uint8Array<ArrayBuffer> | null> {
    const input = this.#input;
    if (this.#isEnded) return null;
    if (this.#chunks !== null) return await this.#readChunk(this.#chunks);
    if (this.#isBusy) throw new TypeError("the body is being read by another");
    let part: Uint8Array<ArrayBuffer>;
    if (input.length > 0) {
      const count = Math.min(input.length, this.#bytesLeft);
      part = input.bytes.slice(input.start, input.start + count);
      input.use(count);
    } else {
      await this.#beforeRead();
      const room = new Uint8Array(Math.min(this.#bytesLeft, PART_BYTES_MAX));
      this.#isBusy = true;
      const count = await input.readInto(room);
      if (count === 0) throw brokenOff();
      this.#isBusy = false;
      part = count === room.length ? room : room.slice(0, count);
    }
    this.#bytesLeft -= part.length;
    if (this.#bytesLeft === 0) this.#end();
    return part;
  }

  /** Into one buffer, which grows with what comes. */
  async #readLength(): Promise<Uint8Array<ArrayBuffer>> {
    const input = this.#input;
    const total = this.#bytesLeft;
    let whole = new Uint8Array(Math.min(total, TRUSTED_BYTES_MAX));
    let filled = Math.min(input.length, whole.length);
    whole.set(input.bytes.subarray(input.start, input.start + filled));
    input.use(filled);
    this.#bytesLeft -= filled;
    while (filled < total) {
      if (filled === whole.length) {
        const larger = new Uint8Array(Math.min(total, filled * 2));
        larger.set(whole);
        whole = larger;
      }
      if (input.length > 0) { // it did not fit before
        const count = Math.min(input.length, whole.length - filled);
        whole.set(input.bytes.subarray(input.start, input.start + count), filled);
        input.use(count);
        filled += count;
        this.#bytesLeft -= count;
        continue;
      }
      await this.#beforeRead();
      const count = await input.readInto(whole.subarray(filled));
      if (count === 0) throw brokenOff();
      filled += count;
      this.#bytesLeft -= count;
    }
    this.#end();
    return whole;
  }

  async #readChunks(): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (let part; (part = await this.readSome()) !== null;) parts.push(part);
    return await new Blob(parts).bytes();
  }

  /** The data of all chunks that have come: a part for each could be a part for each byte. */
  async #readChunk(chunks: ChunkedBody): Promise<Uint8Array<ArrayBuffer> | null> {
    const input = this.#input;
    for (;;) {
      let data: Uint8Array<ArrayBuffer> | null = null;
      let count = 0;
      for (let isMore = true; isMore;) {
        const step = chunks.step(input.bytes, input.start, input.end);
        switch (step.kind) {
          case "malformed":
            throw new TypeError("the chunks are not as HTTP has them");
          case "data":
            data ??= new Uint8Array(input.length);
            data.set(input.bytes.subarray(step.from, step.to), count);
            count += step.to - step.from;
            break;
          case "end":
          case "more":
            isMore = false;
        }
        input.use(step.used);
      }
      if (chunks.isDone) this.#end();
      if (data !== null) return data.slice(0, count);
      if (this.#isEnded) return null;
      await this.#beforeRead();
      if (!await input.fill()) throw brokenOff();
    }
  }

  #end(): void {
    this.#isEnded = true;
    this.#afterEnd();
  }
}

function brokenOff(): TypeError {
  return new TypeError("the connection ended in the middle of the body");
}
