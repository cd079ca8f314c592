/**
 * Commands about the server itself: what it is, how it is configured, what it has done.
 *
 * @module
 */
import type { AdminContext } from "../../admin_context.ts";
import type { SizeStats } from "../../../core/server_stats.ts";
import { DIGEST_VERSION } from "../../../core/tree/stat.ts";
import { zxidToHex } from "../../../core/zxid.ts";
import { isSecret, textWithoutSecrets, WITHHELD } from "../secrets.ts";
import { type AdminCommand, command, type Fields } from "./command.ts";
import { briefConnections } from "./connection_commands.ts";
import { type Json, JsonDecimal } from "./json_text.ts";

/** Java's own limit of a long, in decimal. */
const LONG = /^[+-]?\d{1,19}$/;
const LONG_MAX = 2n ** 63n - 1n;
/** Of what nobody has written yet. */
const NO_SNAPSHOT = { zxid: "ffffffffffffffff", timestamp: -1 };

export const SERVER_COMMANDS: readonly AdminCommand[] = [
  command(["configuration", "conf", "config"], ({ context }) => {
    const configuration = context.configuration();
    return {
      client_port: configuration.clientPort,
      data_dir: configuration.dataDir,
      data_log_dir: configuration.dataLogDir,
      tick_time: configuration.tickTimeMs,
      max_client_cnxns: configuration.maxClientCnxns,
      min_session_timeout: configuration.minSessionTimeoutMs,
      max_session_timeout: configuration.maxSessionTimeoutMs,
      server_id: configuration.serverId,
      client_port_listen_backlog: configuration.clientPortListenBacklog,
    };
  }),
  command(["dirs"], ({ context }) => {
    const { dataDirBytes, dataLogDirBytes } = context.dataDirSizes();
    return { datadir_size: dataDirBytes, logdir_size: dataLogDirBytes };
  }),
  command(
    ["environment", "env", "envi"],
    ({ context }) => Object.fromEntries(context.environment()),
    {
      needsServer: false,
    },
  ),
  command(["get_trace_mask", "gtmk"], ({ context }) => ({ tracemask: context.traceMask }), {
    needsServer: false,
  }),
  command(["hash"], ({ context }) => ({ digests: digests(context) })),
  command(["initial_configuration", "icfg"], ({ context }) => ({
    initial_configuration: textWithoutSecrets(context.initialConfiguration),
  })),
  command(["is_read_only", "isro"], ({ context }) => ({ read_only: context.isReadOnly })),
  command(["last_snapshot", "lsnp"], ({ context }) => {
    const last = context.lastSnapshot();
    if (last === null) return NO_SNAPSHOT;
    return { zxid: zxidToHex(last.zxid), timestamp: Math.floor(last.writtenMs / 1000) };
  }),
  // ZooKeeper's does not say that it needs the server, and then fails without
  command(["monitor", "mntr"], ({ context }) => monitor(context)),
  command(["ruok"], () => ({})),
  command(["server_stats", "srvr"], ({ context }) => serverStats(context)),
  command(["set_trace_mask", "stmk"], ({ context, query }) => {
    const text = query.get("traceMask");
    if (text === null) return { error: "setTraceMask requires long traceMask argument" };
    const mask = LONG.test(text) ? BigInt(text.replace("+", "")) : LONG_MAX + 1n;
    if (mask > LONG_MAX || mask < -LONG_MAX - 1n) {
      return { error: `setTraceMask requires long traceMask argument, got ${text}` };
    }
    context.traceMask = mask;
    return { tracemask: mask };
  }, { needsServer: false }),
  command(["stat_reset", "srst"], ({ context }) => {
    context.resetServerStats();
    return {};
  }),
  command(["stats", "stat"], ({ context }) => ({
    ...serverStats(context),
    connections: briefConnections(context),
    secure_connections: [],
  })),
  command(["system_properties", "sysp"], ({ context }) => systemProperties(context), {
    needsServer: false,
  }),
];

function* digests(context: AdminContext): Generator<Json> {
  for (const { zxid, digest } of context.digests()) {
    yield { zxid, digest: BigInt.asIntN(64, digest), digest_version: DIGEST_VERSION };
  }
}

function monitor(context: AdminContext): Fields {
  const fields: Record<string, Json> = {
    version: context.version,
    server_state: context.mode,
    ...(context.peerState === null ? {} : { peer_state: context.peerState }),
  };
  for (const { name, value, isDecimal } of context.metrics.values()) {
    fields[name] = isDecimal ? new JsonDecimal(value) : value;
  }
  return fields;
}

function serverStats(context: AdminContext): Fields {
  const { stats } = context;
  const { dataDirBytes, dataLogDirBytes } = context.dataDirSizes();
  const clientResponse = sizes(stats.clientResponse);
  return {
    version: context.version,
    read_only: context.isReadOnly,
    server_stats: {
      packets_sent: stats.packetsSent,
      packets_received: stats.packetsReceived,
      fsync_threshold_exceed_count: stats.fsyncThresholdExceedCount,
      client_response_stats: clientResponse,
      provider_null: false,
      server_state: context.mode,
      outstanding_requests: context.outstandingRequestCount,
      min_latency: stats.minLatencyMs,
      avg_latency: new JsonDecimal(stats.avgLatencyMs),
      max_latency: stats.maxLatencyMs,
      data_dir_size: dataDirBytes,
      log_dir_size: dataLogDirBytes,
      last_processed_zxid: context.lastProcessedZxid,
      num_alive_client_connections: context.connectionCount,
      uptime: context.uptimeMs,
      auth_failed_count: stats.authFailedCount,
      non_mtlsremote_conn_count: 0,
      non_mtlslocal_conn_count: 0,
    },
    client_response: clientResponse,
    ...(context.mode === "leader" ? { proposal_stats: sizes(stats.proposal) } : {}),
    node_count: context.nodeCount,
  };
}

/** Sorted by name, as there; what holds a password is there with it, and here without. */
function systemProperties(context: AdminContext): Fields {
  const properties = [...context.systemProperties()].sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(
    properties.map(([name, value]) => [name, isSecret(name) ? WITHHELD : value]),
  );
}

function sizes({ lastBytes, minBytes, maxBytes }: SizeStats): Json {
  return { last_buffer_size: lastBytes, min_buffer_size: minBytes, max_buffer_size: maxBytes };
}
