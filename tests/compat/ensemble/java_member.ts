/**
 * One real Java server as a member of an ensemble on loopback, in a process of its own.
 *
 * @module
 */
import { word } from "../../support/server_process.ts";

const CLASS_PATH = "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar" +
  ":/usr/share/java/snappy-java.jar:/usr/share/java/slf4j-simple.jar";
const FLAGS = ["-Xmx128m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

export class JavaMember implements AsyncDisposable {
  readonly serverId: number;
  readonly #clientPort: number;
  readonly #dir: string;
  readonly #properties: readonly string[];
  #child: Deno.ChildProcess | null = null;

  /**
   * @param servers the `server.N=...` lines of the whole ensemble
   * @param jaas the text of a JAAS file: SASL between servers is then required
   */
  constructor({ serverId, clientPort, servers, jaas = null }: {
    serverId: number;
    clientPort: number;
    servers: readonly string[];
    jaas?: string | null;
  }) {
    this.serverId = serverId;
    this.#clientPort = clientPort;
    this.#dir = Deno.makeTempDirSync({ prefix: `denkeeper-test-java-${serverId}-` });
    Deno.mkdirSync(`${this.#dir}/data`);
    Deno.writeTextFileSync(`${this.#dir}/data/myid`, `${serverId}\n`);
    const lines = [
      ...["tickTime=500", "initLimit=10", "syncLimit=5", "admin.enableServer=false"],
      ...["4lw.commands.whitelist=srvr", "preAllocSize=64", `dataDir=${this.#dir}/data`],
      ...[`clientPort=${clientPort}`, "clientPortAddress=127.0.0.1", ...servers],
    ];
    this.#properties = [];
    if (jaas !== null) {
      Deno.writeTextFileSync(`${this.#dir}/jaas.conf`, jaas);
      this.#properties = [`-Djava.security.auth.login.config=${this.#dir}/jaas.conf`];
      const settings = ["enableSasl", "learnerRequireSasl", "serverRequireSasl"];
      lines.push(...settings.map((setting) => `quorum.auth.${setting}=true`));
    }
    Deno.writeTextFileSync(`${this.#dir}/zoo.cfg`, lines.join("\n") + "\n");
  }

  start(): void {
    const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    this.#child = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", 'exec "$@" >>"$0" 2>&1', `${this.#dir}/server.log`],
        ...["java", ...FLAGS, ...this.#properties, "-cp", CLASS_PATH, main, `${this.#dir}/zoo.cfg`],
      ],
      cwd: this.#dir,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** `kill -9`, and waits for the end. */
  async kill(): Promise<void> {
    if (this.#child === null) return;
    try {
      this.#child.kill("SIGKILL");
    } catch { /* it has ended already */ }
    await this.#child.status;
    this.#child = null;
  }

  /** What it is, as `srvr` says: `leader`, `follower`; null while it serves nobody. */
  async mode(): Promise<string | null> {
    const answer = await word(this.#clientPort, "srvr", 1000).catch(() => "");
    return /^Mode: (\w+)/m.exec(answer)?.[1] ?? null;
  }

  /** Everything it printed so far, over all its lives. */
  log(): string {
    return Deno.readTextFileSync(`${this.#dir}/server.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    Deno.removeSync(this.#dir, { recursive: true });
  }
}
