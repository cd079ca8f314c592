/**
 * Durations as people write them in a URL or a body: `500ms`, `15s`, `2m`, `1h`, or a number of milliseconds.
 *
 * @module
 */
import * as z from "zod";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d{1,12})(ms|s|m|h)?$/;

/** Of JSON bodies and queries; its output is in ms. */
export function duration({ min = 0, max }: { min?: number; max: number }) {
  return z.union([z.string(), z.number()])
    .meta({
      description: `such as "500ms", "15s", "2m", "1h", or a number of ms: ` +
        `from ${durationText(min)} to ${durationText(max)}`,
      examples: ["15s"],
    })
    .transform((value, context) => {
      const match = DURATION.exec(String(value));
      const ms = match === null ? NaN : Number(match[1]) * UNITS_MS[match[2] ?? "ms"]!;
      if (ms >= min && ms <= max) return ms;
      context.addIssue(
        Number.isNaN(ms)
          ? `${JSON.stringify(value)} is no duration: write it as 500ms, 15s, 2m or 1h`
          : `${value} is not within ${durationText(min)} and ${durationText(max)}`,
      );
      return z.NEVER;
    });
}

/** In the largest unit that leaves no rest. */
export function durationText(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    if (ms > 0 && ms % UNITS_MS[unit]! === 0) return `${ms / UNITS_MS[unit]!}${unit}`;
  }
  return `${ms}ms`;
}
