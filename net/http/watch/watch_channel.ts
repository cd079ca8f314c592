/**
 * The live streams with the same watch: what happens is gathered for all of them, and put into bytes once for those
 * that take it in the same form and may hear the same.
 *
 * @module
 */
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import type { Zxid } from "../../../core/zxid.ts";
import type { Gateway } from "../gateway.ts";
import { isForAll, liveVerdict } from "./audience.ts";
import type { WatchScope } from "./change.ts";
import type { EventText, ValueForm } from "./event_text.ts";
import { joinEvents, type WatchStream } from "./watch_stream.ts";

/** More that were not yet given out are forgotten, and the streams catch up from elsewhere. */
const PENDING_COUNT_MAX = 10_000;
/** Likewise, of all values, once for each form. */
const PENDING_VALUE_BYTES_MAX = 4 << 20;

export class WatchChannel {
  readonly scope: WatchScope;
  readonly streams = new Set<WatchStream>();
  /** How many streams want values in which form. */
  readonly #valueForms = new Map<ValueForm, number>();
  #pending: EventText[] = [];
  #pendingValueBytes = 0;

  constructor(scope: WatchScope) {
    this.scope = scope;
  }

  join(stream: WatchStream): void {
    this.streams.add(stream);
    this.#count(stream, 1);
  }

  leave(stream: WatchStream): void {
    if (this.streams.delete(stream)) this.#count(stream, -1);
  }

  /** Called while a txn is applied. @returns false: there is no room */
  add(event: EventText): boolean {
    for (const form of this.#valueForms.keys()) this.#pendingValueBytes += event.prepare(form);
    this.#pending.push(event);
    if (this.#pending.length === 1) return true; // whatever its size
    return this.#pending.length <= PENDING_COUNT_MAX &&
      this.#pendingValueBytes <= PENDING_VALUE_BYTES_MAX;
  }

  /** What has happened since the last call; null when that is nothing. */
  take(gateway: Gateway): ChannelBatch | null {
    const events = this.#pending;
    if (events.length === 0) return null;
    this.#pending = [];
    this.#pendingValueBytes = 0;
    return new ChannelBatch(gateway, events);
  }

  #count({ options: { form } }: WatchStream, by: number): void {
    if (form === "none") return;
    const count = (this.#valueForms.get(form) ?? 0) + by;
    if (count === 0) this.#valueForms.delete(form);
    else this.#valueForms.set(form, count);
  }
}

/** Events of whole txns, for all streams of a channel. */
export class ChannelBatch {
  readonly #gateway: Gateway;
  readonly #events: readonly EventText[];
  readonly #isForAll: boolean;
  /** By audience: which events it may hear of, as a string of 0 and 1. */
  readonly #verdicts = new Map<string, string>();
  /** By form and verdicts. */
  readonly #encoded = new Map<string, Uint8Array<ArrayBuffer>>();

  constructor(gateway: Gateway, events: readonly EventText[]) {
    this.#gateway = gateway;
    this.#events = events;
    this.#isForAll = events.every(({ change, kind }) => isForAll(change, kind));
  }

  deliverTo(stream: WatchStream): void {
    if (!stream.isLive) return; // it catches up by itself
    const through: Zxid = this.#events.at(-1)!.zxid;
    if (stream.position >= through) return; // it came later
    if (stream.position >= this.#events[0]!.zxid) {
      const events = this.#events.filter(({ zxid }) => zxid > stream.position);
      return new ChannelBatch(this.#gateway, events).deliverTo(stream);
    }
    stream.deliver(this.#bytesFor(stream), through);
  }

  #bytesFor(stream: WatchStream): Uint8Array<ArrayBuffer> {
    const { form } = stream.options;
    const verdicts = this.#isForAll ? "" : this.#verdictsFor(stream);
    const key = `${form} ${verdicts}`;
    let bytes = this.#encoded.get(key);
    if (bytes !== undefined) return bytes;
    const told = verdicts === ""
      ? this.#events
      : this.#events.filter((_, i) => verdicts.charCodeAt(i) === 0x31);
    bytes = encodeUtf8(joinEvents(told, form));
    this.#encoded.set(key, bytes);
    return bytes;
  }

  #verdictsFor({ audience, options: { caller } }: WatchStream): string {
    let verdicts = this.#verdicts.get(audience);
    if (verdicts !== undefined) return verdicts;
    verdicts = "";
    for (const { change, kind } of this.#events) {
      const verdict = liveVerdict({ gateway: this.#gateway, caller }, change, kind);
      verdicts += verdict === "tell" ? "1" : "0";
    }
    this.#verdicts.set(audience, verdicts);
    return verdicts;
  }
}
