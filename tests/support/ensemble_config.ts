/**
 * Configurations of ensembles for tests, told by the ids of their servers.
 *
 * @module
 */
import { QuorumConfig } from "../../cluster/quorum_config.ts";
import type { EnsembleServer } from "../../core/server_config.ts";

/** @param port where the election ports are counted from: that of server N is `port` + N */
export function ensembleConfig(
  { voters, observers = [], version = 0, groups = {}, weights = {}, port = 3000 }: {
    voters: readonly number[];
    observers?: readonly number[];
    version?: number;
    groups?: Readonly<Record<number, readonly number[]>>;
    weights?: Readonly<Record<number, number>>;
    port?: number;
  },
): QuorumConfig {
  const server = (serverId: number, role: "participant" | "observer"): EnsembleServer => ({
    serverId,
    role,
    addresses: [
      { host: "127.0.0.1", quorumPort: port - 100 + serverId, electionPort: port + serverId },
    ],
    clientHost: null,
    clientPort: null,
    secureClientHost: null,
    secureClientPort: null,
  });
  const byId = <T>(record: Readonly<Record<number, T>>) =>
    new Map(Object.entries(record).map(([id, value]) => [Number(id), value]));
  return new QuorumConfig({
    version,
    servers: [
      ...voters.map((id) => server(id, "participant")),
      ...observers.map((id) => server(id, "observer")),
    ],
    groups: byId(groups),
    weights: byId(weights),
  });
}
