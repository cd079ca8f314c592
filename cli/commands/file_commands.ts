/**
 * The commands for files of a data directory: `txnlog`, `snapshot`, `purge`, `verify`.
 *
 * @module
 */

import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import type { ChopOptions } from "../files/txnlog_chop.ts";
import type { DumpOptions } from "../files/txnlog_dump.ts";
import type { RepairOptions } from "../files/txnlog_repair.ts";
import type { VerifyOptions } from "../files/txnlog_verify.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode } from "../world.ts";

export function declareFileCommands(program: Command, commandLine: CommandLine): void {
  declareTxnLog(program, commandLine);
}

/** zkTxnLogToolkit.sh's own options, which stand before the file. */
interface ToolkitOptions extends DumpOptions, RepairOptions {
  readonly recover?: boolean;
  readonly chop?: boolean;
  readonly zxid?: string;
}

function declareTxnLog(program: Command, { world, action }: CommandLine): void {
  const txnlog = program.command("txnlog")
    .summary("print, verify, repair and cut txn logs")
    .description(
      "Prints, verifies, repairs and cuts txn logs (log.<zxid>). Without one of the commands below it is " +
        "`dump`. Takes the options of zkTxnLogToolkit.sh too: -d -r -v -y -c -z.",
    );

  withMaxBuffer(txnlog.command("dump", { isDefault: true }))
    .summary("print txns (what `txnlog` does by itself)")
    .description(
      "Prints the txns of a log, or of all logs of a directory in order, as zkTxnLogToolkit.sh does; those of a " +
        "multi one by one. Records that are damaged are printed behind CRC ERROR, LENGTH ERROR or END BYTE ERROR.",
    )
    .argument("<file|dir>", "a log, a dataDir or dataLogDir, or its version-2")
    .option("--json", "one JSON object a line")
    .option("--from <zxid|time>", "from this zxid (0x100000002) or time (2026-11-22T21:54:05Z) on")
    .option("--to <zxid|time>", "up to this zxid or time")
    .option("--path <path>", "only those that touch this znode or one below it")
    .option("--session <id>", "only those of this session (0x1000013bf780000)")
    .option("--type <types>", "only those of these types: create,setData,multi,...")
    .option("--last <count>", "only the last ones, up to 100000")
    .option("-f, --follow", "go on with what is appended, until Ctrl-C")
    .option("-d, --dump", "print (the default)")
    .option("-r, --recover", "repair, as `txnlog repair` does")
    .option("-v, --verbose", "with -r: print all txns")
    .option("-y, --yes", "with -r: repair all without asking")
    .option("-c, --chop", "chop, as `txnlog chop` does; with -z")
    .option("-z, --zxid <zxid>", "with -c: the last zxid to keep")
    .addHelpText(
      "after",
      `
Examples:
  denkeeper txnlog /var/lib/zookeeper/version-2/log.1
  denkeeper txnlog dump /var/lib/zookeeper --json --path /app --from 2026-11-22T21:00Z | jq .type

Exit codes: 0 all was read; 1 damage was met; 2 it is no txn log.`,
    )
    .action(action(async (path: string, options: ToolkitOptions) => {
      if (options.recover === true) {
        return await (await import("../files/txnlog_repair.ts")).repairTxnLog(world, path, options);
      }
      if (options.chop === true) {
        const { zxid } = options;
        if (zxid === undefined) {
          throw new CommandError("-c needs the last zxid to keep: add -z ZXID", {
            exitCode: ExitCode.InvalidInvocation,
          });
        }
        return (await import("../files/txnlog_chop.ts")).chopTxnLog(world, path, {
          ...options,
          zxid,
        });
      }
      return await (await import("../files/txnlog_dump.ts")).dumpTxnLogs(world, path, options);
    }));

  withMaxBuffer(txnlog.command("verify"))
    .summary("tell what is damaged, and what is safe")
    .description(
      "Looks for wrong checksums, lengths and end bytes, txns that cannot be decoded, torn ends, zxids out of order, " +
        "and txns that are missing between two files; tells what is safe and what is at risk.",
    )
    .argument("<file|dir>", "a log, a dataDir or dataLogDir, or its version-2")
    .option("--json", "as JSON")
    .option("--strict", "exit with 1 for warnings too: zxids that are missing or out of order")
    .addHelpText("after", "\nExit codes: 0 nothing is damaged; 1 something is.")
    .action(
      action(async (path: string, options: VerifyOptions) =>
        (await import("../files/txnlog_verify.ts")).verifyTxnLogs(world, path, options)
      ),
    );

  withMaxBuffer(txnlog.command("repair"))
    .summary("write a repaired copy")
    .description(
      "Writes <file>.fixed: with checksums computed anew, lengths and end bytes that the rest of the record tells put " +
        "right, and without what a crash tore at the end. Asks before each fix on its own terminal line. The result " +
        "is only as good as the bytes whose checksum was wrong: look at it before a server gets it.",
    )
    .argument("<file>", "a log; no server may be writing it")
    .option("-y, --yes", "repair all without asking")
    .option("-v, --verbose", "print all txns")
    .option("--truncate", "cut the log before what cannot be repaired: all behind it is lost")
    .option("--in-place", "put the repaired log in the place of the old one, kept as <file>.bak")
    .addHelpText(
      "after",
      `
Example:
  denkeeper txnlog repair -y --in-place /var/lib/zookeeper/version-2/log.1

Exit codes: 0 written, or aborted when asked; 1 it cannot be repaired, or <file>.fixed exists; 2 it is no txn log.`,
    )
    .action(
      action(async (path: string, options: RepairOptions) =>
        (await import("../files/txnlog_repair.ts")).repairTxnLog(world, path, options)
      ),
    );

  withMaxBuffer(txnlog.command("chop"))
    .summary("write the beginning of a log, through a zxid")
    .description("Writes <file>.chopped<zxid>: the txns up to the zxid, and none behind it.")
    .argument("<file>", "a log")
    .requiredOption("-z, --zxid <zxid>", "the last zxid to keep, decimal or in hex behind 0x")
    .addHelpText(
      "after",
      "\nExit codes: 0 written; 1 there is nothing to cut off, or damage; 2 it is no txn log.",
    )
    .action(
      action(async (path: string, options: ChopOptions) =>
        (await import("../files/txnlog_chop.ts")).chopTxnLog(world, path, options)
      ),
    );
}

function withMaxBuffer(command: Command): Command {
  return command.option(
    "--max-buffer <bytes>",
    "jute.maxbuffer of the server: longer records are refused (default: 1048575)",
  );
}
