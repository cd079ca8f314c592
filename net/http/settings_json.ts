/**
 * The settings of a server as JSON, without what others must not know.
 *
 * @module
 */
import type { ServerConfig } from "../../core/server_config.ts";
import { isSecret, WITHHELD } from "./secrets.ts";

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export function settingsJson(
  { raw, systemProperties, ...effective }: ServerConfig,
): { file: Record<string, string>; effective: Record<string, Json> } {
  return {
    file: Object.fromEntries([...raw].map(([key, value]) => [key, masked(key, value)])),
    effective: {
      ...jsonOf("", effective) as Record<string, Json>,
      systemProperties: jsonOf("", systemProperties),
    },
  };
}

function masked(key: string, value: string): string {
  return isSecret(key) && value !== "" ? WITHHELD : value;
}

function jsonOf(key: string, value: unknown): Json {
  if (typeof value === "string") return masked(key, value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean" || value === null) return value;
  if (value === undefined) return null;
  if (value instanceof Set) return [...value].map((item) => jsonOf(key, item));
  if (Array.isArray(value)) return value.map((item) => jsonOf(key, item));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([name, item]) => [String(name), jsonOf(name, item)]));
}
