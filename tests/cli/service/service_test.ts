/**
 * start, stop, restart, status and print-cmd, with servers that are real processes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DataDirLock } from "../../../net/data_dir_lock.ts";
import { isAlive } from "../../../net/process_table.ts";
import { CommandFolder } from "../../support/denkeeper_command.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { testWith } from "../../support/prerequisites.ts";

const ZK_SERVER = "/usr/share/zookeeper/bin/zkServer.sh";
const STARTED = "Starting zookeeper ... STARTED\n";
const FAILED = "Starting zookeeper ... FAILED TO START\n";
const STOPPED = "Stopping zookeeper ... STOPPED\n";

class ServiceFolder extends CommandFolder {
  readonly port = freePort();
  readonly config = this.write(
    "zoo.cfg",
    [
      `dataDir=${this.path}/data`,
      `clientPort=${this.port}`,
      "clientPortAddress=127.0.0.1",
      "admin.serverAddress=127.0.0.1",
      `admin.serverPort=${freePort()}`,
      "preAllocSize=64",
      "",
    ].join("\n"),
  );
  readonly pidFile = `${this.path}/data/zookeeper_server.pid`;
  readonly found =
    `Client port found: ${this.port}. Client address: 127.0.0.1. Client SSL: false.\n`;

  /** Another config file: the first one with a change. */
  variant(name: string, from: string | RegExp, to: string): string {
    return this.write(name, this.read("zoo.cfg").replace(from, to));
  }

  /** Of the pid file. */
  get pid(): number {
    return Number(Deno.readTextFileSync(this.pidFile));
  }

  get holder(): number | null {
    return DataDirLock.holder(`${this.path}/data`);
  }
}

/** `start` leaves a process behind, as it should. */
function serviceTest(name: string, fn: (folder: ServiceFolder) => Promise<void>): void {
  Deno.test({
    name,
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async () => {
      await using folder = new ServiceFolder();
      await fn(folder);
    },
  });
}

serviceTest(
  "start, status, restart and stop, each a process, as zkServer.sh has them",
  async (folder) => {
    const started = await folder.runProcess("start");
    assert.deepEqual([started.code, started.stdout], [0, STARTED]);
    assert.match(started.stderr, /^Using config: zoo\.cfg\n/);
    const { pid } = folder;
    assert.equal(folder.read("data/zookeeper_server.pid"), String(pid), "no newline");
    assert.equal(folder.holder, pid);
    if (Deno.build.os === "linux") { // a session of its own: no terminal's end reaches it
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      assert.equal(/^\d+ \(.*\) \S \d+ \d+ (\d+) 0 /.exec(stat)?.[1], String(pid));
      assert.equal(Deno.readLinkSync(`/proc/${pid}/fd/0`), "/dev/null");
      assert.equal(Deno.readLinkSync(`/proc/${pid}/cwd`), Deno.realPathSync(folder.path));
    }
    const [status, restarted] = [
      await folder.runProcess("status"),
      await folder.runProcess("restart"),
    ];
    assert.deepEqual([status.code, status.stdout], [0, `${folder.found}Mode: standalone\n`]);
    assert.deepEqual([restarted.code, restarted.stdout], [0, STOPPED + STARTED]);
    assert.notEqual(folder.pid, pid);
    assert.equal(isAlive(pid), false);
    const stopped = await folder.runProcess("stop");
    assert.deepEqual([stopped.code, stopped.stdout], [0, STOPPED]);
    assert.equal(folder.holder, null);
  },
);

serviceTest(
  "status and stop tell what runs, also by a config file that has become wrong",
  async (folder) => {
    const { config, found, port } = folder;
    const down = await folder.run("status", config);
    const isDown = "Error contacting service. It is probably not running.\n";
    assert.deepEqual([down.code, down.stdout], [1, found + isDown]);
    assert.match(
      down.stderr,
      /^Using config: .*\nCannot connect to 127\.0\.0\.1:\d+: nobody listens/,
    );
    const unhealthy = await folder.run("health", config);
    assert.equal(unhealthy.code, 1);
    assert.match(unhealthy.stdout, /^not ready: Cannot connect to [^\n]*\n$/);

    const started = await folder.run("start", "--json", config);
    assert.equal(started.code, 0);
    const report = JSON.parse(started.stdout);
    assert.deepEqual([report.status, report.pid], ["started", folder.pid]);
    assert.equal(report.clients, `127.0.0.1:${port}`);
    const again = await folder.run("start", config);
    const running = `Starting zookeeper ... already running as process ${folder.pid}.\n`;
    assert.deepEqual([again.code, again.stdout], [1, running]);
    const { status, mode, pid } = JSON.parse((await folder.run("status", "--json", config)).stdout);
    assert.deepEqual([status, mode, pid], ["serving", "standalone", folder.pid]);
    for (
      const args of [[config], ["--live", config], ["--startup", config], [
        "--server",
        `127.0.0.1:${port}`,
      ]]
    ) {
      const healthy = await folder.run("health", ...args);
      assert.equal(healthy.code, 0, healthy.stdout);
      assert.match(healthy.stdout, /^ok: [^\n]+\n$/);
    }

    const wrong = folder.variant("wrong.cfg", /clientPort=\d+/, "clientPort=none");
    assert.deepEqual((await folder.run("stop", wrong)).stdout, STOPPED);
    assert.equal(folder.holder, null);
    const none = await folder.run("stop", config);
    const missing = `no zookeeper to stop (could not find file ${folder.pidFile})`;
    assert.deepEqual([none.code, none.stdout], [0, `Stopping zookeeper ... ${missing}\n`]);
  },
);

