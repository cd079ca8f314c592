/**
 * One stream of events: where it is in history, and how it gets to the present.
 *
 * It is live, told of each txn as it is applied, or it catches up: from the changes in memory, or from the logs
 * when those do not reach back. It goes live in the same moment in which it has seen all there is, so that nothing
 * is left out and nothing told twice.
 *
 * Invariant: all events of its watch through `position` are written or held to be, and none behind it.
 *
 * @module
 */
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { type Zxid, zxidText } from "../../../core/zxid.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { pastVerdict } from "./audience.ts";
import { type Change, kindFor, type WatchScope } from "./change.ts";
import type { ChangeHistory } from "./change_history.ts";
import type { ChangeWindow } from "./change_window.ts";
import { EVENT_END, EventText, idLine, plainEvent, type ValueForm } from "./event_text.ts";
import type { SseOutput } from "./sse_output.ts";
import type { WorkPace } from "./work_pace.ts";

/** Changes looked at in one go. */
const PAST_COUNT_MAX = 500;
/** Less text of the past waits for more: a write costs as much as finding some dozen events. */
const HELD_LENGTH_MAX = 8 * 1024;
/** More text of the past is not made at a time: values may be large. */
const TOLD_LENGTH_MAX = 256 * 1024;
/** What a write costs the event loop afterwards, where nobody measures it. */
export const WRITE_MS = 0.04;

export interface WatchStreamOptions {
  readonly caller: Caller;
  /** Null: it tells of nothing but the session. */
  readonly scope: WatchScope | null;
  readonly form: ValueForm;
}

/** What a stream needs of those who serve it. */
export interface StreamHost {
  readonly gateway: Gateway;
  readonly window: ChangeWindow;
  readonly history: ChangeHistory;
  readonly pace: WorkPace;
  /** From now on it is told of each txn. */
  attach(stream: WatchStream): void;
  detach(stream: WatchStream): void;
}

type StreamState = "starting" | "live" | "catchingUp" | "ahead" | "disconnected";

export class WatchStream {
  readonly options: WatchStreamOptions;
  readonly output: SseOutput;
  position: Zxid;
  /** For callers of equal rights. */
  readonly audience: string;
  readonly #host: StreamHost;
  #state: StreamState = "starting";
  /** Counts the changes of state: what was begun before one is given up. */
  #stateCount = 0;
  #aheadUntilMs = 0;
  /** Events through `position` that were not written yet. */
  #held = "";
  /** The client hung up, or the server stops. */
  readonly finish = () => this.output.finish();

  constructor(host: StreamHost, output: SseOutput, position: Zxid, options: WatchStreamOptions) {
    this.#host = host;
    this.output = output;
    this.position = position;
    this.options = options;
    this.audience = options.caller.ids.map(({ scheme, id }) => `${scheme}:${id}`).join("\n");
  }

  get isLive(): boolean {
    return this.#state === "live";
  }

  /** Begins where it is, which may be in the future: what another server told may not have come here yet. */
  start(aheadUntilMs: number): void {
    if (this.position > this.#host.gateway.lastZxid) {
      this.#aheadUntilMs = aheadUntilMs;
      this.#become("ahead");
    } else this.catchUp();
  }

