import assert from "node:assert/strict";
import { runCommand } from "../../cli/commands.ts";
import type { RunningServer, World } from "../../cli/world.ts";
import { DataDirError } from "../../core/errors.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import { makeTempDir, type TempDir } from "../support/temp_dir.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of the log file, when `--log-file` named one. */
  readonly started: ServerConfig | undefined;
  readonly closed: number;
}

interface Given {
  readonly args: readonly string[];
  readonly start?: () => Promise<RunningServer>;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Runs a command whose server is stopped by SIGTERM as soon as it says that it runs. */
async function run({ args, start, variables = {} }: Given): Promise<Ran> {
  const ran = { stdout: "", stderr: "", closed: 0, started: undefined as ServerConfig | undefined };
  const close = () => {
    ran.closed++;
    return Promise.resolve();
  };
  const world: World = {
    args,
    environment: (name) => variables[name],
    terminal: { stdin: false, stdout: false, stderr: false, columns: 80 },
    stdin: () => new ReadableStream({ start: (stream) => stream.close() }),
    print: (output) => void (ran.stdout += output),
    writeStdout: (text) => void (ran.stdout += text),
    writeStderr: (text) => void (ran.stderr += text),
    startServer: (config) => {
      ran.started = config;
      return start?.() ?? Promise.resolve({ close });
    },
    onStopSignal: (stop) => stop("SIGTERM"),
    onUncaught: () => {},
  };
  return { code: await runCommand(world), ...ran };
}

function writeConfig(dir: TempDir, ...lines: string[]): string {
  const path = `${dir.path}/zoo.cfg`;
  Deno.writeTextFileSync(
    path,
    [`dataDir=${dir.path}/data`, "clientPort=2181", ...lines].join("\n"),
  );
  return path;
}

Deno.test("runCommand() tells the version and the usage", async () => {
  const version = await run({ args: ["version"] });
  assert.equal(version.code, 0);
  assert.match(
    version.stdout,
    /^Denkeeper, version \d+\.\d+\.\d+ \(development build; as ZooKeeper 3\.\d+\.\d+, /,
  );
  const asJson = await run({ args: ["version", "--json"] });
  assert.equal(JSON.parse(asJson.stdout).deno, Deno.version.deno);
});

Deno.test("runCommand() tells how it is used", async () => {
  for (const args of [["--help"], ["-h"], ["help"], ["start-foreground", "--help"]]) {
    const { code, stdout, stderr, started } = await run({ args });
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: denkeeper /);
    assert.match(stdout, /-h, --help +/);
    assert.equal(stderr, "");
    assert.equal(started, undefined);
  }
});

Deno.test("runCommand() ends with 2 and a reason when it cannot be understood", async () => {
  const cases: [args: string[], reason: RegExp][] = [
    [[], /^Usage: denkeeper /],
    [["begin"], /^error: unknown command 'begin'\n\(--help/],
    [["versio"], /unknown command 'versio'\n\(Did you mean version\?\)/],
    [["--nonsense"], /^error: unknown option '--nonsense'/],
    [["version", "x"], /^error: too many arguments for 'version'\. Expected 0 .*: x\./],
    [["start-foreground", "a.cfg", "b"], /^error: too many arguments for 'start-foreground'/],
    [["start-foreground", "--config"], /^error: option '--config <dir>' argument missing/],
  ];
  for (const [args, reason] of cases) {
    const { code, stdout, stderr, started } = await run({ args });
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, reason);
    assert.equal(started, undefined);
  }
});

Deno.test("start-foreground runs a server until a signal, and says what it does", async () => {
  using dir = makeTempDir();
  const log = `${dir.path}/x.log`;
  const file = writeConfig(dir, "clientPortAddress=127.0.0.1", "maxResponseCacheSize=1");
  const args = ["-DsnapCount=7", "start-foreground", file, "-Dzookeeper.maxCnxns=8"];
  const variables = { JVMFLAGS: "-Dzookeeper.globalOutstandingLimit=9" };
  const ran = await run({ args: [...args, "--log-file", log], variables });
  assert.equal(ran.code, 0);
  assert.equal(ran.closed, 1);
  assert.equal(ran.started?.snapCount, 7);
  assert.equal(ran.started?.maxCnxns, 8);
  assert.equal(ran.started?.globalOutstandingLimit, 9);
  assert.equal(ran.stderr, "");
  assert.match(ran.stdout, /clients +127\.0\.0\.1:2181\n/);
  assert.ok(ran.stdout.includes(`${dir.path}/data/version-2 (snapshots)`));
  assert.match(ran.stdout, /purge +keeps 3 snapshots and their logs, every 24 h \(default/);
  assert.match(ran.stdout, /words +srvr \(4lw/);
  assert.match(ran.stdout, /http +none, the log says why\n/);
  assert.ok(ran.stdout.split("\n").length < 24);
  const lines = Deno.readTextFileSync(log).trim().split("\n").map((line) => line.slice(24));
  assert.match(lines[1]!, /WARN .* setting has no effect key=maxResponseCacheSize at=.*zoo.cfg:4/);
  assert.match(lines[2]!, /INFO .* server started address=127\.0\.0\.1:2181 dataDir=/);
  assert.match(lines[3]!, /stopping signal=SIGTERM/);
  assert.match(lines[4]!, /stopped$/);
});

Deno.test("start-foreground says of a member who it is, who the others are and what it waits for", async () => {
  using dir = makeTempDir();
  const log = `${dir.path}/x.log`;
  const file = writeConfig(
    dir,
    ...["server.1=zk1:2888:3888", "server.2=zk2:2888:3888", "server.3=zk3:2888:3888"],
    ...["server.4=zk4:2888:3888:observer", "initLimit=10", "syncLimit=5"],
  );
  Deno.mkdirSync(`${dir.path}/data`, { recursive: true });
  Deno.writeTextFileSync(`${dir.path}/data/myid`, "2\n");
  const { stdout, stderr } = await run({ args: ["start-foreground", file, "--log-file", log] });
  assert.equal(stderr, "");
  assert.match(stdout, /^Denkeeper \S+ server 2 of an ensemble, as ZooKeeper/m);
  assert.match(stdout, /^ {2}members +server\.1=zk1:2888:3888:participant$/m);
  assert.match(stdout, /^ +server\.2=zk2:2888:3888:participant {2}<- this one$/m);
  assert.match(stdout, /^ {2}waits for 2 of the voting servers 1, 2, 3, then it serves clients$/m);
  assert.match(
    Deno.readTextFileSync(log),
    /INFO .* member started: .* serverId=2 role=participant members="server\.1=.*" quorum="2 of/,
  );
});

Deno.test("start-foreground tells the port that the operating system picked", async () => {
  using dir = makeTempDir();
  const args = ["start-foreground", writeConfig(dir, "clientPort=0"), "--log-level", "off"];
  const start = () =>
    Promise.resolve({ close: () => Promise.resolve(), clientPort: 40_001, httpPort: 40_002 });
  const { stdout } = await run({ args, start });
  assert.match(stdout, /clients +\*:40001\n/);
  assert.match(stdout, /http +http:\/\/\*:40002 \(\/docs describes it\)\n/);
});

Deno.test("start-foreground warns in its banner of what endangers data", async () => {
  using dir = makeTempDir();
  const file = writeConfig(dir, "forceSync=no", "skipACL=yes", "autopurge.purgeInterval=0");
  const { stdout } = await run({ args: ["start-foreground", file, "--log-level", "off"] });
  assert.match(stdout, /DANGER +forceSync=no/);
  assert.match(stdout, /DANGER +skipACL=yes/);
  assert.match(stdout, /purge +off/);
});

Deno.test("start-foreground ends with 2 and every problem of the config", async () => {
  using dir = makeTempDir();
  const file = writeConfig(dir, "tickTime=0", "syncLimit=x");
  const { code, stderr, started } = await run({ args: ["start-foreground", file] });
  assert.equal(code, 2);
  assert.equal(started, undefined);
  const lines = stderr.trim().split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[0]!, /zoo.cfg:3: tickTime cannot be "0": expected an integer from 1/);
  assert.match(lines[1]!, /zoo.cfg:4: syncLimit cannot be "x": expected an integer from 0/);
  assert.equal(lines[2], "Invalid config, exiting abnormally");
  const unreadable = await run({
    args: ["start-foreground", writeConfig(dir), "--log-file", dir.path],
  });
  assert.equal(unreadable.code, 2);
  assert.match(
    unreadable.stderr,
    /^Cannot open log file: .*\nInvalid config, exiting abnormally\n$/,
  );
});

Deno.test("start-foreground ends with ZooKeeper's code when the server cannot start", async () => {
  using dir = makeTempDir();
  const log = `${dir.path}/x.log`;
  class LogHole extends DataDirError {}
  const cases: [error: Error, code: number, message: RegExp][] = [
    [new DataDirError("no"), 3, /unable to access datadir, exiting reason=no/],
    [new LogHole("hole"), 1, /cannot start, exiting error=hole$/],
    [
      new Deno.errors.AddrInUse("used"),
      1,
      /port is in use by another process: .* address=\*:2181/,
    ],
    [new Deno.errors.NotCapable("Requires net access"), 1, /missing="Requires net access"/],
    [new Error("odd"), 1, /cannot start, exiting error=odd stack=/],
  ];
  for (const [error, code, message] of cases) {
    const args = ["start-foreground", writeConfig(dir), "--log-file", log];
    const ran = await run({ args, start: () => Promise.reject(error) });
    assert.equal(ran.code, code, error.message);
    assert.equal(ran.stdout, "");
    assert.match(Deno.readTextFileSync(log).trim().split("\n").at(-1)!, message);
  }
});

Deno.test("start-foreground stops at once at a second signal", async () => {
  using dir = makeTempDir();
  const args = ["start-foreground", writeConfig(dir), "--log-level", "off"];
  const world: World = {
    args,
    environment: () => undefined,
    terminal: { stdin: false, stdout: false, stderr: false, columns: 80 },
    stdin: () => new ReadableStream(),
    print: () => {},
    writeStdout: () => {},
    writeStderr: () => {},
    startServer: () => Promise.resolve({ close: () => new Promise<void>(() => {}) }),
    onStopSignal: (stop) => {
      stop("SIGTERM");
      stop("SIGINT");
    },
    onUncaught: () => {},
  };
  assert.equal(await runCommand(world), 1);
});
