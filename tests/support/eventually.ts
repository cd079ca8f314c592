/**
 * Waits for what another process or a timer will bring about.
 *
 * @module
 */

const POLL_MS = 10;
/** Far beyond what anything takes; reached only when it never happens. */
const TIMEOUT_MS = 120_000;

/** Asks again and again until `isTrue`; throws, naming `what`, when it never is. */
export async function eventually(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!await isTrue()) {
    if (performance.now() > deadline) throw new Error(`It never came about: ${what}`);
    await pause(POLL_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
