/**
 * The records of requests and replies that more than one operation shares (client protocol, sections 3, 4, 7).
 *
 * What a reader lends is copied: everything returned may be kept.
 *
 * @module
 */

import { DecodeError } from "../../core/errors.ts";
import type { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import type { ClientAcl, ClientStat, CreateMode } from "./client_types.ts";

/** A create's flags. */
export const CREATE_FLAGS: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTtl: 5,
  persistentSequentialWithTtl: 6,
};

/** Everyone may do anything. */
export const OPEN_ACL: readonly ClientAcl[] = [{ permissions: 31, scheme: "world", id: "anyone" }];

export function readStat(reader: JuteReader): ClientStat {
  return {
    czxid: reader.zxid(),
    mzxid: reader.zxid(),
    ctime: reader.longAsNumber(),
    mtime: reader.longAsNumber(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: reader.long(),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.zxid(),
  };
}

export function readData(reader: JuteReader): Uint8Array | null {
  return reader.bytes()?.slice() ?? null;
}

export function readDataAndStat(
  reader: JuteReader,
): { data: Uint8Array | null; stat: ClientStat } {
  return { data: readData(reader), stat: readStat(reader) };
}

export function readText(reader: JuteReader): string {
  const text = reader.string();
  if (text === null) throw new DecodeError("A text is null");
  return text;
}

export function readTexts(reader: JuteReader): string[] {
  return reader.stringVector() ?? [];
}

export function readAcl(reader: JuteReader): ClientAcl[] {
  const count = reader.count();
  const acl: ClientAcl[] = [];
  for (let i = 0; i < count; i++) {
    acl.push({ permissions: reader.int(), scheme: readText(reader), id: readText(reader) });
  }
  return acl;
}

export function writeAcl(writer: JuteWriter, acl: readonly ClientAcl[]): void {
  writer.int(acl.length);
  for (const { permissions, scheme, id } of acl) {
    writer.int(permissions);
    writer.string(scheme);
    writer.string(id);
  }
}
