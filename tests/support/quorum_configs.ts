/**
 * Configurations for tests that care about ids, groups and weights only.
 *
 * @module
 */
import { QuorumConfig } from "../../cluster/quorum_config.ts";

/** `lines` are those of groups and weights. */
export function configOf(
  { voters, observers = [], lines = [], version = 0 }: {
    voters: readonly number[];
    observers?: readonly number[];
    lines?: readonly string[];
    version?: number;
  },
): QuorumConfig {
  const server = (role: string) => (id: number) => `server.${id}=h${id}:2888:3888:${role}`;
  return QuorumConfig.parse([
    ...voters.map(server("participant")),
    ...observers.map(server("observer")),
    ...lines,
    `version=${version.toString(16)}`,
  ].join("\n"));
}
