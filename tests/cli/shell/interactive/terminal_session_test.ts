/**
 * `denkeeper cli` as a person meets it: keys pressed in a real terminal, the screen read.
 */
import assert from "node:assert/strict";
import { openClient } from "../../../../net/client/open_client.ts";
import type { ZooKeeperClient } from "../../../../net/client/client_types.ts";
import { eventually } from "../../../support/eventually.ts";
import { testWith } from "../../../support/prerequisites.ts";
import { ServerProcess } from "../../../support/server_process.ts";
import { makeTempDir, type TempDir } from "../../../support/temp_dir.ts";
import { TmuxTerminal } from "../../../support/tmux_terminal.ts";

const PROJECT_DIR = new URL("../../../../", import.meta.url).pathname;
const ZNODES = [
  ...["/app", "/app/config", "/app/config/db", "/apple", "/zoo", "/zoo/with blank", "/日本"],
  ...["/日本/語", "/watched", "/slow"],
];

/** A server with some znodes, a script that runs the shell and tells how it ended, a terminal to run it in. */
class Stage implements AsyncDisposable {
  readonly #dir: TempDir;
  readonly terminal: TmuxTerminal;
  readonly client: ZooKeeperClient;
  server: ServerProcess;

  private constructor(parts: {
    dir: TempDir;
    terminal: TmuxTerminal;
    client: ZooKeeperClient;
    server: ServerProcess;
  }) {
    this.#dir = parts.dir;
    this.terminal = parts.terminal;
    this.client = parts.client;
    this.server = parts.server;
  }

  static async open(): Promise<Stage> {
    const dir = makeTempDir();
    const server = await ServerProcess.start("denkeeper", { dataDir: `${dir.path}/data` });
    const client = openClient(`127.0.0.1:${server.clientPort}`);
    for (const path of ZNODES) await client.create(path, new TextEncoder().encode(`at ${path}`));
    const denkeeper = [
      ...[Deno.execPath(), "run", "-A", "--config", `${PROJECT_DIR}deno.json`],
      ...[`${PROJECT_DIR}main.ts`, "cli", "-server", `127.0.0.1:${server.clientPort}`],
    ];
    Deno.writeTextFileSync(
      `${dir.path}/shell`,
      `stty -a >${dir.path}/modes\n` +
        `sh -c 'echo $$ >${dir.path}/pid; exec "$@"' sh ${denkeeper.join(" ")}\n` +
        'echo "ended with $?"\n' +
        `stty -a | cmp - ${dir.path}/modes && echo the terminal is as before\n`,
    );
    const terminal = await TmuxTerminal.open({
      env: { DENKEEPER_HISTORY: `${dir.path}/history`, NO_COLOR: "1" },
    });
    return new Stage({ dir, terminal, client, server });
  }

  prompt(state: string, number: number): string {
    return `[zk: 127.0.0.1:${this.server.clientPort}(${state}) ${number}] `;
  }

  /** Starts the shell on an empty screen. */
  async start(): Promise<void> {
    await this.terminal.enter(`clear; sh ${this.#dir.path}/shell`);
    await this.terminal.shows(this.prompt("CONNECTED", 0).trimEnd());
  }

  /** To the shell. */
  signal(name: Deno.Signal): void {
    Deno.kill(Number(Deno.readTextFileSync(`${this.#dir.path}/pid`)), name);
  }

  async ended(code: number): Promise<void> {
    await this.terminal.shows(new RegExp(`ended with ${code}\nthe terminal is as before\n[$#]$`));
  }

