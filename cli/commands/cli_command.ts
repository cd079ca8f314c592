/**
 * The command `cli`: the shell of a client, as zkCli.sh.
 *
 * @module
 */

import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import { ExitCode } from "../world.ts";

const HELP = `Usage: denkeeper cli [options] [command [args...]]

Reads and changes znodes, on Denkeeper and ZooKeeper alike, as zkCli.sh does:
one command given as arguments, lines from a pipe, or what is typed. What
scripts know of zkCli.sh's output is the same here.

Options:
  -server, --server <hosts>     host:port,host:port/chroot
                                (default: localhost:2181)
  -timeout, --timeout <ms>      of the session, and of -waitforconnection
                                (default: 30000)
  -r                            take a server that is cut off from its ensemble
  -waitforconnection            wait until there is a connection
  -client-configuration <file>  properties: zookeeper.request.timeout,
                                jute.maxbuffer
  --json                        print results, events and errors as JSON
  --help                        this text; behind a command: how it is used

Commands of zkCli.sh:
`;

const EXAMPLES = `
Examples:
  denkeeper cli -server zk1:2181,zk2:2181 ls -s /app
  denkeeper cli get --raw /image > image.png
  tar c conf | denkeeper cli set --file - /conf.tar
  denkeeper cli --json get /app | jq -r .data
  denkeeper cli < commands.txt

CLIENT_JVMFLAGS and JVMFLAGS may hold -Dname=value of the properties above.
Ephemerals that one command made, or lines from a pipe, live until the session
times out, as with zkCli.sh.

Exit codes:
  0    done
  1    failed
  2    a bad client configuration, or words that one of our own commands does
       not understand
  127  no such command
  130  interrupted by Ctrl-C
`;

export function declareCliCommand(program: Command, { world, action }: CommandLine): void {
  program.command("cli")
    .summary("a shell for znodes, as zkCli.sh: one command, or typed lines")
    .argument("[words...]")
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(action(async () => {
      const { ownOptions, parseInvocation } = await import("../shell/invocation.ts");
      const invocation = parseInvocation(wordsBehind(world.args));
      const [name, ...words] = invocation.command ?? [];
      if (!invocation.wantsHelp && !ownOptions(words).includes("--help")) {
        const { runShell } = await import("../shell/run_shell.ts");
        return await runShell(world, invocation);
      }
      const { ALL_COMMANDS } = await import("../shell/all_commands.ts");
      const { commandHelp, summaries } = await import("../shell/usage_listing.ts");
      const command = ALL_COMMANDS.find((known) => known.name === name);
      if (command !== undefined) world.print(commandHelp(command));
      else {
        const [zooKeepers, ours] = [false, true].map((isOurs) =>
          summaries(ALL_COMMANDS, { isOurs })
        );
        world.print(`${HELP}${zooKeepers}\nCommands of our own:\n${ours}${EXAMPLES}`);
      }
      return ExitCode.Normal;
    }));
}

/** The words behind the command as they are: commander takes `--` away. */
function wordsBehind(args: readonly string[]): readonly string[] {
  const at = args.findIndex((word, i) =>
    word === "cli" && !["--config", "-D", "--define"].includes(args[i - 1] ?? "")
  );
  return args.slice(at + 1);
}
