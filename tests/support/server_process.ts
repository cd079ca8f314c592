/**
 * One server in a process of its own, Denkeeper or the Java server, on a free loopback port.
 *
 *     await using server = await ServerProcess.start("denkeeper", { config: { tickTime: 500 } });
 *
 * Both are started as an operator would start them, with a zoo.cfg; the Denkeeper process gets
 * exactly the permissions of `deno task start`. A dataDir given by the caller is left in place, so
 * that another server can be started on it; all else is removed.
 *
 * @module
 */
import { freePort } from "./free_port.ts";
import { RawClient, RECEIVE_TIMEOUT_MS } from "./raw_client.ts";

/** Which server a test talks to. */
export type Target = "java" | "denkeeper";

export interface ServerOptions {
  /** Default: a fresh one, removed at the end. */
  readonly dataDir?: string;
  /** The zoo.cfg, kept as it is if it is there, and left in place. Default: a fresh one, removed at the end. */
  readonly configFile?: string;
  /** Further lines of zoo.cfg. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** System properties, given with -D to both. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Default: one the operating system calls free. */
  readonly clientPort?: number;
  /** The HTTP port at a free one, on the same address. Default: there is none. */
  readonly http?: boolean;
  /** Shell commands to run before it in the same process, as `ulimit -n 200`. */
  readonly prelude?: string;
  /** Words before its command, of a program that becomes it: `ip netns exec NAME`. */
  readonly wrapper?: readonly string[];
  /** Where clients reach it. Default: 127.0.0.1. */
  readonly hostname?: string;
}

/**
 * slf4j-simple prints the log to stderr: without it the Java server says nothing at all. What is behind it is
 * for the AdminServer.
 */
