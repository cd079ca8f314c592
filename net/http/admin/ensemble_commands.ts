/**
 * Commands about the ensemble. A server that stands alone has one answer to each.
 *
 * @module
 */
import { counterOf, epochOf, zxidToHex } from "../../../core/zxid.ts";
import type { AdminContext, EnsembleMemberInfo, ObserverInfo } from "../../admin_context.ts";
import { hostAndPort } from "../../ensemble_view.ts";
import { type AdminCommand, command, type Fields } from "./command.ts";
import { type Json, JsonMap } from "./json_text.ts";

export const ENSEMBLE_COMMANDS: readonly AdminCommand[] = [
  command(["leader", "lead"], ({ context }) => {
    const state = context.ensembleState();
    if (state === null) return { error: "server is not initialized" };
    return {
      is_leader: state.leader?.serverId === state.own.serverId,
      leader_id: state.leader?.serverId ?? null,
      leader_ip: state.leader?.addresses[0]?.host ?? null,
    };
  }),
  command(["observers", "obsr"], ({ context }) => {
    const observers = [...context.observers()];
    return {
      synced_observers: observers.filter(({ isSynced }) => isSynced).length,
      observers: observers.map(observerFields),
    };
  }),
  command(["observer_connection_stat_reset", "orst"], ({ context }) => {
    context.resetObserverStats();
    return {};
  }),
  command(["voting_view"], ({ context }) => ({
    current_config: new JsonMap(
      (context.ensembleState()?.voters ?? []).map((voter) => [
        String(voter.serverId),
        voterFields(voter),
      ]),
    ),
  })),
  command(["zabstate"], ({ context }) => zabState(context), { needsServer: false }),
];

function observerFields(observer: ObserverInfo): Fields {
  return {
    remote_socket_address: observer.remoteAddress,
    sid: observer.serverId,
    established: observer.establishedMs,
    queued_packets: observer.queuedPacketCount,
    queued_packets_size: observer.queuedBytes,
    packets_received: observer.packetsReceived,
    packets_sent: observer.packetsSent,
    requests: observer.requestCount,
    last_zxid: observer.lastZxid,
  };
}

function voterFields({ addresses, clientAddress, role }: EnsembleMemberInfo): Json {
  return {
    server_addresses: addresses.map(({ host, quorumPort }) => hostAndPort(host, quorumPort)),
    election_addresses: addresses.map(({ host, electionPort }) => hostAndPort(host, electionPort)),
    client_address: clientAddress ?? "",
    learner_type: role,
  };
}

/** While it looks for a leader, a member says as much as a server that stands alone. */
function zabState(context: AdminContext): Fields {
  const state = context.ensembleState();
  if (state === null || state.phase === null) return { voting: false, zabstate: "" };
  const { own, leader, isVoter, phase } = state;
  const zxid = context.lastProcessedZxid;
  return {
    myid: own.serverId,
    is_leader: leader?.serverId === own.serverId,
    quorum_address: addressFields(
      own.addresses.map(({ host, quorumPort: port }) => ({ host, port })),
    ),
    election_address: addressFields(
      own.addresses.map(({ host, electionPort: port }) => ({ host, port })),
    ),
    client_address: own.clientAddress ?? "",
    voting: isVoter,
    last_zxid: `0x${zxidToHex(zxid)}`,
    zab_epoch: epochOf(zxid),
    zab_counter: counterOf(zxid),
    zabstate: phase,
  };
}

/** ZooKeeper asks the network which of them answer; here all are taken to. */
function addressFields(addresses: readonly { host: string; port: number }[]): Json {
  const all = addresses.map(({ host, port }) => hostAndPort(host, port));
  const ports = [...new Set(addresses.map(({ port }) => port))];
  const first = all[0] ?? null;
  return {
    empty: all.length === 0,
    all_addresses: all,
    all_reachable_addresses: all,
    one: first,
    reachable_address: first,
    wildcard_addresses: ports.map((port) => hostAndPort("0.0.0.0", port)),
    all_ports: ports,
    all_host_strings: addresses.map(({ host }) => host),
    all_reachable_addresses_or_all: all,
    reachable_or_one: first,
  };
}
