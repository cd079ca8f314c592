/**
 * What is on its way to the reader of one stream: bounded, and cut when the reader is too slow.
 *
 * Whole events go in, in pieces that several streams may share: they are never changed.
 *
 * @module
 */
import type { Clock } from "../../../core/ports.ts";

/** What waits in one stream for its reader. */
const STREAM_BYTES_MAX = 1 << 20;
/** In all streams together, by what each would hold alone. */
const ALL_BYTES_MAX = 256 << 20;
/** Each may have so much even then. */
const SHARE_BYTES_MIN = 16 * 1024;
/** Handed to the HTTP server ahead of what the socket takes. */
const AHEAD_BYTES = 16 * 1024;
/** Nothing was read for so long. */
const STALLED_MS_MAX = 60_000;
/** For the last words to a slow reader. */
const CLOSING_MS_MAX = 10_000;

/** What all streams hold together. */
export interface SharedBudget {
  bytes: number;
}

export class SseOutput {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** When something was last written. */
  writtenMs: number;
  readonly #clock: Clock;
  readonly #budget: SharedBudget;
  readonly #ended: () => void;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queueBytes = 0;
  /** When the reader last took something, or had nothing to take. */
  #takenMs: number;
  #state: "open" | "closing" | "ended" = "open";
  #awaitingRoom: (() => void)[] = [];

  /** @param ended called once, when nothing more will be read */
  constructor(clock: Clock, budget: SharedBudget, ended: () => void) {
    this.#clock = clock;
    this.#budget = budget;
    this.#ended = ended;
    this.writtenMs = this.#takenMs = clock.monotonicMs();
    this.body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#fill(),
      cancel: () => this.#end(),
    }, { highWaterMark: AHEAD_BYTES, size: ({ length }) => length });
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /**
   * Whether the reader can be given so much more. What waits for nobody is taken whatever its size: a large
   * event must get through.
   */
  hasRoomFor(byteCount: number): boolean {
    if (this.#queueBytes === 0) return true;
    const bytes = this.#queueBytes + byteCount;
    if (bytes > STREAM_BYTES_MAX) return false;
    return bytes <= SHARE_BYTES_MIN || this.#budget.bytes + byteCount <= ALL_BYTES_MAX;
  }

  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#state !== "open") return;
    this.#push(bytes);
  }

  /** Resolves when nothing waits for the reader, or it is gone. */
  drained(): Promise<void> {
    if (this.#queueBytes === 0 || this.#state !== "open") return Promise.resolve();
    return new Promise((resolve) => this.#awaitingRoom.push(resolve));
  }

  /** Ends the stream when the reader has all; `insteadOfQueue` takes the place of what still waits. */
  close(insteadOfQueue: Uint8Array<ArrayBuffer> | null = null): void {
    if (this.#state !== "open") return;
    if (insteadOfQueue !== null) {
      this.#clearQueue();
      this.#push(insteadOfQueue);
    }
    this.#state = "closing";
    this.#takenMs = this.#clock.monotonicMs();
    this.#tellRoom();
    if (this.#queueBytes === 0) this.#close();
  }

  /** Ends the stream at once, behind an event that was handed over; what waits is left out. */
  finish(): void {
    if (this.#state !== "ended") this.#close();
  }

  /** Breaks the stream off. */
  abort(): void {
    if (this.#state === "ended") return;
    try {
      this.#controller.error(new DOMException("The stream was given up", "AbortError"));
    } catch {
      // its reader was quicker
    }
    this.#end();
  }

  /** To be called now and then. @returns "slow": nothing was read for too long, to be closed */
  check(): "fine" | "slow" {
    const waitedMs = this.#queueBytes === 0 ? 0 : this.#clock.monotonicMs() - this.#takenMs;
    if (this.#state === "closing" && waitedMs > CLOSING_MS_MAX) this.abort();
    return this.#state === "open" && waitedMs > STALLED_MS_MAX ? "slow" : "fine";
  }

  #push(bytes: Uint8Array<ArrayBuffer>): void {
    this.writtenMs = this.#clock.monotonicMs();
    if (this.#queueBytes === 0) {
      this.#takenMs = this.writtenMs;
      if (this.#controller.desiredSize! > 0) return this.#handOver(bytes);
    }
    this.#queue.push(bytes);
    this.#queueBytes += bytes.length;
    this.#budget.bytes += bytes.length;
  }

  #fill(): void {
    let count = 0;
    for (; count < this.#queue.length && this.#controller.desiredSize! > 0; count++) {
      const bytes = this.#queue[count]!;
      this.#queueBytes -= bytes.length;
      this.#budget.bytes -= bytes.length;
      this.#handOver(bytes);
    }
    if (count > 0) {
      this.#queue.splice(0, count);
      this.#takenMs = this.#clock.monotonicMs();
    }
    if (this.#queueBytes > 0) return;
    this.#tellRoom();
    if (this.#state === "closing") this.#close();
  }

  #handOver(bytes: Uint8Array<ArrayBuffer>): void {
    try {
      this.#controller.enqueue(bytes);
    } catch {
      this.#end(); // its reader was quicker
    }
  }

  #close(): void {
    try {
      this.#controller.close();
    } catch {
      // its reader was quicker
    }
    this.#end();
  }

  #end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#clearQueue();
    this.#tellRoom();
    this.#ended();
  }

  #clearQueue(): void {
    this.#budget.bytes -= this.#queueBytes;
    this.#queue = [];
    this.#queueBytes = 0;
  }

  #tellRoom(): void {
    for (const resolve of this.#awaitingRoom.splice(0)) resolve();
  }
}
