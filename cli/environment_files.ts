/**
 * `zookeeper-env.sh` and `java.env` of the config directory, which zkServer.sh lets a shell run.
 *
 * Here no shell runs: assignments are understood (`NAME=value`, `export NAME="$NAME and more"`), anything else is
 * reported and has no effect.
 *
 * @module
 */

import { join } from "../net/file_path.ts";
import { ConfigError } from "./config_error.ts";
import type { Environment } from "./config_sources.ts";

export interface FileEnvironment {
  /** What the files assign, before what the process was given. */
  readonly environment: Environment;
  /** The names they assign. */
  readonly names: readonly string[];
  /** Places of lines that are no assignments: `conf/java.env:3`. */
  readonly notUnderstood: readonly string[];
}

const FILES = ["zookeeper-env.sh", "java.env"];

/** @throws {ConfigError} when a file is there and cannot be read */
export function environmentOfFiles(configDir: string, outer: Environment): FileEnvironment {
  const assigned = new Map<string, string>();
  const environment: Environment = (name) => assigned.get(name) ?? outer(name);
  const notUnderstood: string[] = [];
  for (const file of FILES) {
    const path = join(configDir, file);
    for (const { text, line } of linesOf(path)) {
      if (!assign(text, assigned, environment)) notUnderstood.push(`${path}:${line}`);
    }
  }
  return { environment, names: [...assigned.keys()], notUnderstood };
}

/** Lines that are not empty, those that a backslash continues in one. */
function* linesOf(path: string): Iterable<{ text: string; line: number }> {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`Cannot read "${path}": ${reason}`]);
  }
  let before = "";
  for (const [index, physical] of text.split(/\r?\n/).entries()) {
    if (/(^|[^\\])(\\\\)*\\$/.test(physical)) {
      before += physical.slice(0, -1);
      continue;
    }
    const whole = (before + physical).trim();
    before = "";
    if (whole !== "" && !whole.startsWith("#")) yield { text: whole, line: index + 1 };
  }
}

/** @returns false when the line is no assignment */
function assign(text: string, assigned: Map<string, string>, environment: Environment): boolean {
  let rest = text.replace(/^export\s+/, "");
  if (rest !== text && /^[A-Za-z_]\w*(\s+[A-Za-z_]\w*)*\s*;?\s*$/.test(rest)) return true; // `export NAME`
  const found = new Map<string, string>();
  const known: Environment = (name) => found.get(name) ?? environment(name);
  while (rest !== "" && !rest.startsWith("#")) { // `A=1 B=2`, `A=1; export B=2`
    const [head, name] = /^(?:export\s+)?([A-Za-z_]\w*)=/.exec(rest) ?? [];
    if (head === undefined) {
      if (/^export\s+[A-Za-z_]\w*\s*$/.test(rest)) break; // `A=1; export A`
      return false;
    }
    const word = readWord(rest.slice(head.length), known);
    if (word === null) return false;
    found.set(name!, word.value);
    rest = word.rest;
  }
  for (const [name, value] of found) assigned.set(name, value);
  return true;
}

/** One word of a shell, quotes and variables resolved; null when it needs a shell. */
function readWord(
  text: string,
  environment: Environment,
): { value: string; rest: string } | null {
  let value = "";
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote !== "'" && char === "`") return null;
    if (char === "'" && quote !== '"') quote = quote === "" ? char : "";
    else if (quote === "'") value += char;
    else if (char === '"') quote = quote === "" ? char : "";
    else if (char === "\\") {
      const next = text[++at] ?? "";
      value += quote === '"' && !/["\\$`]/.test(next) ? `\\${next}` : next;
    } else if (char === "$") {
      const [all, braced, bare] = /^\$(?:\{([^}]*)\}|([A-Za-z_]\w*))/.exec(text.slice(at)) ?? [];
      if (all === undefined) return null; // $(command), $1
      const resolved = resolve(braced ?? bare!, environment);
      if (resolved === null) return null;
      value += resolved;
      at += all.length - 1;
    } else if (quote === "" && /[\s;]/.test(char)) {
      return { value, rest: text.slice(at).replace(/^[\s;]+/, "") };
    } else if (quote === "" && /[|&<>()]/.test(char)) return null;
    else value += char;
  }
  return quote === "" ? { value, rest: "" } : null;
}

/** `NAME`, `NAME:-otherwise` or `NAME-otherwise`; null: anything else. */
function resolve(expression: string, environment: Environment): string | null {
  const [all, name, operator, otherwise = ""] =
    /^([A-Za-z_]\w*)(?:(:?-)([^$`\\"']*))?$/.exec(expression) ?? [];
  if (all === undefined) return null;
  const value = environment(name!);
  if (value === undefined || (value === "" && operator === ":-")) return otherwise;
  return value;
}
