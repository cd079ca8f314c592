/**
 * zkCli.sh, the Java client's shell, and `denkeeper cli`: every command and option through both, with both servers,
 * has the same output.
 *
 * @module
 */
import { TARGETS } from "../support/compared.ts";
import { InteractiveProcess } from "../support/interactive_process.ts";
import { testWith, ZK_CLI } from "../support/prerequisites.ts";
import { ServerProcess } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { compareSections } from "./sections.ts";
import { zkCliOneShots, zkCliThemes } from "./zkcli_commands.ts";

const needs = ["java", "javaServer", "zkCli"] as const;
const JAVA_FLAGS = "-Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC";
const options = {
  config: { extendedTypesEnabled: true },
  properties: {
    // of super:secret
    "zookeeper.DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
  },
};
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
/** The reference first. */
const SHELLS: Readonly<Record<string, readonly string[]>> = {
  "zkCli.sh": [ZK_CLI],
  "denkeeper cli": [Deno.execPath(), "run", "--no-prompt", "-A", MAIN, "cli"],
};

testWith(needs, "zkCli.sh and denkeeper cli, every command and option", async (t) => {
  await compareAll(t, async (shell, { clientPort }) => {
    let transcript = "";
    for (const [theme, commands] of Object.entries(zkCliThemes)) {
      transcript += await transcriptOf([...shell, "-server", `127.0.0.1:${clientPort}`], {
        port: clientPort,
        theme,
        commands,
      });
    }
    return transcript;
  });
});

testWith(needs, "zkCli.sh and denkeeper cli, one command as arguments", async (t) => {
  await compareAll(t, async (shell, { clientPort }) => {
    let transcript = "";
    for (const words of zkCliOneShots) {
      const args = words.map((word) => word.replace("SERVER", `127.0.0.1:${clientPort}`));
      const { code, output, errors } = await runApart([...shell, ...args]);
      transcript += `== ${words.join(" ")}\n${sectionOf(output, errors, clientPort)}\n` +
        `code ${code}\n`;
    }
    return transcript;
  });
});

/** Each shell with each server, a server for each, all at once. */
async function compareAll(
  t: Deno.TestContext,
  run: (shell: readonly string[], server: ServerProcess) => Promise<string>,
): Promise<void> {
  const pairs = Object.entries(SHELLS).flatMap(([name, shell]) =>
    TARGETS.map((target, i) => ({ name: `${name}, ${i === 0 ? "Java" : target}`, shell, target }))
  );
  const [reference, ...others] = await Promise.all(pairs.map(async ({ name, shell, target }) => {
    await using server = await ServerProcess.start(target, options);
    return { name, transcript: await run(shell, server) };
  }));
  for (const { name, transcript } of others) {
    await t.step(name, (step) => compareSections(step, reference!.transcript, transcript));
  }
}

/**
 * Sends the commands one by one. Behind each of them `sync` waits until all watch events are
 * printed; a command that does not exist shows where stderr ends, and the history, which has it, where stdout does.
 */