  /** Stops the server, does something, starts it again. */
  async without(action: () => Promise<void>): Promise<void> {
    const { dataDir, clientPort } = this.server;
    await this.server.stop();
    await action();
    await this.server[Symbol.asyncDispose]();
    this.server = await ServerProcess.start("denkeeper", { dataDir, clientPort });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal[Symbol.asyncDispose]();
    await this.client.close();
    await this.server[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }
}

testWith(["tmux"], "cli: a session in a terminal", async (t) => {
  await using stage = await Stage.open();
  const { terminal, client } = stage;
  /** Waits for the line that is being typed, the last on the screen. */
  const typed = (state: string, number: number, text: string) =>
    terminal.shows((stage.prompt(state, number) + text).trimEnd());
  /** Empties line and screen. */
  const blank = async () => await terminal.press("C-e", "C-u", "C-l");
  await stage.start();

  await t.step(
    "the greeting is that of zkCli.sh, and the prompt follows the connection",
    async () => {
      assert.match(
        await terminal.screen(),
        /^Connecting to 127\.0\.0\.1:\d+\nWelcome to ZooKeeper!\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n\[zk: /,
      );
    },
  );

  await t.step("Tab completes commands, options and paths", async () => {
    await terminal.type("getAc");
    await terminal.press("Tab");
    await terminal.type("-");
    await terminal.press("Tab");
    await typed("CONNECTED", 0, "getAcl -s");
    await blank();
    await terminal.type("ls /z");
    await terminal.press("Tab");
    // Two znodes begin with it: they are listed, and the line is taken as far as they agree.
    await terminal.shows(/^zoo +zookeeper\n.* ls \/zoo$/);
    await terminal.press("BSpace", "BSpace", "BSpace");
    await terminal.type("app/");
    await terminal.press("Tab", "Tab", "Tab");
    await typed("CONNECTED", 0, "ls /app/config/db");
    await blank();
    await terminal.type("get /日本/");
    await terminal.press("Tab");
    await typed("CONNECTED", 0, "get /日本/語");
    await blank();
    await terminal.type("get /zoo/");
    await terminal.press("Tab");
    await typed("CONNECTED", 0, 'get "/zoo/with blank"');
    await terminal.press("Enter");
    await terminal.shows(/\nat \/zoo\/with blank\n.* 1\]$/);
  });

  await t.step("what is pasted runs line by line, each after the other", async () => {
    await blank();
    await terminal.paste("ls /app\nget\t/日本/語\nls /zoo\nget /ap");
    await typed("CONNECTED", 4, "get /ap");
    assert.match(
      await terminal.screen(),
      /ls \/app\n\[config\]\n.* 2\] get +\/日本\/語\nat \/日本\/語\n.* 3\] ls \/zoo\n\[with blank\]\n/,
    );
    await blank();
  });

