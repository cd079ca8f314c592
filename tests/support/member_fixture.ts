/**
 * One member's roles without disk and network: txns are durable when `log` says so, and channels keep what
 * is written to them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadConfig } from "../../cli/config_loader.ts";
import { Membership } from "../../cluster/membership.ts";
import type { Channel, History, Member } from "../../cluster/member.ts";
import { ProposalLog } from "../../cluster/proposal_log.ts";
import type { QuorumConfig } from "../../cluster/quorum_config.ts";
import { PacketStream, PacketType, type QuorumPacket } from "../../cluster/quorum_packet.ts";
import { makeAuthProviders } from "../../core/auth/auth_providers.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { AuthRequests } from "../../core/server/auth_requests.ts";
import type { LogSource } from "../../core/server/log_source.ts";
import { RequestProcessor } from "../../core/server/request_processor.ts";
import { ServerStats } from "../../core/server_stats.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { type Zxid, zxidToHex } from "../../core/zxid.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { SeededRandom } from "./seeded_random.ts";
import { silentLogger } from "./silent_logger.ts";
import { makeTempDir } from "./temp_dir.ts";

export class MemberFixture {
  readonly member: Member;
  /** What the files of the membership were told, as `next 5`. */
  readonly stored: string[] = [];
  readonly epochs = { acceptedEpoch: 0, currentEpoch: 0 };
  nowMs = 1000;
  #source: LogSource | null = null;

  constructor(
    { serverId, committed, lastSeen = committed, isDynamic = true, settings = {} }: {
      serverId: number;
      committed: QuorumConfig;
      lastSeen?: QuorumConfig;
      /** Default true: members can change. */
      isDynamic?: boolean;
      settings?: Readonly<Record<string, string | number>>;
    },
  ) {
    const config = makeConfig({ initLimit: 10, syncLimit: 5, tickTime: 1000, ...settings });
    const tree = new DataTree({
      digestEnabled: true,
      extendedTypes: true,
      emulate353Ttl: false,
      hashSeed: 7,
    });
    const providers = makeAuthProviders(config, nodeHashing);
    const applier = new TxnApplier(tree, new Map());
    const { epochs } = this;
    const history: History = {
      applier,
      proposals: new ProposalLog({ commitLogCount: 500 }),
      epochs: {
        get acceptedEpoch() {
          return epochs.acceptedEpoch;
        },
        get currentEpoch() {
          return epochs.currentEpoch;
        },
        writeAccepted: (epoch) => void (epochs.acceptedEpoch = epoch),
        writeCurrent: (epoch) => void (epochs.currentEpoch = epoch),
      },
      lastLoggedZxid: 0,
      startsOver: false,
    };
    tree.resetToEmptyDatabase();
    const hex = ({ version }: QuorumConfig) => zxidToHex(version);
    const metrics = new ServerMetrics(new SeededRandom(1));
    const stats = new ServerStats(0);
    this.member = {
      metrics,
      stats,
      serverId,
      config,
      history,
      membership: new Membership({
        committed,
        lastSeen,
        store: !isDynamic ? null : {
          saveNext: (config) => this.stored.push(`next ${hex(config)}`),
          forgetNext: () => this.stored.push("no next"),
          saveCommitted: (config) => this.stored.push(`committed ${hex(config)}`),
        },
        onChange: () => {},
      }),
      storage: {
        setLogSource: (source) => void (this.#source = source),
        flushLog: () => this.log(),
        truncate: () => assert.fail("nothing is to be truncated"),
        replaceBySnapshot: (done) => done(),
        reload: (done) => done(),
        log: { around: () => null },
        readLog: () => null,
      },
      services: {
        providers,
        audit: null,
        makeProcessor: (sessions, makeWrites) =>
          new RequestProcessor({
            config,
            applier,
            sessions,
            providers,
            auth: new AuthRequests({
              config,
              providers,
              hashing: nodeHashing,
              logger: silentLogger,
              saslUsers: null,
              onFailed: () => {},
            }),
            serverStats: stats,
            metrics,
            makeWrites,
          }),
        firstSessionId: () => 0x100000000000000n * BigInt(serverId),
      },
      logger: silentLogger,
    };
  }

  get time(): { nowMs: number; wallMs: number } {
    return { nowMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs };
  }

  /** Makes durable all that is to be logged. */
  log(): void {
    for (let batch = this.#source?.takeBatch(); batch; batch = this.#source?.takeBatch()) {
      this.#source!.logged(batch.lastZxid);
    }
  }
}

/** The far end of a connection on the quorum port. */
export class TestChannel implements Channel {
  readonly remoteAddress = "127.0.0.1:1";
  readonly outputBytes = 0;
  isClosed = false;
  readonly #writer = new JuteWriter(1024);
  readonly #packets = new PacketStream({ dataBytesMax: 1 << 20 });

  writer(): JuteWriter {
    return this.#writer;
  }

  close(): void {
    this.isClosed = true;
  }

  /** The packets written since the last call. */
  take(): QuorumPacket[] {
    this.#packets.push(this.#writer.written());
    this.#writer.position = 0;
    const packets: QuorumPacket[] = [];
    for (let packet = this.#packets.next(); packet !== null; packet = this.#packets.next()) {
      packets.push({ ...packet, data: packet.data === null ? null : packet.data.slice() });
    }
    return packets;
  }

  /** The same in words, PINGs left out: `Commit 100000001`. */
  said(): string[] {
    return this.take().filter(({ type }) => type !== PacketType.Ping).map(({ type, zxid }) =>
      `${packetName(type)} ${zxid === -1 ? "-1" : zxidToHex(zxid as Zxid)}`
    );
  }
}

/** The bytes of packets. */
export function written(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter(256);
  write(writer);
  return writer.written();
}

function packetName(type: number): string {
  return Object.entries(PacketType).find(([, value]) => value === type)?.[0] ?? `${type}`;
}

function makeConfig(settings: Readonly<Record<string, string | number>>) {
  using dir = makeTempDir();
  const file = `${dir.path}/zoo.cfg`;
  const all = { dataDir: dir.path, clientPort: 0, ...settings };
  const lines = Object.entries(all).map(([key, value]) => `${key}=${value}`);
  Deno.writeTextFileSync(file, lines.join("\n"));
  return loadConfig({ file, defines: [], environment: () => undefined }).config;
}
