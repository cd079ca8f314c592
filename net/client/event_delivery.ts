/**
 * Calls the listeners of a client, in the order of what happened.
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

  constructor(onEvent: WatchListener | undefined) {
    this.#onEvent = onEvent;
  }

  /** The session's state is another. */
  changed(state: KeeperState): void {
    const event: ClientEvent = { kind: "None", state, path: null, zxid: -1 };
    this.#tellOwner(event);
    for (const listener of [...this.stateListeners]) tell(listener, event);
  }

  /** A watch's event: for its listeners, or the client's own where it has none. */
  fired(listeners: ReadonlySet<WatchListener>, event: ClientEvent): void {
    for (const listener of listeners) tell(listener, event);
    if (listeners.size === 0) this.#tellOwner(event);
  }

  #tellOwner(event: ClientEvent): void {
    if (this.#onEvent !== undefined) tell(this.#onEvent, event);
  }
}

export function tell(listener: WatchListener, event: ClientEvent): void {
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
