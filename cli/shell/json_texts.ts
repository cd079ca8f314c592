/**
 * What --json prints, in the words of the HTTP API: data, ACLs and events.
 *
 * @module
 */

import { zxidText } from "../../core/zxid.ts";
import type { ClientAcl, ClientEvent } from "../../net/client/client_types.ts";
import { permissionLetters } from "./acl_words.ts";

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `data` is text, or null for none; what is no UTF-8 is `dataBase64`. */
export function dataJson(
  data: Uint8Array | null,
): { data: string | null } | { dataBase64: string } {
  if (data === null) return { data: null };
  try {
    return { data: strictDecoder.decode(data) };
  } catch {
    return { dataBase64: data.toBase64() };
  }
}

export function aclJson(
  acl: readonly ClientAcl[],
): { scheme: string; id: string; perms: string }[] {
  return acl.map(({ scheme, id, permissions }) => ({
    scheme,
    id,
    perms: permissionLetters(permissions),
  }));
}

/** One line. */
export function eventJson({ kind, state, path, zxid }: ClientEvent): string {
  return JSON.stringify({
    event: kind,
    state,
    path,
    ...(zxid === -1 ? {} : { zxid: zxidText(zxid) }),
  });
}
