/**
 * `denkeeper txnlog chop`: writes the beginning of a txn log, through one zxid, to `<file>.chopped<zxid>`.
 *
 * @module
 */
import { writeFileHeader } from "../../core/storage/file_header.ts";
import { beginRecord, endRecord } from "../../core/storage/txn_log_format.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { zxidText, zxidToHex } from "../../core/zxid.ts";
import { systemFiles, writeAll } from "../../net/file_system.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { LogWalk } from "./log_walk.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { zxidOf } from "./txn_filter.ts";
import { openLog } from "./txnlog_dump.ts";
import { createTarget } from "./txnlog_repair.ts";

const WRITE_BYTES = 1 << 20;

export interface ChopOptions {
  readonly zxid: string;
  readonly maxBuffer?: string;
}

export function chopTxnLog(world: World, path: string, { zxid, maxBuffer }: ChopOptions): number {
  const through = zxidOf("--zxid", zxid);
  const lengthMax = lengthMaxOf(maxBuffer);
  const file = openLog(path);
  try {
    const walk = new LogWalk({ file, name: path, lengthMax });
    const header = walk.readHeader();
    if (header === "blank") throw cannotChop(path, "nothing was written to it before a crash");
    const targetPath = `${path}.chopped${through}`;
    const target = createTarget(targetPath);
    let count = 0;
    let isDone = false;
    try {
      const writer = new JuteWriter(WRITE_BYTES);
      writeFileHeader(writer, header);
      for (const { zxid, body, damage, offset } of walk.records()) {
        if (zxid > through) {
          isDone = true;
          break;
        }
        if (damage !== null) {
          throw cannotChop(
            path,
            `the ${damage.field} of the txn at offset ${offset} is wrong; repair it first, with ` +
              "denkeeper txnlog repair",
          );
        }
        count++;
        const start = beginRecord(writer);
        writer.raw(body);
        endRecord(writer, start);
        if (writer.position < WRITE_BYTES) continue;
        writeAll(target, writer.written());
        writer.position = 0;
      }
      writeAll(target, writer.written());
      target.sync();
      if (count === 0) throw cannotChop(path, `it begins behind zxid ${through}`);
      if (!isDone) throw cannotChop(path, `it holds no txn behind zxid ${zxidText(through)}`);
    } catch (error) {
      systemFiles.remove(targetPath);
      throw error;
    } finally {
      target.close();
    }
    world.print(
      `ZooKeeper Transactional Log File with dbid ${header.databaseId} ` +
        `txnlog format version ${header.version}\n` +
        `Chopping at ${zxidToHex(through)} new log has ${count} records\n`,
    );
    return ExitCode.Normal;
  } finally {
    file.close();
  }
}

function cannotChop(path: string, reason: string): CommandError {
  return new CommandError(`Failed to chop ${path}: ${reason}`);
}
