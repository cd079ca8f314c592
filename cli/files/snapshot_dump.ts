/**
 * `denkeeper snapshot dump`: prints a snapshot, as SnapshotFormatter does or as JSON.
 *
 * The file is read twice: once for all that comes before the znodes (how many there are, whether the checksums are
 * right, who has children), then to print them.
 *
 * @module
 */
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import { type AclList, OPEN_ACL } from "../../core/tree/acl_list.ts";
import {
  ownerHighOf,
  type OwnerKind,
  ownerKind,
  ownerLowOf,
  ttlMsOfOwner,
} from "../../core/tree/stat.ts";
import { sessionIdToHex, zxidText, zxidToHex } from "../../core/zxid.ts";
import { basename } from "node:path";
import { snapshotsIn } from "../../core/storage/file_names.ts";
import { aclJson } from "../../net/http/acl_text.ts";
import { dataJson } from "../../net/http/data_json.ts";
import type { TreeLine } from "../../net/http/tree_line.ts";
import { formatJavaDate } from "../../net/java_date.ts";
import { statJson } from "../../net/stat_json.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { startProgress } from "./file_progress.ts";
import { paddedHex } from "./java_forms.ts";
import { OutputPieces } from "./output_pieces.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { type SnapshotNode, streamSnapshot } from "./snapshot_stream.ts";

const SYSTEM_PATH = "/zookeeper";
/** SnapshotFormatter's first inode. */
const FIRST_INODE = 1001;

export interface SnapshotDumpOptions {
  readonly data?: boolean;
  readonly ncdu?: boolean;
  readonly json?: boolean;
  readonly export?: boolean;
  readonly maxBuffer?: string;
}

export async function dumpSnapshot(
  world: World,
  path: string,
  options: SnapshotDumpOptions,
): Promise<number> {
  const { data = false, ncdu = false, json = false, maxBuffer } = options;
  if (data && ncdu) {
    throw new CommandError(
      "Cannot specify both data dump (-d) and json mode (-json) in same call",
      { exitCode: ExitCode.InvalidInvocation },
    );
  }
  const lengthMax = lengthMaxOf(maxBuffer);
  const output = new OutputPieces(world);
  const progress = await startProgress(world, {
    totalBytes: sizeOf(path) * 2,
    what: "reading",
    printsLines: true,
  });
  try {
    const survey = await surveyOf({ path, lengthMax, at: (bytes) => progress.at(bytes) });
    const at = (bytes: number) => progress.at(sizeOf(path) + bytes);
    const printer = options.export === true || json
      ? new LinePrinter(output, survey, options.export === true)
      : ncdu
      ? new NcduPrinter(output, survey)
      : new FormatPrinter(output, survey, { withData: data, nameZxid: nameZxidOf(path) });
    printer.begin();
    await streamSnapshot({ path, lengthMax, at }, printer);
    printer.end();
    output.flush();
  } finally {
    progress.stop();
  }
  return ExitCode.Normal;
}

interface Survey {
  readonly znodeCount: number;
  /** Of each znode, in the order of the file. */
  readonly childCounts: Uint32Array;
  readonly acls: ReadonlyMap<number, AclList>;
  readonly sessions: SessionTable;
}

interface Printer {
  begin(): void;
  node(node: SnapshotNode): void;
  end(): void;
}

async function surveyOf(
  options: { path: string; lengthMax: number; at: (bytes: number) => void },
): Promise<Survey> {
  const acls = new Map<number, AclList>();
  const sessions: SessionTable = new Map();
  const above: number[] = [];
  let childCounts = new Uint32Array(1024);
  let count = 0;
  await streamSnapshot({ ...options, sessions }, {
    acl: (index, acl) => void acls.set(index, acl),
    node({ depth }) {
      if (count === childCounts.length) {
        const grown = new Uint32Array(count * 2);
        grown.set(childCounts);
        childCounts = grown;
      }
      above.length = depth;
      const parent = above[depth - 1];
      if (parent !== undefined) childCounts[parent]!++;
      above.push(count++);
    },
  });
  return { znodeCount: count, childCounts, acls, sessions };
}

/** As SnapshotFormatter prints, with or without data. */
class FormatPrinter implements Printer {
  readonly #output: OutputPieces;
  readonly #survey: Survey;
  readonly #withData: boolean;
  #lastZxid: number;
  readonly #ephemeralCounts = new Map<bigint, number>();
  #second = NaN;
  #date = "";

  constructor(
    output: OutputPieces,
    survey: Survey,
    { withData, nameZxid }: { withData: boolean; nameZxid: number },
  ) {
    this.#output = output;
    this.#survey = survey;
    this.#withData = withData;
    this.#lastZxid = nameZxid;
  }

  begin(): void {
    // the toolkit counts the root twice, under both of its names
    this.#output.print(`ZNode Details (count=${this.#survey.znodeCount + 1}):\n----\n`);
  }