serviceTest("start says why a server failed, and ends with its code", async (folder) => {
  const wrong = await folder.run(
    "start",
    folder.variant("wrong.cfg", /clientPort=\d+/, "clientPort=none"),
  );
  assert.deepEqual([wrong.code, wrong.stdout], [2, FAILED]);
  assert.match(wrong.stderr, /wrong\.cfg:2: clientPort cannot be "none"/);

  const isFile = await folder.run("start", folder.variant("file.cfg", "/data\n", "/zoo.cfg\n"));
  assert.deepEqual([isFile.code, isFile.stdout], [3, FAILED]);
  assert.match(isFile.stderr, /Cannot use dataDir ".*\/zoo\.cfg\/version-2": Not a directory/);

  {
    using _other = Deno.listen({ hostname: "127.0.0.1", port: folder.port });
    const taken = await folder.run("start", folder.config);
    assert.deepEqual([taken.code, taken.stdout], [1, FAILED]);
    assert.match(taken.stderr, /the port is in use by another process.* address=127\.0\.0\.1:/);
    assert.equal(folder.has("data/zookeeper_server.pid"), false);
  }

  folder.env["ZOOPIDFILE"] = `${folder.path}/zoo.cfg/pid`;
  const noPidFile = await folder.run("start", folder.config);
  const words = "Starting zookeeper ... FAILED TO WRITE PID\n";
  assert.deepEqual([noPidFile.code, noPidFile.stdout], [1, words]);
  assert.equal(folder.holder, null, "the server does not stay");
});

