/**
 * `GET` and `PUT /tree/{path}`: a subtree as lines of JSON, out and in.
 *
 * @module
 */
import * as z from "zod";
import { TREE_EXPORT_COUNT_MAX } from "../../../core/limits.ts";
import { zxidText } from "../../../core/zxid.ts";
import { jsonResponse, packedResponse } from "../compression.ts";
import type { Gateway } from "../gateway.ts";
import { linesOf } from "../line_reader.ts";
import { Problem } from "../problem.ts";
import { count, Flag } from "../query_values.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import { exportStream, TreeExport } from "../tree_export.ts";
import { TreeImport } from "../tree_import.ts";

const DEPTH_MAX = 100_000;
/** Base64 and escapes make data longer. */
const LINE_BYTES_PER_JUTE_BYTE = 4;
const LINE_BYTES_MIN = 64 * 1024;

const ExportQuery = z.strictObject({
  depth: count({ min: 0, max: DEPTH_MAX }).optional()
    .meta({ description: "levels below the znode itself; left out: all" }),
  format: z.enum(["ndjson"]).default("ndjson"),
  ephemerals: Flag.meta({ description: "with ephemerals, which are left out otherwise" }),
  stat: Flag.meta({ description: "with the stat of each" }),
});

const ImportQuery = z.strictObject({
  conflict: z.enum(["fail", "skip", "replace"]).default("fail").meta({
    description: "what to do with a znode that exists; replace: its data and ACL, its type stays",
  }),
  parents: Flag.meta({ description: "makes parents that are missing" }),
  format: z.enum(["ndjson"]).default("ndjson"),
});

const Imported = z.object({
  path: z.string(),
  lines: z.int(),
  created: z.int(),
  updated: z.int(),
  skipped: z.int(),
  zxid: HexText.meta({ description: "of the last txn; 0x0 when nothing was to be done" }),
});

export const treeRoutes: readonly AnyRoute[] = [
  route({
    method: "GET",
    path: "/api/v1/tree/{path}",
    operationId: "exportTree",
    tag: "znodes",
    summary: "A znode and all below it, one line of JSON each",
    description:
      "Paths are written from the exported znode on, so that it can be imported elsewhere. Parents stand " +
      "before their children. The tree may change meanwhile: each line is a znode as it was at some moment " +
      "between beginning and end; one that is deleted before its turn is left out. /zookeeper comes only " +
      "when it is asked for itself. An export that is cut off ends as a broken transfer.",
    query: ExportQuery,
    body: null,
    responses: {
      200: { description: "The lines", body: { contentType: "application/x-ndjson" } },
    },
    problems: ["no-node", "no-auth", "throttled"],
    isWrite: false,
    handle: exportTree,
  }),
  route({
    method: "PUT",
    path: "/api/v1/tree/{path}",
    operationId: "importTree",
    tag: "znodes",
    summary: "Makes znodes out of the lines of an export",
    description:
      "Lines are written many at a time, all or none; when one fails, what was written before stays: the " +
      "problem names the line and counts what was done, and conflict=skip goes on from there.",
    query: ImportQuery,
    body: "stream",
    responses: { 200: { description: "What was done", body: Imported } },
    problems: [
      ...[
        "no-auth",
        "node-exists",
        "parent-missing",
        "invalid-acl",
        "bad-json",
        "bad-path",
      ] as const,
      ...["no-children-for-ephemerals", "quota-exceeded", "session-required", "too-large"] as const,
      ...["unimplemented", "slow-request"] as const,
    ],
    isWrite: true,
    handle: importTree,
  }),
];

const exportCounts = new WeakMap<Gateway, number>();

function exportTree(
  { request, gateway, caller, path, query, signal }: Call<z.output<typeof ExportQuery>>,
): Response {
  gateway.exists(caller, path);
  const exporting = exportCounts.get(gateway) ?? 0;
  if (exporting >= TREE_EXPORT_COUNT_MAX) {
    throw new Problem("throttled", {
      detail: `${TREE_EXPORT_COUNT_MAX} exports are under way already: ask again later`,
      retryAfter: 5,
    });
  }
  exportCounts.set(gateway, exporting + 1);
  const source = new TreeExport({ gateway, caller }, {
    path,
    depthMax: query.depth ?? DEPTH_MAX,
    withEphemerals: query.ephemerals,
    withStat: query.stat,
  });
  const body = exportStream(source, {
    signal,
    ended: () => void exportCounts.set(gateway, exportCounts.get(gateway)! - 1),
  });
  const headers = { "content-type": "application/x-ndjson" };
  return packedResponse(request, { body, bytes: null, headers });
}

async function importTree(
  { request, gateway, caller, path, query, body, signal }: Call<
    z.output<typeof ImportQuery>,
    ReadableStream<Uint8Array<ArrayBuffer>> | null
  >,
): Promise<Response> {
  await gateway.sync(caller); // what exists is looked up here
  const target = new TreeImport({ gateway, caller }, {
    path,
    conflict: query.conflict,
    withParents: query.parents,
  });
  const { juteMaxBufferBytes, http } = gateway.config;
  const lineBytesMax = LINE_BYTES_MIN + juteMaxBufferBytes * LINE_BYTES_PER_JUTE_BYTE;
  try {
    if (body !== null) {
      for await (const line of linesOf(body, { lineBytesMax, idleMs: http.requestTimeoutMs })) {
        if (signal.aborted) {
          throw new Problem("unavailable", { detail: "The server stops, or the client hung up" });
        }
        await target.add(line);
      }
    }
    await target.flush();
  } catch (error) {
    throw target.failureOf(error);
  }
  return jsonResponse(request, { path, ...target.counts, zxid: zxidText(target.zxid) });
}
