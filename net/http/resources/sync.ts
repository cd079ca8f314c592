/**
 * `POST /sync`: waits until this server has all that was committed anywhere before.
 *
 * @module
 */
import * as z from "zod";
import { zxidText } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";

export const syncRoutes: readonly AnyRoute[] = [route({
  method: "POST",
  path: "/api/v1/sync",
  operationId: "sync",
  tag: "znodes",
  summary: "Waits until this server has all that was committed before",
  query: z.strictObject({}),
  body: null,
  responses: {
    200: {
      description: "It has",
      body: z.object({ zxid: HexText.meta({ description: "the last one that this server has" }) }),
    },
  },
  problems: ["no-quorum", "not-read-only", "operation-timeout"],
  isWrite: false,
  handle: async ({ request, gateway, caller }) =>
    jsonResponse(request, { zxid: zxidText(await gateway.sync(caller)) }),
})];
