/**
 * Holds answers of a server against its own OpenAPI document: the status, the problem and the shape of the JSON must
 * be what the operation is said to answer. JSON ends with a newline, for those who read it in a shell.
 *
 * @module
 */
import assert from "node:assert/strict";

// deno-lint-ignore no-explicit-any
type Json = any;

export interface Given {
  readonly method: string;
  /** From `/api/v1` on, with the query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
}

/** Servers of one program have the same document: the first one's is kept. */
let kept: Json = null;

/** Null: the server is still starting, or is gone. */
export async function documentOf(url: string): Promise<Json> {
  if (kept !== null) return kept;
  const response = await fetch(`${url}/openapi.json`).catch(() => null);
  if (response?.ok) kept = await response.json();
  else await response?.body?.cancel();
  return kept;
}

/** Throws when the document does not tell of such an answer. URLs that there are not are let through. */
export function assertDocumented(
  document: Json,
  { method, path, status, contentType, text }: Given,
) {
  if (document === null) return;
  const item = itemOf(document, path.split("?", 1)[0]!);
  const operation = item?.[method.toLowerCase()] ?? (method === "HEAD" ? item?.get : undefined);
  if (operation === undefined) return;
  const where = `${method} ${path} answered ${status}`;
  const response = operation.responses[status];
  assert.ok(response !== undefined, `${where}, which is not documented: ${text}`);
  if (text === "") return;
  const type = contentType?.split(";", 1)[0];
  if (status === 503 && type === "text/plain") return; // of the port, which has no API yet or any more
  const types = Object.keys(response.content ?? {});
  if (type === "application/problem+json") {
    const problem = JSON.parse(text);
    const name = problem.type.slice(problem.type.lastIndexOf(":") + 1);
    assert.ok(
      response.description.includes(`\`${name}\``),
      `${where} with ${name}, not documented`,
    );
  }
  assert.ok(types.includes(type!) || isAnyType(types), `${where} as ${type}, not one of ${types}`);
  const schema = response.content[type!]?.schema;
  if (type!.endsWith("json") && !isAnyType(types)) {
    assert.ok(text.endsWith("\n"), `${where}: the JSON has no newline at its end`);
  }
  if (schema !== undefined && type!.endsWith("json")) {
    const wrong = mismatch(document, schema, JSON.parse(text), "$");
    assert.equal(wrong, null, `${where}: ${text}`);
  }
}

/** Data of znodes has the type that it looks like. */
function isAnyType(types: readonly string[]): boolean {
  return types.includes("application/octet-stream");
}

function itemOf(document: Json, path: string): Json {
  const templates = Object.keys(document.paths);
  const isFor = (template: string) => {
    const wild = template.endsWith("/{path}");
    const fixed = (wild ? template.slice(0, -"/{path}".length) : template)
      .replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll(/\{\w+\}/g, "[^/]+");
    return new RegExp(`^${fixed}${wild ? "(/.*)?" : ""}$`).test(path);
  };
  // one without parts goes before one with them
  const found = templates.find((template) => template === path) ?? templates.find(isFor);
  return found === undefined ? undefined : document.paths[found];
}

/** Where a value is not what its schema says; null: nowhere. Knows what our document uses. */
function mismatch(document: Json, schema: Json, value: Json, at: string): string | null {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1);
    return mismatch(document, document.components.schemas[name], value, at);
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) {
    const wrong = options.map((option: Json) => mismatch(document, option, value, at));
    return wrong.includes(null) ? null : `${at}: none of ${wrong.join(" / ")}`;
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${at}: not in the enum`;
  if ("const" in schema && schema.const !== value) return `${at}: not ${schema.const}`;
  if (schema.type !== undefined && ![schema.type].flat().includes(typeOf(value, schema.type))) {
    return `${at}: not ${schema.type}`;
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value)) {
    return `${at}: does not match ${schema.pattern}`;
  }
  if (Array.isArray(value) && schema.items !== undefined) {
    for (const [index, item] of value.entries()) {
      const wrong = mismatch(document, schema.items, item, `${at}[${index}]`);
      if (wrong !== null) return wrong;
    }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  for (const name of schema.required ?? []) if (!(name in value)) return `${at}: no ${name}`;
  for (const [name, part] of Object.entries(value)) {
    const own = schema.properties?.[name] ?? schema.additionalProperties;
    // without an own schema it is undocumented, unless anything goes
    if (own === undefined && schema.properties !== undefined && !isOpen(document, schema)) {
      return `${at}.${name}: is not documented`;
    }
    if (typeof own !== "object") continue;
    const wrong = mismatch(document, own, part, `${at}.${name}`);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** Problems have further members. */
function isOpen(document: Json, schema: Json): boolean {
  return schema === document.components.schemas.Problem;
}

function typeOf(value: Json, wanted: string | string[]): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (Number.isInteger(value) && [wanted].flat().includes("integer")) return "integer";
  return typeof value;
}
