/**
 * The one file, made as `deno task compile` makes it, and copied alone into an empty folder of a machine without Deno
 * and Node.js: it starts a server, and serves the shell, curl and zkCli.sh.
 *
 * What is compiled by `deno compile` goes the same way where DENORT_BIN names a base for it.
 */
import assert from "node:assert/strict";
import { BareMachine } from "../../support/bare_machine.ts";
import { freePort } from "../../support/free_port.ts";
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

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
