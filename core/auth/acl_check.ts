/**
 * May this connection do that to a znode; which ACL a submitted one becomes; and what of an ACL is
 * shown to those who may only read (semantics section 7).
 *
 * @module
 */
import { assert } from "../assert.ts";
import { ACL_ENTRY_COUNT_MAX } from "../limits.ts";
import {
  type AclEntry,
  type AclList,
  type Id,
  makeAclList,
  OPEN_ACL,
  Permission,
} from "../tree/acl_list.ts";
import { SUPER_SCHEME } from "./auth_provider.ts";
import type { AuthProviders } from "./auth_providers.ts";

/**
 * Whether `ids` hold permission `perm` on a znode with this ACL.
 *
 * @param perm one bit of {@linkcode Permission}, or several of which any suffices
 */
export function checkAcl(
  providers: AuthProviders,
  { acl, perm, ids }: { acl: AclList; perm: number; ids: readonly Id[] },
): boolean {
  assert((perm & Permission.All) !== 0, "a permission is asked for");
  if (acl === OPEN_ACL || providers.skipAcl) return true;
  const { entries } = acl;
  if (entries.length === 0 || isSuper(ids)) return true;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if ((entry.perms & perm) === 0) continue;
    const { scheme, id: aclId } = entry.id;
    if (scheme === "world" && aclId === "anyone") return true;
    const provider = providers.get(scheme);
    if (provider === undefined) continue;
    for (let j = 0; j < ids.length; j++) {
      const own = ids[j]!;
      if (own.scheme === scheme && provider.matches(own.id, aclId)) return true;
    }
  }
  return false;
}

/** Whether one of the ids bypasses every ACL. */
function isSuper(ids: readonly Id[]): boolean {
  for (let i = 0; i < ids.length; i++) if (ids[i]!.scheme === SUPER_SCHEME) return true;
  return false;
}

/**
 * Turns the ACL of a create or setACL into the one to be stored: duplicates dropped, `auth` replaced
 * by the connection's own ids.
 *
 * @returns `acl` itself when nothing changes; null when it is refused with InvalidAcl (-114)
 */
export function fixUpAcl(
  providers: AuthProviders,
  acl: AclList | null,
  ids: readonly Id[],
): AclList | null {
  if (acl === OPEN_ACL) return acl;
  if (acl === null || acl.entries.length === 0) return null;
  const fixed: AclEntry[] = [];
  let changed = false;
  for (const entry of uniqueEntries(acl.entries)) {
    if (fixed.length > ACL_ENTRY_COUNT_MAX) return null;
    const { scheme, id } = entry.id;
    if (scheme === "world" && id === "anyone") {
      fixed.push(entry);
    } else if (scheme === "auth") {
      const countBefore = fixed.length;
      for (const own of ids) {
        if (providers.get(own.scheme)?.isAuthenticated) fixed.push({ perms: entry.perms, id: own });
      }
      if (fixed.length === countBefore) return null; // nobody to stand for
      changed = true;
    } else {
      if (providers.get(scheme)?.isValid(id) !== true) return null;
      fixed.push(entry);
    }
  }
  changed ||= fixed.length !== acl.entries.length;
  return changed ? makeAclList(fixed) : acl;
}

/** Each entry at its first place. */
function uniqueEntries(entries: readonly AclEntry[]): readonly AclEntry[] {
  if (entries.length === 1) return entries;
  const seen = new Set<string>();
  return entries.filter(({ perms, id }) => {
    const key = `${perms}:${id.scheme.length}:${id.scheme}${id.id}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * The ACL as getACL shows it to those who hold READ but not ADMIN: the hash of every digest id is
 * replaced by `x`.
 *
 * @returns `acl` itself when it holds no digest
 */
export function maskDigests(acl: AclList): AclList {
  if (!acl.entries.some((entry) => entry.id.scheme === "digest")) return acl;
  return makeAclList(acl.entries.map((entry) => {
    if (entry.id.scheme !== "digest") return entry;
    const id = `${entry.id.id.split(":")[0]}:x`;
    return { perms: entry.perms, id: { scheme: "digest", id } };
  }));
}
