/**
 * The znode path in a URL: its segments are percent-encoded, a slash always separates.
 *
 * Reads the URL as it came. Where others would tidy it up (`..`, `//`, `%2F`), two names would mean one znode and
 * rules of a proxy for one would not hold for the other: all of that is refused. The rules of names are
 * ZooKeeper's (semantics section 2).
 *
 * @module
 */
import { isValidPath } from "../../core/tree/path.ts";
import { encodeUtf8 } from "../../core/wire/jute.ts";
import { Problem } from "./problem.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;

/**
 * Decodes and checks a path.
 *
 * @param raw what stands in the URL behind the route: nothing or `/` is the root, else it begins with a slash
 * @throws {Problem} `bad-path`
 */
export function znodePathOf(raw: string): string {
  if (raw === "" || raw === "/") return "/";
  return isPlain(raw) ? raw : decoded(raw);
}

/** Whether it is a path of a znode, where it is not part of a URL. */
export function isZnodePath(path: string): boolean {
  const bytes = encodeUtf8(path);
  return isValidPath(bytes, 0, bytes.length);
}

/** A znode's path as it is written in URLs, from a slash on. */
export function urlPathOf(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** Nothing but letters that stand for themselves, in segments that are names: the usual path. */
function isPlain(raw: string): boolean {
  let segmentAt = 1;
  for (let i = 1; i < raw.length; i++) {
    const unit = raw.charCodeAt(i);
    if (unit === SLASH) {
      if (i === segmentAt) return false;
      segmentAt = i + 1;
    } else if (unit <= 0x20 || unit >= 0x7f || unit === PERCENT) return false;
    else if (unit === DOT && i === segmentAt) return false;
  }
  return segmentAt < raw.length;
}

function decoded(raw: string): string {
  const segments = raw.slice(1).split("/");
  let path = "";
  for (const [index, segment] of segments.entries()) {
    if (segment === "") {
      const where = index === segments.length - 1
        ? "it ends with a slash"
        : "there is none between";
      throw badPath(raw, `${where}: a znode's name has at least one letter`);
    }
    path += `/${nameOf(segment, raw)}`;
  }
  return path;
}

function nameOf(segment: string, raw: string): string {
  if (/%2f/i.test(segment)) {
    throw badPath(raw, "a znode's name cannot have a slash: write / between names, not %2F");
  }
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    throw badPath(
      raw,
      `${JSON.stringify(segment)} is not percent-encoded UTF-8: write % itself as %25`,
    );
  }
  if (name === "." || name === "..") {
    throw badPath(raw, `${name} is not a name: write the path from the root on, without . and ..`);
  }
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (isForbidden(unit)) {
      const code = unit.toString(16).toUpperCase().padStart(4, "0");
      throw badPath(raw, `the character U+${code} cannot be in a znode's name: leave it out`);
    }
  }
  return name;
}

/** Control characters, and what ZooKeeper's clients and servers refuse beside them. */
function isForbidden(unit: number): boolean {
  return unit < 0x20 || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) ||
    unit >= 0xfff0;
}

function badPath(raw: string, reason: string): Problem {
  return new Problem("bad-path", {
    detail: `Cannot use the path ${JSON.stringify(raw)}: ${reason}`,
  });
}
