/**
 * How commands of ours tell a znode: its type, owner, size, and data in short.
 *
 * @module
 */
import { isValidPath } from "../../../core/tree/path.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import type { ClientStat } from "../../../net/client/client_types.ts";
import { usageError } from "./option_words.ts";

const UNITS = ["", "K", "M", "G", "T"];

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// deno-lint-ignore no-control-regex
const BINARY = /[\u0000-\u0008\u000e-\u001f]/;
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Containers, and znodes with a TTL, look persistent: servers tell clients no more. */
export type SeenType = "persistent" | "ephemeral";

export function typeOf({ ephemeralOwner }: ClientStat): SeenType {
  return ephemeralOwner === 0n ? "persistent" : "ephemeral";
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