  await t.step("events are printed above the line that is being typed", async () => {
    await terminal.enter("get -w /watched");
    await terminal.shows(/at \/watched\n.* 5\]$/);
    const long = `set /zoo ${"long ".repeat(30)}end`;
    await terminal.type(long);
    await terminal.press("C-a");
    await terminal.type("#");
    await client.set("/watched", new Uint8Array());
    await terminal.shows(/WatchedEvent state:SyncConnected type:NodeDataChanged path:\/watched\n/);
    await terminal.type("!");
    const line = stage.prompt("CONNECTED", 5) + `#!${long}`;
    const rows = (columns: number) =>
      line.match(new RegExp(`.{1,${columns}}`, "g"))!.map((row) => row.trimEnd()).join("\n");
    await terminal.shows(`path:/watched\n${rows(100)}`);
    await terminal.resize(60, 40);
    await terminal.shows(rows(60));
    await terminal.type("?");
    await terminal.shows(/ 5\] #!\?set \/zoo long [^]*long end$/);
    await terminal.resize(100, 40);
    await blank();
  });

  await t.step("Ctrl-C drops a line, then ends a command, and an empty line stays", async () => {
    await terminal.type("ls /dropped");
    await terminal.press("C-c");
    await terminal.shows(/\(CONNECTED\) 5\] ls \/dropped\^C\n.* 5\]$/);
    await terminal.press("C-c");
    await terminal.shows(/5\] \^C\n\(Ctrl-C again, Ctrl-D or quit leaves\)\n.* 5\]$/);
    await terminal.enter("watch -r /watched");
    await terminal.shows(/Ctrl-C ends it$/);
    await client.create("/watched/child", null);
    await terminal.shows(/\/watched\/child/);
    await terminal.type("ls /typed-ahead");
    await terminal.press("C-c");
    await terminal.shows(/\^C\n.*\(CONNECTED\) 6\]$/);
  });

  await t.step("a restart of the server keeps the line and the session", async () => {
    await blank();
    await terminal.enter("create -e /own");
    await terminal.shows(/Created \/own\n.* 7\]$/);
    const owner = (await client.exists("/own"))!.ephemeralOwner;
    await terminal.type("get /ap");
    await stage.without(async () => {
      await typed("CONNECTING", 7, "get /ap");
      await terminal.press("Tab"); // asks nobody
      await terminal.type("p");
      await typed("CONNECTING", 7, "get /app");
      await terminal.press("Enter");
      await terminal.shows(
        /KeeperErrorCode = ConnectionLoss for \/app\n {2}127.*: Connection refused.*\n.*\(CONNECTING\) 8\]$/,
      );
      await terminal.type("get /zo");
    });
    await typed("CONNECTED", 8, "get /zo");
    await terminal.type("o");
    await terminal.press("Enter");
    await terminal.shows(/at \/zoo\n.* 9\]$/);
    assert.equal((await client.exists("/own"))?.ephemeralOwner, owner);
  });

  await t.step(
    "Ctrl-D leaves with the code of the last command, and the session is over",
    async () => {
      await blank();
      await terminal.enter("get /nowhere");
      await terminal.shows(/Node does not exist: \/nowhere\n.* 10\]$/);
      await terminal.press("C-d");
      await stage.ended(1);
      await eventually("the ephemeral is gone", async () => await client.exists("/own") === null);
    },
  );

  await t.step("the next run remembers what was typed", async () => {
    await stage.start();
    await terminal.press("Up", "Up");
    await typed("CONNECTED", 0, "get /zoo");
    await terminal.press("Down");
    await typed("CONNECTED", 0, "get /nowhere");
    await terminal.press("C-r");
    await terminal.type("with");
    await terminal.shows(/\(reverse-i-search\)`with': get "\/zoo\/with blank"$/);
    await terminal.press("Enter");
    await terminal.shows(/at \/zoo\/with blank\n.* 1\]$/);
    await terminal.enter("addauth digest me:secret");
    await typed("CONNECTED", 2, "");
  });

  await t.step("Ctrl-Z gives the terminal back until the shell goes on", async () => {
    await terminal.type("get /ap");
    await terminal.press("C-z");
    await terminal.shows(/ get \/ap\n[^]*Stopped[^]*\n[$#]$/);
    await terminal.enter("clear; stty -a | grep -o ' icanon'");
    await terminal.shows(/^ icanon\n[$#]$/);
    await terminal.enter("fg");
    await typed("CONNECTED", 2, "get /ap");
    await terminal.type("p");
    await terminal.press("Enter");
    await terminal.shows(/at \/app\n.* 3\]$/);
  });

  await t.step("two Ctrl-C on an empty line leave", async () => {
    await terminal.press("C-c", "C-c");
    await stage.ended(130);
  });

  await t.step("SIGTERM ends the session; passwords were not remembered", async () => {
    await stage.start();
    await terminal.press("Up", "Up");
    await typed("CONNECTED", 0, 'get "/zoo/with blank"'); // addauth is left out
    await terminal.press("C-u");
    await terminal.enter("create -e /own");
    await terminal.shows(/Created \/own\n.* 1\]$/);
    await terminal.type("half a line");
    await typed("CONNECTED", 1, "half a line");
    stage.signal("SIGTERM");
    await stage.ended(143);
    await eventually("the ephemeral is gone", async () => await client.exists("/own") === null);
  });
});
