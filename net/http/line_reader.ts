/**
 * Takes a body apart into lines as it arrives: each may be so long, all together as long as they like.
 *
 * @module
 */
import { Problem } from "./problem.ts";

const LINE_END = 0x0a;

export interface LineLimits {
  readonly lineBytesMax: number;
  /** How long nothing may arrive. Default: for ever. */
  readonly idleMs?: number;
}

/** Lines with their numbers, from 1 on; empty ones are left out. */
export async function* linesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { lineBytesMax, idleMs }: LineLimits,
): AsyncGenerator<{ number: number; text: string }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let number = 1;
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read(), idleMs);
      if (done) break;
      let start = 0;
      for (;;) {
        const end = value.indexOf(LINE_END, start);
        const part = value.subarray(start, end < 0 ? value.length : end);
        partBytes += part.length;
        if (partBytes > lineBytesMax) {
          throw new Problem("too-large", {
            detail:
              `Line ${number} is longer than ${lineBytesMax} bytes: the limit comes from jute.maxbuffer`,
            members: { line: number },
          });
        }
        parts.push(part);
        if (end < 0) break;
        const text = taken();
        if (text !== "") yield { number, text };
        number += 1;
        start = end + 1;
      }
    }
    const text = taken();
    if (text !== "") yield { number, text };
  } finally {
    reader.cancel().catch(() => {}); // what is left of it, if anything
  }

  function taken(): string {
    let text = "";
    for (const part of parts) text += decoder.decode(part, { stream: true });
    text += decoder.decode();
    parts = [];
    partBytes = 0;
    return text.trim();
  }
}

async function inTime<T>(promise: Promise<T>, ms: number | undefined): Promise<T> {
  if (ms === undefined) return await promise;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(
      new Problem("slow-request", {
        detail:
          `Nothing of the body arrived for ${ms} ms, http.requestTimeout: send it without such pauses, or set more`,
      }),
    );
  }, ms);
  try {
    return await Promise.race([promise, late.promise]);
  } catch (error) {
    promise.catch(() => {});
    if (error instanceof Problem) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem("bad-request", { detail: `The body broke off: ${reason}` });
  } finally {
    clearTimeout(timer);
  }
}