async function transcriptOf(
  command: readonly string[],
  { port, theme, commands }: { port: number; theme: string; commands: readonly string[] },
): Promise<string> {
  await using shell = new InteractiveProcess(command, { CLIENT_JVMFLAGS: JAVA_FLAGS }, {
    keepsErrorsApart: true,
  });
  await shell.waitFor(/state:SyncConnected type:None path:null\n/);
  let [at, errorsAt] = [0, 0];
  /** What was printed until here. */
  const section = async (marker: string) => {
    await shell.send(marker);
    await shell.send("history");
    const errorsEnd = await shell.waitFor(
      new RegExp(`Command not found ${marker}\\n`),
      errorsAt,
      "errors",
    );
    let end = await shell.waitFor(new RegExp(` - ${marker}\\n[^]*?\\d+ - history\\n`), at);
    const printed = shell.output.slice(at, end);
    const [sync = ""] = printed.match(SYNC_RESULT) ?? [];
    if (/^Sync has failed|^Not/.test(sync)) end = await shell.waitFor(/Not connected\n/, end);
    const syncAt = printed.lastIndexOf(sync);
    const output = printed.slice(0, syncAt) +
      printed.slice(syncAt + sync.length).replace(/^\d+ - .*\n/gm, "");
    const errors = shell.errors.slice(errorsAt, errorsEnd);
    [at, errorsAt] = [end, errorsEnd];
    return sectionOf(output, errors.slice(0, errors.lastIndexOf(USAGE_START)), port);
  };
  // Its own greeting comes from another thread, before or after the marker.
  let transcript = `== ${theme}: start\n${await section("marker-start")}\n`;
  for (const [i, line] of commands.entries()) {
    await shell.send(line.replace("SERVER", `127.0.0.1:${port}`));
    await shell.send("sync /");
    transcript += `== ${theme} ${i}: ${line}\n${await section(`marker-${i}`)}\n`;
  }
  await shell.send("quit");
  const code = await shell.end();
  const [output, errors] = [shell.output.slice(at), shell.errors.slice(errorsAt)];
  return `${transcript}== ${theme}: quit\n${sectionOf(output, errors, port)}\ncode ${code}\n`;
}

/** The last one. */
const SYNC_RESULT =
  /^(?:Sync is OK|Sync has failed\. rc=.*|Not connected)\n(?![^]*^(?:Sync |Not connected))/m;
const USAGE_START = "ZooKeeper -server host:port ";

function sectionOf(output: string, errors: string, port: number): string {
  return `${normalized(output, port)}\n-- stderr\n${normalized(errors, port)}`;
}

function normalized(text: string, port: number): string {
  const lines = text
    .replace(/^SLF4J: .*\n/gm, "")
    // Our listing goes on with the commands of our own, and the version is ours.
    .replace(/(?<=^\twhoami \n)(\t.*\n)+/gm, "")
    .replace(/^ZooKeeper CLI version: \S+, built on .+$/gm, "ZooKeeper CLI version: V")
    // Java ends with a stack.
    .replace(/^Exception in thread "main" [^]*/gm, "EXCEPTION\n")
    .replace(/^(.time) = (?!.*1970).*$/gm, "$1 = T")
    .replace(/^ephemeralOwner = 0x[1-9a-f].*$/gm, "ephemeralOwner = SESSION")
    .replaceAll(`127.0.0.1:${port}`, "SERVER")
    // Lists whose order the server leaves open.
    .replace(/^\[(.*)\]$/gm, (_, items) => `[${items.split(", ").sort().join(", ")}]`)
    .replace(/(?<=Auth scheme: User\n)(\w+: .*\n)+/, (infos) => infos.split("\n").sort().join("\n"))
    .split("\n");
  // Watch events are printed by another thread, line by line into the output of the command: they
  // are put behind it. Those of the connection itself may even come later.
  const isEvent = (line: string) => line.startsWith("WatchedEvent ");
  const isOfConnection = (line: string) => /state:(SyncConnected|Closed) type:None/.test(line);
  const printed = lines.filter((line) => !isEvent(line) && line !== "" && line !== "WATCHER::");
  const events = lines.filter((line) => isEvent(line) && !isOfConnection(line));
  return [...printed, ...events].join("\n");
}

/** Runs a program to its end, with nothing on stdin. */
async function runApart(
  command: readonly string[],
): Promise<{ code: number; output: string; errors: string }> {
  using dir = makeTempDir();
  const { code } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'exec "$@" >"$0/out" 2>"$0/err" </dev/null', dir.path, ...command],
    env: { CLIENT_JVMFLAGS: JAVA_FLAGS },
  }).output();
  const read = (name: string) => Deno.readTextFileSync(`${dir.path}/${name}`);
  return { code, output: read("out"), errors: read("err") };
}
