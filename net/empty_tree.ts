/**
 * Makes the tree of a fresh server, as the configuration wants it.
 *
 * @module
 */
import type { Random } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { DataTree } from "../core/tree/data_tree.ts";

export function emptyTree(config: ServerConfig, random: Random): DataTree {
  return new DataTree({
    digestEnabled: config.digestEnabled,
    extendedTypes: config.extendedTypesEnabled,
    emulate353Ttl: config.emulate353TtlNodes,
    childrenCacheEntryCount: config.childrenCacheEntryCount,
    hashSeed: random.uint32(),
  });
}
