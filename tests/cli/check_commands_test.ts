import assert from "node:assert/strict";
import { runCommand } from "../../cli/commands.ts";
import { runLoad } from "../../cli/bench/load.ts";
import type { World } from "../../cli/world.ts";
import type { ZooKeeperClient } from "../../net/client/client_types.ts";
import { openClient } from "../../net/client/open_client.ts";
import { withEnsemble } from "../support/ensemble.ts";
import { freePort } from "../support/free_port.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { testWith } from "../support/prerequisites.ts";
import { makeTempDir } from "../support/temp_dir.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Ran> {
  return runUntil(() => {}, ...args);
}

/** @param onStopSignal gets what Ctrl-C would call */
async function runUntil(
  onStopSignal: (stop: () => void) => void,
  ...args: readonly string[]
): Promise<Ran> {
  const ran = { stdout: "", stderr: "" };
  const world: World = {
    args,
    environment: () => undefined,
    terminal: { stdin: false, stdout: false, stderr: false, columns: 100 },
    stdin: () => new ReadableStream({ start: (stream) => stream.close() }),
    print: (output) => void (ran.stdout += output),
    writeStdout: (text) => void (ran.stdout += text),
    writeStderr: (text) => void (ran.stderr += text),
    startServer: () => Promise.reject(new Error("no server is to be started")),
    onStopSignal: (stop) => onStopSignal(() => stop("SIGINT")),
    onUncaught: () => {},
  };
  return { code: await runCommand(world), ...ran };
}

interface SmokeReport {
  readonly counts: Record<"ok" | "failed" | "skipped", number>;
  readonly steps: readonly { step: string; outcome: string; ms: number; reason?: string }[];
}

async function smoke(servers: string): Promise<{ code: number; report: SmokeReport }> {
  const { code, stdout } = await run("smoke", servers, "--json", "--timeout", "60s");
  return { code, report: JSON.parse(stdout) };
}

function stepsThat(outcome: string, { steps }: SmokeReport): string[] {
  return steps.filter((step) => step.outcome === outcome)
    .map(({ step, reason = "" }) => `${step}: ${reason}`);
}

async function childrenOfRoot(port: number): Promise<string[]> {
  await using client = openClient(`127.0.0.1:${port}`);
  return (await client.getChildren("/")).children.sort();
}

Deno.test("smoke tries everything on a server that can do everything, and leaves nothing", async () => {
  const config = { "4lw.commands.whitelist": "*", extendedTypesEnabled: true };
  await using server = await InProcessServer.start({ config });
  const { code, report } = await smoke(`127.0.0.1:${server.clientPort}`);
  assert.deepEqual(stepsThat("failed", report), []);
  assert.deepEqual(stepsThat("skipped", report), [
    "read at every server what was written at one: the connect string names one server",
    "read the configuration of the ensemble: the server stands alone",
  ]);
  assert.equal(code, 0);
  assert.deepEqual(await childrenOfRoot(server.clientPort), ["zookeeper"]);
});

Deno.test("smoke tells what a server does wrong, and cleans up", async () => {
  await using server = await InProcessServer.start({ config: { skipACL: "yes" } });
  const { code, report } = await smoke(`127.0.0.1:${server.clientPort}`);
  assert.deepEqual(stepsThat("failed", report), [
    "keep ACLs: reading without permission was done, expected NoAuth",
  ]);
  assert.equal(code, 1);
  assert.deepEqual(await childrenOfRoot(server.clientPort), ["zookeeper"]);
});

Deno.test("smoke stays below a chroot", async () => {
  await using server = await InProcessServer.start();
  const port = server.clientPort;
  await using client = openClient(`127.0.0.1:${port}`);
  await client.create("/app", null);
  const { code, report } = await smoke(`127.0.0.1:${port}/app`);
  assert.deepEqual(stepsThat("failed", report), []);
  assert.equal(code, 0);
  assert.deepEqual((await client.getChildren("/app")).children, []);
});

Deno.test("smoke tells that nobody is there", async () => {
  const { code, stdout } = await run("smoke", `127.0.0.1:${freePort()}`, "--timeout", "200ms");
  assert.equal(code, 1);
  assert.match(stdout, /^FAILED .* connect: .*127\.0\.0\.1:\d+/m); // with what each server did
  assert.match(stdout, /^skipped .* list children: there is no connection$/m);
  assert.match(stdout, /^0 ok, 1 failed, \d+ skipped at /m);
});

