/**
 * The `x509` scheme: the subject of a verified TLS client certificate is an identity.
 *
 * @module
 */
import type { Id } from "../tree/acl_list.ts";
import {
  AUTH_FAILED,
  type AuthPeer,
  type AuthProvider,
  type AuthResult,
  SUPER_SCHEME,
} from "./auth_provider.ts";
import { isDistinguishedName } from "./distinguished_name.ts";

export class X509AuthProvider implements AuthProvider {
  readonly scheme = "x509";
  readonly isAuthenticated = true;
  readonly #superUser: string | null;

  constructor({ x509SuperUser = null }: { x509SuperUser?: string | null }) {
    this.#superUser = x509SuperUser;
  }

  /** Fails on connections without a client certificate, whatever the AuthPacket says. */
  authenticate(_auth: Uint8Array | null, { certificateSubject }: AuthPeer): AuthResult {
    if (certificateSubject === undefined) return AUTH_FAILED;
    const ids: Id[] = [];
    if (certificateSubject === this.#superUser) {
      ids.push({ scheme: SUPER_SCHEME, id: certificateSubject });
    }
    ids.push({ scheme: "x509", id: certificateSubject });
    return { kind: "ok", ids };
  }

  isValid(id: string): boolean {
    return isDistinguishedName(id);
  }

  matches(connectionId: string, aclId: string): boolean {
    return connectionId === aclId || connectionId === this.#superUser;
  }

  userName(id: string): string {
    return id;
  }
}
