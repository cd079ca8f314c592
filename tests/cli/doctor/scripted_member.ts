/**
 * A member of an ensemble that says what it is told to, by words at its client port and by HTTP: for states that
 * real servers are in for a moment only. The forms are those of ZooKeeper 3.8.0 (admin reference).
 *
 * @module
 */

export interface MemberScript {
  readonly hostname?: string;
  readonly serverId: number;
  /** Null: it looks for a leader. */
  readonly mode?: string | null;
  readonly version?: string;
  readonly zxid?: string;
  /** Of the answer to `conf`; null: the word is not enabled. */
  readonly settings?: Readonly<Record<string, number>> | null;
  /** `server.N=...`; behind the settings. */
  readonly members?: readonly string[];
  /** Where it answers HTTP, its system properties, and what it says of itself (default: nothing). */
  readonly http?: {
    readonly port: number;
    readonly properties: Readonly<Record<string, string>>;
    readonly configuration?: Readonly<Record<string, number>>;
  };
}

const DEFAULTS = {
  tickTime: 500,
  maxClientCnxns: 60,
  minSessionTimeout: 1000,
  maxSessionTimeout: 10_000,
  initLimit: 10,
  syncLimit: 5,
};

export class ScriptedMember implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #http: Deno.HttpServer | null;

  constructor(script: MemberScript) {
    const { hostname = "127.0.0.1", http } = script;
    this.#listener = Deno.listen({ hostname, port: 0 });
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    void this.#serve(script);
    this.#http = http === undefined ? null : Deno.serve(
      { hostname, port: http.port, onListen: () => {} },
      (request) => {
        const command = new URL(request.url).pathname.split("/").at(-1);
        const said = { system_properties: http.properties, configuration: http.configuration };
        const answer = said[command as keyof typeof said];
        return answer !== undefined
          ? Response.json({ ...answer, command, error: null })
          : Response.json({ command, error: `Unknown command: ${command}` });
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#http?.shutdown();
  }

  async #serve(script: MemberScript): Promise<void> {
    for await (const conn of this.#listener) {
      using client = conn;
      const buffer = new Uint8Array(4);
      const count = await client.read(buffer).catch(() => null);
      const word = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
      await client.write(new TextEncoder().encode(answerOf(word, script))).catch(() => {});
    }
  }
}

function answerOf(word: string, script: MemberScript): string {
  const { serverId, mode = "follower", version = "3.8.0", zxid = "0x100000001" } = script;
  const { settings = {}, members = [] } = script;
  if (word === "srvr" && mode === null) {
    return "This ZooKeeper instance is not currently serving requests\n";
  }
  if (word === "srvr") {
    return `Zookeeper version: ${version}-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC\n` +
      `Latency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\n` +
      `Zxid: ${zxid}\nMode: ${mode}\nNode count: 5\n`;
  }
  if (word === "conf" && settings !== null) {
    const lines = Object.entries({ ...DEFAULTS, serverId, ...settings });
    const text = lines.map(([key, value]) => `${key}=${value}\n`).join("");
    return `clientPort=2181\n${text}membership: \n${[...members, "version=0"].join("\n")}`;
  }
  return `${word} is not executed because it is not in the whitelist.\n`;
}
