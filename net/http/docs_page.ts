/**
 * The page at `/docs`: the OpenAPI document as HTML. It loads nothing and runs nothing, so that it can be read where
 * there is no internet, and by every browser.
 *
 * @module
 */
import { nodeHashing } from "../hashing.ts";
import type {
  OpenApiDocument,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiReference,
} from "./openapi.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #d8dce2; --soft: #f4f5f7; --ink: #1c2430; --dim: #5b6675;
  --link: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --line: #343c48; --soft: #1d232c; --ink: #dfe5ee;
  --dim: #95a1b2; --link: #7db7f2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.5rem 6rem; color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0 0 .3rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 1rem; padding-bottom: .3rem;
  border-bottom: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 0; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
code, pre, .url { font: .86em/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
code { background: var(--soft); border-radius: 3px; padding: .1em .3em; }
pre { background: var(--soft); border-radius: 6px; padding: .7rem .9rem; overflow-x: auto;
  margin: .7rem 0; }
nav ul { columns: 2 22rem; list-style: none; padding: 0; margin: .4rem 0 1.2rem; }
nav li { break-inside: avoid; padding: .1rem 0; }
nav .url { color: var(--dim); }
section { border: 1px solid var(--line); border-radius: 8px; margin: 1rem 0; padding: .9rem 1.1rem; }
.head { display: flex; gap: .7rem; align-items: baseline; flex-wrap: wrap; }
.method { font: 600 .75rem/1 ui-monospace, monospace; border-radius: 4px; padding: .3rem .45rem;
  color: #fff; background: #57606a; }
.get, .head-method { background: #1a6fb5; } .put { background: #9a5b00; } .post { background: #1f7a43; }
.delete { background: #b3261e; }
p { margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-top: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; border-top: 0; font-size: .82rem; }
td:first-child { white-space: nowrap; width: 1%; }
summary { cursor: pointer; color: var(--dim); font-size: .9rem; margin-top: .4rem; }
.dim { color: var(--dim); }
`;

/** For the page: nothing but its own style. */
export function docsPolicy(): string {
  const hash = nodeHashing.digest("sha256", new TextEncoder().encode(STYLE)).toBase64();
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; ` +
    `frame-ancestors 'none'`;
}

export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation }))
  );
  const groups = document.tags.map(({ name }) => ({
    name,
    own: operations.filter(({ operation }) => operation.tags.includes(name)),
  }));
  const { title, version, description } = document.info;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)} ${text(version)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${text(title)} <span class="dim">${text(version)}</span></h1>
<p>${prose(description)}</p>
<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
<nav>
${
    groups.map(({ name, own }) =>
      `<strong>${text(name)}</strong>\n<ul>\n${own.map(linkOf).join("")}</ul>`
    ).join("\n")
  }
</nav>
<main>
${
    groups.map(({ name, own }) =>
      `<h2>${text(name)}</h2>\n${own.map((one) => sectionOf(one, document)).join("\n")}`
    ).join("\n")
  }
<h2>Schemas</h2>
${schemasOf(document)}
</main>
</body>
</html>
`;
}

interface Placed {
  readonly path: string;
  readonly method: string;
  readonly operation: OpenApiOperation;
}

function linkOf({ path, method, operation }: Placed): string {
  return `<li><a href="#${text(operation.operationId)}">${text(operation.summary)}</a> ` +
    `<span class="url">${method.toUpperCase()} ${text(path)}</span></li>\n`;
}

function sectionOf({ path, method, operation }: Placed, document: OpenApiDocument): string {
  const { operationId, summary, description } = operation;
  const parameters = (operation.parameters ?? []).map((one) => resolved(one, document));
  return `<section id="${text(operationId)}">
<div class="head"><span class="method ${
    method === "head" ? "head-method" : text(method)
  }">${method.toUpperCase()}</span><span class="url">${text(path)}</span>
