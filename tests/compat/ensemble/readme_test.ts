/**
 * The README's cluster section, followed to the letter: its files, its commands, in its order. Only
 * names, ports and directories are those of the test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { NamespaceNetwork, whyNoNamespaces } from "../../support/namespaces.ts";
import { runProcess } from "../../support/run_process.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const PROJECT_DIR = new URL("../../../", import.meta.url).pathname;
const README = Deno.readTextFileSync(`${PROJECT_DIR}README.md`);
/** What `deno task server` needs of the project, in another directory. */
const PROGRAM = ["deno.json", "deno.lock", "main.ts", "core", "cluster", "net", "cli"];
/** Netcat is on every host but the one that tests. */
const NC = `nc() { exec 3<>"/dev/tcp/$1/$2" && cat >&3 && cat <&3; exec 3>&-; }`;
const IDS = [1, 2, 3];

/** How one is followed: by shell commands, each told for which member. */
interface Steps {
  start(id: number): void;
  /** What the command that looks at a member prints. */
  status(id: number): Promise<string>;
  log(id: number): string;
}

Deno.test("README: a cluster on one machine, step by step", async () => {
  const [make, start, status] = blocksOf("On one machine");
  assert(make !== undefined && start !== undefined && status !== undefined);
  using dir = makeProgramDir();
  using processes = new Processes();
  const prefixes = ["218", "288", "388"].map((text) => [text, freePortPrefix()] as const);
  const translated = (text: string) =>
    prefixes.reduce(
      (result, [from, to]) => result.replace(RegExp(`\\b${from}(?=[$1-3])`, "g"), to),
      text,
    );
  const run = async (script: string) =>
    (await runProcess(["/bin/bash", "-c", `cd ${dir.path}; ${NC}; ${translated(script)}`])).output;
  assert.equal(await run(make), "");
  const starts = start.trim().split("\n");
  assert.equal(starts.length, 3);
  await follow({
    start: (id) => {
      const command = starts[id - 1]!;
      assert(command.endsWith(" &"), command);
      processes.spawn(["/bin/sh", "-c", command.slice(0, -2)], dir.path);
    },
    status: (id) => run(status.replace(/grep .*;/, "cat;").replace("1 2 3", String(id))),
    log: (id) => readIfThere(`${dir.path}/data/${id}.log`),
  });
  const modes = (await run(status)).trim().split("\n").sort();
  assert.deepEqual(modes, ["Mode: follower", "Mode: follower", "Mode: leader"]);
});

const reason = whyNoNamespaces();
Deno.test({
  name: `README: a cluster on three hosts, step by step${
    reason === null ? "" : ` (skipped: ${reason})`
  }`,
  ignore: reason !== null,
  fn: async () => {
    const [config, myid, start, status] = blocksOf("On three hosts");
    assert(config !== undefined && myid !== undefined);
    assert(start !== undefined && status !== undefined);
    using network = NamespaceNetwork.create(IDS);
    using processes = new Processes();
    const dirs = new Map(IDS.map((id) => [id, makeProgramDir()]));
    try {
      const pathOf = (id: number) => dirs.get(id)!.path;
      const translated = (text: string, id: number) =>
        text.replaceAll("/var/lib/zookeeper", `${pathOf(id)}/data`)
          .replace(/\bzk([123])\b/g, (_, other) => network.hostname(Number(other)));
      const run = async (script: string, id: number) => {
        const command = ["/bin/bash", "-c", `cd ${pathOf(id)}; ${NC}; ${script}`];
        return (await runProcess([...network.wrapper(id), ...command])).output;
      };
      for (const id of IDS) {
        Deno.writeTextFileSync(`${pathOf(id)}/zoo.cfg`, translated(config, id));
        assert.equal(await run(translated(myid.replace("echo 1", `echo ${id}`), id), id), "");
      }
      await follow({
        start: (id) =>
          processes.spawn(
            [...network.wrapper(id), "/bin/sh", "-c", `${start.trim()} >log 2>&1`],
            pathOf(id),
          ),
        status: (id) => run(status, id),
        log: (id) => readIfThere(`${pathOf(id)}/log`),
      });
    } finally {
      processes[Symbol.dispose]();
      for (const dir of dirs.values()) dir[Symbol.dispose]();
    }
  },
});

/** The first member alone is neither leader nor follower, with two there is a leader, the third follows. */
async function follow({ start, status, log }: Steps): Promise<void> {
  const modeOf = async (id: number) => /^Mode: (.*)$/m.exec(await status(id))?.[1];
  start(1);
  await eventually(
    "the first member says that it does not serve",
    async () =>
      (await status(1)).includes("This ZooKeeper instance is not currently serving requests"),
  );
  await eventually(
    "its log says what it waits for",
    () =>
      /no leader yet.* voters="1 of 3 are here, needed: 2" missing="2 \(.+\), 3 \(.+\)"/.test(
        log(1),
      ),
  );
  assert.equal(await modeOf(1), undefined);
  start(2);
  await eventually(
    "with two there is a leader",
    async () => [await modeOf(1), await modeOf(2)].sort().join() === "follower,leader",
  );
  start(3);
  await eventually("the third follows", async () => await modeOf(3) === "follower");
  const modes = [await modeOf(1), await modeOf(2)];
  assert.deepEqual(modes.sort(), ["follower", "leader"]);
}

/** Processes in groups of their own, which end with whatever they have started. */
class Processes implements Disposable {
  readonly #children: Deno.ChildProcess[] = [];

  spawn(command: readonly string[], cwd: string): void {
    const streams = { stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#children.push(
      new Deno.Command("setsid", { args: [...command], cwd, ...streams }).spawn(),
    );
  }

  [Symbol.dispose](): void {
    for (const { pid } of this.#children.splice(0)) {
      new Deno.Command("kill", { args: ["-9", "--", `-${pid}`] }).outputSync();
    }
  }
}

function makeProgramDir() {
  const dir = makeTempDir();
  for (const name of PROGRAM) Deno.symlinkSync(`${PROJECT_DIR}${name}`, `${dir.path}/${name}`);
  return dir;
}

/** The code under a heading, without the indentation that lists give it. */
function blocksOf(heading: string): string[] {
  const section = README.split(`\n### ${heading}\n`)[1]?.split(/^##/m)[0] ?? "";
  return [...section.matchAll(/^( *)```\w*\n([^]*?)^ *```$/gm)].map(([, indent, code]) =>
    code!.split("\n").map((line) => line.slice(indent!.length)).join("\n")
  );
}

/** A number of which three ports can be made by adding a digit, 1 to 3. */
function freePortPrefix(): string {
  for (let run = 0, last = 0;;) {
    const port = freePort();
    run = port === last + 1 ? run + 1 : 1;
    last = port;
    if (port % 10 === 3 && run >= 3) return String(Math.floor(port / 10));
  }
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
