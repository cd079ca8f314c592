/**
 * Whether a caller may do something to each of many znodes: asked once for each ACL, since znodes share
 * them.
 *
 * @module
 */
import type { AclList } from "../../core/tree/acl_list.ts";
import type { NodeId } from "../../core/tree/node_store.ts";
import { decodeUtf8 } from "../../core/wire/jute.ts";
import type { Caller, Gateway } from "./gateway.ts";

export class AclMemo {
  readonly #gateway: Gateway;
  readonly #caller: Caller;
  readonly #perm: number;
  readonly #known = new Map<AclList, boolean>();

  /** @param perm bits of `Permission`, of which one suffices */
  constructor({ gateway, caller }: { gateway: Gateway; caller: Caller }, perm: number) {
    this.#gateway = gateway;
    this.#caller = caller;
    this.#perm = perm;
  }

  allows(id: NodeId): boolean {
    const { tree } = this.#gateway;
    const acl = tree.aclOf(id);
    let allowed = this.#known.get(acl);
    if (allowed === undefined) {
      const path = decodeUtf8(tree.store.path(id)) || "/";
      allowed = this.#gateway.mayDo(this.#caller, path, this.#perm);
      this.#known.set(acl, allowed);
    }
    return allowed;
  }
}