  node(node: SnapshotNode): void {
    const { owner, czxid, mzxid, pzxid, data } = node;
    this.#lastZxid = Math.max(this.#lastZxid, czxid, mzxid, pzxid);
    if (this.#survey.sessions.has(owner)) {
      this.#ephemeralCounts.set(owner, (this.#ephemeralCounts.get(owner) ?? 0) + 1);
    }
    const content = this.#withData
      ? `data = ${data?.toBase64() ?? ""}`
      : `dataLength = ${data?.length ?? 0}`;
    this.#output.print(
      `${node.path || "/"}
  cZxid = ${paddedHex(zxidToHex(czxid))}
  ctime = ${this.#dateOf(node.ctime)}
  mZxid = ${paddedHex(zxidToHex(mzxid))}
  mtime = ${this.#dateOf(node.mtime)}
  pZxid = ${paddedHex(zxidToHex(pzxid))}
  cversion = ${node.cversion}
  dataVersion = ${node.version}
  aclVersion = ${node.aversion}
  ephemeralOwner = ${paddedHex(sessionIdToHex(owner).slice(2))}
  ${content}
----
`,
    );
  }

  end(): void {
    const lines = [...this.#survey.sessions].map(([id, timeoutMs]) =>
      `${sessionIdToHex(id)}, ${timeoutMs}, ${this.#ephemeralCounts.get(id) ?? 0}\n`
    );
    this.#output.print(
      `Session Details (sid, timeout, ephemeralCount):\n${lines.join("")}----\n` +
        `Last zxid: ${zxidText(this.#lastZxid)}\n`,
    );
  }

  /** Znodes that follow each other are often of one moment. */
  #dateOf(wallMs: number): string {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = formatJavaDate(wallMs);
    }
    return this.#date;
  }
}

/** As `SnapshotFormatter -json` prints, for ncdu: an array is a znode and its children. */
class NcduPrinter implements Printer {
  readonly #output: OutputPieces;
  readonly #survey: Survey;
  #count = 0;
  /** Whose arrays are open. */
  #open: number[] = [];

  constructor(output: OutputPieces, survey: Survey) {
    this.#output = output;
    this.#survey = survey;
  }

  begin(): void {
    const timestamp = Date.now();
    const head = { progname: "SnapshotFormatter.java", progver: "0.01", timestamp };
    this.#output.print(`[1,0,${JSON.stringify(head)}`);
  }

  node({ path, depth, data }: SnapshotNode): void {
    this.#closeFrom(depth);
    const length = data?.length ?? 0;
    const hasChildren = this.#survey.childCounts[this.#count]! > 0;
    const name = path === "" ? "/" : path.slice(path.lastIndexOf("/") + 1);
    const ino = FIRST_INODE + this.#count++;
    const json = JSON.stringify({ name, asize: length, dsize: length, dev: 0, ino });
    this.#output.print(`,${hasChildren ? "[" : ""}${json}`);
    if (hasChildren) this.#open.push(depth);
  }

  end(): void {
    this.#closeFrom(0);
    this.#output.print("]");
  }

  #closeFrom(depth: number): void {
    while (this.#open.length > 0 && this.#open[this.#open.length - 1]! >= depth) {
      this.#open.pop();
      this.#output.print("]");
    }
  }
}

/** One znode a line, as the HTTP API exports a tree and `import` takes it. */
class LinePrinter implements Printer {
  readonly #output: OutputPieces;
  readonly #survey: Survey;
  readonly #isExport: boolean;
  #count = 0;

  constructor(output: OutputPieces, survey: Survey, isExport: boolean) {
    this.#output = output;
    this.#survey = survey;
    this.#isExport = isExport;
  }

  begin(): void {}

  node(node: SnapshotNode): void {
    const childCount = this.#survey.childCounts[this.#count++]!;
    const type = kindOf(node.owner);
    if (this.#isExport) {
      const isSystem = node.path === SYSTEM_PATH || node.path.startsWith(`${SYSTEM_PATH}/`);
      if (isSystem || type === "ephemeral") return;
    }
    const acl = node.aclIndex === -1 ? OPEN_ACL : this.#survey.acls.get(node.aclIndex);
    const stat = statJson({
      ...node,
      cversion: (node.cversion * 2 - childCount) | 0,
      ephemeralOwner: type === "ephemeral" ? node.owner : 0n,
      dataLength: node.data?.length ?? 0,
      numChildren: childCount,
    });
    const line: TreeLine = {
      path: node.path || "/",
      type,
      ...type === "ttl" ? { ttlMs: ttlMsOfOwner(node.owner) } : {},
      data: dataJson(node.data as Uint8Array<ArrayBuffer> | null, "auto"),
      ...acl === undefined ? {} : { acl: aclJson(acl.entries) },
      ...this.#isExport ? {} : { stat },
    };
    this.#output.print(`${JSON.stringify(line)}\n`);
  }

  end(): void {}
}

/** What kind of znode an owner makes it, as a server with extended types sees it. */
export function kindOf(owner: bigint): OwnerKind {
  return ownerKind(ownerHighOf(owner), ownerLowOf(owner), {
    extendedTypes: true,
    emulate353Ttl: false,
  });
}

/** What a snapshot is named after; -1 for another name. */
function nameZxidOf(path: string): number {
  return snapshotsIn([basename(path)])[0]?.zxid ?? -1;
}

export function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0; // what opens it says why
  }
}
