/**
 * The commands for files of a data directory: `txnlog`, `snapshot`, `purge`, `verify`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import {
  CommandError,
  type CommandLine,
  type ConfigOptions,
  withConfigOptions,
} from "../command_line.ts";
import type { ChopOptions } from "../files/txnlog_chop.ts";
import type { DumpOptions } from "../files/txnlog_dump.ts";
import type { RepairOptions } from "../files/txnlog_repair.ts";
import type { VerifyOptions } from "../files/txnlog_verify.ts";
import type { DataVerifyOptions } from "../files/data_verify.ts";
import type { PurgeCommandOptions } from "../files/purge_command.ts";
import type { CompareOptions } from "../files/snapshot_compare.ts";
import type { ComparerOptions } from "../files/snapshot_comparer.ts";
import type { SnapshotDumpOptions } from "../files/snapshot_dump.ts";
import type { SummaryOptions } from "../files/snapshot_summary.ts";
import type { SnapshotVerifyOptions } from "../files/snapshot_verify.ts";
import { ExitCode, type World } from "../world.ts";

export function declareFileCommands(program: Command, commandLine: CommandLine): void {
  declareTxnLog(program, commandLine);
  declareSnapshot(program, commandLine);
  declarePurge(program, commandLine);
  declareVerify(program, commandLine);
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
    .option("--json", "print one JSON object a line")
    .option(
      "--from <zxid|time>",
      "from this zxid (0x100000002) or time (2026-11-22T21:54:05Z, -15m) on",
    )
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
  denkeeper txnlog dump /var/lib/zookeeper --path /app --from 2026-11-22T21:00Z
  denkeeper txnlog dump /var/lib/zookeeper --json --last 100 | jq .type

Exit codes:
  0  all was read
  1  damage was met
  2  it is no txn log, or the command line cannot be understood`,
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
    .option("--json", "print as JSON")
    .option("--strict", "exit with 1 for warnings too: zxids that are missing or out of order")
    .addHelpText(
      "after",
      `
Example:
  denkeeper txnlog verify /var/lib/zookeeper

Exit codes:
  0  nothing is damaged
  1  something is
  2  the command line cannot be understood`,
    )
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
    .option("--in-place", "put the repaired log in the place of the old one, kept as bak.<file>")
    .addHelpText(
      "after",
      `
Example:
  denkeeper txnlog repair -y --in-place /var/lib/zookeeper/version-2/log.1

Exit codes:
  0  written, or aborted when asked
  1  it cannot be repaired, or <file>.fixed exists
  2  it is no txn log, or the command line cannot be understood`,
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
      `
Example:
  denkeeper txnlog chop /var/lib/zookeeper/version-2/log.1 -z 0x1a3

Exit codes:
  0  written
  1  there is nothing to cut off, or damage
  2  it is no txn log, or the command line cannot be understood`,
    )
    .action(
      action(async (path: string, options: ChopOptions) =>
        (await import("../files/txnlog_chop.ts")).chopTxnLog(world, path, options)
      ),
    );
}

interface CompareCommandOptions extends CompareOptions, Partial<ComparerOptions> {
  readonly left?: string;
  readonly right?: string;
}

function declareSnapshot(program: Command, { world, action }: CommandLine): void {
  const snapshot = program.command("snapshot")
    .summary("print, compare, sum up and verify snapshots")
    .description(
      "Prints, compares, sums up and verifies snapshots (snapshot.<zxid>, also .gz and .snappy). Without one of the " +
        "commands below it is `dump`.",
    );

  withMaxBuffer(snapshot.command("dump", { isDefault: true }))
    .summary("print znodes (what `snapshot` does by itself)")
    .description("Prints the znodes and sessions of a snapshot, as zkSnapShotToolkit.sh does.")
    .argument("<file>", "a snapshot")
    .option("-d, --data", "with the data, as base64")
    .option("--ncdu", "as JSON in the form of ncdu; the toolkit calls it -json, which works too")
    .addOption(new Option("-j <on>").hideHelp()) // `-json`, as the toolkit spells it
    .option("--json", "print one JSON object a line, as HTTP exports a tree, with stats")
    .option("--export", "the same for `cli import`: without stats, ephemerals and /zookeeper")
    .addHelpText(
      "after",
      `
Examples:
  denkeeper snapshot /var/lib/zookeeper/version-2/snapshot.57
  denkeeper snapshot --ncdu snapshot.57 | ncdu -f -
  denkeeper snapshot --json snapshot.57 | jq 'select(.stat.numChildren>99).path'

Exit codes:
  0  printed
  1  it cannot be read, or is damaged: then nothing is printed
  2  the command line cannot be understood`,
    )
    .action(
      action(async (path: string, { j, ...options }: SnapshotDumpOptions & { j?: string }) => {
        if (j !== undefined && j !== "son") {
          throw new CommandError(`error: unknown option '-j${j}'`, {
            exitCode: ExitCode.InvalidInvocation,
          });
        }
        const ncdu = options.ncdu === true || j !== undefined;
        const { dumpSnapshot } = await import("../files/snapshot_dump.ts");
        return await dumpSnapshot(world, path, { ...options, ncdu });
      }),
    );

  withMaxBuffer(snapshot.command("compare"))
    .summary("tell in what two snapshots differ")
    .description(
      "Tells which znodes are in one snapshot only (- left, + right) and in what others differ (~). With -b and -n it " +
        "prints sizes of subtrees as zkSnapshotComparer.sh does.",
    )
    .argument("[left]", "a snapshot")
    .argument("[right]", "another one")
    .option("--json", "print one JSON object for each difference")
    .option("--content", "compare data, ACL and type only, and no stats")
    .option("-l, --left <left>", "the left snapshot, as the toolkit wants it")
    .option("-r, --right <right>", "the right one")
    .option("-b, --bytes <count>", "as the toolkit: tell of more bytes than so many")
    .option("-n, --nodes <count>", "as the toolkit: tell of more znodes than so many")
    .option("-d, --debug", "as the toolkit: tell each comparison")
    .option("-i, --interactive", "as the toolkit: ask which level or path to print")
    .addHelpText(
      "after",
      `
Examples:
  denkeeper snapshot compare snapshot.57 snapshot.99
  denkeeper snapshot compare -l snapshot.57 -r snapshot.99 -b 100 -n 1

Exit codes:
  0  they are the same, or were compared with -b and -n
  1  they differ, or one cannot be read
  2  the command line cannot be understood`,
    )
    .action(
      action(async (first: string | undefined, second: string | undefined, options) =>
        await compare(world, [first, second], options)
      ),
    );

  withMaxBuffer(snapshot.command("summary"))
    .summary("tell how much is below each znode")
    .description(
      "Tells for each znode with children how many znodes are below it, and how many bytes of data, as " +
        "zkSnapshotRecursiveSummaryToolkit.sh does.",
    )
    .argument("<file>", "a snapshot")
    .argument("[path]", "the znode to start from", "/")
    .argument("[depth]", "levels below it; 0: all", "0")
    .option("--json", "print one JSON object a line")
    .addHelpText(
      "after",
      `
Example:
  denkeeper snapshot summary /var/lib/zookeeper/version-2/snapshot.57 / 2

Exit codes:
  0  printed
  1  the snapshot cannot be read, or the znode is not in it
  2  the command line cannot be understood`,
    )
    .action(
      action(async (file: string, start: string, depth: string, options: SummaryOptions) =>
        (await import("../files/snapshot_summary.ts"))
          .summarizeSnapshot(world, { file, start, depth }, options)
      ),
    );

  withMaxBuffer(snapshot.command("verify"))
    .summary("tell whether snapshots are whole")
    .description(
      "Checks all checksums of a snapshot, its structure, and the digest of its znodes, computed anew.",
    )
    .argument("<file|dir>", "a snapshot, a dataDir, or its version-2")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `
Example:
  denkeeper snapshot verify /var/lib/zookeeper

Exit codes:
  0  all are whole
  1  one is damaged
  2  the command line cannot be understood`,
    )
    .action(
      action(async (path: string, options: SnapshotVerifyOptions) =>
        (await import("../files/snapshot_verify.ts")).verifySnapshots(world, path, options)
      ),
    );
}

async function compare(
  world: World,
  named: readonly (string | undefined)[],
  options: CompareCommandOptions,
): Promise<number> {
  const [left = options.left, right = options.right] = named;
  const { bytes, nodes } = options;
  const missing = [
    ...left === undefined ? ["l"] : [],
    ...right === undefined ? ["r"] : [],
    ...bytes === undefined && nodes !== undefined ? ["b"] : [],
    ...nodes === undefined && bytes !== undefined ? ["n"] : [],
  ];
  if (left === undefined || right === undefined || missing.length > 0) {
    const plural = missing.length === 1 ? "option" : "options";
    throw new CommandError(`Missing required ${plural}: ${missing.join(", ")}`, {
      exitCode: ExitCode.InvalidInvocation,
    });
  }
  if (bytes !== undefined && nodes !== undefined) {
    const { runComparer } = await import("../files/snapshot_comparer.ts");
    return await runComparer(world, left, right, { ...options, bytes, nodes });
  }
  const { compareSnapshots } = await import("../files/snapshot_compare.ts");
  return await compareSnapshots(world, left, right, options);
}

function declarePurge(program: Command, commandLine: CommandLine): void {
  const { world, action } = commandLine;
  withMaxBuffer(withConfigOptions(program.command("purge")))
    .summary("delete old snapshots and txn logs")
    .description(
      "Deletes snapshots and txn logs that are no longer needed, as zkCleanup.sh does: the newest snapshots are kept, " +
        "and every log that may hold a txn after the oldest of them. A snapshot counts as kept only when it was read " +
        "from end to end and is whole. A server may run meanwhile: it never needs what goes, and never writes to it.",
    )
    .argument(
      "[zoo.cfg|dataLogDir]",
      "a config file, or the directory of logs (default: as for start)",
    )
    .argument("[snapDir]", "the directory of snapshots, if it is another one")
    .requiredOption("-n, --count <count>", "snapshots to keep, 3 or more")
    .option("--dry-run", "only tell what would go")
    .option(
      "--quick",
      "trust snapshots that end as they should, as ZooKeeper does, without reading them",
    )
    .option("--json", "print as JSON, with what is kept")
    .addHelpText(
      "after",
      `
Examples:
  denkeeper purge -n 5 --dry-run
  denkeeper purge /var/lib/zookeeper/log /var/lib/zookeeper/data -n 3

Exit codes:
  0  done
  1  a file could not be deleted
  2  nothing was done: the command line or the config cannot be understood`,
    )
    .action(action(async (
      first: string | undefined,
      second: string | undefined,
      options: PurgeCommandOptions & ConfigOptions,
    ) => {
      const { purge } = await import("../files/purge_command.ts");
      return await purge(world, given(first, second), options, commandLine.configOf(options));
    }));
}

function declareVerify(program: Command, commandLine: CommandLine): void {
  const { world, action } = commandLine;
  withMaxBuffer(withConfigOptions(program.command("verify")))
    .summary("tell whether a server would start, and what it would lose")
    .description(
      "Does what a server does at its start, without changing anything: loads the newest snapshot that is whole, " +
        "replays the logs, compares digests and epochs. Then reads all logs for what servers pass over in silence. " +
        "Tells up to which zxid the data would come back, and what would be lost.",
    )
    .argument(
      "[zoo.cfg|dataDir]",
      "a config file, or the directory of snapshots (default: as for start)",
    )
    .argument("[dataLogDir]", "the directory of logs, if it is another one")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `
Examples:
  denkeeper verify conf/zoo.cfg
  denkeeper verify /var/lib/zookeeper --json | jq '{ok, zxid, lost}'

Exit codes:
  0  a server starts, and nothing is lost
  1  it does not, or something is lost
  2  the command line or the config cannot be understood`,
    )
    .action(action(async (
      first: string | undefined,
      second: string | undefined,
      options: DataVerifyOptions & ConfigOptions,
    ) => {
      const { verifyDataDir } = await import("../files/data_verify.ts");
      return await verifyDataDir(
        world,
        given(first, second),
        options,
        commandLine.configOf(options),
      );
    }));
}

function given(...words: (string | undefined)[]): string[] {
  return words.filter((word) => word !== undefined);
}

function withMaxBuffer(command: Command): Command {
  return command.option(
    "--max-buffer <bytes>",
    "jute.maxbuffer of the server: longer records are refused (default: 1048575)",
  );
}
