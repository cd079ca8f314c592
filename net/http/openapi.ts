/**
 * The OpenAPI 3.1 document of the HTTP API, made from the same routes that the router is made from, and from
 * hand-written items of what is served beside them.
 *
 * @module
 */
import type * as z from "zod";
import { DENKEEPER_VERSION } from "../../core/version.ts";
import {
  COMMON_HEADERS,
  COMMON_PARAMETERS,
  PROBLEM_SCHEMA,
  problemNamesOf,
  SECURITY_SCHEMES,
} from "./openapi_common.ts";
import { type JsonSchema, SchemaComponents } from "./openapi_schemas.ts";
import { type ProblemName, PROBLEMS } from "./problem.ts";
import type { AnyRoute, ResponseDoc } from "./route.ts";
import { paramNamesOf, PATH_PARAM } from "./url_template.ts";

export interface OpenApiParameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface OpenApiReference {
  readonly $ref: string;
}

export interface OpenApiResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>;
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly (OpenApiParameter | OpenApiReference)[];
  readonly requestBody?: unknown;
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
}

/** By method, in lower case. */
export type OpenApiItem = Readonly<Record<string, OpenApiOperation>>;

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly security: readonly unknown[];
  readonly paths: Readonly<Record<string, OpenApiItem>>;
  readonly components: Readonly<Record<string, unknown>>;
}

const DESCRIPTION =
  `The znodes of a ZooKeeper ensemble over HTTP. A znode's path follows the name of what is asked for,
each of its names percent-encoded: \`/api/v1/data/app/config\`. A client that is generated from this document writes the
slashes between names as \`%2F\`, which is refused: have it put \`/\` in their place before it sends the URL (no name can
have a slash, so nothing is lost); paths of one name need nothing. Numbers of 64 bits (zxids, ids of sessions) are
strings such as \`"0x100000003"\`; versions and times in ms are numbers. Every reply has \`X-Zk-Zxid\`, the
last transaction that it may show: send it back as \`X-Zk-Min-Zxid\` to read your own writes at any
server. What fails is answered with \`application/problem+json\` (RFC 9457); of a write that failed \`outcome\`
says whether it was done all the same.`.replaceAll("\n", " ");

/** @param items what is served beside the operations, by URL */
export function openApiDocument(
  routes: readonly AnyRoute[],
  items: Readonly<Record<string, OpenApiItem>>,
): OpenApiDocument {
  const components = new SchemaComponents();
  // replies first: where a request has another shape of the same, that one is called otherwise
  for (const doc of routes.flatMap(({ responses }) => Object.values<ResponseDoc>(responses))) {
    responseOf(doc, components);
  }
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const route of routes) {
    const item = paths[route.path] ??= {};
    item[route.method.toLowerCase()] = operationOf(route, components);
  }
  for (const [path, item] of Object.entries(items)) paths[path] = { ...paths[path], ...item };
  const tags = new Set(
    Object.values(paths).flatMap((item) => Object.values(item)).flatMap(({ tags }) => tags),
  );
  return {
    openapi: "3.1.0",
    info: { title: "Denkeeper HTTP API", version: DENKEEPER_VERSION, description: DESCRIPTION },
    servers: [{ url: "/" }],
    tags: [...tags].map((name) => ({ name })),
    security: [{}, { basic: [] }, { session: [] }, { basic: [], session: [] }],
    paths,
    components: {
      schemas: { Problem: PROBLEM_SCHEMA, ...components.schemas },
      parameters: COMMON_PARAMETERS,
      headers: COMMON_HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function operationOf(route: AnyRoute, components: SchemaComponents): OpenApiOperation {
  const { operationId, tag, summary, description } = route;
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: parametersOf(route, components),
    ...(route.body === null ? {} : { requestBody: bodyOf(route, components) }),
    responses: responsesOf(route, components),
  };
}

function parametersOf(
  route: AnyRoute,
  components: SchemaComponents,
): (OpenApiParameter | OpenApiReference)[] {
  const parameters: (OpenApiParameter | OpenApiReference)[] = [];
  if (route.path.endsWith(PATH_PARAM)) parameters.push(reference("parameters", "path"));
  for (const name of paramNamesOf(route.path)) {
    parameters.push({ name, in: "path", required: true, schema: { type: "string" } });
  }
  const query = components.ofRequest(route.query) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  for (const [name, { description, ...schema }] of Object.entries(query.properties ?? {})) {
    parameters.push({
      name,
      in: "query",
      ...(query.required?.includes(name) ? { required: true } : {}),
      ...(typeof description === "string" ? { description } : {}),
      schema,
    });
  }
  for (const [name, description] of Object.entries(route.headers ?? {})) {
    parameters.push({ name, in: "header", description, schema: { type: "string" } });
  }
  parameters.push(reference("parameters", "consistency"), reference("parameters", "minZxid"));
  return parameters;
}

function bodyOf({ body }: AnyRoute, components: SchemaComponents): unknown {
  if (body === "raw" || body === "stream") {
    return { content: { "application/octet-stream": {} } };
  }
  return {
    required: true,
    content: { "application/json": { schema: components.ofRequest(body as z.ZodType) } },
  };
}

/** Responses for problems, by status. */
export function problemResponses(
  names: readonly ProblemName[],
): Record<string, OpenApiResponse> {
  const byStatus = Map.groupBy(names, (name) => PROBLEMS[name].status);
  return Object.fromEntries(
    [...byStatus].sort(([a], [b]) => a - b).map(([status, names]) => [status, problemOf(names)]),
  );
}

function responsesOf(
  route: AnyRoute,
  components: SchemaComponents,
): Record<string, OpenApiResponse> {
  const responses: Record<string, OpenApiResponse> = {};
  for (const [status, doc] of Object.entries<ResponseDoc>(route.responses)) {
    responses[status] = responseOf(doc, components);
  }
  for (const [status, problem] of Object.entries(problemResponses(problemNamesOf(route)))) {
    const own = responses[status];
    responses[status] = own === undefined ? problem : {
      ...own,
      description: `${own.description}. Or: ${problem.description}`,
      content: { ...own.content, ...problem.content },
    };
  }
  return responses;
}

function responseOf(
  { description, body, headers, otherContentTypes = [] }: ResponseDoc,
  components: SchemaComponents,
): OpenApiResponse {
  const described = Object.entries(headers ?? {}).map(([name, text]) => [
    name,
    { description: text, schema: { type: "string" } },
  ]);
  return {
    description,
    headers: { ...commonHeaders(), ...Object.fromEntries(described) },
    ...(body === undefined ? {} : {
      content: {
        ...("contentType" in body
          ? { [body.contentType]: {} }
          : { "application/json": { schema: components.ofReply(body) } }),
        ...Object.fromEntries(otherContentTypes.map((type) => [type, {}])),
      },
    }),
  };
}

function problemOf(names: readonly ProblemName[]): OpenApiResponse {
  return {
    description: names.map((name) => `\`${name}\`: ${PROBLEMS[name].title}`).join("; "),
    headers: commonHeaders(),
    content: { "application/problem+json": { schema: reference("schemas", "Problem") } },
  };
}

function commonHeaders(): Record<string, OpenApiReference> {
  return {
    "X-Zk-Zxid": reference("headers", "zxid"),
    "X-Denkeeper-Version": reference("headers", "version"),
  };
}

function reference(kind: string, name: string): OpenApiReference {
  return { $ref: `#/components/${kind}/${name}` };
}
