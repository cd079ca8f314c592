/**
 * `backup`: create, list, verify, restore, delete, prune.
 *
 * @module
 */

import type { Command } from "commander";
import { type CommandLine, type ConfigOptions, withConfigOptions } from "../command_line.ts";
import type { CreateCommand, PruneCommand, RestoreCommand } from "../backup/run_backup.ts";

const ABOUT = `
A backup folder holds any number of backups, which share what is the same in
them: the second backup of a server copies only what was logged since. A backup
can be restored as of any txn in its range, by zxid or time.

For an export of znodes without sessions and ephemerals, as JSON lines, see:
denkeeper cli export --help

Exit codes:
  0  done
  1  failed, or verify found damage
  2  the command line or the config cannot be understood`;

const CREATE_HELP = `
The server may run or not, and may be Denkeeper or Apache ZooKeeper: its files
are only read.

The log of an ensemble's member may end with proposals that are not committed
yet, and may never be. A member that runs is asked (word srvr) for its last
committed txn, and the backup ends there. Of a member that does not run, all
that it has logged is taken, as it would when it starts; "restore --at" can
leave out the end.

Examples:
  denkeeper backup create --to /backups /etc/zookeeper/conf/zoo.cfg
  denkeeper backup create --to /backups --data-dir /var/lib/zookeeper --gzip`;

const RESTORE_HELP = `
TIME is ISO 8601 (2026-11-26T09:30:00Z; without a zone, local time), or so long
before now: -30s, -15m, -2h, -1d. The tree becomes what it was before the first
txn that is later, by the clock of the leader of then.

Sessions of the time are restored with their ephemerals: a client that comes
back in time keeps both, and all others expire when the server has run for their
timeout. --drop-ephemerals leaves both out.

An ensemble: stop all members, restore the same backup with the same --at on
each of them, then start them. Restored on one member only, a quorum of others
would take its data back. The epochs of the backup go along, so that the next
leader's zxids are above all that clients have seen. A server that stands alone
goes on with the next zxid: restart clients that have seen later ones, since no
server lets them in before it has come as far.

Examples:
  denkeeper backup restore /backups --to /var/lib/zookeeper --at -15m --plan
  denkeeper backup restore /backups --to /var/lib/zookeeper --at 0x1a3 --force`;

export function declareBackupCommands(program: Command, commandLine: CommandLine): void {
  const { world } = commandLine;
  const load = () => import("../backup/run_backup.ts");
  /** What stops a backup is told as what stops a command. */
  const action = <Args extends unknown[]>(run: (...args: Args) => Promise<number>) =>
    commandLine.action(async (...args: Args) => {
      try {
        return await run(...args);
      } catch (error) {
        throw (await load()).asCommandError(error);
      }
    });
  const backup = program.command("backup")
    .summary("back up a data directory, restore it as of any txn")
    .description(
      "Backs up the data directory of a server, and restores it as it was at any txn or time.",
    )
    .addHelpText("after", ABOUT);

  withConfigOptions(backup.command("create"))
    .summary("add a backup to a folder")
    .description("Copies what a data directory holds that the backups in a folder do not.")
    .argument("[zoo.cfg]", "whose dataDir and dataLogDir are backed up")
    .requiredOption("--to <folder>", "of the backups; made if it is missing")
    .option("--data-dir <dir>", "what to back up, in place of a zoo.cfg")
    .option("--data-log-dir <dir>", "where its txn logs are (default: the same)")
    .option(
      "--server <host:port>",
      "the running member to ask what is committed (default: of the zoo.cfg)",
    )
    .option("--gzip", "compress what is new")
    .option("--json", "print the backup as JSON")
    .addHelpText("after", CREATE_HELP)
    .action(
      action(
        async (file: string | undefined, options: CreateCommand & ConfigOptions) =>
          (await load()).runCreate(world, {
            ...options,
            ...commandLine.configOf(options),
            file,
          }),
      ),
    );

  backup.command("list")
    .summary("list the backups of a folder, with their ranges")
    .description("Lists the backups of a folder: whose they are, and what they can restore.")
    .argument("<folder>", "of the backups")
    .option("--json", "print as JSON")
    .addHelpText("after", "\nExample:\n  denkeeper backup list /backups")
    .action(
      action(async (folder: string, options: { json?: true }) =>
        (await load()).runList(world, { folder, ...options })
      ),
    );

  backup.command("verify")
    .summary("read backups to the end, and restore them in memory")
    .description(
      "Checks the hash of every file and the checksum of every txn, that none is missing, and that " +
        "snapshots and logs lead to the tree whose digests the server logged. Ends with 1 on damage.",
    )
    .argument("<folder>", "of the backups")
    .argument("[id]", "of one backup (default: all)")
    .option("--json", "print as JSON")
    .addHelpText("after", "\nExample:\n  denkeeper backup verify /backups")
    .action(
      action(
        async (folder: string, id: string | undefined, options: { json?: true }) =>
          (await load()).runVerify(world, { folder, id, ...options }),
      ),
    );

  backup.command("restore")
    .summary("write a data directory as it was at a txn or a time")
    .description(
      "Writes a data directory that Denkeeper and Apache ZooKeeper start on, as it was at a txn or time.",
    )
    .argument("<folder>", "of the backups")
    .argument("[id]", "the backup (default: the newest that reaches --at)")
    .requiredOption("--to <dir>", "the dataDir of a server that does not run")
    .option("--data-log-dir <dir>", "its dataLogDir (default: the same)")
    .option("--at <zxid|time>", "the last txn, in hex as 0x1a3, or a time (default: the last one)")
    .option("--plan", "tell what would be done, and do nothing")
    .option("--force", "move data that is there aside, as version-2.before-<time>")
    .option("--drop-ephemerals", "restore no sessions and no ephemerals")
    .option("--json", "print what was done as JSON")
    .addHelpText("after", RESTORE_HELP)
    .action(
      action(
        async (folder: string, id: string | undefined, options: RestoreCommand) =>
          (await load()).runRestore(world, { ...options, folder, id }),
      ),
    );

  backup.command("delete")
    .summary("delete backups by their ids")
    .description("Deletes backups, and the files that no other backup needs.")
    .argument("<folder>", "of the backups")
    .argument("<id...>", "as list prints them")
    .option("--json", "print as JSON")
    .addHelpText("after", "\nExample:\n  denkeeper backup delete /backups 20261126T093000Z")
    .action(
      action(async (folder: string, ids: string[], options: { json?: true }) =>
        (await load()).runDelete(world, { folder, ids, ...options })
      ),
    );

  backup.command("prune")
    .summary("delete all but the newest backups")
    .description(
      "Deletes all but the newest backups, and the files that none of those needs. They are counted " +
        "together, whichever server they are of.",
    )
    .argument("<folder>", "of the backups")
    .requiredOption("--keep <count>", "how many to keep, 1 or more")
    .option("--plan", "tell what would be deleted, and do nothing")
    .option("--json", "print as JSON")
    .addHelpText("after", "\nExample:\n  denkeeper backup prune /backups --keep 48")
    .action(
      action(async (folder: string, options: PruneCommand) =>
        (await load()).runPrune(world, { ...options, folder })
      ),
    );
}
