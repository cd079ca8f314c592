/**
 * The one file, made as `deno task compile` makes it, and copied alone into an empty folder of a machine without Deno
 * and Node.js: it starts a server, and serves the shell, curl and zkCli.sh.
 *
 * What is compiled by `deno compile` goes the same way where DENORT_BIN names a base for it.
 */
import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import type { KeeperError } from "../../../net/client/client_errors.ts";
import { openClient } from "../../../net/client/open_client.ts";
import { BareMachine } from "../../support/bare_machine.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { MemoryGroup } from "../../support/memory_group.ts";
import { NamespaceNetwork, whyNoNamespaces } from "../../support/namespaces.ts";
import { testWith, ZK_CLI } from "../../support/prerequisites.ts";
import { runProcess } from "../../support/run_process.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const PROJECT_DIR = new URL("../../../", import.meta.url).pathname;
const METHODS = [
  ["self-extracting", "--compression-level=1"],
  ...(Deno.env.get("DENORT_BIN") ? [["deno-compile"]] : []),
];

for (const [method, ...flags] of METHODS) {
  testWith(
    ["zkCli", "java", "curl"],
    `the one file (${method}) serves where nothing else is`,
    async () => {
      using dir = makeTempDir();
      const file = `${dir.path}/denkeeper`;
      const { code, output } = await runProcess([
        ...[Deno.execPath(), "task", "--cwd", PROJECT_DIR, "compile"],
        ...[`--method=${method}`, ...flags, `--output=${file}`],
      ]);
      assert.equal(code, 0, output);
      using machine = new BareMachine();
      Deno.renameSync(file, `${machine.folder}/denkeeper`);
      await smoke(machine);
      await serveInLittleMemory(machine);
      assert.equal(machine.cached.length <= 1, true, `${machine.cached}`);
    },
  );
}

/** A person's first minutes with `./denkeeper`, in a folder that holds nothing else. */
async function smoke(machine: BareMachine): Promise<void> {
  // On a network of its own a server may have the ports that it has where nobody says.
  using network = whyNoNamespaces() === null ? NamespaceNetwork.create([1]) : null;
  const wrapper = network === null
    ? []
    : network.wrapper(1).map((word, i) =>
      i === 0 ? ["/usr/sbin/ip", "/sbin/ip", "/bin/ip"].find(isFile) ?? word : word
    );
  let [clientPort, httpPort] = [2181, 8080];
  if (network === null) {
    [clientPort, httpPort] = [freePort(), freePort()];
    Deno.writeTextFileSync(
      `${machine.folder}/zoo.cfg`,
      `dataDir=data\nclientPort=${clientPort}\nadmin.serverPort=${httpPort}\n` +
        "clientPortAddress=127.0.0.1\nadmin.serverAddress=127.0.0.1\n",
    );
  }
  const server = network === null ? [`-server=127.0.0.1:${clientPort}`] : [];
  const run = async (words: readonly string[], expectedCode = 0) => {
    const ran = await machine.run(words, { wrapper });
    assert.equal(ran.code, expectedCode, `${words.join(" ")}: ${ran.stdout}${ran.stderr}`);
    return ran;
  };
  const denkeeper = async (...words: string[]) => {
    const { stdout, stderr } = await run([`${machine.folder}/denkeeper`, ...words]);
    return stdout + stderr;
  };

  assert.match(
    await denkeeper("version"),
    /^Denkeeper, version \d+\.\d+\.\d+ \([0-9a-f]{10}(-dirty)?;/,
  );
  assert.match(await denkeeper("complete", "bash"), /complete .*-F/);
  assert.match(await denkeeper("start"), /^Starting zookeeper \.\.\. STARTED$/m);
  try {
    assert.match(await denkeeper("status"), /^Mode: standalone$/m);
    assert.match(await denkeeper("cli", ...server, "ls", "/"), /^\[zookeeper\]$/m);
    assert.match(
      await denkeeper("cli", ...server, "create", "/a", "from the one file"),
      /^Created \/a$/m,
    );
    assert.match(await denkeeper("cli", ...server, "get", "/a"), /^from the one file$/m);
    const { stdout: body } = await run([
      ...["/usr/bin/curl", "-sS", "--fail", "--noproxy", "*"],
      `http://127.0.0.1:${httpPort}/api/v1/data/a`,
    ]);
    assert.equal(body, "from the one file");
    const java = await machine.run(
      [ZK_CLI, "-server", `127.0.0.1:${clientPort}`, "get", "/a"],
      { wrapper, env: { PATH: "/usr/bin:/bin", JVMFLAGS: "-Xshare:auto -XX:TieredStopAtLevel=1" } },
    );
    assert.match(java.stdout, /^from the one file$/m, java.stderr);
  } finally {
    const { stdout } = await machine.run([`${machine.folder}/denkeeper`, "stop"], { wrapper });
    assert.match(stdout, /^Stopping zookeeper ... STOPPED$/m);
  }
  await run([`${machine.folder}/denkeeper`, "status"], 1);
}

/** In a container of 256 MiB it says what it cannot take, before the system ends it; and goes on when there is room. */
async function serveInLittleMemory(machine: BareMachine): Promise<void> {
  await using group = MemoryGroup.create(256 * 2 ** 20);
  if (group === null) return; // only root may make one
  const [clientPort, httpPort] = [freePort(), freePort()];
  Deno.writeTextFileSync(
    `${machine.folder}/small.cfg`,
    `dataDir=small\nclientPort=${clientPort}\nadmin.serverPort=${httpPort}\nsnapCount=300\n` +
      "clientPortAddress=127.0.0.1\nadmin.serverAddress=127.0.0.1\n",
  );
  const { wrapper } = group;
  const denkeeper = `${machine.folder}/denkeeper`;
  const started = await machine.run([denkeeper, "start", "small.cfg"], { wrapper });
  assert.equal(started.code, 0, started.stderr);
  try {
    const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
    const heap = Number(/^jvm_memory_bytes_max\{area="heap"\} (\d+)$/m.exec(metrics)![1]);
    assert.equal(
      heap < 256 * 2 ** 20,
      true,
      `${heap}: V8 itself would take a fourth of the machine's`,
    );
    await using client = openClient(`127.0.0.1:${clientPort}`);
    const data = new Uint8Array(100_000);
    const paths: string[] = [];
    let [next, refusedCount] = [0, 0];
    const fill = async () => {
      while (refusedCount === 0 && next < 3000) {
        const path = `/n${next++}`;
        try {
          paths.push((await client.create(path, data)).path);
        } catch (error) {
          if ((error as KeeperError).code !== ErrorCode.SystemError) throw error;
          refusedCount++;
        }
      }
    };
    await Promise.all(Array.from({ length: 20 }, fill));
    assert.notEqual(refusedCount, 0, `${paths.length} znodes of 100 KB are in 256 MiB`);
    assert.equal((await client.get(paths[0]!)).data!.length, data.length);
    const put = await fetch(`http://127.0.0.1:${httpPort}/api/v1/data/http`, {
      method: "PUT",
      body: "x",
    });
    assert.deepEqual([put.status, (await put.json()).code], [507, ErrorCode.SystemError]);
    await Promise.all(paths.map((path) => client.delete(path)));
    await eventually("znodes are created again", async () => {
      return await client.create("/again", null).then(() => true, (error) => {
        if (error.code !== ErrorCode.SystemError) throw error;
        return false;
      });
    });
  } finally {
    const { stdout, stderr } = await machine.run([denkeeper, "stop", "small.cfg"]);
    assert.match(stdout, /^Stopping zookeeper \.\.\. STOPPED$/m, stderr);
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
