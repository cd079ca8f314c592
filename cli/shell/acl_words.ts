/**
 * ACLs as zkCli.sh takes and prints them: `world:anyone:r,digest:bob:hash=:cdrwa`.
 *
 * Unlike the HTTP API's reader it is lenient: what it cannot read is told and left out.
 *
 * @module
 */

import { Permission } from "../../core/tree/acl_list.ts";
import type { ClientAcl } from "../../net/client/client_types.ts";

/** In the order in which they are printed. */
const LETTERS: readonly (readonly [letter: string, bit: number])[] = [
  ["c", Permission.Create],
  ["d", Permission.Delete],
  ["r", Permission.Read],
  ["w", Permission.Write],
  ["a", Permission.Admin],
];

/** @param complain is told what is left out, in a line */
export function parseAclWords(text: string, complain: (text: string) => void): ClientAcl[] {
  const acl: ClientAcl[] = [];
  for (const entry of splitAsJava(text)) {
    const first = entry.indexOf(":");
    const last = entry.lastIndexOf(":");
    if (first === last) {
      complain(`${entry} does not have the form scheme:id:perm\n`);
      continue;
    }
    acl.push({
      scheme: entry.slice(0, first),
      id: entry.slice(first + 1, last),
      permissions: permissionsOf(entry.slice(last + 1), complain),
    });
  }
  return acl;
}

/** Empty entries at the end are none, be they all there is; empty text is one. */
function splitAsJava(text: string): string[] {
  return /^,+$/.test(text) ? [] : text.replace(/,+$/, "").split(",");
}

export function permissionLetters(permissions: number): string {
  return LETTERS.filter(([, bit]) => (permissions & bit) !== 0).map(([letter]) => letter).join("");
}

function permissionsOf(letters: string, complain: (text: string) => void): number {
  let permissions = 0;
  for (const letter of letters) {
    const bit = LETTERS.find(([known]) => known === letter)?.[1];
    if (bit === undefined) complain(`Unknown perm type: ${letter}\n`);
    else permissions |= bit;
  }
  return permissions;
}
