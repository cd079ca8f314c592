/**
 * A token bucket for connect requests, with a drop probability in front of it, so that a storm of
 * reconnecting clients does not bury the server (client protocol section 16).
 *
 * @module
 */
import type { Random } from "../ports.ts";
import type { ConnectionThrottleConfig } from "../server_config.ts";

export class ConnectionThrottle {
  readonly #config: ConnectionThrottleConfig;
  readonly #random: Random;
  #tokens: number;
  #filledMs: number;
  #dropProbability = 0;
  #probabilityUpdatedMs: number;

  constructor(config: ConnectionThrottleConfig, { random, nowMs }: {
    random: Random;
    nowMs: number;
  }) {
    this.#config = config;
    this.#random = random;
    this.#tokens = config.tokenCountMax;
    this.#filledMs = nowMs;
    this.#probabilityUpdatedMs = nowMs;
  }

  get dropProbability(): number {
    return this.#dropProbability;
  }

  /** Tokens missing from a full bucket. */
  get deficit(): number {
    return this.#config.tokenCountMax - this.#tokens;
  }

  /** Takes the tokens for one connection; false: it is to be closed. */
  admit({ isRenewal, nowMs }: { isRenewal: boolean; nowMs: number }): boolean {
    const config = this.#config;
    if (config.tokenCountMax <= 0) return true;
    this.#fill(nowMs);
    const needed = !config.weightEnabled
      ? 1
      : isRenewal
      ? config.renewSessionWeight
      : config.globalSessionWeight;
    if (config.freezeTimeMs !== -1) {
      this.#updateProbability(needed, nowMs);
      if (this.#random.uint32() / 2 ** 32 < this.#dropProbability) return false;
    }
    if (this.#tokens < needed) return false;
    this.#tokens -= needed;
    return true;
  }

  #fill(nowMs: number): void {
    const { fillTimeMs, fillCount, tokenCountMax } = this.#config;
    const fills = Math.floor((nowMs - this.#filledMs) / Math.max(fillTimeMs, 1));
    if (fills <= 0) return;
    this.#filledMs += fills * Math.max(fillTimeMs, 1);
    this.#tokens = Math.min(this.#tokens + fills * fillCount, tokenCountMax);
  }

  /** Rises while the bucket is empty, falls again when it is filled far enough. */
  #updateProbability(needed: number, nowMs: number): void {
    const { freezeTimeMs, dropIncrease, dropDecrease, decreaseRatio, tokenCountMax } = this.#config;
    if (nowMs - this.#probabilityUpdatedMs <= freezeTimeMs) return;
    this.#probabilityUpdatedMs = nowMs;
    if (this.#tokens < needed) {
      this.#dropProbability = Math.min(this.#dropProbability + dropIncrease, 1);
    } else if (this.#tokens >= tokenCountMax * decreaseRatio) {
      this.#dropProbability = Math.max(this.#dropProbability - dropDecrease, 0);
    }
  }
}
