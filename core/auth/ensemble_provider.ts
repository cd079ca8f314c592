/**
 * The optional `ensemble` scheme: a client names the ensemble it means to talk to, and is turned away
 * when it reached another. It gives no identity.
 *
 * @module
 */
import type { Counter } from "../metrics/metric.ts";
import { decodeUtf8 } from "../wire/jute.ts";
import type { AuthProvider, AuthResult } from "./auth_provider.ts";

/** Clients let in for the name they gave, turned away for it, and let in unseen. */
export interface EnsembleAuthCounters {
  readonly ensembleAuthSuccess: Pick<Counter, "increment">;
  readonly ensembleAuthFail: Pick<Counter, "increment">;
  readonly ensembleAuthSkip: Pick<Counter, "increment">;
}

export class EnsembleAuthProvider implements AuthProvider {
  readonly scheme = "ensemble";
  readonly isAuthenticated = true;
  readonly #names: ReadonlySet<string>;

  readonly #counters: EnsembleAuthCounters | null;

  /** @param options.ensembleAuthNames empty accepts every name */
  constructor(
    { ensembleAuthNames }: { ensembleAuthNames: readonly string[] },
    counters: EnsembleAuthCounters | null = null,
  ) {
    this.#names = new Set(ensembleAuthNames);
    this.#counters = counters;
  }

  authenticate(auth: Uint8Array | null): AuthResult {
    if (auth === null || auth.length === 0 || this.#names.size === 0) {
      this.#counters?.ensembleAuthSkip.increment();
      return { kind: "ok", ids: [] };
    }
    if (this.#names.has(decodeUtf8(auth))) {
      this.#counters?.ensembleAuthSuccess.increment();
      return { kind: "ok", ids: [] };
    }
    this.#counters?.ensembleAuthFail.increment();
    return { kind: "close" };
  }

  isValid(): boolean {
    return false;
  }

  matches(): boolean {
    return false;
  }

  userName(id: string): string {
    return id;
  }
}
