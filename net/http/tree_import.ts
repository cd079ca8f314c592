/**
 * Makes znodes out of the lines of an export, in transactions of many lines each.
 *
 * What was done stays when a later line fails; the problem names the line, and counts what was done.
 *
 * @module
 */
import { assert } from "../../core/assert.ts";
import { NO_NODE } from "../../core/tree/node_store.ts";
import { parentPath } from "../../core/tree/path_text.ts";
import type { Zxid } from "../../core/zxid.ts";
import { aclJson } from "./acl_text.ts";
import type { Caller, Gateway, MultiOp } from "./gateway.ts";
import { isProblem, Problem } from "./problem.ts";
import { type LineContent, lineContent, parseTreeLine, placedPath } from "./tree_line.ts";
import { findZnode } from "./znode_stat.ts";

/** Lines of one transaction. */
const BATCH_LINE_COUNT = 200;
/** What a line takes beside its path and data. */
const LINE_BYTES = 128;
/** How often a transaction is put together anew because others came in between. */
const ATTEMPT_COUNT_MAX = 10;
const NO_DATA = new Uint8Array(0);

type Conflict = "fail" | "skip" | "replace";

export interface ImportOptions {
  /** Where the znode goes that was exported. */
  readonly path: string;
  /** What to do with a znode that exists. */
  readonly conflict: Conflict;
  /** Make parents that are missing. */
  readonly withParents: boolean;
}

/** A checked line. */
interface Line extends LineContent {
  readonly number: number;
  readonly path: string;
}

/** What was done so far. */
export interface ImportCounts {
  lines: number;
  created: number;
  updated: number;
  skipped: number;
}

export class TreeImport {
  readonly counts: ImportCounts = { lines: 0, created: 0, updated: 0, skipped: 0 };
  /** Of the last txn. */
  zxid: Zxid = 0;
  readonly #gateway: Gateway;
  readonly #caller: Caller;
  readonly #options: ImportOptions;
  #batch: Line[] = [];
  #batchBytes = 0;

  constructor(
    { gateway, caller }: { gateway: Gateway; caller: Caller },
    options: ImportOptions,
  ) {
    this.#gateway = gateway;
    this.#caller = caller;
    this.#options = options;
  }

  /** Takes a line; now and then writes those that were taken. */
  async add(line: { number: number; text: string }): Promise<void> {
    this.counts.lines += 1;
    const checked = this.#checked(line);
    if (checked === null) {
      this.counts.skipped += 1;
      return;
    }
    const bytes = LINE_BYTES + checked.path.length * 3 + (checked.data?.length ?? 0) +
      (checked.acl?.length ?? 0) * LINE_BYTES;
    const bytesMax = this.#gateway.config.juteMaxBufferBytes / 2;
    if (
      this.#batch.length === BATCH_LINE_COUNT ||
      (this.#batch.length > 0 && this.#batchBytes + bytes > bytesMax)
    ) await this.flush();
    this.#batch.push(checked);
    this.#batchBytes += bytes;
  }

  /** Writes what was taken and is not written yet. */
  async flush(): Promise<void> {
    const lines = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (lines.length === 0) return;
    for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
      const plan = this.#planned(lines);
      try {
        if (lines.length > 1 && plan.ops.length > 0) {
          const { zxid } = await this.#gateway.multi(this.#caller, plan.ops);
          this.zxid = zxid;
          this.counts.created += plan.created;
        } else if (plan.ops.length > 0) {
          this.zxid = await this.#writeAlone(plan.ops);
          this.counts.created += plan.updated.length > 0 ? 0 : 1;
        }
        this.counts.updated += plan.updated.length;
        this.counts.skipped += plan.skipped;
        for (const line of plan.updated) await this.#replaceAcl(line);
        return;
      } catch (error) {
        const index = error instanceof Problem ? error.details.members?.["index"] : undefined;
        const line = typeof index === "number" ? plan.lineOf[index]! : lines[0]!;
        const isOvertaken = isProblem(error, "no-node", "node-exists") &&
          this.#options.conflict !== "fail" && attempt + 1 < ATTEMPT_COUNT_MAX;
        // a parent may be missing for good, or be made or deleted by others
        if (!isOvertaken) throw this.#failure(error, line);
        await this.#gateway.sync(this.#caller);
      }
    }
  }

