/**
 * What documents say of the command line is so: the commands and options that the README's examples use exist, its
 * table lists every command, and each command's help fits a terminal.
 */
import assert from "node:assert/strict";
import { type Command, CommanderError } from "commander";
import { programOf, runCommand } from "../../cli/commands.ts";
import { ALL_COMMANDS } from "../../cli/shell/all_commands.ts";
import { commandHelp } from "../../cli/shell/usage_listing.ts";
import type { World } from "../../cli/world.ts";

const README = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
const COLUMNS = 80;

function programFor(args: readonly string[]): Command {
  const program = programOf(worldFor(args), () => {});
  program.command("complete").argument("[shell]"); // declared when it runs
  for (const command of allCommands(program)) {
    command.exitOverride().configureOutput({ writeErr: () => {} });
    if (command.commands.length === 0) command.action(() => {}); // parsed, and not carried out
  }
  return program;
}

function worldFor(args: readonly string[], print: (text: string) => void = () => {}): World {
  return {
    args,
    environment: () => undefined,
    terminal: { stdin: false, stdout: false, stderr: false, columns: COLUMNS },
    stdin: () => new Blob([]).stream(),
    print: (output) => print(String(output)),
    writeStdout: () => {},
    writeStderr: () => {},
    startServer: () => Promise.reject(new Error("nothing is started here")),
    onStopSignal: () => {},
    onUncaught: () => {},
  };
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** The words behind `denkeeper` of each command in a document's shell blocks and help texts. */
function invocationsIn(text: string): string[][] {
  const lines = text.replaceAll("\\\n", " ").split("\n").map((line) => line.replace(/ # .*$/, ""));
  return lines.flatMap((line) =>
    [...line.matchAll(/(?:^|[\s|;&])(?:\.\/)?denkeeper ([-\w][^|;&<>\n]*)/g)].map(([, words]) =>
      [...words!.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c!)
    )
  );
}

async function problemOf(words: readonly string[]): Promise<string | null> {
  try {
    await programFor(words).parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? null : error.message;
  }
  if (words[0] !== "cli") return null;
  const command = words.slice(1).find((word, i, all) =>
    !word.startsWith("-") && all[i - 1] !== "-server"
  );
  const exists = command === undefined || ALL_COMMANDS.some(({ name }) => name === command);
  return exists ? null : `cli has no command ${command}`;
}

async function problemsIn(text: string): Promise<string[]> {
  const problems: string[] = [];
  for (const words of invocationsIn(text)) {
    const problem = await problemOf(words);
    if (problem !== null) problems.push(`denkeeper ${words.join(" ")}: ${problem}`);
  }
  return problems;
}

function shellBlocksOf(markdown: string): string {
  return [...markdown.matchAll(/^( *)```sh[^\n]*\n([^]*?)^\1```$/gm)].map(([, , code]) => code)
    .join("\n");
}

async function helpOf(words: readonly string[]): Promise<string> {
  let help = "";
  const args = [...words, "--help"];
  assert.equal(await runCommand(worldFor(args, (text) => help += text)), 0);
  return help;
}

/** Of each command, the words that lead to it. */
function pathsOf(command: Command, before: readonly string[] = []): string[][] {
  return [[...before], ...command.commands.flatMap((c) => pathsOf(c, [...before, c.name()]))];
}

Deno.test("README: its examples use commands and options that exist", async () => {
  const blocks = shellBlocksOf(README);
  assert(invocationsIn(blocks).length > 50, "they were found");
  assert.deepEqual(await problemsIn(blocks), []);
});

Deno.test("README: the table of commands has each of them, and no other", () => {
  const section = README.split("\n## Command line\n")[1]!.split("\n### ")[0]!;
  const rows = [...section.split("| exit code")[0]!.matchAll(/^\| ([^|]+) \|/gm)].slice(2);
  const listed = rows.flatMap(([, cell]) => [...cell!.matchAll(/`([\w-]+)`/g)].map(([, w]) => w!));
  const declared = programFor([]).commands.map((command) => command.name());
  assert.deepEqual(listed.sort(), declared.sort());
});

Deno.test("help: of every command it fits a terminal, and its examples can be carried out", async () => {
  const paths = pathsOf(programFor([]));
  assert(paths.length > 35, "they were found");
  for (const path of paths) {
    const help = await helpOf(path);
    const wide = help.split("\n").filter((line) => line.length > COLUMNS);
    assert.deepEqual(wide, [], path.join(" "));
    const [, examples = ""] = help.split(/^Examples?(?:,.*)?:\n/m);
    assert.deepEqual(await problemsIn(examples), []);
    const isLeaf = path.length > 0 && !/^Commands:$/m.test(help);
    const needsNone = ["manifests", "version", "complete"].includes(path[0]!);
    if (isLeaf && !needsNone) assert.match(help, /^(Exit codes|Examples?)/m, path.join(" "));
  }
});

Deno.test("help: of the shell's commands it fits a terminal, but for how they are used", () => {
  for (const command of ALL_COMMANDS) {
    const [, ...lines] = commandHelp(command).split("\n");
    assert.deepEqual(lines.filter((line) => line.length > COLUMNS), [], command.name);
  }
});

Deno.test("what does not exist in an example is found", async () => {
  const text = "denkeeper strat\nx && ./denkeeper stop --tmeout 3 | jq\ndenkeeper cli lss /\n" +
    "denkeeper cli -server a:1 ls / # denkeeper nothing\ndenkeeper backup create /x\n";
  assert.deepEqual((await problemsIn(text)).map((problem) => problem.split(":")[0]), [
    "denkeeper strat",
    "denkeeper stop --tmeout 3",
    "denkeeper cli lss /",
    "denkeeper backup create /x",
  ]);
});
