/**
 * What to tell about keys that have no effect, or that nobody knows: one warning each, with the
 * place and the reason. What only an ensemble would use shares one.
 *
 * @module
 */

import leven from "leven";
import type { Notice } from "./config_error.ts";
import { EFFECTIVE_KEYS, ENSEMBLE_KEYS } from "./config_schema.ts";
import { ALIAS_KEYS, type Setting } from "./config_sources.ts";
import { isEnsembleLine } from "../cluster/ensemble_lines.ts";
import { INERT_KEYS, inertReason, LOGGING_KEYS } from "./inert_keys.ts";

/** What `authProvider.N` may name: the class's last word. */
const AUTH_PROVIDER_CLASSES: ReadonlySet<string> = new Set([
  ...["SASLAuthenticationProvider", "EnsembleAuthenticationProvider"],
  ...["DigestAuthenticationProvider", "IPAuthenticationProvider"],
]);

/** In ZooKeeper's own sample of a server that stands alone, and so in nearly every zoo.cfg. */
const SAMPLE_KEYS: ReadonlySet<string> = new Set(["initLimit", "syncLimit"]);

export function isAuthProviderLine(key: string): boolean {
  return key.startsWith("authProvider.");
}

export function isSuperUserLine(key: string): boolean {
  return key === "superUser" || key.startsWith("superUser.");
}

/** @param isMember of an ensemble; a standalone server makes nothing of some keys */
export function noticesOfKeys(
  settings: ReadonlyMap<string, Setting>,
  { isMember }: { readonly isMember: boolean },
): Notice[] {
  const notices: Notice[] = [];
  const ensembleOnly: string[] = [];
  let isAsInSample = true;
  for (const { key, value, origin } of settings.values()) {
    if (isEnsembleLine(key) || ENSEMBLE_KEYS.has(key)) {
      if (!isMember) ensembleOnly.push(`${key} (${origin})`);
      isAsInSample &&= SAMPLE_KEYS.has(key);
      continue;
    }
    if (EFFECTIVE_KEYS.has(key) || LOGGING_KEYS.has(key) || isSuperUserLine(key)) continue;
    const reason = reasonOf(key, value.trim());
    if (reason === null) continue;
    if (reason === undefined) notices.push(unknownKey(key, origin));
    else {
      const fields = { key, at: origin, reason };
      notices.push({ level: "warn", message: "setting has no effect", fields });
    }
  }
  if (ensembleOnly.length > 0) {
    notices.push({
      level: isAsInSample ? "info" : "warn",
      message: "running standalone, settings of ensembles have no effect",
      fields: { keys: ensembleOnly.join(", ") },
    });
  }
  return notices;
}

function reasonOf(key: string, value: string): string | null | undefined {
  if (!isAuthProviderLine(key)) return inertReason(key, value);
  const name = value.split(".").at(-1)!;
  if (AUTH_PROVIDER_CLASSES.has(name)) return null;
  return name === "X509AuthenticationProvider"
    ? "TLS is not available in this version"
    : "Java classes cannot be loaded";
}

function unknownKey(key: string, at: string): Notice {
  const suggestion = nearestKey(key);
  return suggestion === undefined
    ? { level: "warn", message: "setting is not known and has no effect", fields: { key, at } }
    : {
      level: "warn",
      message: `setting is not known and has no effect, did you mean ${suggestion}`,
      fields: { key, at },
    };
}

/** The known key that is a slip of the fingers away; undefined when none is near. */
export function nearestKey(key: string): string | undefined {
  const lower = key.toLowerCase();
  let nearest: string | undefined;
  let nearestDistance = Math.min(3, Math.floor(key.length / 3)) + 1;
  for (const known of [...EFFECTIVE_KEYS, ...ALIAS_KEYS, ...LOGGING_KEYS, ...INERT_KEYS]) {
    const distance = leven(lower, known.toLowerCase(), { maxDistance: nearestDistance });
    if (distance >= nearestDistance) continue;
    nearest = known;
    nearestDistance = distance;
  }
  return nearest;
}
