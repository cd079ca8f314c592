/**
 * init: what it writes, what it refuses, and that servers start with it, ours and Java's.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadConfig } from "../../../cli/config_loader.ts";
import type { ServerConfig } from "../../../core/server_config.ts";
import { CommandFolder } from "../../support/denkeeper_command.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { testWith } from "../../support/prerequisites.ts";
import { ServerProcess } from "../../support/server_process.ts";

function load(file: string): ServerConfig {
  return loadConfig({ file, environment: () => undefined }).config;
}

/** The first of so many that follow each other. */
function freePorts(count: number): number {
  for (let first = freePort(), found = 1;; found++) {
    if (found === count) return first;
    if (freePort() === first + found) continue;
    first = freePort();
    found = 0;
  }
}

Deno.test("init writes what a server needs, once", async () => {
  await using folder = new CommandFolder();
  const dir = `${folder.path}/söme dir`;
  const args = ["init", "--dir", dir, "--client-port", "3501", "--http-port", "3502"];
  const dry = await folder.run(...args, "--dry-run");
  assert.deepEqual([dry.code, folder.has("söme dir")], [0, false]);
  assert.match(dry.stdout, /would be written: .*zoo\.cfg\n[\s\S]*\nclientPort=3501\n/);

  const written = await folder.run(...args);
  assert.equal(written.code, 0);
  assert.match(written.stdout, /^written: .*zoo\.cfg\n\nNext:\n {2}denkeeper start '/);
  const config = load(`${dir}/zoo.cfg`);
  assert.equal(config.dataDir, `${dir}/data`);
  assert.deepEqual([config.clientPort, config.http.port], [3501, 3502]);
  assert.equal(config.autopurge.isConfigured && config.autopurge.purgeIntervalMs > 0, true);
  assert.equal(config.ensemble.isMember, false);

  assert.match((await folder.run(...args)).stdout, /^unchanged: /);
  const refused = await folder.run("init", "--dir", dir);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Cannot write ".*zoo\.cfg": it is there already/);
  assert.equal(load(`${dir}/zoo.cfg`).clientPort, 3501);
  const forced = await folder.run("init", "--dir", dir, "--force", "--json");
  assert.equal(JSON.parse(forced.stdout).files[0].status, "overwritten");
  assert.equal(load(`${dir}/zoo.cfg`).clientPort, 2181);
});

Deno.test("init writes a member of an ensemble from host names or server lines", async () => {
  await using folder = new CommandFolder();
  const { code, stdout } = await folder.run(
    ...["init", "--dir", folder.path, "--data-dir", `${folder.path}/d`, "--data-log-dir"],
    ...[`${folder.path}/l`, "--servers", "zk1,zk2", "7=zk3:1:2:observer", "--myid", "7"],
  );
  assert.equal(code, 0);
  assert.match(stdout, /on zk1: denkeeper init with the same --servers and --myid 1\n/);
  assert.match(stdout, /note: 2 voting members bear the loss of 0/);
  const { dataDir, dataLogDir, serverId, ensemble, clientPort } = load(`${folder.path}/zoo.cfg`);
  assert.deepEqual([dataDir, dataLogDir], [`${folder.path}/d`, `${folder.path}/l`]);
  assert.deepEqual([serverId, ensemble.peerType, clientPort], [7, "observer", 2181]);
  assert.deepEqual(
    ensemble.servers.map(({ serverId, addresses: [address] }) => [serverId, address]),
    [
      [1, { host: "zk1", quorumPort: 2888, electionPort: 3888 }],
      [2, { host: "zk2", quorumPort: 2888, electionPort: 3888 }],
      [7, { host: "zk3", quorumPort: 1, electionPort: 2 }],
    ],
  );

  const own = await folder.run(
    ...["init", "--dir", `${folder.path}/own`, "--servers", `${Deno.hostname()}:1:2;3`, "other"],
  );
  assert.equal(own.code, 0, own.stderr);
  const { serverId: ownId, clientPort: ownPort } = load(`${folder.path}/own/zoo.cfg`);
  assert.deepEqual([ownId, ownPort], [1, 3], "by the name of this machine");
});