Deno.test("smoke and bench clean up at Ctrl-C", async () => {
  await using server = await InProcessServer.start();
  await using watcher = openClient(`127.0.0.1:${server.clientPort}`);
  const servers = `127.0.0.1:${server.clientPort}`;
  for (
    const args of [["smoke", servers], ["bench", servers, "--duration", "10m", "--znodes", "9"]]
  ) {
    let stop = () => {};
    await watcher.getChildren("/", { watch: () => stop() }); // it made its znode
    const { code } = await runUntil((given) => stop = given, ...args);
    assert.equal(code, 130, args[0]);
    assert.deepEqual(await childrenOfRoot(server.clientPort), ["zookeeper"], args[0]);
  }
});

Deno.test("smoke and bench name a chroot that is not there", async () => {
  await using server = await InProcessServer.start();
  const servers = `127.0.0.1:${server.clientPort}/none`;
  const said = /there is no znode "\/none", the chroot of the connect string/;
  assert.match((await run("smoke", servers)).stdout, said);
  assert.match((await run("bench", servers)).stderr, said);
});

Deno.test("smoke and bench say where they may not write, and that nothing is left", async () => {
  await using server = await InProcessServer.start();
  const servers = `127.0.0.1:${server.clientPort}`;
  await using client = openClient(servers);
  await client.setAcl("/", [{ permissions: 1, scheme: "world", id: "anyone" }]);
  const said = /NoAuth: no znode may be made below "\/": name who may with --auth/;
  const { stdout } = await run("smoke", servers);
  assert.match(stdout, said);
  assert.match(stdout, /^ok .* clean up$/m);
  const { stderr } = await run("bench", servers);
  assert.match(stderr, said);
  assert.doesNotMatch(stderr, /Cannot remove/);
});

Deno.test("bench: a wait for what is never answered does not lower the rate", async () => {
  let left = 10;
  const get = () => new Promise<void>((resolve) => left-- > 0 && setTimeout(resolve, 5));
  const result = await runLoad({
    mix: "get",
    clients: [{ get } as unknown as ZooKeeperClient],
    base: "/base",
    inFlightCount: 1,
    data: new Uint8Array(0),
    znodeCount: 1,
    readRatio: 1,
    warmUpMs: 0,
    durationMs: 300,
    operationCount: Infinity,
    answerMs: 2000,
    signal: new AbortController().signal,
  });
  assert.equal(result.unansweredCount, 1);
  assert.ok(result.elapsedMs < 1500, `${result.elapsedMs} ms`);
});

Deno.test("smoke and bench refuse what they cannot read", async () => {
  for (
    const args of [
      ["smoke", "host:port"],
      ["smoke", "--auth", "digest"],
      ["bench", "host:port"],
      ["bench", "--mix", "get,nothing"],
      ["bench", "--read-ratio", "2"],
      ["bench", "--duration", "soon"],
      ["doctor", "--only", "horoscope"],
      ["doctor", "--explain", "DK-NONE-001"],
    ]
  ) {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.notEqual(stderr, "");
  }
});

Deno.test("bench counts each operation of each mix, and leaves nothing", async () => {
  await using server = await InProcessServer.start();
  const { code, stdout, stderr } = await run(
    ...["bench", `127.0.0.1:${server.clientPort}`, "--mix", "get,set,create,mixed,multi,watch"],
    ...["--clients", "2", "--in-flight", "2", "--znodes", "10", "--size", "10"],
    ...["--ops", "40", "--warm-up", "0", "--duration", "10m", "--connect-rate", "1000", "--json"],
  );
  assert.equal(stderr, "");
  assert.equal(code, 0);
  const { loads } = JSON.parse(stdout);
  const names = loads.map(({ mix, operations }: { mix: string; operations: object }) =>
    `${mix}: ${Object.keys(operations).sort()}`
  );
  assert.deepEqual(names, [
    "get: get",
    "set: set",
    "create: create,delete",
    "mixed: get,set",
    "multi: multi",
    "watch: event,set",
  ]);
  for (const { operations, errors } of loads) {
    assert.deepEqual(errors, {});
    let total = 0;
    for (const operation of Object.values<Record<string, number>>(operations)) {
      const { count, p50Ms, p95Ms, p99Ms, p999Ms, maxMs } = operation;
      const quantiles = [p50Ms!, p95Ms!, p99Ms!, p999Ms!, maxMs!];
      assert.deepEqual([...quantiles].sort((a, b) => a - b), quantiles);
      assert.ok(quantiles[0]! > 0);
      const rows = operation.histogram as unknown as { count: number }[];
      assert.equal(rows.reduce((sum, row) => sum + row.count, 0), count);
      total += count!;
    }
    // each worker may have one more under way
    assert.ok(total >= 40 - 8 && total <= 40 + 8, `${total} operations`);
  }
  assert.deepEqual(await childrenOfRoot(server.clientPort), ["zookeeper"]);
});

