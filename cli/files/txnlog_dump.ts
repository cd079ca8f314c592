/**
 * `denkeeper txnlog dump`: prints the txns of logs, as TxnLogToolkit does or as JSON.
 *
 * @module
 */
import type { OpenFile } from "../../core/ports.ts";
import { LogCorruptError } from "../../core/storage/txn_log_reader.ts";
import { rest } from "../../net/rest.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { startProgress } from "./file_progress.ts";
import { readAt } from "./intact_records.ts";
import { JavaDates } from "./java_forms.ts";
import { type LogEnd, LogWalk } from "./log_walk.ts";
import { OutputPieces } from "./output_pieces.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { findTxnLogs, type FoundFiles, openToRead } from "./storage_paths.ts";
import { type FilterOptions, TxnFilter } from "./txn_filter.ts";
import { txnJson } from "./txn_json.ts";
import { decodeBody, txnLine } from "./txn_text.ts";

const LAST_COUNT_MAX = 100_000;
/** How often a log that is followed is looked at. */
const FOLLOW_MS = 200;
/** What a record has at least. */
const PREFIX_BYTES = 12;

export interface DumpOptions extends FilterOptions {
  readonly json?: boolean;
  readonly last?: string;
  readonly follow?: boolean;
  readonly maxBuffer?: string;
}

export async function dumpTxnLogs(
  world: World,
  path: string,
  options: DumpOptions,
): Promise<number> {
  return await new Dump(world, options).run(path);
}

class Dump {
  readonly #world: World;
  readonly #options: DumpOptions;
  readonly #lengthMax: number;
  readonly #filter: TxnFilter;
  readonly #dates: JavaDates;
  readonly #output: OutputPieces;
  /** The last lines so far, when only those are wanted. */
  readonly #last: string[] = [];
  readonly #lastCount: number;
  #exitCode: number = ExitCode.Normal;

  constructor(world: World, options: DumpOptions) {
    this.#world = world;
    this.#options = options;
    this.#lengthMax = lengthMaxOf(options.maxBuffer);
    this.#filter = new TxnFilter(options);
    this.#lastCount = options.last === undefined ? Infinity : lastCountOf(options.last);
    this.#dates = new JavaDates(world.environment, "shortLong");
    this.#output = new OutputPieces(world);
  }

  async run(path: string): Promise<number> {
    const found = findTxnLogs(path);
    const sizes = found.files.map(({ name }) => sizeOf(`${found.dir}${name}`));
    const progress = await startProgress(this.#world, {
      totalBytes: sizes.reduce((total, bytes) => total + bytes, 0),
      what: "reading",
      printsLines: true,
    });
    let end: { name: string; offset: number } | null = null;
    try {
      let doneBytes = 0;
      for (const [i, { name }] of found.files.entries()) {
        const offset = this.#dumpFile(found.dir, name, (at) => progress.at(doneBytes + at));
        end = { name, offset };
        doneBytes += sizes[i]!;
      }
    } finally {
      progress.stop();
    }
    for (const line of this.#last) this.#output.print(line);
    this.#output.flush();
    if (this.#options.follow === true && end !== null) await this.#follow(found, end);
    return this.#exitCode;
  }

  /** @returns where the log ended */
  #dumpFile(dir: string, name: string, at: (offset: number) => void): number {
    const path = `${dir}${name}`;
    const file = openLog(path);
    try {
      const walk = new LogWalk({ file, name: path, lengthMax: this.#lengthMax });
      const header = walk.readHeader();
      if (header === "blank") {
        this.#complain(`Nothing was written to txn log "${path}" before a crash`, ExitCode.Normal);
        return 0;
      }
      if (this.#isVerbatim) {
        this.#output.print(
          `ZooKeeper Transactional Log File with dbid ${header.databaseId} ` +
            `txnlog format version ${header.version}\n`,
        );
      }
      const { count, end } = this.#dumpRecords(walk, name, at);
      this.#tellEnd(path, count, end);
      return end.offset;
    } catch (error) {
      if (!(error instanceof LogCorruptError)) throw error;
      this.#output.flush();
      throw new CommandError(
        `Invalid magic number for ${name}: "${path}" is no txn log: ${error.problem} at offset ${error.offset}`,
        { exitCode: ExitCode.InvalidInvocation },
      );
    } finally {
      file.close();
    }
  }

  /** Whether all is printed as TxnLogToolkit does, head and end included. */
  get #isVerbatim(): boolean {
    return this.#options.json !== true && this.#lastCount === Infinity;
  }

