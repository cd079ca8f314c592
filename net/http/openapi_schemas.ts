/**
 * zod's schemas as those of an OpenAPI document: named ones become components, the others stand where they are used.
 *
 * @module
 */
import * as z from "zod";

/** JSON Schema, as OpenAPI 3.1 has it. */
export type JsonSchema = { [key: string]: unknown };

/** Bounds that zod gives every whole number: what a number in JSON can hold anyway. */
const SAFE_BOUNDS: ReadonlySet<unknown> = new Set([
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
]);

/** Collects the named schemas of one document. */
export class SchemaComponents {
  readonly schemas: Record<string, JsonSchema> = {};

  /** What a client is answered: it has to live with members that later versions add. */
  ofReply(schema: z.ZodType): JsonSchema {
    return this.#hoisted(z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }), {
      isReply: true,
    });
  }

  /** What a client sends. */
  ofRequest(schema: z.ZodType): JsonSchema {
    return this.#hoisted(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), {
      isReply: false,
    });
  }

  #hoisted(root: JsonSchema, { isReply }: { isReply: boolean }): JsonSchema {
    const named = { ...root["$defs"] as Record<string, JsonSchema> | undefined };
    const { $defs: _, ...rest } = root;
    const rootName = rest["id"];
    if (typeof rootName === "string") named[rootName] = rest;
    const taken = new Map<string, string>();
    for (const [name, schema] of Object.entries(named)) {
      const shape = JSON.stringify(cleaned(schema, { isReply, names: new Map() }));
      taken.set(name, this.#nameFor(name, { shape, isReply }));
    }
    for (const [name, schema] of Object.entries(named)) {
      this.schemas[taken.get(name)!] = cleaned(schema, { isReply, names: taken });
    }
    return typeof rootName === "string"
      ? { $ref: `#/components/schemas/${taken.get(rootName)}` }
      : cleaned(rest, { isReply, names: taken });
  }

  /** What is sent and what is answered may differ under one name. */
  #nameFor(name: string, { shape, isReply }: { shape: string; isReply: boolean }): string {
    const known = this.#shapes.get(name);
    if (known === undefined) this.#shapes.set(name, shape);
    else if (known !== shape) {
      return this.#nameFor(`${name}${isReply ? "Reply" : "Input"}`, { shape, isReply });
    }
    return name;
  }

  readonly #shapes = new Map<string, string>();
}

function cleaned(
  schema: JsonSchema,
  options: { isReply: boolean; names: ReadonlyMap<string, string> },
): JsonSchema {
  const result: JsonSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "$schema" || (key === "id" && typeof value === "string")) continue;
    if ((key === "minimum" || key === "maximum") && SAFE_BOUNDS.has(value)) continue;
    if (key === "additionalProperties" && value === false && options.isReply) continue;
    if (key === "$ref" && typeof value === "string") {
      const name = value.slice(value.lastIndexOf("/") + 1);
      result["$ref"] = `#/components/schemas/${options.names.get(name) ?? name}`;
    } else if (key === "properties") {
      result[key] = Object.fromEntries(
        Object.entries(value as Record<string, JsonSchema>)
          .map(([name, part]) => [name, cleaned(part, options)]),
      );
    } else result[key] = cleanedValue(value, options);
  }
  return result;
}

function cleanedValue(value: unknown, options: Parameters<typeof cleaned>[1]): unknown {
  if (Array.isArray(value)) return value.map((part) => cleanedValue(part, options));
  if (typeof value === "object" && value !== null) return cleaned(value as JsonSchema, options);
  return value;
}
