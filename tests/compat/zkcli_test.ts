/**
 * zkCli.sh, the Java client's shell: every command and option, with the same output from both
 * servers.
 *
 * @module
 */
import { withBoth } from "../support/compared.ts";
import { InteractiveProcess } from "../support/interactive_process.ts";
import { testWith, ZK_CLI } from "../support/prerequisites.ts";
import { runProcess } from "../support/run_process.ts";
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

testWith(needs, "zkCli.sh, every command and option", async (t) => {
  const transcripts = await withBoth(options, async ({ clientPort }) => {
    let transcript = "";
    for (const [theme, commands] of Object.entries(zkCliThemes)) {
      transcript += await transcriptOf(clientPort, theme, commands);
    }
    return transcript;
  });
  await compareSections(t, ...transcripts);
});

testWith(needs, "zkCli.sh, one command as arguments", async (t) => {
  const transcripts = await withBoth(options, async ({ clientPort }) => {
    let transcript = "";
    for (const words of zkCliOneShots) {
      const args = words.map((word) => word.replace("SERVER", `127.0.0.1:${clientPort}`));
      const env = { CLIENT_JVMFLAGS: JAVA_FLAGS };
      const { code, output } = await runProcess([ZK_CLI, ...args], { env });
      transcript += `== ${words.join(" ")}\n${normalized(output, clientPort)}\ncode ${code}\n`;
    }
    return transcript;
  });
  await compareSections(t, ...transcripts);
});

/**
 * Sends the commands one by one. Behind each of them `sync` waits until all watch events are
 * printed, and a command that does not exist shows where the output ends.
 */
async function transcriptOf(
  port: number,
  theme: string,
  commands: readonly string[],
): Promise<string> {
  const command = [ZK_CLI, "-server", `127.0.0.1:${port}`];
  await using shell = new InteractiveProcess(command, { CLIENT_JVMFLAGS: JAVA_FLAGS });
  await shell.waitFor(/state:SyncConnected type:None path:null\n/);
  await shell.send("marker-start"); // its own greeting comes from another thread, before or after that
  let position = await shell.waitFor(/Command not found marker-start\n/);
  const greeting = shell.output.slice(0, position);
  let transcript = `== ${theme}: start\n${normalized(greeting, port)}\n`;
  for (const [i, line] of commands.entries()) {
    await shell.send(line.replace("SERVER", `127.0.0.1:${port}`));
    await shell.send("sync /");
    await shell.send(`marker-${i}`);
    const end = await shell.waitFor(new RegExp(`Command not found marker-${i}\\n`), position);
    const printed = shell.output.slice(position, end);
    transcript += `== ${theme} ${i}: ${line}\n${normalized(printed, port)}\n`;
    position = end;
  }
  await shell.send("quit");
  const code = await shell.end();
  return `${transcript}== ${theme}: quit\n${
    normalized(shell.output.slice(position), port)
  }code ${code}\n`;
}

function normalized(output: string, port: number): string {
  const lines = output
    // The marker: its usage listing.
    .replace(/ZooKeeper -server host:port[^]*?Command not found marker-\w+\n/g, "")
    .replace(/^SLF4J: .*\n/gm, "")
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
  // The sync before the marker.
  if (/^(Sync is OK|Not connected)$/.test(printed.at(-1) ?? "")) printed.pop();
  const events = lines.filter((line) => isEvent(line) && !isOfConnection(line));
  return [...printed, ...events].join("\n");
}
