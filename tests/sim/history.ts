/**
 * The one history that all members must agree on, as the checkers know it: which txn has which zxid, and
 * what the tree's digest is behind it.
 *
 * A txn is committed here when a member that serves applies it, or when a leader with it in its log is
 * established. From then on no member that serves may lack it or have another in its place.
 *
 * @module
 */
import type { Txn, TxnHeader } from "../../core/txn/txn.ts";
import { counterOf, epochOf, type Zxid, zxidToHex } from "../../core/zxid.ts";
import { ModelTree, textOf } from "./model_tree.ts";

/** A txn as a member applied it. */
export interface Applied {
  readonly header: TxnHeader;
  /** Paths and data are copies. */
  readonly txn: Txn;
  readonly text: string;
  /** Of the tree, right behind it; null while a replay may still be repairing the tree. */
  digest: bigint | null;
}

export interface Committed extends Applied {
  /** In simulated time. */
  readonly atMs: number;
}

export class History {
  readonly tree = new ModelTree();
  readonly #byZxid = new Map<Zxid, Committed>();
  readonly #list: Committed[] = [];
  readonly #leaders = new Map<number, string>();
  readonly #nowMs: () => number;
  readonly #fail: (problem: string) => void;
  readonly #onCommitted: (committed: Committed) => void;
  lastZxid: Zxid = 0;
  /** The newest epoch that a leader was established in. */
  epoch = 0;

  constructor(x: {
    nowMs: () => number;
    fail: (problem: string) => void;
    onCommitted: (committed: Committed) => void;
  }) {
    this.#nowMs = x.nowMs;
    this.#fail = x.fail;
    this.#onCommitted = x.onCommitted;
  }

  get count(): number {
    return this.#list.length;
  }

  get(zxid: Zxid): Committed | undefined {
    return this.#byZxid.get(zxid);
  }

  /** The last one through `zxid`; undefined for the empty tree. */
  through(zxid: Zxid): Committed | undefined {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#list[middle]!.header.zxid <= zxid) low = middle + 1;
      else high = middle;
    }
    return this.#list[low - 1];
  }

  /** @param who the server, and which of its lives */
  leaderEstablished(epoch: number, who: string): void {
    const other = this.#leaders.get(epoch);
    if (other !== undefined) this.#fail(`2 leaders in epoch ${epoch}: ${other} and ${who}`);
    this.#leaders.set(epoch, who);
    this.epoch = Math.max(this.epoch, epoch);
  }

  /** A member that serves holds this txn. */
  commit(who: string, applied: Applied): void {
    const { header: { zxid }, text, digest } = applied;
    const known = this.#byZxid.get(zxid);
    if (known !== undefined) {
      if (known.text !== text) {
        this.#fail(`${who} has ${text} at 0x${zxidToHex(zxid)}, where others have ${known.text}`);
      } else this.#compare(who, known, digest);
      return;
    }
    const isNext = zxid === this.lastZxid + 1 ||
      (epochOf(zxid) > epochOf(this.lastZxid) && counterOf(zxid) === 1);
    if (!isNext) {
      const last = zxidToHex(this.lastZxid);
      return this.#fail(
        `${who} has 0x${zxidToHex(zxid)}, which does not follow 0x${last}: ${text}`,
      );
    }
    this.lastZxid = zxid;
    const committed = { ...applied, atMs: this.#nowMs() };
    this.#byZxid.set(zxid, committed);
    this.#list.push(committed);
    const problem = this.tree.apply(applied.header, applied.txn);
    if (problem !== null) this.#fail(`0x${zxidToHex(zxid)} cannot be: ${problem}: ${text}`);
    this.#onCommitted(committed);
  }

  /** A member that serves has a tree with exactly the txns through `zxid`. */
  checkTree(who: string, zxid: Zxid, digest: bigint): void {
    const last = this.through(zxid);
    if (last !== undefined && last.header.zxid !== zxid && counterOf(zxid) !== 0) {
      return this.#fail(`${who} has a tree at 0x${zxidToHex(zxid)}, which nobody committed`);
    }
    if (last !== undefined) this.#compare(who, last, digest);
  }

  #compare(who: string, known: Applied, digest: bigint | null): void {
    known.digest ??= digest;
    if (digest === null || known.digest === digest) return;
    const { header: { zxid }, text } = known;
    this.#fail(`${who}'s tree differs from others' at 0x${zxidToHex(zxid)}, behind ${text}`);
  }
}

/** Copies a txn out of the buffers that it is borrowed from, with a text that tells it from all others. */
export function copyOf(header: TxnHeader, txn: Txn, digest: bigint | null): Applied {
  const { sessionId, cxid, zxid, timeMs, type } = header;
  const copy = copyTxn(txn);
  const text = `${sessionId.toString(16)}#${cxid}@${timeMs} ${type} ${textOfTxn(copy)}`;
  return { header: { sessionId, cxid, zxid, timeMs, type }, txn: copy, text, digest };
}

function copyTxn<T extends Txn>(txn: T): T {
  switch (txn.kind) {
    case "create":
    case "createContainer":
    case "createTtl":
    case "setData": {
      return { ...txn, path: txn.path.slice(), data: txn.data?.slice() ?? null, known: undefined };
    }
    case "delete":
    case "setAcl":
    case "check":
      return { ...txn, path: txn.path.slice() };
    case "closeSession":
      return { ...txn, paths: txn.paths?.map((path) => path.slice()) ?? null };
    case "multi":
      return { ...txn, ops: txn.ops.map((op) => ({ type: op.type, txn: copyTxn(op.txn) })) };
    default:
      return { ...txn };
  }
}

function textOfTxn(txn: Txn): string {
  switch (txn.kind) {
    case "create":
      return `create ${textOf(txn.path)}${txn.ephemeral ? " ephemeral" : ""} ` +
        `"${dataText(txn.data)}" ${txn.parentCversion}`;
    case "createContainer":
    case "createTtl":
      return `${txn.kind} ${textOf(txn.path)} "${dataText(txn.data)}" ${txn.parentCversion}`;
    case "setData":
      return `set ${textOf(txn.path)} "${dataText(txn.data)}" ${txn.version}`;
    case "delete":
      return `delete ${textOf(txn.path)}`;
    case "setAcl":
    case "check":
      return `${txn.kind} ${textOf(txn.path)} ${txn.version}`;
    case "createSession":
      return `createSession ${txn.timeoutMs}`;
    case "closeSession":
      return `closeSession ${(txn.paths ?? []).map(textOf).join(" ")}`;
    case "error":
      return `error ${txn.err}`;
    case "multi":
      // who prepared one that failed has forgotten by then what it would have done
      if (txn.ops.some((op) => op.txn.kind === "error")) {
        const errors = txn.ops.map((op) => op.txn.kind === "error" ? op.txn.err : op.txn.kind);
        return `multi failed [${errors.join()}]`;
      }
      return `multi [${txn.ops.map((op) => textOfTxn(op.txn)).join("; ")}]`;
  }
}

function dataText(data: Uint8Array | null): string {
  return data === null ? "null" : textOf(data);
}
