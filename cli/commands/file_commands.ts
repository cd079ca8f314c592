/**
 * The commands for files of a data directory: `txnlog`, `snapshot`, `purge`, `verify`.
 *
 * @module
 */

import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import type { DumpOptions } from "../files/txnlog_dump.ts";

export function declareFileCommands(program: Command, commandLine: CommandLine): void {
  declareTxnLog(program, commandLine);
}

function declareTxnLog(program: Command, { world, action }: CommandLine): void {
  const txnlog = program.command("txnlog")
    .summary("print, verify and repair txn logs")
    .description(
      "Prints, verifies and repairs txn logs; understands zkTxnLogToolkit.sh's options.",
    );
  txnlog.command("dump", { isDefault: true })
    .argument("<file|dir>", "log")
    .option("--json", "json")
    .option("--last <count>", "")
    .option("-f, --follow")
    .option("--from <zxid|time>", "json")
    .option("--to <zxid|time>", "json")
    .option("--type <type>", "json")
    .option("--path <path>", "json")
    .option("--session <id>", "json")
    .action(
      action(async (path: string, options: DumpOptions) =>
        (await import("../files/txnlog_dump.ts")).dumpTxnLogs(world, path, options)
      ),
    );
}
