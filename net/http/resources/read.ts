/**
 * `POST /read`: many reads that all see the same moment.
 *
 * @module
 */
import * as z from "zod";
import { MULTI_READ_BYTES_MAX } from "../../../core/limits.ts";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { zxidText } from "../../../core/zxid.ts";
import { statJson } from "../../stat_json.ts";
import { jsonResponse } from "../compression.ts";
import { DataJson, dataJson, EncodingName } from "../data_json.ts";
import { Problem } from "../problem.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { etagOf } from "../etag.ts";
import { HexText, Stat } from "../schemas.ts";
import { findZnode, nameOf } from "../znode_stat.ts";

const PATH_COUNT_MAX = 1000;

const Body = z.strictObject({
  paths: z.array(z.string().startsWith("/")).min(1).max(PATH_COUNT_MAX),
  what: z.enum(["data", "children", "stat"]).default("data"),
  encoding: EncodingName.default("auto").meta({ description: "of the data" }),
});

const Result = z.object({
  path: z.string(),
  problem: z.string().optional().meta({ description: "why there is nothing, such as no-node" }),
  status: z.int().optional().meta({ description: "what GET would have answered, with problem" }),
  etag: z.string().optional(),
  stat: Stat.optional(),
  data: DataJson.nullable().optional(),
  children: z.array(z.string()).optional(),
});

export const readRoutes: readonly AnyRoute[] = [route({
  method: "POST",
  path: "/api/v1/read",
  operationId: "read",
  tag: "znodes",
  summary: "Reads many znodes as they are at one moment",
  description: "A path that cannot be read has its problem in its place; the others are answered.",
  query: z.strictObject({}),
  body: Body,
  responses: {
    200: {
      description: "One result a path, in their order, all as of zxid",
      body: z.object({ zxid: HexText, results: z.array(Result) }),
    },
  },
  problems: ["too-large"],
  isWrite: false,
  handle: read,
})];

/** Nothing is applied before it returns, since it waits for nothing. */
function read(
  { request, gateway, caller, body }: Call<Record<string, never>, z.output<typeof Body>>,
): Response {
  let bytes = 0;
  const results = body.paths.map((path): z.input<typeof Result> => {
    try {
      return readOne(path);
    } catch (error) {
      // without a quorum no path can be read
      if (!(error instanceof Problem) || error.problem === "too-large") throw error;
      if (error.status >= 500) throw error;
      return { path, problem: error.problem, status: error.status };
    }
  });
  return jsonResponse(request, { zxid: zxidText(gateway.lastZxid), results });

  function readOne(path: string): z.input<typeof Result> {
    if (body.what === "data") {
      const { data, stat } = gateway.getData(caller, path);
      take(stat.dataLength);
      const json = dataJson(data, body.encoding);
      return { path, etag: etagOf(stat), stat: statJson(stat), data: json };
    }
    const stat = gateway.exists(caller, path);
    const result: z.input<typeof Result> = { path, etag: etagOf(stat), stat: statJson(stat) };
    if (body.what === "children") {
      const { tree } = gateway;
      const { store } = tree;
      result.children = [];
      const parent = findZnode(tree, path);
      for (let id = store.firstChild(parent); id !== NO_NODE; id = store.nextSibling(id)) {
        take(store.nameLength(id));
        result.children.push(nameOf(tree, id));
      }
      result.children.sort();
    }
    return result;
  }

  function take(count: number): void {
    bytes += count;
    if (bytes <= MULTI_READ_BYTES_MAX) return;
    throw new Problem("too-large", {
      detail:
        `The answer would be larger than ${MULTI_READ_BYTES_MAX} bytes: ask for fewer paths, or ` +
        "for children page by page",
    });
  }
}