serviceTest(
  "a pid file that a crash left behind makes nobody end another program",
  async (folder) => {
    const { config, pidFile } = folder;
    const stranger = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    try {
      Deno.mkdirSync(`${folder.path}/data`);
      Deno.writeTextFileSync(pidFile, String(stranger.pid));
      const stopped = await folder.run("stop", config);
      assert.equal(stopped.code, 0);
      assert.match(
        stopped.stdout,
        /^Stopping zookeeper \.\.\. no zookeeper to stop \(process \d+ of/,
      );
      assert.match(stopped.stderr, /is now ".*sleep 1000", which is no server/);
      assert.equal(folder.has("data/zookeeper_server.pid"), false);

      Deno.writeTextFileSync(pidFile, String(stranger.pid));
      assert.equal((await folder.run("start", config)).stdout, STARTED);
      await folder.kill("data"); // as the machine would: its pid stays in both files
      assert.match((await folder.run("status", config)).stdout, /It is probably not running\.\n$/);
      assert.equal((await folder.run("start", config)).stdout, STARTED);

      // a server that the pid file does not name was started some other way
      Deno.writeTextFileSync(pidFile, String(stranger.pid));
      const other = await folder.run("stop", config);
      assert.equal(other.code, 1);
      assert.match(other.stderr, /Process \d+ serves ".*", and the pid file does not name it/);
      assert.notEqual(folder.holder, null);
      assert.equal(isAlive(stranger.pid), true);
    } finally {
      stranger.kill();
      await stranger.status;
    }
  },
);

serviceTest(
  "status tells the mode to who cannot read the pid file; stop removes one without a number",
  async (folder) => {
    const { config, found, pidFile } = folder;
    Deno.mkdirSync(`${folder.path}/data`);
    Deno.writeTextFileSync(pidFile, "");
    const none = await folder.run("stop", config);
    const words = `Stopping zookeeper ... no zookeeper to stop (no process id is in ${pidFile})\n`;
    assert.deepEqual([none.code, none.stdout], [0, words]);
    assert.equal(folder.has("data/zookeeper_server.pid"), false);

    const started = JSON.parse((await folder.run("start", "--json", config)).stdout);
    assert.match(started.http, /^http:\/\/127\.0\.0\.1:\d+$/);
    Deno.removeSync(pidFile);
    Deno.mkdirSync(pidFile); // what not even root can read
    const status = await folder.run("status", config);
    assert.deepEqual([status.code, status.stdout], [0, `${found}Mode: standalone\n`]);
    for (const command of ["start", "stop"]) {
      const { code, stdout, stderr } = await folder.run(command, config);
      assert.deepEqual([code, stdout], [1, ""], command);
      assert.match(stderr, /^Using config: .*\nCannot read the pid file "/);
    }
  },
);

serviceTest("of two starts at one time one wins, and the pid file is its", async (folder) => {
  const { config } = folder;
  const results = await Promise.all([folder.run("start", config), folder.run("start", config)]);
  assert.equal(results.filter(({ code }) => code === 0).length, 1);
  const lost = results.find(({ code }) => code !== 0)!;
  assert.match(lost.stdout, /FAILED TO START|already running as process/);
  assert.match(
    lost.stdout + lost.stderr,
    /already running|the server with process id \d+ is using/,
  );
  assert.equal(folder.pid, folder.holder);

  // one that does not listen to SIGTERM
  Deno.kill(folder.pid, "SIGSTOP");
  const stopped = await folder.run("stop", "--timeout", "0.1", config);
  const words = "Stopping zookeeper ... FAILED TO STOP\n";
  assert.deepEqual([stopped.code, stopped.stdout], [1, words]);
  assert.match(stopped.stderr, /still runs 0\.1 s after SIGTERM; .*kill -9/);
  const silent = await folder.run("health", "--live", "--timeout", "0.1", config);
  assert.deepEqual([silent.code, silent.stdout.startsWith("not live: ")], [1, true]);
  assert.equal(folder.pid, folder.holder);
});

serviceTest("start that is interrupted leaves no server", async (folder) => {
  const slow = folder.write(
    "slow",
    `#!/bin/sh\necho $$ >'${folder.path}/begun'\nexec sleep 1000\n`,
  );
  Deno.chmodSync(slow, 0o755);
  folder.env["DENKEEPER_EXECUTABLE"] = slow;
  const starting = folder.run("start", folder.config);
  await eventually(
    "the server is being started",
    () => folder.has("begun") && folder.read("begun").endsWith("\n"),
  );
  folder.interrupt!();
  const { code, stdout } = await starting;
  assert.deepEqual([code, stdout], [130, FAILED]);
  assert.equal(isAlive(Number(folder.read("begun"))), false);
});

serviceTest(
  "print-cmd prints what a shell runs, with what the files beside zoo.cfg assign",
  async (folder) => {
    const flags = "-Xmx300m -Dzookeeper.4lw.commands.whitelist=ruok";
    folder.write("java.env", `export SERVER_JVMFLAGS="${flags}" # heap\n`);
    folder.write("zookeeper-env.sh", `ZOO_LOG_DIR='${folder.path}/my logs'\n`);
    const { code, stdout } = await folder.run("print-cmd", folder.config);
    assert.equal(code, 0);
    assert.match(stdout, /^DENO_V8_FLAGS=--max-old-space-size=300 /);
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", stdout.replace(" ", " exec ")],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await eventually(
      "it serves",
      async () => (await folder.run("health", folder.config)).code === 0,
    );
    const [log] = [...Deno.readDirSync(`${folder.path}/my logs`)].map(({ name }) => name);
    assert.match(folder.read(`my logs/${log}`), /server started .*fourLetterWords="ruok, srvr"/);
    child.kill();
    await child.status;
  },
);

testWith(
  ["javaServer", "java"],
  "zkServer.sh and we start, find and stop each other's server",
  async () => {
    await using folder = new ServiceFolder();
    const { config } = folder;
    const zkServer = (command: string) => folder.runProgram([ZK_SERVER, command, config]);
    const [javaDown, ourDown] = [await zkServer("status"), await folder.run("status", config)];
    assert.deepEqual([ourDown.code, ourDown.stdout], [javaDown.code, javaDown.stdout]);
    assert.equal((await zkServer("start")).stdout, STARTED);
    await eventually(
      "Java's server serves",
      async () => (await folder.run("health", config)).code === 0,
    );
    const [javaUp, ourUp] = [await zkServer("status"), await folder.run("status", config)];
    assert.deepEqual([ourUp.code, ourUp.stdout], [javaUp.code, javaUp.stdout]);
    const [javaAgain, ourAgain] = [await zkServer("start"), await folder.run("start", config)];
    assert.deepEqual([ourAgain.code, ourAgain.stdout], [javaAgain.code, javaAgain.stdout]);
    assert.equal((await folder.run("stop", config)).stdout, STOPPED);
    const [javaNone, ourNone] = [await zkServer("stop"), await folder.run("stop", config)];
    assert.deepEqual([ourNone.code, ourNone.stdout], [javaNone.code, javaNone.stdout]);
  },
);
