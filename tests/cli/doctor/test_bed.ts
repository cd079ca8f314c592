/**
 * A place to plant faults in for `doctor`: a directory, a zoo.cfg, and a machine of which everything can be
 * otherwise.
 *
 * @module
 */
import type { Diagnosis } from "../../../cli/doctor/doctor.ts";
import { diagnose } from "../../../cli/doctor/doctor.ts";
import { type Machine, systemMachine } from "../../../cli/doctor/machine.ts";
import { freePort } from "../../support/free_port.ts";
import { makeTempDir, type TempDir } from "../../support/temp_dir.ts";

export type Config = Readonly<Record<string, string | number | boolean>>;

const MEMINFO = "MemTotal: 8000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
const LIMITS = "Max open files            65536                65536                files\n";

export class TestBed implements AsyncDisposable {
  readonly #temp: TempDir = makeTempDir();
  readonly #stack = new AsyncDisposableStack();
  /** What the checks see of the machine: one without a fault, as far as files of /proc tell. */
  machine: Machine;
  environment: Record<string, string> = {};
  /** Far beyond what anybody takes who answers. */
  timeoutMs = 10_000;
  configFile: string | undefined = `${this.#temp.path}/zoo.cfg`;
  /** By path; null: there is none. Others are the machine's own. */
  readonly systemTexts = new Map<string, string | null>([
    ["/proc/meminfo", MEMINFO],
    ["/proc/self/limits", LIMITS],
    ["/proc/self/cgroup", "0::/\n"],
    ["/sys/fs/cgroup/memory.max", "max\n"],
    ["/sys/fs/cgroup/cpu.max", "max 100000\n"],
    ["/proc/sys/vm/overcommit_memory", "0\n"],
  ]);
  /** By command's first word. */
  readonly outputs = new Map<string, string>([["chronyc", "Leap status     : Normal\n"]]);
  /** By name; others do not resolve, addresses do. */
  readonly names = new Map<string, readonly string[]>([["this-host", ["10.0.0.1"]]]);
  readonly reverseNames = new Map<string, string>();

  constructor() {
    this.machine = {
      ...systemMachine,
      hostname: "this-host",
      addresses: ["127.0.0.1", "10.0.0.1"],
      lookup: (name) => {
        if (/^[\d.]+$|:/.test(name)) return Promise.resolve([name]);
        const found = this.names.get(name);
        return found === undefined
          ? Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`))
          : Promise.resolve([...found]);
      },
      reverse: (address) => Promise.resolve(this.reverseNames.get(address) ?? null),
      systemText: (path) =>
        this.systemTexts.has(path) ? this.systemTexts.get(path)! : systemMachine.systemText(path),
      outputOf: (command) => {
        const output = this.outputs.get(command[0]!);
        return output === undefined ? systemMachine.outputOf(command) : Promise.resolve(output);
      },
      // the tests' disk may be busy
      timeSyncs: (_directory, { count }) => Promise.resolve(new Array(count).fill(1)),
    };
  }

  get dir(): string {
    return this.#temp.path;
  }

  get dataDir(): string {
    return `${this.dir}/data`;
  }

  /** Disposed of with the bed. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  /** Writes a file below the bed's directory, its directories too. */
  write(name: string, content: string | Uint8Array): string {
    const path = `${this.dir}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    return path;
  }

  /** Writes the zoo.cfg of a server that stands alone, without a fault; a setting of "" is left out. */
  configure(config: Config = {}): void {
    const all: Config = {
      tickTime: 500,
      dataDir: this.dataDir,
      clientPort: freePort(),
      clientPortAddress: "127.0.0.1",
      preAllocSize: 64,
      "4lw.commands.whitelist": "srvr,ruok,mntr,conf",
      "admin.enableServer": false,
      "autopurge.purgeInterval": 24,
      ...config,
    };
    Deno.mkdirSync(this.dataDir, { recursive: true });
    const lines = Object.entries(all).filter(([, value]) => value !== "");
    this.write("zoo.cfg", lines.map(([key, value]) => `${key}=${value}\n`).join(""));
    Deno.chmodSync(`${this.dir}/zoo.cfg`, 0o600);
  }

  /** The same of member 1 of an ensemble; the lines of the others, and its own if it is another, by number. */
  configureMember(servers: Readonly<Record<number, string>>, config: Config = {}): void {
    const own = `127.0.0.1:${freePort()}:${freePort()}`;
    const lines = Object.entries({ 1: own, ...servers }).map((
      [id, line],
    ) => [`server.${id}`, line]);
    this.configure({ initLimit: 10, syncLimit: 5, ...Object.fromEntries(lines), ...config });
    this.write("data/myid", "1\n");
  }

  diagnose(...only: readonly string[]): Promise<Diagnosis> {
    return diagnose({
      file: this.configFile,
      environment: (name) => this.environment[name],
      timeoutMs: this.timeoutMs,
      isDeep: false,
      only: only.length === 0 ? undefined : only,
    }, this.machine);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    this.#temp[Symbol.dispose]();
  }
}
