/**
 * URLs of operations, as OpenAPI writes them: `/api/v1/sessions/{token}`, and the parts of a request's URL that stand
 * in place of the names.
 *
 * @module
 */
import { Problem } from "./problem.ts";

/** A znode's path, slashes and all; only at the end. */
export const PATH_PARAM = "/{path}";

/** The path of a URL as it came, without its query. */
export function rawPathOf(url: string): string {
  const start = url.indexOf("/", 8); // behind the slashes of http://
  if (start < 0) return "/";
  const end = url.indexOf("?", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

/** Names of a template's parts, but for the znode's path. */
export function paramNamesOf(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
    .filter((name) => name !== "path" || !template.endsWith(PATH_PARAM));
}

/**
 * The parts of a URL that fits the template, decoded.
 *
 * @throws {Problem} `bad-path` for what is not percent-encoded
 */
export function paramsOf(template: string, rawPath: string): Record<string, string> {
  const names = template.split("/");
  const parts = rawPath.split("/");
  const params: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    if (!name.startsWith("{") || (index === names.length - 1 && template.endsWith(PATH_PARAM))) {
      continue;
    }
    try {
      params[name.slice(1, -1)] = decodeURIComponent(parts[index] ?? "");
    } catch {
      throw new Problem("bad-path", {
        detail: `Cannot use ${
          JSON.stringify(parts[index])
        } in the URL: it is not percent-encoded UTF-8, write % as %25`,
      });
    }
  }
  return params;
}