  /**
   * Writes a line that stands alone. It may be as large as a request of its own, which a transaction cannot take: its
   * parents come in one before it.
   */
  async #writeAlone(ops: readonly MultiOp[]): Promise<Zxid> {
    const gateway = this.#gateway;
    const parents = ops.slice(0, -1);
    if (parents.length > 0) {
      await gateway.multi(this.#caller, parents);
      this.counts.created += parents.length;
    }
    const op = ops.at(-1)!;
    if (op.op === "create") return (await gateway.create(this.#caller, op)).zxid;
    assert(op.op === "set", "a line makes or changes a znode");
    return (await gateway.setData(this.#caller, op)).zxid;
  }

  /** What the problem of a line says beside what is wrong: how far the import came. */
  #failure(error: unknown, { number, path }: { number: number; path: string }): unknown {
    if (!(error instanceof Problem)) return error;
    const isMissingParent = error.problem === "no-node";
    const { details } = error;
    const hasDone = this.counts.created + this.counts.updated > 0;
    return new Problem(isMissingParent ? "parent-missing" : error.problem, {
      ...details,
      path,
      detail: `Line ${number} (${path}): ${
        isMissingParent ? "the parent does not exist, send parents=1 to make it" : error.message
      }`,
      outcome: details.outcome === "unknown" ? "unknown" : hasDone ? "partial" : "not-applied",
      members: { line: number, ...this.counts },
    });
  }

  /** Also for what is wrong before a line is known. */
  failureOf(error: unknown): unknown {
    if (!(error instanceof Problem) || error.details.members?.["created"] !== undefined) {
      return error;
    }
    const hasDone = this.counts.created + this.counts.updated > 0;
    return new Problem(error.problem, {
      ...error.details,
      outcome: hasDone ? "partial" : "not-applied",
      members: { ...error.details.members, ...this.counts },
    });
  }

  // ---------------------------------------------------------------- lines

  #checked({ number, text }: { number: number; text: string }): Line | null {
    let path = this.#options.path;
    try {
      const line = parseTreeLine(text);
      if (line.denied) return null;
      path = placedPath(path, line.path);
      const content = lineContent(line);
      if (content.type === "ephemeral" && this.#caller.session === null) {
        throw new Problem("session-required", {
          detail: "an ephemeral needs a session: send X-Zk-Session with the token of one",
        });
      }
      return { number, path, ...content };
    } catch (error) {
      throw this.#failure(error, { number, path });
    }
  }

  // ---------------------------------------------------------------- transactions

  #planned(lines: readonly Line[]) {
    const ops: MultiOp[] = [];
    const lineOf: Line[] = [];
    const updated: Line[] = [];
    /** What the transaction will have made. */
    const made = new Set<string>();
    let created = 0;
    let skipped = 0;
    const exists = (path: string) =>
      made.has(path) || findZnode(this.#gateway.tree, path) !== NO_NODE;
    const add = (op: MultiOp, line: Line) => {
      ops.push(op);
      lineOf.push(line);
    };
    for (const line of lines) {
      const { path, data, type, ttlMs, acl = null } = line;
      const { conflict } = this.#options;
      // the root cannot be made, so it does not conflict
      if (path === "/" ? conflict !== "replace" : conflict === "skip" && exists(path)) {
        skipped += 1;
        continue;
      }
      if (conflict === "replace" && exists(path)) {
        add({ op: "set", path, data, version: -1 }, line);
        updated.push(line);
        continue;
      }
      if (this.#options.withParents) {
        for (const parent of missingAbove(path, exists)) {
          add({ op: "create", path: parent, data: NO_DATA, acl: null, kind: "persistent" }, line);
          made.add(parent);
          created += 1;
        }
      }
      add(
        {
          op: "create",
          path,
          data,
          acl,
          kind: type,
          ...ttlMs === undefined ? {} : { ttlMs },
        },
        line,
      );
      made.add(path);
      created += 1;
    }
    return { ops, lineOf, updated, created, skipped };
  }

  /** No transaction can do that. */
  async #replaceAcl(line: Line): Promise<void> {
    const { path, acl } = line;
    const { tree } = this.#gateway;
    const id = findZnode(tree, path);
    if (acl === undefined || id === NO_NODE) return;
    if (JSON.stringify(aclJson(tree.aclOf(id).entries)) === JSON.stringify(aclJson(acl))) return;
    try {
      const { zxid } = await this.#gateway.setAcl(this.#caller, { path, acl, version: -1 });
      this.zxid = zxid;
    } catch (error) {
      if (!isProblem(error, "no-node")) throw this.#failure(error, line);
    }
  }
}

/** Parents that do not exist, the topmost first. */
function missingAbove(path: string, exists: (path: string) => boolean): string[] {
  const missing: string[] = [];
  for (let at = parentPath(path); !exists(at); at = parentPath(at)) missing.push(at);
  return missing.reverse();
}
