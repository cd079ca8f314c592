/**
 * What the OpenAPI document says of that which is served beside the operations.
 *
 * @module
 */
import { type OpenApiItem, type OpenApiOperation, problemResponses } from "./openapi.ts";

/** The documents themselves. */
export const documentsOpenApi = {
  "/openapi.json": documentItem({
    operationId: "getOpenApi",
    summary: "This document",
    contentType: "application/json",
  }),
  "/docs": documentItem({
    operationId: "getDocs",
    summary: "This document as a page",
    contentType: "text/html",
  }),
};

function documentItem(
  { operationId, summary, contentType }: {
    operationId: string;
    summary: string;
    contentType: string;
  },
): OpenApiItem {
  return {
    get: {
      operationId,
      tags: ["documents"],
      summary,
      security: [],
      responses: { "200": { description: "It", content: { [contentType]: {} } } },
    },
  };
}

/** The items, each with the refusals of what a browser is made to ask. */
export function mountItems(
  items: Readonly<Record<string, OpenApiItem>>,
  { isPublic }: { isPublic: boolean },
): Record<string, OpenApiItem> {
  const refusals = problemResponses(isPublic ? ["wrong-host"] : ["cross-site", "wrong-host"]);
  const refusable = (operation: OpenApiOperation): OpenApiOperation => {
    const responses = { ...operation.responses };
    for (const [status, { description, ...refusal }] of Object.entries(refusals)) {
      const own = responses[status];
      responses[status] = own === undefined ? { description, ...refusal } : {
        ...own,
        description: `${own.description}. Or: ${description}`,
        content: { ...own.content, ...refusal.content },
      };
    }
    return { ...operation, responses };
  };
  return Object.fromEntries(
    Object.entries(items).map(([path, item]) => [
      path,
      Object.fromEntries(
        Object.entries(item).map(([method, operation]) => [method, refusable(operation)]),
      ),
    ]),
  );
}