Deno.test("init refuses what cannot be, and writes nothing", async () => {
  await using folder = new CommandFolder();
  const cases: [args: string[], reason: RegExp][] = [
    [["--servers", "a,b"], /Cannot tell which member this machine \(".*"\) is: .*1 \(a\), 2 \(b\)/],
    [["--servers", "a,b", "--myid", "3"], /Cannot be member 3: --servers has 1 \(a\), 2 \(b\)/],
    [
      ["--servers", "a:1", "--myid", "1"],
      /Cannot have "a:1" in --servers: expected host:quorumPort/,
    ],
    [["--servers", "1=a,1=b", "--myid", "1"], /there is another server\.1/],
    [
      ["--servers", "a,a", "--myid", "1"],
      /Cannot have two ports of --servers at one place: a:2888/,
    ],
    [["--servers", ",", "--myid", "1"], /it names none/],
    [
      ["--client-port", "8080"],
      /Cannot have port 8080 twice, for --client-port and for --http-port/,
    ],
    [["--client-port", "0"], /Expected a whole number from 1 to 65535/],
    [["--local", "3", "--http-port", "2183"], /Cannot have port 2183 twice/],
    [["--local", "3", "--client-port", "65534"], /ports end at 65535/],
    [["--local", "3", "--myid", "1"], /Cannot take --myid with --local/],
    [["--local", "3", "--from-env"], /Cannot do --local and --from-env at once/],
  ];
  for (const [args, reason] of cases) {
    const { code, stderr } = await folder.run("init", "--dir", `${folder.path}/x`, ...args);
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.match(stderr, reason);
  }
  assert.equal(folder.has("x"), false);
});

Deno.test("init --from-env writes what the official image does, and leaves what is there", async () => {
  await using folder = new CommandFolder();
  const args = ["init", "--from-env"];
  Object.assign(folder.env, {
    ZOO_CONF_DIR: `${folder.path}/conf`,
    ZOO_DATA_DIR: `${folder.path}/data`,
    ZOO_DATA_LOG_DIR: `${folder.path}/datalog`,
    ZOO_MY_ID: "2",
    ZOO_SERVERS: "server.1=a:1:2;3 server.2=b:1:2;4",
    ZOO_CFG_EXTRA: "admin.serverPort=5 path=C:\\x",
    ZOO_TICK_TIME: "soon",
  });
  const wrong = await folder.run(...args);
  assert.deepEqual([wrong.code, folder.has("conf")], [2, false], "it would win over a right value");
  assert.match(wrong.stderr, /ZOO_TICK_TIME: tickTime cannot be "soon"/);
  folder.env["ZOO_TICK_TIME"] = "1234";
  assert.equal((await folder.run(...args)).code, 0);
  assert.equal(folder.read("data/myid"), "2\n");
  const config = load(`${folder.path}/conf/zoo.cfg`);
  assert.deepEqual([config.tickTimeMs, config.serverId, config.clientPort], [1234, 2, 4]);
  assert.equal(config.raw.get("path"), "C:\\x");
  folder.env["ZOO_TICK_TIME"] = "2000";
  folder.env["ZOO_MY_ID"] = "1";
  const kept = await folder.run(...args);
  assert.equal(kept.code, 0);
  assert.match(kept.stdout, /^kept: .*zoo\.cfg\nkept: .*myid\n/);
  assert.equal(load(`${folder.path}/conf/zoo.cfg`).tickTimeMs, 1234);

  folder.env["ZOO_MY_ID"] = ""; // as where a compose file hands on a variable that is not set
  folder.env["ZOO_DATA_DIR"] = `${folder.path}/other`;
  assert.equal((await folder.run(...args, "--dir", `${folder.path}/other`)).code, 0);
  assert.equal(folder.read("other/myid"), "1\n");
});

