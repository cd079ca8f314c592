/**
 * What a server of ours serves when it is started on a data directory.
 *
 * @module
 */
import { InProcessServer } from "../../support/in_process_server.ts";
import { RawClient } from "../../support/raw_client.ts";
import { auth } from "../../support/requests.ts";
import { dumpTree, SUPER_PROPERTIES } from "../../support/tree_dump.ts";
import { linesBelowLoad } from "./known_writes.ts";

/** Sessions that live so long have their ephemerals when a server is started on what is restored. */
export const SESSION_TIMEOUT_MS = 600_000;
export const SUPER = Object.entries(SUPER_PROPERTIES).map(([key, value]) => `${key}=${value}`);

/** Below /load, a line a znode. */
export async function treeOf(dataDir: string): Promise<string[]> {
  await using server = await InProcessServer.start({
    dataDir,
    defines: SUPER,
    config: { maxSessionTimeout: SESSION_TIMEOUT_MS },
  });
  return linesBelowLoad(await dumpTree(server.clientPort));
}

/** Of one who may do everything. */
export async function superSession(port: number): Promise<RawClient> {
  const client = await RawClient.session(port, { timeoutMs: SESSION_TIMEOUT_MS });
  await client.call(auth("digest", "super:secret"), -4);
  return client;
}
