/**
 * A znode's data inside of JSON: `{"encoding":"utf8|base64|json","data":…}`, and null for no data, which is
 * not the same as empty data.
 *
 * @module
 */
import * as z from "zod";
import { encodeUtf8 } from "../../core/wire/jute.ts";
import { Problem } from "./problem.ts";

export const DataJson = z.discriminatedUnion("encoding", [
  z.strictObject({ encoding: z.literal("utf8"), data: z.string() }),
  z.strictObject({ encoding: z.literal("base64"), data: z.string() }),
  z.strictObject({
    encoding: z.literal("json"),
    data: z.unknown().refine((data) => data !== undefined, "data is missing"),
  }),
]).meta({ id: "Data", description: "a znode's data: as text, as base64, or as JSON itself" });

export type DataJson = z.output<typeof DataJson>;

/** What requests may carry: a string stands for itself in UTF-8. */
export const DataInput = z.union([DataJson, z.string(), z.null()]).meta({
  description: "null: none, which is not the same as empty; a string: itself in UTF-8",
});

/** How data is wanted. What does not fit (no UTF-8, no JSON) comes as `auto` has it. */
export const EncodingName = z.enum(["auto", "utf8", "base64", "json"]);
export type EncodingName = z.output<typeof EncodingName>;

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** All control characters but tab and line ends. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** The text that the bytes are, or null when they are no UTF-8. */
function decodedText(bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Text that may be shown as such: UTF-8 without control characters. Null: binary. */
export function plainText(bytes: Uint8Array): string | null {
  const text = decodedText(bytes);
  return text === null || CONTROL.test(text) ? null : text;
}

export function dataJson(
  data: Uint8Array<ArrayBuffer> | null,
  wanted: EncodingName,
): DataJson | null {
  if (data === null) return null;
  if (wanted !== "base64") {
    const text = wanted === "auto" ? plainText(data) : decodedText(data);
    if (text !== null) {
      const json = wanted === "json" ? parsedExactly(text) : undefined;
      if (json !== undefined) return { encoding: "json", data: json };
      if (wanted === "utf8" || !CONTROL.test(text)) return { encoding: "utf8", data: text };
    }
  }
  return { encoding: "base64", data: data.toBase64() };
}

/** @throws {Problem} `bad-request` for what is no base64 */
export function dataOfJson(
  input: z.output<typeof DataInput>,
  place: string,
): Uint8Array<ArrayBuffer> | null {
  if (input === null) return null;
  if (typeof input === "string") return encodeUtf8(input);
  switch (input.encoding) {
    case "utf8":
      return encodeUtf8(input.data);
    case "json":
      return encodeUtf8(JSON.stringify(input.data));
    case "base64":
      try {
        return Uint8Array.fromBase64(input.data);
      } catch {
        throw new Problem("bad-request", { detail: `The data of ${place} is not base64` });
      }
  }
}

type ExactReviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const parseJson = JSON.parse as (text: string, reviver: ExactReviver) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** The value, in which numbers keep their digits when it is written again; undefined when it is no JSON. */
function parsedExactly(text: string): unknown {
  try {
    return parseJson(
      text,
      (_key, value, { source }) =>
        typeof value === "number" && source !== undefined && String(value) !== source
          ? rawJson(source)
          : value,
    );
  } catch {
    return undefined;
  }
}
