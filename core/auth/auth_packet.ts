/**
 * What a connection gains: identities it starts with, those an AuthPacket (type 100) or a finished SASL
 * exchange (type 102) adds, and how they are listed (client protocol section 10).
 *
 * @module
 */
import type { Id } from "../tree/acl_list.ts";
import { type AuthPeer, SUPER_SCHEME } from "./auth_provider.ts";
import type { AuthProviders } from "./auth_providers.ts";
import { ipIdOf } from "./ip_provider.ts";

export type AuthPacketResult =
  /** Answered with err 0; the connection now holds `ids`, the same array when nothing was new. */
  | { readonly kind: "ok"; readonly ids: readonly Id[] }
  /** Answered with AuthFailed (-115) and no body, then the connection is closed. */
  | { readonly kind: "failed" }
  /** The connection is closed without an answer. */
  | { readonly kind: "close" };

/** The identities of a connection that has authenticated to nothing yet. */
export function initialIds(peer: AuthPeer): readonly Id[] {
  return [ipIdOf(peer)];
}

/** Handles an AuthPacket; its `type` field is ignored, as ZooKeeper ignores it. */
export function handleAuthPacket(
  providers: AuthProviders,
  { scheme, auth, peer, ids }: {
    scheme: string | null;
    auth: Uint8Array | null;
    peer: AuthPeer;
    /** What the connection holds so far. */
    ids: readonly Id[];
  },
): AuthPacketResult {
  const provider = scheme === null ? undefined : providers.get(scheme);
  if (provider === undefined) return { kind: "failed" };
  const result = provider.authenticate(auth, peer);
  if (result.kind !== "ok") return { kind: result.kind };
  return { kind: "ok", ids: addIds(ids, result.ids) };
}

/**
 * What a finished SASL exchange adds.
 *
 * @param superUsers values of `superUser` and `superUser.*`
 */
export function saslIds(authorizationId: string, superUsers: ReadonlySet<string>): Id[] {
  const ids: Id[] = [{ scheme: "sasl", id: authorizationId }];
  if (superUsers.has(authorizationId)) ids.push({ scheme: SUPER_SCHEME, id: "" });
  return ids;
}

/** The union of both, in order; `ids` itself when nothing is new. */
export function addIds(ids: readonly Id[], added: readonly Id[]): readonly Id[] {
  const fresh = added.filter(({ scheme, id }) =>
    !ids.some((own) => own.scheme === scheme && own.id === id)
  );
  return fresh.length === 0 ? ids : [...ids, ...fresh];
}

/** The entries of a whoAmI answer, one an identity; the user is empty where no provider can tell. */
export function whoAmI(
  providers: AuthProviders,
  ids: readonly Id[],
): { authScheme: string; user: string }[] {
  return ids.map(({ scheme, id }) => ({
    authScheme: scheme,
    user: providers.get(scheme)?.userName(id) ?? "",
  }));
}
