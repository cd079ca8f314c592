/**
 * Gateways on servers that a test drives by hand.
 *
 * @module
 */
import { makeAuthProviders } from "../../core/auth/auth_providers.ts";
import type { RequestProcessor } from "../../core/server/request_processor.ts";
import type { WritePath } from "../../core/server/write_path.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { ServerGateway } from "../../net/http/server_gateway.ts";
import { Turn } from "../../net/turn.ts";
import type { CoreServer } from "./core_server.ts";
import { SeededRandom } from "./seeded_random.ts";

export const GATEWAY_TIMEOUT_MS = 15_000;

export function gatewayOf(server: CoreServer<WritePath>, seed = 1): ServerGateway {
  const { config, processor, tree, sessionTable, time } = server;
  const clock = { monotonicMs: () => time.nowMs, wallMs: () => time.wallMs };
  const gateway = new ServerGateway({
    config,
    tree,
    sessionTable,
    providers: makeAuthProviders(config, nodeHashing),
    turn: new Turn(clock, { beginTurn() {}, endTurn() {} }),
    clock,
    random: new SeededRandom(seed),
    requestTimeoutMs: GATEWAY_TIMEOUT_MS,
  });
  server.applier.onSessionEnd = (id) => gateway.sessionEnded(id);
  gateway.serve(processor);
  return gateway;
}

/** Hands out what was answered. */
export function flush({ dirty }: RequestProcessor): void {
  for (const client of dirty.splice(0)) {
    client.isDirty = false;
    (client.connection as { flush(): void } | null)?.flush();
  }
}
