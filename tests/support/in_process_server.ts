/**
 * A server in the test's own process, configured by lines of zoo.cfg, with its log lines kept.
 *
 * For behaviour that needs no process: the test's sanitizers see every socket, file and timer that a
 * closed server leaves behind. What ends the process (a failed sync) needs {@linkcode ServerProcess}.
 *
 * @module
 */
import { loadConfig } from "../../cli/config_loader.ts";
import type { LogFields, Logger, LogLevel } from "../../core/ports.ts";
import { type Server, startServer } from "../../net/server.ts";
import type { ServerProbe } from "../../net/server_probe.ts";

export interface InProcessOptions {
  /** Default: a fresh one, removed at the end. */
  readonly dataDir?: string;
  /** Further lines of zoo.cfg. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** On 127.0.0.1, at a free port. Default: there is no HTTP port. */
  readonly http?: boolean;
  /** What `PUT /api/v1/server/log-level` sets. Default: nothing can be set. */
  readonly logLevel?: LogLevel;
  /** `-D` arguments, without the `-D`. */
  readonly defines?: readonly string[];
}

export class InProcessServer implements AsyncDisposable {
  /** Every line logged: level, message, then fields as `name=value`. */
  readonly lines: string[];
  readonly dataDir: string;
  readonly #dir: string;
  readonly #server: Server;

  private constructor(
    { lines, dataDir, dir }: { lines: string[]; dataDir: string; dir: string },
    server: Server,
  ) {
    this.lines = lines;
    this.dataDir = dataDir;
    this.#dir = dir;
    this.#server = server;
  }

  static async start(options: InProcessOptions = {}): Promise<InProcessServer> {
    const dir = Deno.makeTempDirSync({ prefix: "denkeeper-test-" });
    try {
      const dataDir = options.dataDir ?? `${dir}/data`;
      const file = `${dir}/zoo.cfg`;
      const settings = {
        tickTime: 1000,
        dataDir,
        clientPort: 0,
        clientPortAddress: "127.0.0.1",
        maxClientCnxns: 0,
        preAllocSize: 64,
        "admin.enableServer": options.http ?? false,
        "admin.serverAddress": "127.0.0.1",
        "admin.serverPort": 0,
        ...options.config,
      };
      Deno.writeTextFileSync(
        file,
        Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join(""),
      );
      const { config } = loadConfig({
        file,
        defines: options.defines ?? [],
        environment: () => undefined,
      });
      const lines: string[] = [];
      const server = await startServer(config, keepingLogger(lines), options.logLevel);
      return new InProcessServer({ lines, dataDir, dir }, server);
    } catch (error) {
      Deno.removeSync(dir, { recursive: true });
      throw error;
    }
  }

  get clientPort(): number {
    return this.#server.clientPort;
  }

  /** Of a server with an HTTP port: `http://127.0.0.1:PORT`. */
  get httpUrl(): string {
    const { httpPort } = this.#server;
    if (httpPort === null) throw new Error("The server was not started with `http: true`");
    return `http://127.0.0.1:${httpPort}`;
  }

  get metricsPort(): number | null {
    return this.#server.metricsPort;
  }

  /** The server as health and metrics see it. */
  get probe(): ServerProbe {
    return this.#server.probe;
  }

  /** Lines that hold `text`. */
  linesWith(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    Deno.removeSync(this.#dir, { recursive: true });
  }
}

function keepingLogger(lines: string[]): Logger {
  const keep = (level: string) => (message: string, fields: LogFields = {}) => {
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
    lines.push(`${level} ${message}${rest.join("")}`);
  };
  return {
    isDebug: false,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
}
