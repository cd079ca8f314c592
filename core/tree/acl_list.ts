/**
 * An ACL as it is stored: an immutable list of entries, with its jute encoding kept beside it.
 *
 * Znodes share these objects; `AclTable` counts who uses which.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { type JuteReader, JuteWriter } from "../wire/jute.ts";

export const Permission = { Read: 1, Write: 2, Create: 4, Delete: 8, Admin: 16, All: 31 } as const;

/** One by one: asked for several at once, a check is content with any of them. */
export const PERMISSIONS: readonly number[] = [
  Permission.Read,
  Permission.Write,
  Permission.Create,
  Permission.Delete,
  Permission.Admin,
];

/** An identity of a connection, or whom an ACL entry speaks of. */
export interface Id {
  readonly scheme: string;
  readonly id: string;
}

export interface AclEntry {
  /** Bits of {@linkcode Permission}; other bits are kept as they came. */
  readonly perms: number;
  readonly id: Id;
}

export interface AclList {
  readonly entries: readonly AclEntry[];
  /** `vector<ACL>` in jute, ready to be sent or logged. */
  readonly encoded: Uint8Array;
  /** `encoded` as a string of bytes: equal lists have equal keys. */
  readonly key: string;
}

/** Builds a list from entries that were already validated. */
export function makeAclList(entries: readonly AclEntry[]): AclList {
  const writer = new JuteWriter(64);
  writer.int(entries.length);
  for (const entry of entries) {
    writer.int(entry.perms);
    writer.string(entry.id.scheme);
    writer.string(entry.id.id);
  }
  const encoded = writer.written().slice();
  return { entries, encoded, key: bytesToKey(encoded) };
}

/** world:anyone with all permissions: what most znodes have. Index -1 in snapshots. */
export const OPEN_ACL: AclList = makeAclList([
  { perms: Permission.All, id: { scheme: "world", id: "anyone" } },
]);

/** world:anyone may read: the ACL of /zookeeper/config. */
export const READ_ACL: AclList = makeAclList([
  { perms: Permission.Read, id: { scheme: "world", id: "anyone" } },
]);

/**
 * Reads `vector<ACL>`; a null vector gives null.
 *
 * A null scheme or id (some clients send an empty one so) is read as the empty string, which the fix-up
 * then judges, except that a null id of a scheme that looks at ids cannot be decoded: ZooKeeper answers
 * -5 (client protocol section 17).
 */
export function readAclList(reader: JuteReader): AclList | null {
  const { encoded } = OPEN_ACL;
  if (reader.remaining >= encoded.length) { // most creates carry the open list
    let i = 0;
    while (i < encoded.length && reader.buffer[reader.position + i] === encoded[i]) i++;
    if (i === encoded.length) {
      reader.position += i;
      return OPEN_ACL;
    }
  }
  const count = reader.count();
  if (count < 0) return null;
  const entries: AclEntry[] = [];
  for (let i = 0; i < count; i++) {
    const perms = reader.int();
    const scheme = reader.string() ?? "";
    const id = reader.string();
    if (id === null && SCHEMES_WITH_IDS.includes(scheme)) {
      throw new DecodeError("ACL entry without an id");
    }
    entries.push({ perms, id: { scheme, id: id ?? "" } });
  }
  return makeAclList(entries);
}

const SCHEMES_WITH_IDS = ["world", "digest", "ip"];

function bytesToKey(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}
