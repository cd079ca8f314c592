/**
 * `Prefer: return=representation` or `return=minimal` (RFC 7240): how much a write answers.
 *
 * @module
 */

export type ReturnPreference = "representation" | "minimal" | null;

const RETURN = /(?:^|,)\s*return\s*=\s*"?(representation|minimal)"?\s*(?=,|;|$)/i;

export function returnPreference(request: Request): ReturnPreference {
  const header = request.headers.get("prefer");
  if (header === null) return null;
  const value = RETURN.exec(header)?.[1]?.toLowerCase();
  return value === undefined ? null : value as ReturnPreference;
}
