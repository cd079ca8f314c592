/**
 * An ensemble of real processes, each Denkeeper or the Java server, on loopback or on a network of
 * namespaces.
 *
 *     await withEnsemble({ members: [{ id: 1, target: "java" }, ...] }, async (ensemble) => {
 *       await ensemble.startAll();
 *       await ensemble.kill(await ensemble.waitForLeader());
 *     });
 *
 * A member keeps its ports and its dataDir for as long as the ensemble exists, whichever program
 * runs on them.
 *
 * @module
 */
import { eventually } from "./eventually.ts";
import { freePort } from "./free_port.ts";
import type { NamespaceNetwork } from "./namespaces.ts";
import { RawClient } from "./raw_client.ts";
import type { ConnectOptions } from "./raw_client.ts";
import { ServerProcess, type Target } from "./server_process.ts";
import { makeTempDir, type TempDir } from "./temp_dir.ts";
import { SUPER_PROPERTIES } from "./tree_dump.ts";

export type Config = Readonly<Record<string, string | number | boolean>>;

export interface MemberOptions {
  readonly id: number;
  readonly target: Target;
  /** Default: participant. */
  readonly role?: "participant" | "observer";
  /** As `ServerProcess` has it. */
  readonly http?: boolean;
  /** Members that its zoo.cfg names. Default: all. */
  readonly knows?: readonly number[];
  /** Further lines of this member's zoo.cfg. */
  readonly config?: Config;
  /** System properties of this member. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface EnsembleOptions {
  readonly members: readonly MemberOptions[];
  /** Further lines of every zoo.cfg. */
  readonly config?: Config;
  /** System properties of all. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Where the members run. Default: all on 127.0.0.1. */
  readonly network?: NamespaceNetwork;
  /** An address of the loopback network for each member: for a port number that all of them use. */
  readonly ownAddresses?: boolean;
  /** Members name their client ports in `server.N=` and keep their zoo.cfg, so that reconfigs can change them. */
  readonly isDynamic?: boolean;
}

/** What `srvr` calls a member; looking: it answers but does not serve; down: nothing answers. */
export type Mode = "leader" | "follower" | "observer" | "read-only" | "looking" | "down";

const SERVING: readonly Mode[] = ["leader", "follower", "observer"];
/** Java may never answer a connection made while it starts: it is asked again on another one. */
const WORD_TIMEOUT_MS = 2000;
const LOG_TAIL_CHARS = 6000;

interface Member {
  readonly options: MemberOptions;
  readonly hostname: string;
  clientPort: number;
  /** As in `server.N=`. */
  readonly address: string;
  readonly dataDir: string;
  /** Kept over restarts; undefined: written anew each time. */
  readonly configFile: string | undefined;
  target: Target;
  process: ServerProcess | null;
  /** What the processes before this one printed. */
  pastLog: string;
}

/** Runs with an ensemble, of which nobody is started yet; an error comes with the members' logs. */
export async function withEnsemble<T>(
  options: EnsembleOptions,
  run: (ensemble: Ensemble) => Promise<T>,
): Promise<T> {
  await using ensemble = new Ensemble(options);
  try {
    return await run(ensemble);
  } catch (error) {
    throw new Error(`${error}\n${ensemble.logs()}`, { cause: error });
  }
}

export class Ensemble implements AsyncDisposable {
  readonly ids: readonly number[];
  readonly #dir: TempDir = makeTempDir();
  readonly #config: Config;
  readonly #properties: Readonly<Record<string, string>>;
  readonly #network: NamespaceNetwork | undefined;
  readonly #ownAddresses: boolean;
  readonly #isDynamic: boolean;
  readonly #members: ReadonlyMap<number, Member>;

  constructor(options: EnsembleOptions) {
    const { members, config = {}, properties = {}, network } = options;
    const { ownAddresses = false, isDynamic = false } = options;
    this.ids = members.map(({ id }) => id);
    this.#config = config;
    this.#properties = { ...SUPER_PROPERTIES, ...properties };
    this.#network = network;
    this.#ownAddresses = ownAddresses;
    this.#isDynamic = isDynamic;
    this.#members = new Map(members.map((options) => [options.id, this.#prepare(options)]));
  }

  /** Starts an ensemble and waits until all its members serve. */
  static async start(options: EnsembleOptions): Promise<Ensemble> {
    const ensemble = new Ensemble(options);
    try {
      await ensemble.startAll();
      return ensemble;
    } catch (error) {
      const logs = ensemble.logs();
      await ensemble[Symbol.asyncDispose]();
      throw new Error(`${error}\n${logs}`, { cause: error });
    }
  }

