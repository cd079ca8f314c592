/**
 * Looks for all that can be wrong with txn logs: in each file, and between one file and the next.
 *
 * @module
 */
import { LogHoleError, ReplayOrder } from "../../core/storage/replay_check.ts";
import { LogCorruptError } from "../../core/storage/txn_log_reader.ts";
import { type Zxid, zxidText } from "../../core/zxid.ts";
import { rest } from "../../net/rest.ts";
import { type LogEnd, LogWalk, type WalkedRecord, zxidOf } from "./log_walk.ts";
import { withByte } from "./wrong_byte.ts";
import { RECORD_PREFIX_BYTES } from "../../core/storage/txn_log_format.ts";
import type { FoundFiles } from "./storage_paths.ts";
import { openLog } from "./txnlog_dump.ts";
import { damageJson } from "./txn_json.ts";
import { decodeBody, txnTypeName } from "./txn_text.ts";

/** More are counted and not told one by one. */
const FINDING_COUNT_MAX = 20;
const RECORDS_PER_TURN = 20_000;

export interface LogFinding {
  /**
   * "damage": txns are lost, or in danger. "warning": odd, and a server takes it. "note": what crashes leave, and
   * every server expects.
   */
  readonly severity: "damage" | "warning" | "note";
  readonly code:
    | "checksum"
    | "length"
    | "end-byte"
    | "undecodable"
    | "unreadable"
    | "torn"
    | "blank"
    | "header"
    | "gap"
    | "order"
    | "hole";
  readonly offset: number;
  readonly message: string;
  /** Whether every server refuses to start with it, or goes on without what is behind. */
  readonly server?: "refuses" | "stops";
  readonly detail?: Record<string, unknown>;
}

export interface LogReport {
  readonly file: string;
  readonly bytes: number;
  readonly txnCount: number;
  readonly firstZxid: Zxid | null;
  readonly lastZxid: Zxid | null;
  readonly firstTimeMs: number | null;
  readonly lastTimeMs: number | null;
  /** Where the last record ends. */
  readonly endOffset: number;
  readonly findings: readonly LogFinding[];
  /** How many there are beyond those in the list. */
  readonly findingsLeftOut: number;
}

/** Txns in a row: how many records, and the first and the last zxid. */
export interface ZxidRange {
  readonly count: number;
  readonly first: Zxid;
  readonly last: Zxid;
}

export interface LogsReport {
  readonly files: readonly LogReport[];
  /** What every server gets. Null: nothing. */
  readonly safe: ZxidRange | null;
  /** What is behind the first damage, and can still be read. */
  readonly atRisk: ZxidRange | null;
  readonly isDamaged: boolean;
  readonly hasWarnings: boolean;
}

export async function checkTxnLogs(
  found: FoundFiles,
  { lengthMax, at = () => {} }: { lengthMax: number; at?: (doneBytes: number) => void },
): Promise<LogsReport> {
  return await new LogsCheck(found, lengthMax, at).run();
}

class LogsCheck {
  readonly #found: FoundFiles;
  readonly #lengthMax: number;
  readonly #at: (doneBytes: number) => void;
  #order: ReplayOrder | null = null;
  #safe: { count: number; first: Zxid; last: Zxid } | null = null;
  #atRisk: { count: number; first: Zxid; last: Zxid } | null = null;
  #isBroken = false;
  #findings: LogFinding[] = [];
  #findingsLeftOut = 0;
  #doneBytes = 0;

  constructor(found: FoundFiles, lengthMax: number, at: (doneBytes: number) => void) {
    this.#found = found;
    this.#lengthMax = lengthMax;
    this.#at = at;
  }

