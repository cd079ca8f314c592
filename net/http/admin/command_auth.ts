/**
 * Who may run a protected command: whoever holds all five permissions on the root, by what the request says
 * itself, `Authorization: digest user:password`.
 *
 * @module
 */
import { checkAcl } from "../../../core/auth/acl_check.ts";
import type { AuthProviders } from "../../../core/auth/auth_providers.ts";
import { type AclList, type Id, PERMISSIONS } from "../../../core/tree/acl_list.ts";
import { type CommandAnswer, failure } from "./command.ts";

export interface CommandAuthOptions {
  readonly providers: AuthProviders;
  readonly rootAcl: () => AclList;
}

/** Why not; null when it may. */
export function refusal(
  { providers, rootAcl }: CommandAuthOptions,
  { authorization, remoteAddress }: { authorization: string | null; remoteAddress: string },
): CommandAnswer | null {
  if (authorization === null || authorization === "") {
    return failure(401, "Auth info is missing for the command");
  }
  try {
    const ids = idsOf(providers, authorization, remoteAddress);
    if (ids === null) return failure(401, "Not authenticated");
    // one by one: a single one of them does not open the door (ZooKeeper before 3.9.4)
    const mayAll = PERMISSIONS.every((perm) => checkAcl(providers, { acl: rootAcl(), perm, ids }));
    return mayAll ? null : failure(403, "Not authorized");
  } catch {
    return failure(500, "Error occurred during auth");
  }
}

/** Null when they cannot be told. */
function idsOf(
  providers: AuthProviders,
  authorization: string,
  remoteAddress: string,
): readonly Id[] | null {
  const space = authorization.indexOf(" ");
  let scheme = space < 0 ? authorization : authorization.slice(0, space);
  let auth = space < 0 ? null : bytesOf(authorization.slice(space + 1));
  if (scheme.toLowerCase() === "basic" && auth !== null) { // what `curl -u` sends: the same two things
    scheme = "digest";
    auth = unpacked(authorization.slice(space + 1));
  }
  const result = providers.get(scheme)?.authenticate(auth, { remoteAddress });
  return result?.kind === "ok" && result.ids.length > 0 ? result.ids : null;
}

/** Null when it is no base64. */
function unpacked(base64: string): Uint8Array | null {
  try {
    return bytesOf(atob(base64));
  } catch {
    return null;
  }
}

/** Header values are bytes, which the runtime hands over one a character. */
function bytesOf(value: string): Uint8Array {
  return Uint8Array.from(value, (character) => character.charCodeAt(0));
}
