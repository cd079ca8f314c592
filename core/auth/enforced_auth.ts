/**
 * Enforced authentication: with `enforce.auth.enabled` a connection must hold an id of one of the
 * configured schemes before it may ask for anything but to authenticate.
 *
 * @module
 */
import type { Id } from "../tree/acl_list.ts";
import { OpCode } from "../wire/op_code.ts";

export interface EnforcedAuthOptions {
  /** `enforce.auth.enabled` */
  enforceAuthEnabled: boolean;
  /** `enforce.auth.schemes`, already split at commas. */
  enforceAuthSchemes: readonly string[];
  /** `sessionRequireClientSASLAuth`: the same as enforcing `sasl`. */
  sessionRequireClientSaslAuth: boolean;
}

/** The schemes of which a connection must hold one; null when nothing is enforced. */
export function enforcedSchemes(options: EnforcedAuthOptions): ReadonlySet<string> | null {
  const schemes = new Set<string>();
  if (options.sessionRequireClientSaslAuth) schemes.add("sasl");
  if (options.enforceAuthEnabled) {
    for (const scheme of options.enforceAuthSchemes) schemes.add(scheme);
  }
  return schemes.size === 0 ? null : schemes;
}

/**
 * Whether a request may go on. When not, it is answered with SessionClosedRequireSaslAuth (-124), zxid 0
 * and no body, pings included, and the connection is closed.
 *
 * @param opCode type of the request; the handshake is none and always succeeds
 */
export function isAuthSatisfied(
  schemes: ReadonlySet<string> | null,
  { opCode, ids }: { opCode: number; ids: readonly Id[] },
): boolean {
  if (schemes === null || opCode === OpCode.Auth || opCode === OpCode.Sasl) return true;
  for (let i = 0; i < ids.length; i++) if (schemes.has(ids[i]!.scheme)) return true;
  return false;
}
