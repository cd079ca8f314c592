/**
 * Calls the listeners of a client, in the order of what happened.
 *
 * Who waits for an answer goes on in a microtask; watch events wait for one each, so that none overtakes an answer
 * that came before it in the same read.
 *
 * What a listener throws is reported on stderr and goes no further: neither other listeners nor the connection
 * suffer from it.
 *
 * @module
 */

import type { ClientEvent, KeeperState, WatchListener } from "./client_types.ts";

export class EventDelivery {
  /** Told of each change of the session's state, beside `onEvent`. */
  readonly stateListeners = new Set<WatchListener>();
  readonly #onEvent: WatchListener | undefined;
  /** Fired and not told yet. */
  #fired: (() => void)[] = [];

  constructor(onEvent: WatchListener | undefined) {
    this.#onEvent = onEvent;
  }

  /** The session's state is another. */
  changed(state: KeeperState): void {
    for (const tellThem of this.#fired.splice(0)) tellThem();
    const event: ClientEvent = { kind: "None", state, path: null, zxid: -1 };
    this.#tellOwner(event);
    for (const listener of [...this.stateListeners]) tell(listener, event);
  }

  /** A watch's event: for its listeners, or the client's own where it has none. */
  fired(listeners: ReadonlySet<WatchListener>, event: ClientEvent): void {
    this.#fired.push(() => {
      for (const listener of listeners) tell(listener, event);
      if (listeners.size === 0) this.#tellOwner(event);
    });
    queueMicrotask(() => this.#fired.shift()?.());
  }

  #tellOwner(event: ClientEvent): void {
    if (this.#onEvent !== undefined) tell(this.#onEvent, event);
  }
}

function tell(listener: WatchListener, event: ClientEvent): void {
  try {
    // a function that returns a promise may stand where one that returns nothing is wanted
    const returned = listener(event) as unknown;
    if (returned instanceof Promise) returned.catch(report);
  } catch (error) {
    report(error);
  }
}

function report(error: unknown): void {
  console.error("A listener of a ZooKeeper client threw:", error);
}
