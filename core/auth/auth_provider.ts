/**
 * What an authentication scheme is: how a connection gains an identity, and how ACL entries of the
 * scheme are validated and matched (semantics section 7).
 *
 * `world` and `auth` are no providers: they name nobody, and `acl_check.ts` treats them itself.
 *
 * @module
 */
import type { Id } from "../tree/acl_list.ts";

/** What is known of the other end of a connection. */
export interface AuthPeer {
  /** Numeric address without port; IPv6 without brackets. */
  readonly remoteAddress: string;
  /** Subject of the client's verified TLS certificate in RFC 2253 form, where there is one. */
  readonly certificateSubject?: string;
}

export type AuthResult =
  /** The connection gains these identities, perhaps none. */
  | { readonly kind: "ok"; readonly ids: readonly Id[] }
  /** Answered with AuthFailed (-115), then the connection is closed. */
  | { readonly kind: "failed" }
  /** The connection is closed without an answer. */
  | { readonly kind: "close" };

export const AUTH_FAILED: AuthResult = { kind: "failed" };

/** An id of this scheme lets its holder do anything; it is never valid in an ACL. */
export const SUPER_SCHEME = "super";

export interface AuthProvider {
  readonly scheme: string;
  /** An `auth` ACL entry stands for the connection's ids of such schemes. */
  readonly isAuthenticated: boolean;
  /** Takes the bytes of an AuthPacket; null when the field was null. */
  authenticate(auth: Uint8Array | null, peer: AuthPeer): AuthResult;
  /** Whether an ACL entry may hold this id. */
  isValid(id: string): boolean;
  /** Whether the connection's id is meant by the ACL entry's id; both of this scheme. */
  matches(connectionId: string, aclId: string): boolean;
  /** The part of a connection's id that names the user, for whoAmI and the audit log. */
  userName(id: string): string;
}
