/**
 * `denkeeper txnlog repair` and `txnlog -r`: writes a copy of a txn log in which all that could be told for sure
 * is put right, as TxnLogToolkit does with wrong checksums; and what a crash tore is left out.
 *
 * The log itself is not touched, unless asked: then the copy takes its place when it is whole and durable, and the
 * old one is kept beside it, under a name that no server takes for a log.
 *
 * @module
 */
import type { OpenFile } from "../../core/ports.ts";
import { type FileHeader, writeFileHeader } from "../../core/storage/file_header.ts";
import { beginRecord, endRecord } from "../../core/storage/txn_log_format.ts";
import { LogCorruptError } from "../../core/storage/txn_log_reader.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { type Zxid, zxidText } from "../../core/zxid.ts";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { systemFiles, writeAll } from "../../net/file_system.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { type Progress, startProgress } from "./file_progress.ts";
import { JavaDates } from "./java_forms.ts";
import { LineInput } from "./line_input.ts";
import { type LogEnd, LogWalk, type WalkedRecord, zxidOf } from "./log_walk.ts";
import { withByte } from "./wrong_byte.ts";
import { OutputPieces } from "./output_pieces.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { fileProblem } from "./storage_paths.ts";
import { decodeBody, txnLine } from "./txn_text.ts";
import { openLog } from "./txnlog_dump.ts";

const QUESTION = "Would you like to fix it (Yes/No/Abort) ? ";
const WRITE_BYTES = 1 << 20;
const RECORDS_PER_TURN = 4096;

export interface RepairOptions {
  readonly yes?: boolean;
  readonly verbose?: boolean;
  readonly inPlace?: boolean;
  readonly truncate?: boolean;
  /** As the toolkit does: a body stays as it is, even where a wrong byte is known. */
  readonly recover?: boolean;
  readonly maxBuffer?: string;
}

export async function repairTxnLog(
  world: World,
  path: string,
  options: RepairOptions,
): Promise<number> {
  const lock = options.inPlace === true ? lockDirectoryOf(path) : null;
  try {
    return await new Repair(world, path, options).run();
  } finally {
    lock?.release();
  }
}

class Repair {
  readonly #world: World;
  readonly #options: RepairOptions;
  readonly #path: string;
  readonly #target: string;
  readonly #lengthMax: number;
  readonly #dates: JavaDates;
  readonly #output: OutputPieces;
  readonly #answers: LineInput;
  #fixedCount = 0;
  #isCut = false;

  constructor(world: World, path: string, options: RepairOptions) {
    this.#world = world;
    this.#options = options;
    this.#path = path;
    this.#target = `${path}.fixed`;
    this.#lengthMax = lengthMaxOf(options.maxBuffer);
    this.#dates = new JavaDates(world.environment, "shortLong");
    this.#output = new OutputPieces(world);
    this.#answers = new LineInput(world);
  }