Deno.test("bench counts refusals by kind, and fails", async () => {
  await using server = await InProcessServer.start({ config: { enforceQuota: true } });
  const servers = `127.0.0.1:${server.clientPort}`;
  const refused = await run(
    "bench",
    servers,
    "--znodes",
    "1",
    "--size",
    "2000000",
    "--warm-up",
    "0",
  );
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Cannot make 1 znodes of 2000000 bytes/);
  assert.deepEqual(await childrenOfRoot(server.clientPort), ["zookeeper"]);
});

testWith(
  ["java", "javaServer", "jetty", "jackson"],
  "doctor and smoke find nothing wrong with a sound ensemble of Denkeeper and Java",
  async () => {
    const httpPort = freePort();
    const members = [
      { id: 1, target: "denkeeper" },
      { id: 2, target: "java" },
      { id: 3, target: "denkeeper" },
    ] as const;
    // each has an address of its own, and so the HTTP port that all of them use
    const config = {
      "admin.enableServer": true,
      "admin.serverPort": httpPort,
      maxClientCnxns: 60,
    };
    await withEnsemble(
      {
        members: members.map((member) => ({
          ...member,
          config: { "admin.serverAddress": `127.0.0.${10 + member.id}` },
        })),
        config,
        ownAddresses: true,
        isDynamic: true,
      },
      async (ensemble) => {
        await ensemble.startAll();
        const { code, report } = await smoke(ensemble.hosts());
        assert.deepEqual(stepsThat("failed", report), []);
        assert.equal(code, 0);
        await ensemble.waitUntilEqual();

        const args = ["doctor", ensemble.configFile(1), "--timeout", "4s", "--json"];
        const only = ["--only", "config,myid,names,ports,clock,members"];
        const sound = await run(...args, ...only);
        const { findings } = JSON.parse(sound.stdout);
        const codes = findings.map(({ code, found }: Record<string, string>) => `${code} ${found}`);
        const unexpected = codes.filter((text: string) =>
          !/^DK-(PORT-009|CONF-003|CONF-014|CONF-008|MEMB-006) /.test(text)
        );
        assert.deepEqual(unexpected, []);

        using dir = makeTempDir();
        const other = `${dir.path}/zoo.cfg`;
        const text = Deno.readTextFileSync(ensemble.configFile(1));
        Deno.writeTextFileSync(other, text.replace(/^syncLimit=.*$/m, "syncLimit=77"));
        const changed = JSON.parse(
          (await run("doctor", other, "--only", "members", "--json")).stdout,
        );
        const found = changed.findings.map(({ code }: { code: string }) => code);
        assert.ok(found.includes("DK-MEMB-015"), found.join(", "));
      },
    );
  },
);

Deno.test("doctor ends with 1 when something is wrong, else with 0, and explains what it finds", async () => {
  using dir = makeTempDir();
  const port = freePort();
  const file = `${dir.path}/zoo.cfg`;
  const config = `dataDir=${dir.path}\nclientPort=${port}\nadmin.enableServer=false\n`;
  Deno.writeTextFileSync(file, config);
  const missing = await run("doctor", `${dir.path}/none.cfg`, "--only", "config");
  assert.equal(missing.code, 1);
  assert.ok(missing.stdout.startsWith(`${dir.path}/none.cfg: cannot be used\n`), missing.stdout);
  const sound = await run("doctor", file, "--only", "ports");
  assert.equal(sound.stdout.split("\n").at(-2), "0 errors, 0 warnings, 0 for information");
  assert.equal(sound.code, 0);

  Deno.writeTextFileSync(file, `${config}forceSync=no\n`);
  const faulty = await run("doctor", file, "--only", "config,ports");
  assert.match(
    faulty.stdout,
    /^warning {2}DK-CONF-004 {2}forceSync is off\n +- forceSync=no\n +Means: /m,
  );
  assert.equal(faulty.code, 1);
  const explained = await run("doctor", "--explain", "dk-conf-004");
  assert.match(
    explained.stdout,
    /^warning {2}DK-CONF-004 .*\n +Means: [^]* Do: +Remove forceSync=no/,
  );
  const { stdout } = await run("doctor", "--list", "--json");
  assert.ok(JSON.parse(stdout).some(({ code }: { code: string }) => code === "DK-CONF-004"));
});
