/**
 * A client of the HTTP API that knows all members of an ensemble: each request goes to another one, and what was
 * not answered, or is to be tried again, goes to the next.
 *
 * @module
 */
import type { Ensemble } from "./ensemble.ts";
import { pause } from "./eventually.ts";
import { callApi, type JsonReply, type JsonRequest } from "./json_api.ts";

/** Between two attempts, each at the next member. */
const REST_MS = 50;
/** A member that is frozen does not even refuse. */
const PATIENCE_MS = 1500;
/** So long it is passed over then. */
const SHUNNED_MS = 5000;

export interface RovingRequest extends JsonRequest {
  /** How long a member may take to answer. */
  readonly patienceMs?: number;
}

export class RovingClient {
  /** Its token; empty: it has none. */
  session = "";
  /** When the last request with the session was sent that was answered: it lives for its ttl from then on, at least. */
  aliveAtMs = 0;
  readonly #ensemble: Ensemble;
  /** Until when a member that did not answer is not asked, by id. */
  readonly #shunned = new Map<number, number>();
  readonly #patienceMs: number;
  #turn: number;

  /**
   * @param turn at which member it begins
   * @param x.patienceMs how long a member may take to answer, unless a request says otherwise
   */
  constructor(
    ensemble: Ensemble,
    turn: number,
    { patienceMs = PATIENCE_MS }: { patienceMs?: number } = {},
  ) {
    this.#ensemble = ensemble;
    this.#turn = turn;
    this.#patienceMs = patienceMs;
  }

  async connect(ttl: string): Promise<this> {
    const { status, body } = await this.ask("POST", "/sessions", { body: { ttl } });
    if (status !== 201) throw new Error(`No session: ${status} ${JSON.stringify(body)}`);
    this.session = body.token;
    return this;
  }

  /** Asks until a member answers something that will not be otherwise when it is asked again. */
  async ask(method: string, path: string, request: RovingRequest = {}): Promise<JsonReply> {
    for (;; await pause(REST_MS)) {
      const reply = await this.try(method, path, request);
      if (reply !== null && reply.status < 500 && reply.body?.retryable !== true) return reply;
    }
  }

  /** Asks the next member, once; null: it did not answer, and may have done it all the same. */
  async try(
    method: string,
    path: string,
    { patienceMs = this.#patienceMs, ...request }: RovingRequest = {},
  ): Promise<JsonReply | null> {
    const id = this.#nextId();
    if (id === undefined) return null;
    const { httpUrl } = this.#ensemble.process(id);
    const { session } = this;
    const sentMs = performance.now();
    try {
      const reply = await callApi(httpUrl, method, path, {
        signal: AbortSignal.timeout(patienceMs),
        ...(session === "" ? {} : { session }),
        ...request,
      });
      if (reply.status < 400) this.aliveAtMs = sentMs;
      return reply;
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      this.#shunned.set(id, performance.now() + SHUNNED_MS);
      return null;
    }
  }

  /** Undefined: none runs. */
  #nextId(): number | undefined {
    const all = this.#ensemble.runningIds.filter((id) => this.#ensemble.target(id) !== "java");
    const nowMs = performance.now();
    const good = all.filter((id) => (this.#shunned.get(id) ?? 0) < nowMs);
    const ids = good.length > 0 ? good : all;
    return ids[this.#turn++ % ids.length];
  }
}

/** Nobody listens, the member was killed meanwhile, or it took too long. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof TypeError ||
    (error instanceof DOMException && error.name === "TimeoutError");
}