  #dumpRecords(
    walk: LogWalk,
    name: string,
    at: (offset: number) => void,
  ): { count: number; end: LogEnd } {
    const records = walk.records();
    for (let count = 0;; count++) {
      const step = records.next();
      if (step.done) return { count, end: step.value };
      const { body, damage, offset } = step.value;
      if (count % 1024 === 0) at(offset);
      const decoded = decodeBody(body, this.#lengthMax);
      if (damage !== null || decoded.txn === null) this.#exitCode = ExitCode.Unexpected;
      if (!this.#filter.wants(decoded.header, decoded.txn)) continue;
      if (this.#options.json === true) {
        this.#print(`${JSON.stringify(txnJson({ file: name, offset, damage, ...decoded }))}\n`);
        continue;
      }
      const line = `${txnLine(decoded.header, decoded.txn, this.#dates)}\n`;
      if (damage === null) this.#print(line);
      else {
        const what = damage.field === "checksum" ? "CRC" : damage.field.toUpperCase();
        this.#print(`${what} ERROR - ${line}`);
        this.#print(line);
      }
    }
  }

  #print(text: string): void {
    if (this.#lastCount === Infinity) return this.#output.print(text);
    this.#last.push(text);
    if (this.#last.length > this.#lastCount) this.#last.shift();
  }

  #tellEnd(path: string, count: number, end: LogEnd): void {
    if (end.how === "clean" || (end.how === "torn" && end.body === null)) {
      if (this.#isVerbatim) this.#output.print(`EOF reached after ${count} txns.\n`);
      return;
    }
    if (end.how === "torn") {
      const { header, txn } = decodeBody(end.body!, this.#lengthMax);
      const line = `${txnLine(header, txn, this.#dates)}\n`;
      if (this.#isVerbatim) {
        if (end.wrongChecksum) this.#output.print(`CRC ERROR - ${line}`);
        this.#output.print(line);
      }
      return this.#complain("Last transaction was partial.");
    }
    const behind = end.behind === null
      ? ""
      : `; ${end.behind.count} txns behind it can still be read, ` +
        `from offset ${end.behind.offset} on`;
    this.#complain(`Cannot read on in "${path}": ${end.reason} at offset ${end.offset}${behind}`);
  }

  #complain(message: string, exitCode: number = ExitCode.Unexpected): void {
    this.#output.flush();
    this.#world.writeStderr(`${message}\n`);
    if (exitCode !== ExitCode.Normal) this.#exitCode = exitCode;
  }

  /** Prints what is appended, until the process is ended. */
  async #follow(found: FoundFiles, end: { name: string; offset: number }): Promise<never> {
    let { name, offset } = end;
    const start = new Uint8Array(PREFIX_BYTES);
    for (;;) {
      const newer = found.isDirectory ? nextLog(found.dir, name) : null; // before the last look
      const file = openLog(`${found.dir}${name}`);
      try {
        const isThere = readAt(file, offset, start) === PREFIX_BYTES &&
          start.some((byte) => byte > 0);
        if (isThere) offset = this.#goOn(file, name, offset);
      } finally {
        file.close();
      }
      this.#output.flush();
      if (newer === null) await rest(FOLLOW_MS);
      else [name, offset] = [newer, 0];
    }
  }

  #goOn(file: OpenFile, name: string, startOffset: number): number {
    const walk = new LogWalk({ file, name, lengthMax: this.#lengthMax, startOffset });
    if (startOffset === 0 && walk.readHeader() === "blank") return 0;
    const { end } = this.#dumpRecords(walk, name, () => {});
    for (const line of this.#last.splice(0)) this.#output.print(line);
    return end.offset;
  }
}

function nextLog(dir: string, name: string): string | null {
  const { files } = findTxnLogs(dir);
  const at = files.findIndex((file) => file.name === name);
  return files[at + 1]?.name ?? null;
}

/** @throws {CommandError} */
export function openLog(path: string): OpenFile {
  return openToRead(path, "txn log");
}

function sizeOf(path: string): number {
  const file = openLog(path);
  try {
    return file.sizeBytes();
  } finally {
    file.close();
  }
}

function lastCountOf(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= LAST_COUNT_MAX) return count;
  throw new CommandError(
    `--last cannot be "${text}": expected a number of txns from 1 to ${LAST_COUNT_MAX}`,
    { exitCode: ExitCode.InvalidInvocation },
  );
}
