/**
 * The members of an ensemble of containers.
 *
 * @module
 */

import { PORTS } from "./container_image.ts";

/** For ZOO_SERVERS: the first host has the id 1. */
export function serverLines(hosts: readonly string[]): string {
  return hosts.map((host, i) =>
    `server.${i + 1}=${host}:${PORTS.quorum}:${PORTS.election};${PORTS.client}`
  ).join(" ");
}