<h3><a href="#${text(operationId)}">${text(summary)}</a></h3></div>
${description === undefined ? "" : `<p>${prose(description)}</p>`}
<pre>${text(curlOf({ path, method, operation }))}</pre>
${parametersTable(parameters)}
${bodyOf(operation)}
${responsesTable(operation)}
</section>`;
}

function parametersTable(parameters: readonly OpenApiParameter[]): string {
  if (parameters.length === 0) return "";
  const rows = parameters.map(({ name, in: where, required, description, schema }) => {
    const kind = where === "query" ? "?" : where === "header" ? "header " : "";
    return `<tr><td><code>${kind}${text(name)}</code></td><td>${
      required ? "<em>required.</em> " : ""
    }${prose(description ?? "")} <span class="dim">${text(schemaText(schema))}</span></td></tr>`;
  });
  return `<table><tr><th>Parameter</th><th></th></tr>\n${rows.join("\n")}\n</table>`;
}

function bodyOf({ requestBody }: OpenApiOperation): string {
  if (requestBody === undefined) return "";
  const { content } = requestBody as { content: Record<string, { schema?: unknown }> };
  return Object.entries(content).map(([type, { schema }]) => {
    const what = schema === undefined ? "" : schemaDetails(schema);
    return `<p>Body: <code>${text(type)}</code></p>${what}`;
  }).join("\n");
}

function responsesTable({ responses }: OpenApiOperation): string {
  const rows = Object.entries(responses).map(([status, { description, content }]) => {
    const types = Object.entries(content ?? {})
      .filter(([type]) => type !== "application/problem+json")
      .map(([type, { schema }]) => `<code>${text(type)}</code>${schemaDetails(schema)}`);
    return `<tr><td>${text(status)}</td><td>${prose(description)} ${types.join(" ")}</td></tr>`;
  });
  return `<table><tr><th>Status</th><th></th></tr>\n${rows.join("\n")}\n</table>`;
}

function schemaDetails(schema: unknown): string {
  if (schema === undefined) return "";
  const name = (schema as { $ref?: string }).$ref?.split("/").at(-1);
  if (name !== undefined) return `<a href="#schema-${text(name)}">${text(name)}</a>`;
  return `<details><summary>schema</summary>${jsonOf(schema)}</details>`;
}

/** In a few words: its type, what it may be, its default. */
function schemaText(schema: Readonly<Record<string, unknown>>): string {
  const { type, enum: values, default: value, pattern } = schema;
  const words: string[] = [];
  if (Array.isArray(values)) words.push(values.map((one) => one === "" ? '""' : one).join(" | "));
  else if (typeof type === "string") words.push(type);
  if (typeof pattern === "string") words.push(pattern);
  if (value !== undefined) words.push(`default ${JSON.stringify(value)}`);
  return words.join(", ");
}

function jsonOf(value: unknown): string {
  return `<pre>${text(JSON.stringify(value, null, 2))}</pre>`;
}

function schemasOf({ components }: OpenApiDocument): string {
  const schemas = Object.entries(components["schemas"] as Record<string, unknown>);
  return schemas.map(([name, schema]) =>
    `<section id="schema-${text(name)}"><h3>${text(name)}</h3>${jsonOf(schema)}</section>`
  ).join("\n");
}

/** A request that can be tried in a shell. */
function curlOf({ path, method, operation }: Placed): string {
  const words = ["curl", "-i"];
  if (method === "head") words[1] = "-I";
  else if (method !== "get") words.push("-X", method.toUpperCase());
  const content = (operation.requestBody as { content?: Record<string, unknown> } | undefined)
    ?.content;
  if (content?.["application/json"] !== undefined) {
    words.push("-H", "'Content-Type: application/json'", "-d", "'{ }'");
  } else if (content !== undefined) words.push("--data-binary", "@file");
  const query = (operation.parameters ?? [])
    .filter((one): one is OpenApiParameter => "name" in one)
    .filter((one) => one.in === "query" && one.required === true)
    .map(({ name }) => `${name}=…`).join("&");
  const url = path.replace("{path}", "app/config").replaceAll(/\{(\w+)\}/g, "$1");
  words.push(`'http://localhost:8080${url}${query === "" ? "" : `?${query}`}'`);
  return words.join(" ");
}

function resolved(
  parameter: OpenApiParameter | OpenApiReference,
  { components }: OpenApiDocument,
): OpenApiParameter {
  if (!("$ref" in parameter)) return parameter;
  const name = parameter.$ref.split("/").at(-1)!;
  return (components["parameters"] as Record<string, OpenApiParameter>)[name]!;
}

/** Text with what stands between backticks as code. */
function prose(words: string): string {
  return text(words).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function text(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
