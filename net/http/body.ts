/**
 * Takes the body of a request: so many bytes at most, in so much time.
 *
 * @module
 */
import type * as z from "zod";
import type { BodyBudget } from "./body_budget.ts";
import { ReceivedRequest } from "./listener/received_request.ts";
import { Problem } from "./problem.ts";

/** Wrong values that one answer tells of. */
const ISSUE_COUNT_MAX = 20;
const EMPTY = new Uint8Array();

export interface BodyLimit {
  readonly bytesMax: number;
  /** Where the limit comes from, for the message. */
  readonly because: string;
  /** For all of it to arrive. */
  readonly timeoutMs: number;
  /** Of all bodies together. */
  readonly budget: BodyBudget;
}

/** A body that has come whole and is not too long; null: it must be read. */
export function bytesAtHand(request: Request, bytesMax: number): Uint8Array<ArrayBuffer> | null {
  const declared = request.headers.get("content-length");
  if (declared === "0") return EMPTY;
  if (declared === null || Number(declared) > bytesMax) return null;
  return request instanceof ReceivedRequest ? request.takeBody() : null;
}

/** @throws {Problem} `too-large`, `slow-request`, `bad-request` when it breaks off */
export async function readBytes(
  request: Request,
  limit: BodyLimit,
): Promise<Uint8Array<ArrayBuffer>> {
  const arrived = bytesAtHand(request, limit.bytesMax);
  if (arrived !== null) return arrived; // no need to wait, nor for a timer
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > limit.bytesMax) {
    throw tooLarge(`${declared} bytes`, limit);
  }
  if (declared === null && request.body === null) return EMPTY;
  const declaredBytes = Number(declared ?? 0);
  limit.budget.take(declaredBytes);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooSlow(limit)), limit.timeoutMs);
  const read = declared === null ? collected(request.body!, limit) : request.bytes();
  try {
    return await Promise.race([read, late.promise]);
  } catch (error) {
    read.catch(() => {}); // of a late one nobody else would
    if (error instanceof Problem) throw error;
    throw new Problem("bad-request", {
      detail: `The body broke off: ${error instanceof Error ? error.message : String(error)}`,
    });
  } finally {
    clearTimeout(timer);
    limit.budget.giveBack(declaredBytes);
  }
}

/** A body without a length told ahead, counted as it comes. */
async function collected(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  limit: BodyLimit,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let byteCount = 0;
  let takenBytes = 0;
  try {
    for await (const part of body) {
      byteCount += part.length;
      if (byteCount > limit.bytesMax) throw tooLarge(`more than ${limit.bytesMax} bytes`, limit);
      limit.budget.take(part.length);
      takenBytes = byteCount;
      parts.push(part);
    }
  } finally {
    limit.budget.giveBack(takenBytes);
  }
  const bytes = new Uint8Array(byteCount);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * The body as JSON; nothing at all stands for `{}`, as it is what `curl -X POST` sends.
 *
 * @throws {Problem} also `unsupported-media-type`, `bad-json`, and `bad-request` for what the schema refuses
 */
export async function readJson<Schema extends z.ZodType>(
  request: Request,
  { schema, ...limit }: BodyLimit & { schema: Schema },
): Promise<z.output<Schema>> {
  const type = request.headers.get("content-type");
  if (!isJsonType(type)) {
    throw new Problem("unsupported-media-type", {
      detail: `Cannot read a body of type ${JSON.stringify(type)}: send application/json`,
      headers: { "Accept-Post": "application/json" },
    });
  }
  const bytes = await readBytes(request, limit);
  const parsed = schema.safeParse(bytes.length === 0 ? {} : parseJson(bytes));
  if (parsed.success) return parsed.data;
  const issues = issuesOf(parsed.error, "");
  throw new Problem("bad-request", {
    detail: `The body is not what is expected: ${issues[0]!.at || "it"}: ${issues[0]!.message}`,
    members: { issues },
  });
}

/** Where a value is wrong, such as `ops[2].version`, and how. */
export function issuesOf(
  error: z.ZodError,
  prefix: string,
): { at: string; message: string }[] {
  return error.issues.slice(0, ISSUE_COUNT_MAX).map(({ path, message }) => ({
    at: path.reduce<string>((text, part) => {
      if (typeof part === "number") return `${text}[${part}]`;
      return text === "" ? String(part) : `${text}.${String(part)}`;
    }, prefix),
    message,
  }));
}

/**
 * What curl sends with `-d` unless told otherwise is taken too, although it says that it is a form: nothing else
 * is meant by it here. A form of another site could say the same, but those are refused for where they are from.
 */
function isJsonType(type: string | null): boolean {
  if (type === null) return true;
  const name = type.split(";", 1)[0]!.trim().toLowerCase();
  return name === "" || name === "application/json" || name.endsWith("+json") ||
    name === "application/x-www-form-urlencoded";
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "it is not valid UTF-8";
    throw new Problem("bad-json", { detail: `Cannot read the body as JSON: ${reason}` });
  }
}

function tooLarge(size: string, { bytesMax, because }: BodyLimit): Problem {
  return new Problem("too-large", {
    detail: `Cannot take a body of ${size}: the limit is ${bytesMax} bytes, ${because}`,
    outcome: "not-applied",
    members: { limitBytes: bytesMax },
  });
}

function tooSlow({ timeoutMs }: BodyLimit): Problem {
  return new Problem("slow-request", {
    detail:
      `The body did not arrive within ${timeoutMs} ms, http.requestTimeout: send it faster, or set more`,
    outcome: "not-applied",
  });
}