const JAVA_CLASS_PATH = "/etc/zookeeper/conf:" + [
  "zookeeper",
  "snappy-java",
  "slf4j-simple",
  ...["servlet-api", "jetty9-server", "jetty9-servlet", "jackson-databind"],
].map((name) => `/usr/share/java/${name}.jar`).join(":");
const JAVA_FLAGS = ["-Xmx256m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const PROJECT_DIR = new URL("../../", import.meta.url).pathname;
/** Far beyond what a start takes on a busy machine. */
const READY_TIMEOUT_MS = 180_000;
const READY_POLL_MS = 15;
/**
 * Java sometimes never answers a connection made while it starts: ask again on another one, each time
 * with more patience, since a starved server is slow to answer.
 */
const READY_PROBE_MS = 500;
/** What each prints when its port is its own: another server may answer there before. */
const READY_LINES: Readonly<Record<Target, RegExp>> = {
  java: /PrepRequestProcessor \(sid:0\) started/,
  denkeeper: / server started /,
};

export class ServerProcess implements AsyncDisposable {
  readonly target: Target;
  readonly hostname: string;
  /** Changes only where a reconfig moves it. */
  clientPort: number;
  /** Null: there is none. */
  readonly httpPort: number | null;
  readonly dataDir: string;
  readonly #child: Deno.ChildProcess;
  readonly #dir: string;
  #endCode: number | null = null;

  private constructor(
    { target, hostname, clientPort, httpPort, dataDir, dir }: {
      target: Target;
      hostname: string;
      clientPort: number;
      httpPort: number | null;
      dataDir: string;
      dir: string;
    },
    child: Deno.ChildProcess,
  ) {
    this.target = target;
    this.hostname = hostname;
    this.clientPort = clientPort;
    this.httpPort = httpPort;
    this.dataDir = dataDir;
    this.#dir = dir;
    this.#child = child;
    child.status.then(({ code }) => this.#endCode = code);
  }

  /** Starts a server and waits until it serves clients. */
  static async start(target: Target, options: ServerOptions = {}): Promise<ServerProcess> {
    for (let attempt = 1;; attempt++) {
      const server = ServerProcess.spawn(target, options);
      try {
        await server.#ready();
        return server;
      } catch (error) {
        const log = server.log();
        await server[Symbol.asyncDispose]();
        const portTaken = /address already in use|port is in use|AddrInUse/i.test(log);
        if (attempt < 5 && portTaken && options.clientPort === undefined) continue;
        throw error;
      }
    }
  }

  /** Runs a server that is expected to refuse to start; @returns its exit code and its output */
  static async refusal(
    target: Target,
    options: ServerOptions = {},
  ): Promise<{ code: number; log: string }> {
    await using server = ServerProcess.spawn(target, options);
    const { code } = await server.#child.status;
    return { code, log: server.log() };
  }

  /** Starts a server and does not wait for it. */
  static spawn(target: Target, options: ServerOptions = {}): ServerProcess {
    const dir = Deno.makeTempDirSync({ prefix: `denkeeper-test-${target}-` });
    const dataDir = options.dataDir ?? `${dir}/data`;
    const clientPort = options.clientPort ?? freePort();
    const hostname = options.hostname ?? "127.0.0.1";
    const httpPort = options.http === true ? freePort() : null;
    const config = {
      tickTime: 1000,
      dataDir,
      clientPort,
      clientPortAddress: hostname,
      maxClientCnxns: 0,
      preAllocSize: 64,
      "admin.enableServer": httpPort !== null,
      "admin.serverAddress": hostname,
      "admin.serverPort": httpPort ?? 0,
      ...options.config,
    };
    const configFile = options.configFile ?? `${dir}/zoo.cfg`;
    const lines = Object.entries(config).map(([key, value]) => `${key}=${value}\n`);
    Deno.mkdirSync(dataDir, { recursive: true });
    if (!isThere(configFile)) Deno.writeTextFileSync(configFile, lines.join(""));
    const properties = Object.entries(options.properties ?? {}).map(([key, value]) =>
      `-D${key}=${value}`
    );
    const [command, ...args] = target === "java"
      ? javaCommand(properties, configFile)
      : denkeeperCommand(configFile);
    const child = new Deno.Command("/bin/sh", {
      // The shell only redirects: exec makes the server the process that is signalled.
      args: [
        "-c",
        `${options.prelude ?? ":"}; exec "$@" >"$0" 2>&1`,
        `${dir}/server.log`,
        ...(options.wrapper ?? []),
        command!,
        ...args,
      ],
      cwd: dir,
      env: { SERVER_JVMFLAGS: target === "java" ? "" : properties.join(" ") },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new ServerProcess(
      { target, hostname, clientPort, httpPort, dataDir, dir },
      child,
    );
  }

  /** Of a server with an HTTP port: `http://HOST:PORT`. */
  get httpUrl(): string {
    if (this.httpPort === null) throw new Error("The server was not started with `http: true`");
    const { hostname } = this;
    return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${this.httpPort}`;
  }

  /** The operating system's number for the process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The code it ended with, null while it runs. */
  get endCode(): number | null {
    return this.#endCode;
  }

  /** The code it ends with. */
  async exitCode(): Promise<number> {
    return (await this.#child.status).code;
  }

  /** Its answer to a four-letter word. */
  word(letters: string, timeoutMs?: number): Promise<string> {
    return word(this.clientPort, letters, timeoutMs, this.hostname);
  }

  /** Everything the server printed so far. */
  log(): string {
    try {
      return Deno.readTextFileSync(`${this.#dir}/server.log`);
    } catch {
      return "";
    }
  }

  /** `kill -9`, and waits for the end. */
  async kill(): Promise<void> {
    await this.#signal("SIGKILL");
  }

  /** Asks politely, and waits for the end. */
  async stop(): Promise<void> {
    await this.#signal("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    Deno.removeSync(this.#dir, { recursive: true });
  }

  async #signal(signal: Deno.Signal): Promise<void> {
    try {
      this.#child.kill(signal);
    } catch { /* it has ended already */ }
    await this.#child.status;
  }

  /** Polls the `srvr` word: unlike a session it leaves no trace in the data. */
  async #ready(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (let probeMs = READY_PROBE_MS; performance.now() < deadline && this.#endCode === null;) {
      if (READY_LINES[this.target].test(this.log())) {
        const answer = await this.word("srvr", probeMs).catch(() => "");
        if (answer.includes("Mode:")) return;
        probeMs = Math.min(probeMs * 2, RECEIVE_TIMEOUT_MS);
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    const how = this.#endCode === null
      ? "does not serve clients"
      : `ended with code ${this.#endCode}`;
    throw new Error(`The ${this.target} server ${how}:\n${this.log().slice(-4000)}`);
  }
}

/** Sends a four-letter word; @returns the answer, up to the end of the connection */
export async function word(
  port: number,
  letters: string,
  timeoutMs?: number,
  hostname?: string,
): Promise<string> {
  using client = await RawClient.open(port, hostname);
  await client.sendBytes(new TextEncoder().encode(letters));
  return new TextDecoder().decode(await client.receiveAll(timeoutMs));
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function javaCommand(properties: string[], configFile: string): string[] {
  const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
  return ["java", ...JAVA_FLAGS, ...properties, "-cp", JAVA_CLASS_PATH, main, configFile];
}

/** With DENKEEPER_UNDER_TEST, the one file that it names, which was made by `deno task compile`. */
function denkeeperCommand(configFile: string): string[] {
  const executable = Deno.env.get("DENKEEPER_UNDER_TEST");
  if (executable) return [executable, "start-foreground", configFile];
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${PROJECT_DIR}deno.json`));
  const start = String(typeof tasks.start === "string" ? tasks.start : tasks.start.command);
  const flags = start.split(/\s+/).filter((word) => word.startsWith("-"));
  return [
    Deno.execPath(),
    "run",
    "--config",
    `${PROJECT_DIR}deno.json`,
    ...flags,
    `${PROJECT_DIR}main.ts`,
    "start-foreground",
    configFile,
  ];
}
