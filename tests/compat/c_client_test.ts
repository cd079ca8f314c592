/**
 * The C client's shell, `cli_mt`: each of its commands, with the same output from both servers.
 *
 * @module
 */
import { withBoth } from "../support/compared.ts";
import { InteractiveProcess } from "../support/interactive_process.ts";
import { C_CLIENT, testWith } from "../support/prerequisites.ts";
import { compareSections } from "./sections.ts";

const COMMANDS = [
  "help",
  "create /c",
  "create +s /c/s-",
  "create +e /c/e",
  "create +es /c/es-",
  "create +c /c/box",
  "create +t=60000 /c/ttl",
  "create +st=60000 /c/ttls-",
  "create +t=0 /c/zero",
  "create2 /c/two",
  "create2 +s /c/two-",
  "create2 +e /c/etwo",
  "create2 +c /c/box2",
  "create2 +t=60000 /c/ttl2",
  "create /c",
  "create2 /c",
  "create /no/where",
  "create /c/e/kid",
  "create /c//x",
  "set /c hello world",
  "get /c",
  "set /c changed",
  "ls /c",
  "create /c/more",
  "ls2 /c",
  "delete /c/more",
  "sync /c",
  "exists /c",
  "exists /none",
  "wexists /c",
  "set /c again",
  "wexists /later",
  "create /later",
  "delete /later",
  "delete /c",
  "delete /zookeeper",
  "get /none",
  "ls /none",
  "ls2 /none",
  "set /none x",
  "aget /c",
  "aset /c async",
  "als /c",
  "als2 /c",
  "acreate /c/async",
  "async /c",
  "aexists /c",
  "adelete /c/async",
  "myid",
  "addauth digest user:pw",
  "get /c",
  "config",
  "reconfig -remove 5",
  "reconfig -add 5=localhost:1:2;3",
  "set /c",
  "create nope",
  "get nope",
  "bogus",
  "create +q /x",
  "verbose",
  "verbose",
] as const;

const options = { config: { extendedTypesEnabled: true } };

testWith(["java", "javaServer", "cClient"], "cli_mt, every command", async (t) => {
  const transcripts = await withBoth(options, ({ clientPort }) => transcriptOf(clientPort));
  await compareSections(t, ...transcripts);
});

testWith(["java", "javaServer", "cClient"], "cli_mt, one command at a time", async (t) => {
  const transcripts = await withBoth(options, async ({ clientPort }) => {
    let transcript = "";
    for (const command of ["create /one", "ls /", "set /one x", "get /one", "delete /one"]) {
      await using client = start(clientPort, "-c", command);
      await client.end();
      transcript += `== ${command}\n${normalized(client.output)}\n`;
    }
    return transcript;
  });
  await compareSections(t, ...transcripts);
});

function start(port: number, ...args: string[]): InteractiveProcess {
  return new InteractiveProcess([C_CLIENT, "-h", `127.0.0.1:${port}`, ...args]);
}

/**
 * Sends the commands one by one. Their answers come from another thread of the client, in order:
 * behind each command a read of a node that is missing shows that its answer has been printed.
 */
async function transcriptOf(port: number): Promise<string> {
  await using client = start(port);
  let position = await client.waitFor(/Got a new session id: \w+\n/);
  let transcript = "";
  for (const [i, command] of COMMANDS.entries()) {
    await client.send(command);
    await client.send(`get /marker-${i}`);
    const end = await client.waitFor(
      new RegExp(`/marker-${i}: rc = -101\\n\\nStat:\\nnull\\n`),
      position,
    );
    const printed = client.output.slice(position, end);
    transcript += `== ${i} ${command}\n${normalized(printed)}\n`;
    position = end;
  }
  await client.send("quit");
  const code = await client.end();
  return `${transcript}== quit\n${normalized(client.output.slice(position))}code ${code}\n`;
}

function normalized(text: string): string {
  const lines = text
    .replace(/^time = \d+ msec\n/gm, "")
    .replace(
      /(ctime ?= ?|mtime ?= ?).*$/gm,
      (line, key) => line.includes("1970") ? line : `${key}T`,
    )
    .replace(/(session id: |session Id = |ephemeralOwner = )(0x)?[1-9a-f]\w+/gi, "$1ID")
    .replace(/127\.0\.0\.1:\d+/g, "SERVER")
    .replace(/^\d{4}-\d\d-\d\d .*\n/gm, "") // the client's own log
    .split("\n");
  return sortedRuns(lines).join("\n");
}

/** Children are listed in the server's order, which means nothing: sorts each list. */
function sortedRuns(lines: readonly string[]): string[] {
  const result: string[] = [];
  let names: string[] = [];
  for (const line of [...lines, ""]) {
    if (line.startsWith("\t") && !line.includes("=")) {
      names.push(line);
      continue;
    }
    result.push(...names.sort(), line);
    names = [];
  }
  return result;
}
