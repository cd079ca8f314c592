/**
 * `denkeeper snapshot compare`: which znodes are in one snapshot only, and in what the others differ.
 *
 * @module
 */
import { basename } from "node:path";
import { sameBytes } from "../../core/same_bytes.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { NO_NODE, type NodeId, type NodeStore, ROOT } from "../../core/tree/node_store.ts";
import { subtree } from "../../core/tree/node_walk.ts";
import { decodeUtf8 } from "../../core/wire/jute.ts";
import { sessionIdToHex } from "../../core/zxid.ts";
import { aclJson, aclText } from "../../net/http/acl_text.ts";
import { dataJson } from "../../net/http/data_json.ts";
import { clientStatOf, dataOf } from "../../net/http/znode_stat.ts";
import { statJson } from "../../net/stat_json.ts";
import { ExitCode, type World } from "../world.ts";
import { startProgress } from "./file_progress.ts";
import { OutputPieces } from "./output_pieces.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { sizeOf } from "./snapshot_dump.ts";
import { loadSnapshot } from "./snapshot_stream.ts";

export interface CompareOptions {
  readonly json?: boolean;
  /** Stats do not count. */
  readonly content?: boolean;
  readonly maxBuffer?: string;
}

type Aspect = "data" | "acl" | "type" | "stat";
const STAT_FIELDS = [
  ...["czxid", "mzxid", "pzxid", "ctime", "mtime"],
  ...["version", "cversion", "aversion", "ephemeralOwner"],
] as const;

export async function compareSnapshots(
  world: World,
  left: string,
  right: string,
  { json = false, content = false, maxBuffer }: CompareOptions,
): Promise<number> {
  const lengthMax = lengthMaxOf(maxBuffer);
  const progress = await startProgress(world, {
    totalBytes: sizeOf(left) + sizeOf(right),
    what: "reading",
    printsLines: true,
  });
  const [leftTree, rightTree] = [newTree(), newTree()];
  try {
    const at = (bytes: number) => progress.at(bytes);
    await loadSnapshot({ path: left, lengthMax, at }, leftTree);
    const before = sizeOf(left);
    await loadSnapshot({ path: right, lengthMax, at: (bytes) => at(before + bytes) }, rightTree);
  } finally {
    progress.stop();
  }
  const comparison = new Comparison(leftTree, rightTree, content);
  const output = new OutputPieces(world);
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const difference of comparison.differences()) {
    counts[difference.change]++;
    output.print(
      json ? `${JSON.stringify(comparison.json(difference))}\n` : comparison.text(difference),
    );
  }
  const { added, removed, changed } = counts;
  const isSame = added + removed + changed === 0;
  if (!json) {
    const [from, to] = [basename(left), basename(right)];
    output.print(
      isSame
        ? `${from} and ${to} hold the same ${leftTree.nodeCount} znodes\n`
        : `from ${from} to ${to}: ${added} added, ${removed} removed, ${changed} changed\n`,
    );
  }
  output.flush();
  return isSame ? ExitCode.Normal : ExitCode.Unexpected;
}

