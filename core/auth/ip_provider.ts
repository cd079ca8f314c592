/**
 * The `ip` scheme: every connection has its remote address as an identity from the start.
 *
 * @module
 */
import { IP_RANGE_COUNT_MAX } from "../limits.ts";
import type { Id } from "../tree/acl_list.ts";
import type { AuthPeer, AuthProvider, AuthResult } from "./auth_provider.ts";
import { type IpRange, isInRange, javaIpText, parseIpRange } from "./ip_address.ts";

/** The identity that a connection starts with. */
export function ipIdOf({ remoteAddress }: AuthPeer): Id {
  return { scheme: "ip", id: javaIpText(remoteAddress) };
}

export class IpAuthProvider implements AuthProvider {
  readonly scheme = "ip";
  readonly isAuthenticated = false;
  /** ACL ids and addresses by their text: parsing costs ten times what comparing does. */
  readonly #ranges = new Map<string, IpRange | null>();

  /** The AuthPacket's bytes are ignored. */
  authenticate(_auth: Uint8Array | null, peer: AuthPeer): AuthResult {
    return { kind: "ok", ids: [ipIdOf(peer)] };
  }

  isValid(id: string): boolean {
    return parseIpRange(id) !== null;
  }

  matches(connectionId: string, aclId: string): boolean {
    if (connectionId === aclId) return true;
    const range = this.#rangeOf(aclId);
    const own = this.#rangeOf(connectionId);
    return range !== null && own !== null && isInRange(own.address, range);
  }

  userName(id: string): string {
    return id;
  }

  #rangeOf(text: string): IpRange | null {
    const known = this.#ranges.get(text);
    if (known !== undefined) return known;
    if (this.#ranges.size >= IP_RANGE_COUNT_MAX) {
      for (const oldest of this.#ranges.keys()) {
        this.#ranges.delete(oldest);
        break;
      }
    }
    const range = parseIpRange(text);
    this.#ranges.set(text, range);
    return range;
  }
}
