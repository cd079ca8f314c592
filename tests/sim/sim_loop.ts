/**
 * Simulated time: events in order of `(atMs, order)`, one after the other, in one thread.
 *
 * Code under test that awaits is driven as it is: behind each event its promises run on until nothing is
 * left to do. Nothing of it waits for anything but other events, so which order that gives is settled by
 * the seed alone.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** How deep promises may wait for each other; what is left runs behind the next event. */
const MICROTASKS_PER_EVENT = 24;
/** So often the runtime gets its turn: to collect garbage, and to say which promises were rejected. */
const EVENTS_PER_TURN = 100;

interface SimEvent {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | null;
}

export class SimLoop {
  nowMs = 0;
  eventCount = 0;
  /** A binary heap. */
  readonly #events: SimEvent[] = [];
  #order = 0;

  /** Runs something later. Returns what takes it back. */
  after(delayMs: number, run: () => void): () => void {
    const event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(event);
    return () => {
      event.run = NOTHING;
    };
  }

  /** Runs until then, or until `isOver`. What `run` throws ends it. */
  async runUntil(endMs: number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const event = this.#events[0];
      if (event === undefined || event.atMs > endMs) break;
      this.#pop();
      if (event.run === NOTHING) continue;
      this.nowMs = event.atMs;
      this.eventCount++;
      event.run!();
      for (let i = 0; i < MICROTASKS_PER_EVENT; i++) await null;
      if (this.eventCount % EVENTS_PER_TURN === 0) await turnOfRuntime();
    }
    if (!isOver()) this.nowMs = Math.max(this.nowMs, endMs);
  }

  #push(event: SimEvent): void {
    const heap = this.#events;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

export function turnOfRuntime(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function NOTHING(): void {}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