function newTree(): DataTree {
  return new DataTree({
    digestEnabled: false,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
}

type Difference =
  | { change: "added" | "removed"; id: NodeId }
  | { change: "changed"; left: NodeId; right: NodeId; aspects: readonly Aspect[] };

class Comparison {
  readonly #left: DataTree;
  readonly #right: DataTree;
  readonly #contentOnly: boolean;

  constructor(left: DataTree, right: DataTree, contentOnly: boolean) {
    this.#left = left;
    this.#right = right;
    this.#contentOnly = contentOnly;
  }

  /** By path, parents first. */
  *differences(): Generator<Difference> {
    const pending: [NodeId, NodeId][] = [[ROOT, ROOT]];
    for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
      const [left, right] = pair;
      if (left === NO_NODE) {
        for (const id of subtree(this.#right.store, right)) yield { change: "added", id };
        continue;
      }
      if (right === NO_NODE) {
        for (const id of subtree(this.#left.store, left)) yield { change: "removed", id };
        continue;
      }
      const aspects = this.#aspects(left, right);
      if (aspects.length > 0) yield { change: "changed", left, right, aspects };
      pending.push(...this.#children(left, right).reverse());
    }
  }

  text(difference: Difference): string {
    if (difference.change !== "changed") {
      const tree = difference.change === "added" ? this.#right : this.#left;
      const sign = difference.change === "added" ? "+" : "-";
      const bytes = Math.max(tree.store.dataLength(difference.id), 0);
      return `${sign} ${pathOf(tree, difference.id)} (${bytes} bytes)\n`;
    }
    const { left, right, aspects } = difference;
    const parts = aspects.map((aspect) => this.#aspectText(aspect, left, right));
    return `~ ${pathOf(this.#right, right)}: ${parts.join("; ")}\n`;
  }

  json(difference: Difference): Record<string, unknown> {
    if (difference.change !== "changed") {
      const { change, id } = difference;
      const tree = change === "added" ? this.#right : this.#left;
      const side = change === "added" ? "right" : "left";
      return { path: pathOf(tree, id), change, [side]: nodeJson(tree, id) };
    }
    const { left, right, aspects } = difference;
    return {
      path: pathOf(this.#right, right),
      change: "changed",
      aspects,
      left: nodeJson(this.#left, left),
      right: nodeJson(this.#right, right),
    };
  }

  #aspects(left: NodeId, right: NodeId): Aspect[] {
    const aspects: Aspect[] = [];
    const [a, b] = [this.#left.store.data(left), this.#right.store.data(right)];
    if (!sameBytes(a, b)) aspects.push("data");
    if (this.#left.aclOf(left).key !== this.#right.aclOf(right).key) aspects.push("acl");
    if (this.#left.ownerKindOf(left) !== this.#right.ownerKindOf(right)) aspects.push("type");
    if (!this.#contentOnly && this.#statChanges(left, right).length > 0) aspects.push("stat");
    return aspects;
  }

  #statChanges(left: NodeId, right: NodeId): string[] {
    const [a, b] = [storedStat(this.#left.store, left), storedStat(this.#right.store, right)];
    return STAT_FIELDS.filter((field) => a[field] !== b[field]).map((field) =>
      `${field} ${statText(field, a[field]!)} -> ${statText(field, b[field]!)}`
    );
  }

  #aspectText(aspect: Aspect, left: NodeId, right: NodeId): string {
    switch (aspect) {
      case "data": {
        const lengths = [this.#left.store.dataLength(left), this.#right.store.dataLength(right)];
        const [from, to] = lengths.map((length) => length < 0 ? "null" : `${length} bytes`);
        return from === to ? `data (${to}, other ones)` : `data (${from} -> ${to})`;
      }
      case "acl":
        return `acl ${aclText(this.#left.aclOf(left).entries)} -> ${
          aclText(this.#right.aclOf(right).entries)
        }`;
      case "type":
        return `type ${this.#left.ownerKindOf(left)} -> ${this.#right.ownerKindOf(right)}`;
      case "stat":
        return this.#statChanges(left, right).join(", ");
    }
  }

  /** The children of both, by name; {@linkcode NO_NODE} stands for one that is missing. */
  #children(left: NodeId, right: NodeId): [NodeId, NodeId][] {
    const pairs = new Map<string, [NodeId, NodeId]>();
    for (const [name, id] of childrenOf(this.#left.store, left)) pairs.set(name, [id, NO_NODE]);
    for (const [name, id] of childrenOf(this.#right.store, right)) {
      const pair = pairs.get(name);
      if (pair === undefined) pairs.set(name, [NO_NODE, id]);
      else pair[1] = id;
    }
    return [...pairs].sort(([a], [b]) => a < b ? -1 : 1).map(([, pair]) => pair);
  }
}

function* childrenOf(store: NodeStore, parent: NodeId): Generator<[string, NodeId]> {
  for (let id = store.firstChild(parent); id !== NO_NODE; id = store.nextSibling(id)) {
    yield [decodeUtf8(store.name(id)), id];
  }
}

function pathOf(tree: DataTree, id: NodeId): string {
  return decodeUtf8(tree.store.path(id)) || "/";
}

function storedStat(store: NodeStore, id: NodeId): Record<string, number | bigint> {
  return {
    czxid: store.czxid(id),
    mzxid: store.mzxid(id),
    pzxid: store.pzxid(id),
    ctime: store.ctime(id),
    mtime: store.mtime(id),
    version: store.version(id),
    cversion: store.cversion(id),
    aversion: store.aversion(id),
    ephemeralOwner: store.owner(id),
  };
}

function statText(field: string, value: number | bigint): string {
  if (field === "ephemeralOwner") return sessionIdToHex(BigInt(value));
  if (field.endsWith("zxid")) return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
  return field.endsWith("time") ? new Date(Number(value)).toISOString() : `${value}`;
}

function nodeJson(tree: DataTree, id: NodeId): Record<string, unknown> {
  return {
    type: tree.ownerKindOf(id),
    data: dataJson(dataOf(tree, id), "auto"),
    acl: aclJson(tree.aclOf(id).entries),
    stat: statJson(clientStatOf(tree, id)),
  };
}
