/**
 * How commands of ours tell a znode: its type, owner, size, and data in short.
 *
 * @module
 */
import {
  ownerHighOf,
  type OwnerKind,
  ownerKind,
  ownerLowOf,
  ttlMsOfOwner,
} from "../../../core/tree/stat.ts";
import { isValidPath } from "../../../core/tree/path.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { sessionIdToHex } from "../../../core/zxid.ts";
import type { ClientStat } from "../../../net/client/client_types.ts";
import { usageError } from "./option_words.ts";

/**
 * A client is not told whether the server knows TTLs. Where it does not, an owner that looks like one would be a
 * session of the server 255, which hardly anybody has.
 */
const RULES = { extendedTypes: true, emulate353Ttl: false };
const UNITS = ["", "K", "M", "G", "T"];

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// deno-lint-ignore no-control-regex
const BINARY = /[\u0000-\u0008\u000e-\u001f]/;
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

export function typeOf({ ephemeralOwner }: ClientStat): OwnerKind {
  return ownerKind(ownerHighOf(ephemeralOwner), ownerLowOf(ephemeralOwner), RULES);
}

/** Null: it has none. */
export function ttlMsOf(stat: ClientStat): number | null {
  return typeOf(stat) === "ttl" ? ttlMsOfOwner(stat.ephemeralOwner) : null;
}

/** What stands behind the name of a znode that is not persistent. */
export function typeText(stat: ClientStat): string {
  switch (typeOf(stat)) {
    case "persistent":
      return "";
    case "ephemeral":
      return ` (ephemeral of ${sessionIdToHex(stat.ephemeralOwner)})`;
    case "container":
      return " (container)";
    case "ttl":
      return ` (ttl ${ttlMsOf(stat)} ms)`;
  }
}

/** The text that data is; null for what is no UTF-8, or holds letters that no text has. */
export function textOf(data: Uint8Array): string | null {
  try {
    const text = strictDecoder.decode(data);
    return BINARY.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** Data on one line, of at most so many letters: text in quotes, or how many bytes of what. */
export function dataInShort(data: Uint8Array | null, lengthMax = 60): string {
  if (data === null) return "null";
  const text = textOf(data);
  if (text === null) {
    const shown = data.subarray(0, Math.floor(lengthMax / 4));
    return `0x${shown.toHex()}${shown.length < data.length ? "…" : ""} (${data.length} bytes)`;
  }
  const letters = [...text.slice(0, lengthMax * 2)].slice(0, lengthMax).join("");
  const rest = letters.length < text.length ? `… (${data.length} bytes)` : "";
  return `${printable(JSON.stringify(letters))}${rest}`;
}

/** Without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(
    CONTROL,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `512`, `1.5K`, `23M`, as `du -h` has them. */
export function humanBytes(bytes: number): string {
  let unit = 0;
  let size = bytes;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  if (unit === 0) return String(bytes);
  return `${size < 10 ? Math.ceil(size * 10) / 10 : Math.ceil(size)}${UNITS[unit]}`;
}

/** @throws {ShellError} for what is no path of a znode */
export function checkedPath(command: string, path: string): string {
  const bytes = encodeUtf8(path);
  if (isValidPath(bytes, 0, bytes.length)) return path;
  const why = path.startsWith("/")
    ? "names stand between single slashes, none at the end, and are not . or .."
    : "it begins with a slash";
  throw usageError(command, `"${printable(path)}" is no path of a znode: ${why}`);
}
