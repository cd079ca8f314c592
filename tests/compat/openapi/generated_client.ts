/**
 * A client that others make out of a server's `/openapi.json`, for `openapi_test.ts`, which starts it.
 *
 * The document is checked by one package, the client is made by a second, and what the server answers is compared with
 * the document's schemas by a third. They are no dependencies of the program: this folder has a deno.json of its
 * own, since a server would else download whatever the lock file names.
 *
 * Its argument is the server's URL. It prints what the document has, then for each line of JSON on stdin (an
 * order) a line with the result.
 *
 * @module
 */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/2020";
import { type Document, OpenAPIClientAxios } from "openapi-client-axios";

/** A call of one operation. */
interface Order {
  readonly url: string;
  readonly operation: string;
  /** In path, query and header, by name. */
  readonly parameters: Record<string, string>;
  /** Not of the document: credentials, or what no client should send. */
  readonly headers: Record<string, string>;
  readonly body: string | null;
  /** Slashes in a parameter of the path go as they are, as the document says. */
  readonly keepsSlashes: boolean;
}

type Media = Record<string, { schema?: unknown }>;

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { content: Media };
  readonly responses: Record<string, { content?: Media; headers?: Record<string, unknown> }>;
}

const [serverUrl = ""] = Deno.args;
const document = await (await fetch(`${serverUrl}/openapi.json`)).json();
const { valid, errors } = await new Validator().validate(structuredClone(document));
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(document, "document");

const operations = new Map<string, { operation: Operation; pointer: string; method: string }>();
for (const [path, item] of Object.entries<Record<string, Operation>>(document.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    const pointer = `/paths/${escaped(path)}/${method}`;
    operations.set(operation.operationId, { operation, pointer, method });
  }
}
print({
  valid,
  errors: errors ?? null,
  operations: [...operations.values()].map(({ operation, pointer, method }) => ({
    operationId: operation.operationId,
    method: method.toUpperCase(),
    path: unescaped(pointer.split("/")[2]!),
    statuses: Object.keys(operation.responses).map(Number),
    bodyType: bodyTypeOf(operation),
  })),
});

const clients = new Map<string, Awaited<ReturnType<typeof clientOf>>>();
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) print(await call(JSON.parse(line)));
}

/** One call, and what of its answer is not as the document has it. */
async function call({ url, operation: id, parameters, headers, body, keepsSlashes }: Order) {
  const client = clients.get(url) ?? await clientOf(url);
  clients.set(url, client);
  const { operation, pointer } = operations.get(id)!;
  const type = bodyTypeOf(operation);
  const response = await client[id]!(parameters, body ?? undefined, {
    headers: { ...(body === null || type === null ? {} : { "content-type": type }), ...headers },
    keepsSlashes,
  } as Record<string, unknown>);
  const { status } = response;
  const got = response.headers["content-type"];
  const contentType = typeof got === "string" ? got : null;
  const text = await textOf(response.data, contentType);
  const wrong: string[] = [];
  const documented = operation.responses[status];
  if (documented === undefined) wrong.push(`status ${status} is not documented`);
  else if (text !== "") wrong.push(...contentProblems({ documented, contentType, text }));
  for (const name of Object.keys(documented?.headers ?? {})) {
    const value = response.headers[name.toLowerCase()];
    if (value === undefined) continue;
    const at = `${pointer}/responses/${status}/headers/${escaped(name)}`;
    const header = resolved(at);
    wrong.push(...problemsOf(`${header}/schema`, value, `header ${name}`));
  }
  const missing = ["x-zk-zxid", "x-denkeeper-version"]
    .filter((name) => response.headers[name] === undefined);
  if (missing.length > 0) wrong.push(`there is no ${missing}`);
  return { status, contentType, text, headers: { ...response.headers }, wrong };

  function contentProblems(x: {
    documented: { content?: Media };
    contentType: string | null;
    text: string;
  }): string[] {
    const content = Object.keys(x.documented.content ?? {});
    if (content.length === 0 && x.contentType === null) return []; // as it is documented
    const media = content
      .find((key) => essence(key) === essence(x.contentType ?? ""));
    if (media === undefined) return [`status ${status} is not to be of type ${x.contentType}`];
    if (!/[/+]json$/.test(essence(media))) return [];
    if (x.documented.content![media]!.schema === undefined) return [];
    const at = `${pointer}/responses/${status}/content/${escaped(media)}/schema`;
    return problemsOf(at, JSON.parse(x.text), "body");
  }
}

async function clientOf(url: string) {
  const api = new OpenAPIClientAxios({
    definition: document as Document,
    withServer: { url },
    axiosConfigDefaults: {
      adapter: "fetch",
      responseType: "stream",
      validateStatus: () => true,
      transformRequest: [(data) => data],
      headers: { accept: "*/*" },
    },
  });
  const client = await api.init();
  client.interceptors.request.use((config) => {
    if ((config as { keepsSlashes?: boolean }).keepsSlashes && config.url !== undefined) {
      config.url = config.url.replaceAll("%2F", "/");
    }
    return config;
  });
  return client as unknown as Record<
    string,
    (
      parameters: Record<string, string>,
      body: string | undefined,
      config: Record<string, unknown>,
    ) => Promise<{
      status: number;
      headers: Record<string, unknown>;
      data: ReadableStream<Uint8Array<ArrayBuffer>> | null;
    }>
  >;
}

/** All of it; of a stream of events the first ones. */
async function textOf(
  data: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  contentType: string | null,
): Promise<string> {
  if (data === null) return "";
  if (contentType === null || essence(contentType) !== "text/event-stream") {
    return await new Response(data).text();
  }
  const reader = data.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

function problemsOf(pointer: string, value: unknown, what: string): string[] {
  const validate = ajv.compile({ $ref: `document#${encodeURI(pointer)}` });
  if (validate(value)) return [];
  return [`${what}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`];
}

/** Follows a reference in the place of what it points to. */
function resolved(pointer: string): string {
  const value = pointer.slice(1).split("/").map(unescaped)
    .reduce((part, key) => part[key], document);
  return typeof value.$ref === "string" ? value.$ref.slice(1) : pointer;
}

function bodyTypeOf({ requestBody }: Operation): string | null {
  return requestBody === undefined ? null : Object.keys(requestBody.content)[0]!;
}

function essence(type: string): string {
  return type.split(";", 1)[0]!.trim().toLowerCase();
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function unescaped(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}

function print(value: unknown): void {
  console.log(JSON.stringify(value));
}
