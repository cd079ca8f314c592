/**
 * ACLs as text: `world:anyone:r,digest:app:xyz=:cdrwa`, as ZooKeeper's shell takes them, and as JSON.
 *
 * @module
 */
import * as z from "zod";
import { ACL_ENTRY_COUNT_MAX } from "../../core/limits.ts";
import { type AclEntry, Permission } from "../../core/tree/acl_list.ts";
import { Problem } from "./problem.ts";

export const AclJson = z.array(
  z.strictObject({
    scheme: z.string().min(1),
    id: z.string(),
    perms: z.string().regex(/^[cdrwa]*$/).meta({
      description: "of create, delete, read, write, admin",
    }),
  }),
).min(1).max(ACL_ENTRY_COUNT_MAX).meta({ id: "Acl", description: "who may do what" });
export type AclJson = z.output<typeof AclJson>;

const LETTERS: readonly (readonly [letter: string, bit: number])[] = [
  ["c", Permission.Create],
  ["d", Permission.Delete],
  ["r", Permission.Read],
  ["w", Permission.Write],
  ["a", Permission.Admin],
];

/** Ends an entry: ids may hold commas and colons themselves. */
const ENTRY = /\s*([^:,\s]+):(.*?):([cdrwa]+)\s*(?:,|$)/y;

/** @throws {Problem} `invalid-acl` */
export function parseAclText(text: string): AclEntry[] {
  const entries: AclEntry[] = [];
  ENTRY.lastIndex = 0;
  let at = 0;
  do {
    ENTRY.lastIndex = at;
    const [, scheme, id, perms] = ENTRY.exec(text) ?? [];
    if (scheme === undefined) {
      throw new Problem("invalid-acl", {
        outcome: "not-applied",
        detail: `The ACL "${text}" is not a list of scheme:id:perms at "${text.slice(at)}"`,
      });
    }
    at = ENTRY.lastIndex;
    entries.push({ perms: permsOf(perms!), id: { scheme, id: id! } });
  } while (at < text.length);
  return entries;
}

export function aclOfJson(acl: AclJson): AclEntry[] {
  return acl.map(({ scheme, id, perms }) => ({ perms: permsOf(perms), id: { scheme, id } }));
}

export function aclJson(acl: readonly AclEntry[]): AclJson {
  return acl.map(({ perms, id }) => ({ scheme: id.scheme, id: id.id, perms: lettersOf(perms) }));
}

export function aclText(acl: readonly AclEntry[]): string {
  return acl.map(({ perms, id }) => `${id.scheme}:${id.id}:${lettersOf(perms)}`).join(",");
}

function permsOf(letters: string): number {
  let perms = 0;
  for (const [letter, bit] of LETTERS) if (letters.includes(letter)) perms |= bit;
  return perms;
}

function lettersOf(perms: number): string {
  let letters = "";
  for (const [letter, bit] of LETTERS) if ((perms & bit) !== 0) letters += letter;
  return letters;
}