  async run(): Promise<number> {
    const file = openLog(this.#path);
    try {
      const walk = new LogWalk({ file, name: this.#path, lengthMax: this.#lengthMax });
      const header = walk.readHeader();
      if (header === "blank") {
        throw new CommandError(
          `Cannot repair "${this.#path}": nothing was written to it before a crash; delete it, if it is the last log`,
        );
      }
      const target = createTarget(this.#target);
      const progress = await startProgress(this.#world, {
        totalBytes: file.sizeBytes(),
        what: "copying",
        printsLines: true,
      });
      try {
        this.#output.print(
          `ZooKeeper Transactional Log File with dbid ${header.databaseId} ` +
            `txnlog format version ${header.version}\n`,
        );
        const isDone = await this.#copy({ walk, target, header, progress });
        if (!isDone) {
          systemFiles.remove(this.#target);
          this.#output.print("Recovery aborted.\n");
          return ExitCode.Normal;
        }
      } catch (error) {
        systemFiles.remove(this.#target);
        throw error;
      } finally {
        progress.stop();
        target.close();
        this.#output.flush();
      }
    } catch (error) {
      if (!(error instanceof LogCorruptError)) throw error;
      throw new CommandError(
        `Invalid magic number for ${this.#path}: it is no txn log: ${error.problem} at offset ${error.offset}`,
        { exitCode: ExitCode.InvalidInvocation },
      );
    } finally {
      file.close();
    }
    return this.#finish();
  }

  /** @returns false when it was aborted */
  async #copy({ walk, target, header, progress }: {
    walk: LogWalk;
    target: OpenFile;
    header: FileHeader;
    progress: Progress;
  }): Promise<boolean> {
    const writer = new JuteWriter(WRITE_BYTES);
    const flush = () => {
      writeAll(target, writer.written());
      writer.position = 0;
    };
    writeFileHeader(writer, header);
    const records = walk.records();
    let count = 0;
    let last: Zxid = -1;
    for (;;) {
      const step = records.next();
      if (step.done) {
        flush();
        this.#tellEnd(step.value, count);
        break;
      }
      const record = this.#options.recover === true ? step.value : restored(step.value);
      const action = await this.#judge(record, last);
      if (action === "abort") return false;
      if (action === "cut") {
        flush();
        break;
      }
      count++;
      last = record.zxid;
      if (action === "keep") this.#keep(step.value, writer);
      else {
        const start = beginRecord(writer);
        writer.raw(record.body);
        endRecord(writer, start);
      }
      if (writer.position >= WRITE_BYTES) flush();
      if (count % RECORDS_PER_TURN === 0) progress.at(record.offset);
    }
    target.sync();
    return true;
  }

  /** What to do with a record; prints what there is to say about it. */
  async #judge(record: RepairedRecord, last: Zxid): Promise<"copy" | "keep" | "cut" | "abort"> {
    const { damage, body, offset, zxid } = record;
    const { verbose = false, truncate = false } = this.#options;
    const { header, txn, problem } = decodeBody(body, this.#lengthMax);
    const line = () => `${txnLine(header, txn, this.#dates)}\n`;
    if (problem !== null) {
      if (truncate) {
        this.#tell(`cut before the txn at offset ${offset}, which cannot be decoded: ${problem}`);
        this.#isCut = true;
        return "cut";
      }
      throw this.#unrepairable(`the txn at offset ${offset} cannot be decoded (${problem})`);
    }
    if (damage === null) {
      if (verbose) this.#output.print(line());
      return "copy";
    }
    const isRestored = damage.field === "checksum" && record.isRestored === true;
    const field = isRestored
      ? "BYTE"
      : damage.field === "checksum"
      ? "CRC"
      : damage.field.toUpperCase();
    let answer: "yes" | "no" | "abort" = "yes";
    if (this.#options.yes === true) this.#output.print(`${field} FIXED - ${line()}`);
    else {
      this.#output.print(`${field} ERROR - ${line()}`);
      answer = await this.#ask();
    }
    if (answer === "abort") return "abort";
    if (verbose) this.#output.print(line());
    if (answer === "no") return "keep";
    this.#fixedCount++;
    if (damage.field === "checksum" && !isRestored && last !== -1 && zxid !== last + 1) {
      this.#tell(
        `the txn at offset ${offset} says zxid ${zxidText(zxid)} behind ${zxidText(last)}: ` +
          "its zxid may be what is damaged, look at the result before a server gets it",
      );
    }
    return "copy";
  }

  /** As it is, damage included. */
  #keep({ body, damage }: WalkedRecord, writer: JuteWriter): void {
    const start = beginRecord(writer);
    writer.raw(body);
    endRecord(writer, start);
    if (damage?.field === "checksum") writer.view.setBigUint64(start, damage.stored);
    else if (damage?.field === "length") writer.view.setInt32(start + 8, damage.stored);
    else if (damage !== null) writer.buffer[writer.position - 1] = damage.stored;
  }

  async #ask(): Promise<"yes" | "no" | "abort"> {
    for (;;) {
      this.#output.print(QUESTION);
      this.#output.flush();
      const answer = (await this.#answers.next())?.trim().toLowerCase()[0];
      if (answer === "y") return "yes";
      if (answer === "a") return "abort";
      if (answer === "n" || answer === undefined) return "no"; // as the toolkit takes an empty line
    }
  }

  #tellEnd(end: LogEnd, count: number): void {
    switch (end.how) {
      case "clean":
        return this.#output.print(`EOF reached after ${count} txns.\n`);
      case "torn":
        this.#tell(
          `Last transaction was partial: what is left of it at offset ${end.offset} is cut off (${end.reason})`,
        );
        return this.#output.print(`EOF reached after ${count} txns.\n`);
      case "unreadable": {
        const lost = end.behind === null
          ? ""
          : `, with ${end.behind.count} whole records behind it, ${
            zxidText(end.behind.firstZxid)
          } to ${zxidText(end.behind.lastZxid)}`;
        const place = `offset ${end.offset} (${end.reason})${lost}`;
        if (this.#options.truncate !== true) {
          throw this.#unrepairable(`nobody can tell what was at ${place}`);
        }
        this.#tell(`cut at ${place}`);
        this.#isCut = true;
        this.#output.print(`Cut after ${count} txns.\n`);
      }
    }
  }

  #unrepairable(problem: string): CommandError {
    return new CommandError(
      `Cannot repair "${this.#path}": ${problem}; restore the file from a backup or from another ` +
        "member, or add --truncate to keep what is before it and lose the rest",
    );
  }

  #tell(message: string): void {
    this.#output.flush();
    this.#world.writeStderr(`${message}\n`);
  }

  #finish(): number {
    const what = `has been written with ${this.#fixedCount} fixed CRC error(s)`;
    if (this.#options.inPlace === true) {
      const backup = backupOf(this.#path);
      systemFiles.rename(this.#path, backup);
      systemFiles.rename(this.#target, this.#path);
      systemFiles.syncDirectory(directoryOf(this.#path));
      this.#world.print(`Recovery file ${this.#path} ${what}, the old one is ${backup}\n`);
    } else {
      this.#world.print(`Recovery file ${this.#target} ${what}\n`);
      if (isInVersionDir(this.#path)) {
        this.#tell(
          `servers take ${this.#target} for a log as well: put it in the place of the old one, and that out of the ` +
            "directory, before one starts (--in-place does so)",
        );
      }
    }
    if (this.#isCut) this.#world.writeStderr("txns behind the cut are not in it\n");
    return ExitCode.Normal;
  }
}

interface RepairedRecord extends WalkedRecord {
  /** The one byte that was wrong is as it was. */
  readonly isRestored?: boolean;
}

function restored(record: WalkedRecord): RepairedRecord {
  const { damage } = record;
  if (damage?.field !== "checksum" || damage.wrongByte === null) return record;
  const body = withByte(record.body, damage.wrongByte);
  return { ...record, body, zxid: zxidOf(body), isRestored: true };
}

/** Makes a file that is not there yet. @throws {CommandError} */
export function createTarget(path: string): OpenFile {
  try {
    Deno.openSync(path, { write: true, createNew: true }).close();
    return systemFiles.open(path, "create");
  } catch (error) {
    throw new CommandError(`Recovery file ${path} already exists or not writable`, {
      cause: error,
    });
  }
}

/** No name that a server takes for a log's, as `log.5.bak` is. */
function backupOf(path: string): string {
  const dir = directoryOf(path);
  return `${dir}bak.${path.slice(path.lastIndexOf("/") + 1)}`;
}

function isInVersionDir(path: string): boolean {
  return Deno.realPathSync(directoryOf(path)).endsWith("/version-2");
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) || "./";
}

/** Keeps servers of ours off the directory, and refuses when one is running. */
function lockDirectoryOf(path: string): DataDirLock | null {
  const backup = backupOf(path);
  try {
    Deno.lstatSync(backup);
    throw new CommandError(
      `Cannot repair "${path}" in its place: "${backup}" is there already, move it away`,
    );
  } catch (error) {
    if (error instanceof CommandError) throw error;
  }
  const dir = directoryOf(path);
  if (!isInVersionDir(path)) return null; // no server's
  const logger = { isDebug: false, debug() {}, info() {}, warn() {}, error() {} };
  try {
    const dataDir = Deno.realPathSync(`${dir}..`);
    const dirs = { dataDir, dataLogDir: dataDir, snapshotDir: dir, logDir: dir };
    return DataDirLock.acquire(dirs, logger);
  } catch (error) {
    throw fileProblem("repair in its place", path, error);
  }
}
