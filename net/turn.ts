/**
 * Gathers what happens at one moment: all sockets that are readable are handled before anything is
 * written, so that their replies share writes and their txns share a sync of the log.
 *
 * A turn begins with the first event and ends in a microtask, which runs after the continuations of all
 * events that the runtime delivered together.
 *
 * @module
 */
import type { Clock } from "../core/ports.ts";

export interface TurnTaker {
  beginTurn(time: { nowMs: number; wallMs: number }): void;
  endTurn(): void;
}

export class Turn {
  readonly #clock: Clock;
  readonly #taker: TurnTaker;
  #isOpen = false;
  readonly #end = () => {
    this.#isOpen = false;
    this.#taker.endTurn();
  };

  constructor(clock: Clock, taker: TurnTaker) {
    this.#clock = clock;
    this.#taker = taker;
  }

  /** To be called before anything is handled. */
  begin(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#taker.beginTurn({
      nowMs: this.#clock.monotonicMs(),
      wallMs: this.#clock.wallMs(),
    });
    queueMicrotask(this.#end);
  }
}
