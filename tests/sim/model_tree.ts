/**
 * A small tree of znodes of its own, that knows what it was at every zxid.
 *
 * Stands outside the code under test: only the txns that members applied go in, as `history.ts` reads
 * them. It knows data, versions, children and owners, and no more.
 *
 * @module
 */
import type { OperationTxn, Txn, TxnHeader } from "../../core/txn/txn.ts";

export interface ModelNode {
  readonly data: string;
  readonly version: number;
  readonly czxid: number;
  readonly mzxid: number;
  /** 0n: nobody's. */
  readonly owner: bigint;
}

interface Version<T> {
  readonly zxid: number;
  readonly value: T;
}

/** What happened to a znode, for its watchers. */
export type NodeChange = "created" | "deleted" | "data" | "children";

const decoder = new TextDecoder();
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

export class ModelTree {
  /** Current nodes; system nodes, which no txn creates, are left out. */
  readonly nodes = new Map<string, ModelNode>();
  readonly #children = new Map<string, Set<string>>([["/", new Set()]]);
  readonly #versions = new Map<string, Version<ModelNode | null>[]>();
  readonly #childVersions = new Map<string, Version<readonly string[]>[]>();
  /** By path, in order. */
  readonly #changes = new Map<string, { zxid: number; change: NodeChange }[]>();
  readonly #ephemerals = new Map<bigint, Set<string>>();
  readonly sessions = new Map<bigint, number>();

  /** Applies a txn. Returns what is wrong with it; null when nothing is. */
  apply(header: TxnHeader, txn: Txn): string | null {
    switch (txn.kind) {
      case "error":
        return null;
      case "createSession":
        this.sessions.set(header.sessionId, txn.timeoutMs);
        return null;
      case "closeSession": {
        this.sessions.delete(header.sessionId);
        const own = [...this.#ephemerals.get(header.sessionId) ?? []].sort();
        const named = (txn.paths ?? []).map(textOf).sort();
        if (own.join() !== named.join()) {
          return `the ephemerals of a session are ${own.join(" ")}, and it ends with ${
            named.join(" ")
          }`;
        }
        for (const path of own) this.#delete(path, header.zxid);
        return null;
      }
      case "multi": {
        if (txn.ops.some((op) => op.txn.kind === "error")) return null;
        for (const op of txn.ops) {
          const problem = this.#operation(header, op.txn as OperationTxn);
          if (problem !== null) return `in a multi: ${problem}`;
        }
        return null;
      }
      default:
        return this.#operation(header, txn);
    }
  }

  /** The node as it was right after `zxid`. */
  at(path: string, zxid: number): ModelNode | null {
    return lastOf(this.#versions.get(path), zxid) ?? null;
  }

  /** Names, sorted. */
  childrenAt(path: string, zxid: number): readonly string[] {
    return lastOf(this.#childVersions.get(path), zxid) ?? [];
  }

  childCount(path: string): number {
    return this.#children.get(path)?.size ?? 0;
  }

  /** What happened to a node after `zxid`, oldest first. */
  changesAfter(path: string, zxid: number): readonly { zxid: number; change: NodeChange }[] {
    const changes = this.#changes.get(path) ?? [];
    let at = changes.length;
    while (at > 0 && changes[at - 1]!.zxid > zxid) at--;
    return changes.slice(at);
  }

  #operation(header: TxnHeader, txn: OperationTxn): string | null {
    const { zxid } = header;
    const path = textOf(txn.path);
    const node = this.nodes.get(path);
    switch (txn.kind) {
      case "create":
      case "createContainer":
      case "createTtl": {
        if (node !== undefined) return `${path} is created, and is there`;
        const parent = parentOf(path);
        if (parent !== "/" && !this.nodes.has(parent)) return `${path} is created without parent`;
        if (this.nodes.get(parent)?.owner) return `${path} is created under an ephemeral`;
        const owner = txn.kind === "create" && txn.ephemeral ? header.sessionId : 0n;
        if (owner !== 0n) {
          if (!this.sessions.has(owner)) {
            return `${path} is created for a session that is not there`;
          }
          const own = this.#ephemerals.get(owner);
          if (own === undefined) this.#ephemerals.set(owner, new Set([path]));
          else own.add(path);
        }
        const data = txn.data === null ? "" : textOf(txn.data);
        this.#put(path, zxid, { data, version: 0, czxid: zxid, mzxid: zxid, owner });
        this.#children.set(path, new Set());
        this.#changed(path, zxid, "created");
        this.#child(parent, zxid, (names) => void names.add(path.slice(path.lastIndexOf("/") + 1)));
        return null;
      }
      case "delete":
        if (node === undefined) return `${path} is deleted, and is not there`;
        if (this.childCount(path) > 0) return `${path} is deleted, and has children`;
        this.#delete(path, zxid);
        return null;
      case "setData": {
        if (node === undefined) return `${path} is set, and is not there`;
        if (txn.version !== node.version + 1) {
          return `${path} gets version ${txn.version}, and has ${node.version}`;
        }
        const data = txn.data === null ? "" : textOf(txn.data);
        this.#put(path, zxid, { ...node, data, version: txn.version, mzxid: zxid });
        this.#changed(path, zxid, "data");
        return null;
      }
      default:
        return null;
    }
  }

  #delete(path: string, zxid: number): void {
    const { owner } = this.nodes.get(path)!;
    if (owner !== 0n) this.#ephemerals.get(owner)!.delete(path);
    this.nodes.delete(path);
    this.#children.delete(path);
    this.#versions.get(path)!.push({ zxid, value: null });
    this.#changed(path, zxid, "deleted");
    this.#child(parentOf(path), zxid, (names) => {
      names.delete(path.slice(path.lastIndexOf("/") + 1));
    });
  }

  #put(path: string, zxid: number, node: ModelNode): void {
    this.nodes.set(path, node);
    push(this.#versions, path, { zxid, value: node });
  }

  #child(parent: string, zxid: number, change: (names: Set<string>) => void): void {
    const names = this.#children.get(parent)!;
    change(names);
    push(this.#childVersions, parent, { zxid, value: [...names].sort() });
    this.#changed(parent, zxid, "children");
  }

  #changed(path: string, zxid: number, change: NodeChange): void {
    push(this.#changes, path, { zxid, change });
  }
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const items = map.get(key);
  if (items === undefined) map.set(key, [item]);
  else items.push(item);
}

function lastOf<T>(versions: readonly Version<T>[] | undefined, zxid: number): T | undefined {
  if (versions === undefined) return undefined;
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (versions[middle]!.zxid <= zxid) low = middle + 1;
    else high = middle;
  }
  return versions[low - 1]?.value;
}