  /** Those whose process runs. */
  get runningIds(): number[] {
    return this.ids.filter((id) => this.#member(id).process !== null);
  }

  /** Members as clients name them. */
  hosts(ids: readonly number[] = this.ids): string {
    return ids.map((id) => `${this.hostname(id)}:${this.clientPort(id)}`).join(",");
  }

  hostname(id: number): string {
    return this.#member(id).hostname;
  }

  clientPort(id: number): number {
    return this.#member(id).clientPort;
  }

  target(id: number): Target {
    return this.#member(id).target;
  }

  dataDir(id: number): string {
    return this.#member(id).dataDir;
  }

  /** What stands behind `server.N=`. */
  address(id: number): string {
    return this.#member(id).address;
  }

  /** Its zoo.cfg; only of a dynamic ensemble, where it stays. */
  configFile(id: number): string {
    const { configFile } = this.#member(id);
    if (configFile === undefined) throw new Error("The ensemble is not dynamic");
    return configFile;
  }

  /** A reconfig gave it another address: clients find it there. */
  moveClientPort(id: number, clientPort: number): void {
    this.#member(id).clientPort = clientPort;
    this.process(id).clientPort = clientPort;
  }

  /** The process that runs, for its number and its log. */
  process(id: number): ServerProcess {
    const { process } = this.#member(id);
    if (process === null) throw new Error(`Member ${id} does not run`);
    return process;
  }

  /** Starts a member without waiting for it. */
  start(id: number): void {
    const member = this.#member(id);
    if (member.process !== null) throw new Error(`Member ${id} runs already`);
    const known = member.options.knows ?? this.ids;
    const servers = known.map((other) => [`server.${other}`, this.#member(other).address] as const);
    member.process = ServerProcess.spawn(member.target, {
      dataDir: member.dataDir,
      clientPort: member.clientPort,
      hostname: member.hostname,
      http: member.options.http ?? false,
      ...(member.configFile === undefined ? {} : { configFile: member.configFile }),
      properties: { ...this.#properties, ...member.options.properties },
      config: {
        tickTime: 500,
        initLimit: 40,
        syncLimit: 10,
        maxSessionTimeout: 120_000,
        "4lw.commands.whitelist": "*",
        ...Object.fromEntries(servers),
        ...(member.options.role === "observer" ? { peerType: "observer" } : {}),
        ...this.#config,
        ...member.options.config,
      },
      ...(this.#network === undefined ? {} : { wrapper: this.#network.wrapper(id) }),
    });
  }

  /** Starts these, by default all that do not run, and waits until they serve. */
  async startAll(
    ids: readonly number[] = this.ids.filter((id) => this.#member(id).process === null),
  ): Promise<void> {
    for (const id of ids) this.start(id);
    await this.waitUntilServing(ids);
  }

  /** `kill -9`, and waits for the end. */
  async kill(id: number): Promise<void> {
    await this.process(id).kill();
    await this.#ended(id);
  }

  /** SIGTERM, and waits for the end. */
  async stop(id: number): Promise<void> {
    await this.process(id).stop();
    await this.#ended(id);
  }

  /** Lets the process stand still, all of its threads: its connections stay open, and it reads nothing. */
  async freeze(id: number): Promise<void> {
    const { pid } = this.process(id);
    Deno.kill(pid, "SIGSTOP");
    const tasks = `/proc/${pid}/task`;
    await eventually(
      `member ${id} stands still`,
      () =>
        [...Deno.readDirSync(tasks)].every(({ name }) =>
          /^State:\s+T/m.test(Deno.readTextFileSync(`${tasks}/${name}/status`))
        ),
    );
  }

  thaw(id: number): void {
    Deno.kill(this.process(id).pid, "SIGCONT");
  }

  /** Stops a member and starts the other program on its dataDir; @returns when that serves */
  async replace(id: number, target: Target): Promise<void> {
    if (this.#member(id).process !== null) await this.stop(id);
    this.#member(id).target = target;
    await this.startAll([id]);
  }

  /** Removes everything a stopped member has on disk, but for its id. */
  wipe(id: number): void {
    const { dataDir, process } = this.#member(id);
    if (process !== null) throw new Error(`Member ${id} runs`);
    Deno.removeSync(`${dataDir}/version-2`, { recursive: true });
  }

  word(id: number, letters: string): Promise<string> {
    return this.process(id).word(letters, WORD_TIMEOUT_MS);
  }

  /** The answer to the `srvr` word; empty when there is none. */
  srvr(id: number): Promise<string> {
    return this.word(id, "srvr").catch(() => "");
  }

  async mode(id: number): Promise<Mode> {
    const { process } = this.#member(id);
    if (process === null) return "down";
    if (process.endCode !== null) {
      throw new Error(`Member ${id} ended by itself with code ${process.endCode}`);
    }
    const answer = await this.srvr(id);
    const mode = /^Mode: (.*)$/m.exec(answer)?.[1];
    if (mode !== undefined) return mode as Mode;
    return answer.includes("not currently serving") ? "looking" : "down";
  }

  /** The last zxid it has applied; null while it does not serve. */
  async zxid(id: number): Promise<bigint | null> {
    const zxid = /^Zxid: (0x[0-9a-f]+)$/m.exec(await this.srvr(id))?.[1];
    return zxid === undefined ? null : BigInt(zxid);
  }

  async waitForMode(id: number, ...modes: readonly Mode[]): Promise<void> {
    await eventually(
      `member ${id} is ${modes.join(" or ")}`,
      async () => modes.includes(await this.mode(id)),
    );
  }

  async waitUntilServing(ids: readonly number[] = this.runningIds): Promise<void> {
    await Promise.all(ids.map((id) => this.waitForMode(id, ...SERVING)));
  }

  /** Waits until one of these, by default of all, leads; @returns which */
  async waitForLeader(ids: readonly number[] = this.ids): Promise<number> {
    let leader: number | undefined;
    await eventually(`one of ${ids} leads`, async () => {
      const modes = await Promise.all(ids.map((id) => this.mode(id)));
      leader = ids.find((_, i) => modes[i] === "leader");
      return leader !== undefined;
    });
    return leader!;
  }

  /**
   * Waits until all that run have applied the same. Not before the first txn of an epoch: until then
   * a leader tells of the new epoch, and a learner that got an empty DIFF of the old one.
   */
  async waitUntilEqual(ids: readonly number[] = this.runningIds): Promise<void> {
    await eventually(`members ${ids} have one zxid`, async () => {
      const zxids = await Promise.all(ids.map((id) => this.zxid(id)));
      return zxids[0] !== null && zxids.every((zxid) => zxid === zxids[0]);
    });
  }

  /** A client with a session at this member. */
  client(id: number, options: ConnectOptions = {}): Promise<RawClient> {
    return RawClient.session(this.clientPort(id), { hostname: this.hostname(id), ...options });
  }

  /** Takes a session over, as soon as this member has seen what the client has. */
  async resume(id: number, client: RawClient): Promise<RawClient> {
    const { sessionId, password, lastZxid: lastZxidSeen } = client;
    let resumed: RawClient | undefined;
    await eventually(`member ${id} lets the client in`, async () => {
      const options = { sessionId, password, lastZxidSeen };
      resumed = await this.client(id, options).catch((error) => {
        // How a member that is behind answers.
        if (`${error}`.includes("closed")) return undefined;
        throw error;
      });
      return resumed !== undefined;
    });
    return resumed!;
  }

  /** Text without what differs from run to run: ports and directories by the members' names. */
  normalized(text: string): string {
    for (const { options: { id }, clientPort, address, dataDir } of this.#members.values()) {
      const [, quorumPort, electionPort] = address.split(":");
      text = text.replaceAll(dataDir, `DATADIR${id}`)
        .replaceAll(`${quorumPort}`, `QUORUM${id}`)
        .replaceAll(`${electionPort}`, `ELECTION${id}`)
        .replaceAll(`${clientPort}`, `CLIENT${id}`);
    }
    return text;
  }

  /** The end of what each member printed. */
  logs(): string {
    return [...this.#members.values()].map(({ options: { id }, target, process, pastLog }) =>
      `--- member ${id}, ${target}, ${process === null ? "stopped" : "running"}\n` +
      (pastLog + (process?.log() ?? "")).slice(-LOG_TAIL_CHARS)
    ).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#members.values()) await process?.[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }

  async #ended(id: number): Promise<void> {
    const member = this.#member(id);
    member.pastLog += this.process(id).log();
    await member.process?.[Symbol.asyncDispose]();
    member.process = null;
  }

  #member(id: number): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new Error(`There is no member ${id}`);
    return member;
  }

  #prepare(options: MemberOptions): Member {
    const { id, target, role = "participant" } = options;
    const dataDir = `${this.#dir.path}/${id}`;
    Deno.mkdirSync(dataDir);
    Deno.writeTextFileSync(`${dataDir}/myid`, `${id}\n`);
    const hostname = this.#network?.hostname(id) ?? `127.0.0.${this.#ownAddresses ? 10 + id : 1}`;
    const [clientPort, quorumPort, electionPort] = this.#network === undefined
      ? [freePort(), freePort(), freePort()]
      : [2181, 2888, 3888]; // it has its address to itself
    const clientAddress = this.#isDynamic ? `;${hostname}:${clientPort}` : "";
    return {
      options,
      hostname,
      clientPort,
      address: `${hostname}:${quorumPort}:${electionPort}:${role}${clientAddress}`,
      dataDir,
      configFile: this.#isDynamic ? `${dataDir}/zoo.cfg` : undefined,
      target,
      process: null,
      pastLog: "",
    };
  }
}
