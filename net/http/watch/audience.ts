/**
 * Whether a caller may hear of a change: who may READ the znode (for its children's list: the parent).
 *
 * A live change is judged by the ACL that it happened under. One from the past is judged by that as far as it is
 * known, and by the ACL that is there now: both must allow it.
 *
 * @module
 */
import { type AclList, makeAclList, OPEN_ACL, Permission } from "../../../core/tree/acl_list.ts";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { type Change, type EventKind, parentOf } from "./change.ts";

/** "unknown": nothing is left that could tell, so the caller is to read anew what it may. */
export type Verdict = "tell" | "hide" | "unknown";

/** Only those whom no ACL stops. */
const NOBODYS_ACL: AclList = makeAclList([
  { perms: Permission.All, id: { scheme: "world", id: "nobody" } },
]);

export function isForAll(change: Change, kind: EventKind): boolean {
  return aclOf(change, kind) === OPEN_ACL;
}

export function liveVerdict(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  change: Change,
  kind: EventKind,
): Verdict {
  const acl = aclOf(change, kind) ?? NOBODYS_ACL;
  return gateway.allows(caller, acl, Permission.Read) ? "tell" : "hide";
}

export function pastVerdict(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  change: Change,
  kind: EventKind,
): Verdict {
  const acl = aclOf(change, kind);
  if (acl !== null && !gateway.allows(caller, acl, Permission.Read)) return "hide";
  const path = kind === "children" ? parentOf(change.path)! : change.path;
  const { store } = gateway.tree;
  const id = store.lookup(encodeUtf8(path));
  if (id !== NO_NODE) {
    if (!gateway.mayDo(caller, path, Permission.Read)) return "hide";
    if (acl !== null || store.czxid(id) <= change.zxid) return "tell";
  } else if (acl !== null) return "tell";
  if (gateway.allows(caller, NOBODYS_ACL, Permission.Read)) return "tell";
  // its own ACL is gone: those who may list the parent's children may know the name
  const parent = parentOf(path);
  if (parent === null || store.lookup(encodeUtf8(parent)) === NO_NODE) return "unknown";
  return gateway.mayDo(caller, parent, Permission.Read) ? "tell" : "hide";
}

function aclOf(change: Change, kind: EventKind): AclList | null {
  return kind === "children" ? change.parentAcl : change.acl;
}
