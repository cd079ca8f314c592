import assert from "node:assert/strict";
import { z } from "zod";
import { openApiDocument, type OpenApiOperation } from "../../../net/http/openapi.ts";
import { PROBLEMS } from "../../../net/http/problem.ts";
import { route } from "../../../net/http/route.ts";
import { InProcessServer } from "../../support/in_process_server.ts";

const Thing = z.object({ name: z.string(), size: z.int() }).meta({ id: "Thing" });

const ROUTE = route({
  method: "PUT",
  path: "/api/v1/things/{owner}/{path}",
  operationId: "putThing",
  tag: "things",
  summary: "Makes a thing",
  query: z.strictObject({
    how: z.enum(["a", "b"]).meta({ description: "in which way" }),
    count: z.string().transform(Number).optional(),
  }),
  headers: { "If-Match": "ETags" },
  body: z.strictObject({ things: z.array(Thing) }),
  responses: {
    200: { description: "It is there", body: Thing, headers: { ETag: "its version" } },
    409: { description: "Another is there", body: { contentType: "text/plain" } },
  },
  problems: ["no-auth", "node-exists"],
  isWrite: true,
  handle: () => new Response(),
});

/** Everything that a document points to. */
function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    key === "$ref" && typeof part === "string" ? [part] : referencesIn(part)
  );
}

function resolve(document: unknown, reference: string): unknown {
  return reference.slice(2).split("/")
    .reduce((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}

Deno.test("openApiDocument() tells of a route what it takes and what it answers", () => {
  const document = openApiDocument([ROUTE], {});
  const put = document.paths[ROUTE.path]!["put"]!;
  assert.deepEqual(put.parameters, [
    { $ref: "#/components/parameters/path" },
    { name: "owner", in: "path", required: true, schema: { type: "string" } },
    {
      name: "how",
      in: "query",
      required: true,
      description: "in which way",
      schema: { type: "string", enum: ["a", "b"] },
    },
    { name: "count", in: "query", schema: { type: "string" } },
    { name: "If-Match", in: "header", description: "ETags", schema: { type: "string" } },
    { $ref: "#/components/parameters/consistency" },
    { $ref: "#/components/parameters/minZxid" },
  ]);
  assert.deepEqual(put.requestBody, {
    required: true,
    content: {
      "application/json": {
        schema: {
          type: "object",
          properties: {
            things: { type: "array", items: { $ref: "#/components/schemas/Thing" } },
          },
          required: ["things"],
          additionalProperties: false,
        },
      },
    },
  });
  assert.deepEqual(put.responses["200"]!.content, {
    "application/json": { schema: { $ref: "#/components/schemas/Thing" } },
  });
  assert.deepEqual(Object.keys(put.responses["409"]!.content!), [
    "text/plain",
    "application/problem+json",
  ]);
  const schemas = document.components["schemas"] as Record<string, unknown>;
  assert.deepEqual(schemas["Thing"], {
    type: "object",
    properties: { name: { type: "string" }, size: { type: "integer" } },
    required: ["name", "size"],
  });
});

Deno.test("openApiDocument() names what differs between request and reply by two names", () => {
  const Both = z.object({ size: z.string().default("0") }).meta({ id: "Both" });
  const document = openApiDocument([
    route({
      ...ROUTE,
      body: Both,
      responses: { 200: { description: "It", body: Both } },
      handle: () => new Response(),
    }),
  ], {});
  const schemas = document.components["schemas"] as Record<string, { required?: string[] }>;
  assert.deepEqual(schemas["Both"]?.required, ["size"]);
  assert.equal(schemas["BothInput"]?.required, undefined);
});

Deno.test("openApiDocument() documents every status that an operation may fail with", () => {
  const { responses } = openApiDocument([ROUTE], {}).paths[ROUTE.path]!["put"]!;
  const statuses = [400, 401, 403, 408, 409, 410, 413, 415, 421, 429, 500, 503, 504, 507];
  for (const status of statuses) {
    const schema = responses[status]?.content?.["application/problem+json"]?.schema;
    assert.deepEqual(schema, { $ref: "#/components/schemas/Problem" }, `${status}`);
  }
  assert.match(responses["401"]!.description, /`auth-required`: .*; `auth-failed`: /);
});

Deno.test("a server's /openapi.json is whole, and names all operations once", async () => {
  await using server = await InProcessServer.start({ http: true });
  const response = await fetch(`${server.httpUrl}/openapi.json`);
  assert.equal(response.headers.get("content-type"), "application/json");
  const document = await response.json();
  assert.equal(document.openapi, "3.1.0");
  for (const reference of referencesIn(document)) {
    assert.notEqual(resolve(document, reference), undefined, reference);
  }
  const operations = Object.values<Record<string, OpenApiOperation>>(document.paths)
    .flatMap((item) => Object.values(item));
  const ids = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ["getData", "putData", "isReady", "getMetrics", "runCommand"]) {
    assert.ok(ids.includes(id), id);
  }
  const types = document.components.schemas.Problem.properties.type.enum;
  assert.equal(types.length, Object.keys(PROBLEMS).length);
});

Deno.test("a server's /docs shows every operation, and loads and runs nothing", async () => {
  await using server = await InProcessServer.start({ http: true });
  const response = await fetch(`${server.httpUrl}/docs`);
  const page = await response.text();
  assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
  const policy = response.headers.get("content-security-policy")!;
  const style = /<style>([^]*)<\/style>/.exec(page)![1]!;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  assert.ok(policy.startsWith("default-src 'none'; "));
  assert.ok(policy.includes(`style-src 'sha256-${new Uint8Array(hash).toBase64()}'`), policy);
  assert.doesNotMatch(page, /<script|<link|<img|src=|@import|url\(/);
  const document = await (await fetch(`${server.httpUrl}/openapi.json`)).json();
  for (const item of Object.values<Record<string, OpenApiOperation>>(document.paths)) {
    for (const { operationId } of Object.values(item)) {
      assert.ok(page.includes(`<section id="${operationId}">`), operationId);
    }
  }
  const anchors = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id!);
  for (const id of anchors) assert.ok(page.includes(`id="${id}"`), id);
});
