/**
 * The optional `ensemble` scheme: a client names the ensemble it means to talk to, and is turned away
 * when it reached another. It gives no identity.
 *
 * @module
 */
import { decodeUtf8 } from "../wire/jute.ts";
import type { AuthProvider, AuthResult } from "./auth_provider.ts";

export class EnsembleAuthProvider implements AuthProvider {
  readonly scheme = "ensemble";
  readonly isAuthenticated = true;
  readonly #names: ReadonlySet<string>;

  /** @param options.ensembleAuthNames empty accepts every name */
  constructor({ ensembleAuthNames }: { ensembleAuthNames: readonly string[] }) {
    this.#names = new Set(ensembleAuthNames);
  }

  authenticate(auth: Uint8Array | null): AuthResult {
    const accepts = auth === null || auth.length === 0 || this.#names.size === 0 ||
      this.#names.has(decodeUtf8(auth));
    return accepts ? { kind: "ok", ids: [] } : { kind: "close" };
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
