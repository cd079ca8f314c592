/**
 * The `sasl` scheme: identities come from the SASL exchange (`sasl_digest_md5.ts`), never from an
 * AuthPacket.
 *
 * @module
 */
import { AUTH_FAILED, type AuthProvider, type AuthResult } from "./auth_provider.ts";
import { isKerberosNameOrPlain } from "./kerberos_name.ts";

export class SaslAuthProvider implements AuthProvider {
  readonly scheme = "sasl";
  readonly isAuthenticated = true;
  readonly #letAnySaslUserDoX: string | null;

  constructor({ letAnySaslUserDoX }: { letAnySaslUserDoX: string | null }) {
    this.#letAnySaslUserDoX = letAnySaslUserDoX;
  }

  authenticate(): AuthResult {
    return AUTH_FAILED;
  }

  isValid(id: string): boolean {
    return isKerberosNameOrPlain(id);
  }

  matches(connectionId: string, aclId: string): boolean {
    return connectionId === "super" || connectionId === aclId || aclId === this.#letAnySaslUserDoX;
  }

  userName(id: string): string {
    return id;
  }
}
