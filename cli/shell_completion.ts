/**
 * The command `complete`: scripts by which a shell's Tab asks for words, and the answers to them.
 *
 * Words and the scripts of zsh and fish are the package's. Its script for bash needs another package, offers no files,
 * and carries out a `$(...)` that is only being typed, so that one is ours.
 *
 * @module
 */

import declareTab from "@bomb.sh/tab/commander";
import { ShellCompDirective } from "@bomb.sh/tab";
import type { Command } from "commander";
import { ALL_COMMANDS } from "./shell/all_commands.ts";
import type { World } from "./world.ts";

const BASH = `# bash completion for denkeeper
__denkeeper_complete() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == :* ]] || COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F __denkeeper_complete denkeeper
`;

const NOTES = `
Examples, for the next shell you open:
  denkeeper complete bash >> ~/.bashrc
  denkeeper complete zsh > ~/.zsh/completions/_denkeeper
  denkeeper complete fish > ~/.config/fish/completions/denkeeper.fish`;

export function declareShellCompletion(program: Command, world: World): void {
  const tab = declareTab(program);
  program.commands.find((command) => command.name() === "complete")
    ?.summary("print a script that lets Tab complete in your shell")
    .description(
      "Prints a script that lets Tab complete commands, options and files in your shell.",
    )
    .addHelpText("after", NOTES);
  const setup = tab.setup.bind(tab);
  tab.setup = (name, executable, shell) => {
    if (shell === "bash") world.print(BASH);
    else setup(name, executable, shell);
  };
  // Where there is nothing else to offer the shell has files. The package never lets it.
  Object.defineProperty(tab, "directive", {
    get: () =>
      tab.completions.length === 0
        ? ShellCompDirective.ShellCompDirectiveDefault
        : ShellCompDirective.ShellCompDirectiveNoFileComp,
    set: () => {},
  });
  const cli = tab.commands.get("cli");
  cli?.arguments.clear();
  cli?.argument("words", (complete) => {
    for (const { name, summary } of ALL_COMMANDS) complete(name, summary);
  });
}
