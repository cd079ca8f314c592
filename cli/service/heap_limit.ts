/**
 * The heap that operators give Java's server, in ZK_SERVER_HEAP or -Xmx, as an option of V8.
 *
 * @module
 */

import { MIB } from "../../net/byte_size.ts";
import { type Environment, splitShellWords } from "../config_sources.ts";

/** A server that recovers a small tree needs less; V8 ends a process that has too little without a word. */
const HEAP_MIB_MIN = 128;

export interface HeapLimit {
  readonly mebibytes: number;
  /** Where it was said: `-Xmx2g of JVMFLAGS`. */
  readonly origin: string;
}

/** @returns null when nobody says: the runtime decides */
export function heapLimitOf(environment: Environment): HeapLimit | null {
  let limit: HeapLimit | null = null;
  const say = (mebibytes: number, origin: string) => {
    limit = { mebibytes: Math.max(HEAP_MIB_MIN, Math.floor(mebibytes)), origin };
  };
  const megabytes = environment("ZK_SERVER_HEAP")?.trim() ?? "";
  if (/^[1-9]\d{0,8}$/.test(megabytes)) say(Number(megabytes), "ZK_SERVER_HEAP");
  // the last one counts, in the order in which zkServer.sh gives them to Java
  for (const variable of ["SERVER_JVMFLAGS", "JVMFLAGS"]) {
    for (const word of splitShellWords(environment(variable) ?? "")) {
      const [, digits, unit = ""] = /^-Xmx(\d{1,15})([kmgt]?)$/i.exec(word) ?? [];
      if (digits === undefined) continue;
      const bytes = Number(digits) * 1024 ** " kmgt".indexOf(unit.toLowerCase() || " ");
      say(bytes / MIB, `${word} of ${variable}`);
    }
  }
  return limit;
}

/** What a process must find in its environment for it. */
export function heapVariables(
  limit: HeapLimit | null,
  environment: Environment,
): Record<string, string> {
  if (limit === null) return {};
  const given = environment("DENO_V8_FLAGS");
  const flag = `--max-old-space-size=${limit.mebibytes}`;
  return { DENO_V8_FLAGS: given ? `${given},${flag}` : flag };
}
