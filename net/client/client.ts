/**
 * A client of Apache ZooKeeper's protocol, for Denkeeper and ZooKeeper alike.
 *
 * ```ts
 * import { openClient } from "@denkeeper/denkeeper/client";
 *
 * await using client = openClient("zk1:2181,zk2:2181,zk3:2181/app");
 * await client.create("/greeting", new TextEncoder().encode("hello"));
 * const { data } = await client.get("/greeting", { watch: (event) => console.log(event.kind) });
 * ```
 *
 * @module
 */

export { openClient } from "./open_client.ts";
export * from "./client_errors.ts";
export type * from "./client_types.ts";
export { ErrorCode } from "../../core/errors.ts";