Deno.test("init --configfile makes data directories ready, as zkServer-initialize.sh does", async () => {
  await using folder = new CommandFolder();
  const { path } = folder;
  const args = ["init", `--configfile=${path}/zoo.cfg`];
  folder.write("zoo.cfg", `dataDir=${path}/data\ndataLogDir=${path}/log\nclientPort=1\n`);
  const first = await folder.run(...args, "--myid=4");
  assert.deepEqual([first.code, first.stdout], [0, "Using myid of 4\n"]);
  for (const name of ["data/version-2", "log/version-2", "data/initialize"]) {
    assert.equal(folder.has(name), true, name);
  }
  assert.equal(folder.read("data/myid"), "4\n");
  folder.write("data/version-2/snapshot.0", "");
  const again = await folder.run(...args);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^ZooKeeper data directory already exists at .*data \(or use --force/);
  assert.equal(folder.has("data/version-2/snapshot.0"), true);
  const forced = await folder.run(...args, "--force");
  assert.equal(forced.code, 0);
  assert.match(forced.stdout, /^Force enabled, .*\nNo myid provided, .*data\/myid if using/);
  assert.equal(folder.has("data/version-2/snapshot.0"), false);
});

Deno.test({
  name: "init --local makes an ensemble that starts, whose members say what they wait for",
  sanitizeResources: false, // the processes that `start` leaves behind
  sanitizeOps: false,
  fn: async () => {
    await using folder = new CommandFolder();
    const base = freePorts(12);
    const ports = ["--client-port", "--http-port", "--quorum-port", "--election-port"]
      .flatMap((flag, index) => [flag, String(base + 3 * index)]);
    const made = await folder.run("init", "--local", "3", "--dir", folder.path, "--json", ...ports);
    const { next } = JSON.parse(made.stdout);
    const configs = next.slice(0, 3).map((command: string) =>
      command.replace(/^denkeeper start /, "")
    );
    const first = await folder.run("start", configs[0]);
    assert.equal(first.stdout, "Starting zookeeper ... STARTED\n");
    assert.match(first.stderr, /waits for 2 of the voting servers 1, 2, 3/);
    const alone = await folder.run("status", configs[0]);
    assert.equal(alone.code, 1);
    assert.match(alone.stdout, /The server runs, and serves no clients\.\n$/);
    assert.match(alone.stderr, /there is no leader: 1 of 3 voters are connected/);
    const health = async (question: string) =>
      (await folder.run("health", question, configs[0])).code;
    assert.deepEqual([await health("--live"), await health("--ready")], [0, 1]);
    await Promise.all(configs.slice(1).map((config: string) => folder.run("start", config)));
    const modes = () =>
      Promise.all(
        configs.map(async (config: string) =>
          (await folder.run("status", config)).stdout.match(/^Mode: (.*)$/m)?.[1]
        ),
      );
    await eventually("all of them serve", async () => (await modes()).every((mode) => mode));
    assert.deepEqual((await modes()).sort(), ["follower", "follower", "leader"]);
    assert.equal(await health("--ready"), 0);
  },
});

testWith(["javaServer", "java"], "init writes what Java's server starts with", async () => {
  await using folder = new CommandFolder();
  const clientPort = freePort();
  const written = await folder.run(
    ...["init", "--dir", folder.path, "--address", "127.0.0.1"],
    ...["--client-port", String(clientPort), "--http-port", String(freePort())],
  );
  assert.equal(written.code, 0);
  const configFile = `${folder.path}/zoo.cfg`;
  await using server = await ServerProcess.start("java", { configFile, clientPort });
  const health = await folder.run("health", configFile);
  assert.deepEqual([health.code, /mode standalone/.test(health.stdout)], [0, true]);
  assert.equal(await server.word("ruok"), "imok");
});
