/**
 * Who may administer the server over HTTP: super, and those to whom the ACL of the znode `http.adminPath` gives every
 * permission.
 *
 * That znode must be one that not just anybody can make: else whoever comes first makes it with an ACL of its own. A
 * new ensemble's root is open to all, so the znode needs a parent that is not.
 *
 * @module
 */
import { SUPER_SCHEME } from "../../../core/auth/auth_provider.ts";
import { Permission, PERMISSIONS } from "../../../core/tree/acl_list.ts";
import { parentPath } from "../../../core/tree/path_text.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { Problem } from "../problem.ts";

/** @throws {Problem} `no-auth`, which is told as `auth-required` to who brought no credentials */
export function requireAdmin({ caller, gateway }: { caller: Caller; gateway: Gateway }): void {
  if (caller.ids.some(({ scheme }) => scheme === SUPER_SCHEME)) return;
  const refusal = refusalOf(caller, gateway);
  if (refusal !== null) throw new Problem("no-auth", { detail: refusal, outcome: "not-applied" });
}

function refusalOf(caller: Caller, gateway: Gateway): string | null {
  const { adminPath } = gateway.config.http;
  if (adminPath === null) {
    return "Only super may do this: configure DigestAuthenticationProvider.superDigest and send its user and " +
      "password with Authorization: Basic, or name a znode with http.adminPath whose ACL says who else may";
  }
  const path = JSON.stringify(adminPath);
  const nobody: Caller = { ids: [], session: null, remoteAddress: caller.remoteAddress };
  const parent = parentPath(adminPath);
  if (
    !gateway.config.skipAcl && gateway.mayDo(nobody, parent, Permission.Create | Permission.Delete)
  ) {
    return `Only super may do this: anybody may create or delete ${path}, the znode of http.adminPath, by the ` +
      `ACL of ${JSON.stringify(parent)}: take CREATE and DELETE from world:anyone there`;
  }
  if (PERMISSIONS.every((perm) => gateway.mayDo(caller, adminPath, perm))) return null;
  return `Only super may do this, and who has every permission (cdrwa) by the ACL of ${path}, the znode of ` +
    "http.adminPath: it is not there, or you have not";
}