  async run(): Promise<LogsReport> {
    const files: LogReport[] = [];
    const { length } = this.#found.files;
    for (const [i, { name }] of this.#found.files.entries()) {
      files.push(await this.#checkFile(name, i === length - 1));
    }
    const all = files.flatMap(({ findings }) => findings);
    return {
      files,
      safe: this.#safe,
      atRisk: this.#atRisk,
      isDamaged: all.some(({ severity }) => severity === "damage"),
      hasWarnings: all.some(({ severity }) => severity === "warning"),
    };
  }

  async #checkFile(name: string, isLast: boolean): Promise<LogReport> {
    const path = `${this.#found.dir}${name}`;
    const file = openLog(path);
    this.#findings = [];
    this.#findingsLeftOut = 0;
    const bytes = file.sizeBytes();
    const report = {
      file: name,
      bytes,
      txnCount: 0,
      firstZxid: null as Zxid | null,
      lastZxid: null as Zxid | null,
      firstTimeMs: null as number | null,
      lastTimeMs: null as number | null,
      endOffset: 0,
    };
    try {
      const walk = new LogWalk({ file, name: path, lengthMax: this.#lengthMax });
      if (walk.readHeader() === "blank") this.#noteBlank(isLast);
      else {
        const records = walk.records();
        for (;;) {
          const step = records.next();
          if (step.done) {
            report.endOffset = step.value.offset;
            this.#noteEnd(step.value, isLast);
            break;
          }
          const { header } = this.#checkRecord(step.value, name);
          if (report.txnCount++ === 0) {
            report.firstZxid = header.zxid;
            report.firstTimeMs = header.timeMs;
          }
          report.lastZxid = header.zxid;
          report.lastTimeMs = header.timeMs;
          if (report.txnCount % RECORDS_PER_TURN === 0) {
            this.#at(this.#doneBytes + step.value.offset);
            await rest();
          }
        }
      }
    } catch (error) {
      if (!(error instanceof LogCorruptError)) throw error;
      this.#find({
        severity: "damage",
        code: "header",
        offset: error.offset,
        message: error.problem,
        server: "refuses",
      });
    } finally {
      file.close();
    }
    this.#doneBytes += bytes;
    this.#at(this.#doneBytes);
    return { ...report, findings: this.#findings, findingsLeftOut: this.#findingsLeftOut };
  }

  #checkRecord(record: WalkedRecord, file: string) {
    const { offset, damage } = record;
    const wrongByte = damage?.field === "checksum" ? damage.wrongByte : null;
    const body = wrongByte === null ? record.body : withByte(record.body, wrongByte);
    const zxid = zxidOf(body);
    const decoded = decodeBody(body, this.#lengthMax);
    const { header, problem } = decoded;
    const what = `txn ${zxidText(zxid)} (${txnTypeName(header.type)})`;
    if (damage !== null) {
      const { field, stored, expected } = damageJson(damage);
      const why = problem !== null
        ? `, and its body cannot be decoded (${problem})`
        : wrongByte === null
        ? ""
        : `, because its byte at offset ${
          offset + RECORD_PREFIX_BYTES + wrongByte.at
        } is ${wrongByte.stored} and was ${wrongByte.expected}`;
      this.#find({
        severity: "damage",
        code: damage.field === "end byte" ? "end-byte" : damage.field,
        offset,
        message: `the ${field} of ${what} is ${stored}, expected ${expected}${why}`,
        server:
          damage.field === "end byte" || (damage.field === "length" && this.#stops(damage.stored))
            ? "stops"
            : "refuses",
        detail: { zxid: zxidText(zxid), stored, expected },
      });
    } else if (problem !== null) {
      this.#find({
        severity: "damage",
        code: "undecodable",
        offset,
        message: `${what} cannot be decoded: ${problem}`,
        server: "refuses",
        detail: { zxid: zxidText(zxid) },
      });
    }
    // a zxid that may be what is damaged is not believed, unless it is the one to expect
    const expected = this.#order === null ? zxid : this.#order.last + 1;
    const isDoubtful = damage?.field === "checksum" && wrongByte === null;
    this.#checkOrder(isDoubtful ? expected : zxid, { offset, file });
    this.#count(zxid);
    return decoded;
  }

  /** With such a length, a server takes the log for ended. */
  #stops(length: number): boolean {
    return length >= 0 && length <= this.#lengthMax;
  }

  #checkOrder(zxid: Zxid, { offset, file }: { offset: number; file: string }): void {
    this.#order ??= new ReplayOrder({ zxid: zxid - 1, file });
    const after = this.#order.last;
    const [now, before] = [zxidText(zxid), zxidText(after)];
    const detail = { zxid: now, after: before };
    try {
      const place = this.#order.take(zxid, file);
      if (place === "unlogged") {
        this.#find({
          severity: "warning",
          code: "gap",
          offset,
          message:
            `zxid ${now} follows ${before}: those between are in no record, which Java servers ` +
            "do with some bad requests, and nobody else",
          detail,
        });
      } else if (place === "outOfOrder") {
        this.#find({
          severity: "warning",
          code: "order",
          offset,
          message: `zxid ${now} comes behind ${before}`,
          detail,
        });
      }
    } catch (error) {
      if (!(error instanceof LogHoleError)) throw error;
      this.#find({
        severity: "damage",
        code: "hole",
        offset,
        message:
          `zxid ${now} follows ${before} of the file before: the txns between are in no file`,
        server: "refuses",
        detail,
      });
      this.#order = new ReplayOrder({ zxid, file });
    }
  }

  #count(zxid: Zxid): void {
    const range = this.#isBroken ? this.#atRisk : this.#safe;
    if (range !== null) {
      range.count++;
      range.last = Math.max(range.last, zxid);
    } else if (this.#isBroken) this.#atRisk = { count: 1, first: zxid, last: zxid };
    else this.#safe = { count: 1, first: zxid, last: zxid };
  }

  #noteBlank(isLast: boolean): void {
    this.#find({
      severity: isLast ? "note" : "damage",
      code: "blank",
      offset: 0,
      message: isLast
        ? "nothing was written to it before a crash: it can be deleted, and we do so at the start"
        : "it is empty, and is not the last log",
      ...isLast ? {} : { server: "refuses" as const },
    });
  }

  #noteEnd(end: LogEnd, isLast: boolean): void {
    const { offset } = end;
    if (end.how === "torn") {
      this.#find({
        severity: isLast ? "damage" : "note",
        code: "torn",
        offset,
        message:
          `${end.reason}: a crash came while it was written, so nobody was told that it was done; ` +
          "servers pass over it",
      });
    } else if (end.how === "unreadable") {
      const { behind } = end;
      this.#find({
        severity: "damage",
        code: "unreadable",
        offset,
        message: end.reason +
          (behind === null
            ? ""
            : `; behind it are ${behind.count} whole records, ${zxidText(behind.firstZxid)} to ${
              zxidText(behind.lastZxid)
            }, from offset ${behind.offset} on`),
        server: end.server,
      });
      if (behind === null) return;
      this.#count(behind.firstZxid);
      this.#atRisk!.count += behind.count - 1;
      this.#atRisk!.last = Math.max(this.#atRisk!.last, behind.lastZxid);
      if (this.#order !== null && behind.lastZxid > this.#order.last) {
        this.#order = new ReplayOrder({ zxid: behind.lastZxid, file: this.#found.files[0]!.name });
      }
    }
  }

  #find(finding: LogFinding): void {
    if (finding.server !== undefined) this.#isBroken = true;
    // one of each severity is kept, since the sum goes by them
    const isNew = !this.#findings.some(({ severity }) => severity === finding.severity);
    if (isNew || this.#findings.length < FINDING_COUNT_MAX) this.#findings.push(finding);
    else this.#findingsLeftOut++;
  }
}
