/**
 * All operations on znodes, in the order in which the documents show them.
 *
 * @module
 */
import type { AnyRoute } from "../route.ts";
import { aclRoutes } from "./acl.ts";
import { childrenRoutes } from "./children.ts";
import { dataRoutes } from "./data.ts";
import { dataDeleteRoutes } from "./data_delete.ts";
import { dataPutRoutes } from "./data_put.ts";
import { dataSequenceRoutes } from "./data_sequence.ts";
import { nodeRoutes } from "./node.ts";
import { readRoutes } from "./read.ts";
import { syncRoutes } from "./sync.ts";
import { treeRoutes } from "./tree.ts";
import { txnRoutes } from "./txn.ts";

/** @param addressOf where a session's client is connected from, if it is connected to this server */
export function znodeRoutes(
  { addressOf }: { addressOf: (sessionId: bigint) => string | null },
): AnyRoute[] {
  return [
    ...dataRoutes,
    ...dataPutRoutes,
    ...dataSequenceRoutes,
    ...dataDeleteRoutes,
    ...nodeRoutes({ addressOf }),
    ...childrenRoutes,
    ...treeRoutes,
    ...aclRoutes,
    ...txnRoutes,
    ...readRoutes,
    ...syncRoutes,
  ];
}