  /** To be called now and then. */
  tick(nowMs: number): void {
    this.#writeHeld();
    if (this.#state !== "ahead") return;
    if (this.#host.gateway.lastZxid >= this.position) return this.catchUp();
    if (nowMs < this.#aheadUntilMs) return;
    this.#resync("the server has not come so far: its history is another, or it is far behind");
    this.catchUp();
  }

  catchUp(): void {
    if (!this.output.isOpen) return;
    this.#become("catchingUp");
    if (this.position >= this.#host.window.floor && this.#takeRecent()) return;
    void this.#catchUp();
  }

  disconnect(): void {
    this.#become("disconnected");
    this.write(plainEvent("session", { state: "disconnected" }, null));
  }

  reconnect(aheadUntilMs: number): void {
    this.write(plainEvent("session", { state: "connected" }, null));
    this.start(aheadUntilMs);
  }

  /** Live events through a zxid, in the stream's own form; the bytes may be shared. */
  deliver(bytes: Uint8Array<ArrayBuffer>, through: Zxid): void {
    this.position = through;
    if (bytes.length > 0) this.#send(bytes);
  }

  /** It is not to be told of what happens any more, but sees to it by itself. */
  fallBehind(): void {
    if (this.#state === "live") this.catchUp();
  }

  /** Says that it is alive, and how far it is: who resumes need not go through what did not concern it. */
  heartbeat(): void {
    const id = this.options.scope === null ? "" : idLine(this.position);
    this.write(`: heartbeat\n${id}${EVENT_END}`);
  }

  write(text: string): void {
    this.#send(encodeUtf8(text));
  }

  /** Ends it with these words, behind all that has happened so far if it was live. */
  end(text: string): void {
    const { window, gateway } = this.#host;
    const untold = this.isLive ? window.after(this.position, PAST_COUNT_MAX) : null;
    if (untold !== null) this.#tellPast(untold, gateway.lastZxid);
    this.write(text);
    this.#become("disconnected");
    this.output.close();
  }

  /** Its reader goes on from its last id when it comes back, so nothing is lost. */
  endSlow(): void {
    const zxid = zxidText(this.#host.gateway.lastZxid);
    const reason = "events came faster than they were read";
    this.#become("disconnected");
    this.output.close(encodeUtf8(plainEvent("resync", { zxid, reason }, null)));
  }

  /** The reader is gone. */
  ended(): void {
    this.#become("disconnected");
  }

  #become(state: StreamState): void {
    if (this.#state === "live") this.#host.detach(this);
    this.#state = state;
    this.#stateCount += 1;
    if (state === "live") this.#host.attach(this);
  }

  async #catchUp(): Promise<void> {
    const { window, history, pace } = this.#host;
    const stateCount = this.#stateCount;
    const isOver = () => stateCount !== this.#stateCount || !this.output.isOpen;
    while (!isOver()) {
      await this.output.drained();
      if (isOver()) return;
      if (this.position >= window.floor) {
        if (await pace.work(() => isOver() || this.#takeRecent())) return;
        continue;
      }
      const slice = await history.after(this.position);
      await pace.work(() => {
        if (isOver()) return;
        if (slice === null) this.#resync("the logs do not reach back so far");
        else {
          const { scope } = this.options;
          const changes = scope === null ? [] : slice.changes.concerning(scope);
          this.#tellPast(changes, slice.through);
        }
      }, this.#held.length >= HELD_LENGTH_MAX / 2 ? WRITE_MS : 0);
    }
  }

  /** Returns whether that was all: it is live then. */
  #takeRecent(): boolean {
    const { window, gateway } = this.#host;
    const changes = window.after(this.position, PAST_COUNT_MAX);
    if (changes === null) return false; // it has moved on meanwhile
    const isAll = changes.length < PAST_COUNT_MAX;
    const isTold = this.#tellPast(changes, isAll ? gateway.lastZxid : changes.at(-1)!.zxid);
    this.#writeHeld();
    if (!isAll || !isTold || !this.output.isOpen) return false;
    this.#become("live");
    return true;
  }

  /** @returns false when it is too much for once: the position says how far it came */
  #tellPast(changes: readonly Change[], through: Zxid): boolean {
    const { scope, form, caller } = this.options;
    const { gateway } = this.#host;
    const events: EventText[] = [];
    let length = 0;
    for (const change of changes) {
      if (scope === null || change.zxid <= this.position) continue;
      if (length > TOLD_LENGTH_MAX && change.zxid !== events.at(-1)!.zxid) break;
      const kind = kindFor(scope, change);
      const verdict = kind === null ? "hide" : pastVerdict({ gateway, caller }, change, kind);
      if (verdict === "unknown") {
        this.#resync("a znode was deleted, and with it what said who may know of it");
        return true;
      }
      if (verdict !== "tell") continue;
      const event = new EventText(gateway.tree, change, kind!);
      length += event.text(form).length;
      events.push(event);
    }
    const isAll = length <= TOLD_LENGTH_MAX;
    this.position = isAll ? Math.max(this.position, through) : events.at(-1)!.zxid;
    if (events.length > 0) this.#held += joinEvents(events, form);
    if (this.#held.length >= HELD_LENGTH_MAX) this.#writeHeld();
    return isAll;
  }

  #resync(reason: string): void {
    const zxid = this.#host.gateway.lastZxid;
    this.position = zxid;
    this.write(plainEvent("resync", { zxid: zxidText(zxid), reason }, zxid));
  }

  #writeHeld(): void {
    if (this.#held === "") return;
    const bytes = encodeUtf8(this.#held);
    this.#held = "";
    this.#send(bytes);
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#writeHeld();
    if (this.output.hasRoomFor(bytes.length)) this.output.write(bytes);
    else this.endSlow();
  }
}

/** Whole events; the last one of each txn says that the stream has come so far. */
export function joinEvents(events: readonly EventText[], form: ValueForm): string {
  let text = "";
  for (let i = 0; i < events.length; i++) {
    const event = events[i]!;
    text += event.text(form);
    if (events[i + 1]?.zxid !== event.zxid) text += idLine(event.zxid);
    text += EVENT_END;
  }
  return text;
}
