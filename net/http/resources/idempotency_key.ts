/**
 * `Idempotency-Key`: what tells a request that is sent again from another one.
 *
 * @module
 */
import { Problem } from "../problem.ts";

export const IDEMPOTENCY_KEY = "Idempotency-Key";
const LENGTH_MAX = 200;

/**
 * The request's key; null: it has none.
 *
 * @throws {Problem} `bad-request` for one that is empty or too long
 */
export function idempotencyKeyOf({ headers }: Request): string | null {
  const key = headers.get(IDEMPOTENCY_KEY);
  if (key === null || (key !== "" && key.length <= LENGTH_MAX)) return key;
  throw new Problem("bad-request", {
    outcome: "not-applied",
    detail: `${IDEMPOTENCY_KEY} has ${key.length} letters: it must have 1 to ${LENGTH_MAX}`,
  });
}
