/**
 * An ensemble for Docker Compose.
 *
 * @module
 */

import { FOLDERS, PORTS } from "./container_image.ts";
import { serverLines } from "./members.ts";
import type { ManifestOptions } from "./manifest_options.ts";

export function compose({ name, image, members }: ManifestOptions): Record<string, unknown> {
  const names = Array.from({ length: members }, (_, i) => `${name}-${i + 1}`);
  const volumes = names.flatMap((member) => [`${member}-data`, `${member}-datalog`]);
  return {
    services: Object.fromEntries(names.map((member, i) => [member, {
      image,
      hostname: member,
      restart: "unless-stopped",
      stop_grace_period: "30s",
      environment: { ZOO_MY_ID: String(i + 1), ZOO_SERVERS: serverLines(names) },
      // Of each member two ports on this machine: for clients, and for HTTP.
      ports: [`${PORTS.client + i}:${PORTS.client}`, `${PORTS.http + i}:${PORTS.http}`],
      volumes: [`${member}-data:${FOLDERS.data}`, `${member}-datalog:${FOLDERS.log}`],
    }])),
    volumes: Object.fromEntries(volumes.map((volume) => [volume, {}])),
  };
}
