/**
 * A subtree as lines of JSON, made while they are read.
 *
 * The tree goes on changing meanwhile. Each line is a znode as it was at some moment between the beginning and
 * the end; parents stand before their children; what was there all the time and not changed is there, what
 * was deleted before its turn is not. Between two pieces nothing is held but the znodes still to be visited
 * on the way down, each recognised by its czxid, since rows of the table are used again.
 *
 * @module
 */
import { Permission } from "../../core/tree/acl_list.ts";
import { NO_NODE, type NodeId, type NodeStore } from "../../core/tree/node_store.ts";
import { decodeUtf8, encodeUtf8 } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import { statJson } from "../stat_json.ts";
import { aclJson } from "./acl_text.ts";
import { AclMemo } from "./acl_memo.ts";
import { compareNames } from "./children_page.ts";
import { dataJson } from "./data_json.ts";
import type { Caller, Gateway } from "./gateway.ts";
import type { TreeLine } from "./tree_line.ts";
import { clientStatOf, dataOf, findZnode, ttlMsOf } from "./znode_stat.ts";

/** A piece is sent when it is so long. */
const PIECE_BYTES = 64 * 1024;
/** Znodes visited in one go, for others to get their turn. */
const VISIT_COUNT_MAX = 1000;
/** Longer lists of children come in no order: to sort a million names takes seconds. */
const SORTED_CHILD_COUNT_MAX = 10_000;

export interface ExportOptions {
  readonly path: string;
  /** Levels below the znode itself. */
  readonly depthMax: number;
  readonly withEphemerals: boolean;
  readonly withStat: boolean;
}

/** Children that are still to be visited. */
interface Level {
  readonly ids: readonly NodeId[];
  readonly czxids: readonly Zxid[];
  next: number;
}

export class TreeExport {
  readonly #gateway: Gateway;
  readonly #options: ExportOptions;
  readonly #store: NodeStore;
  readonly #readable: AclMemo;
  readonly #admin: AclMemo;
  readonly #zookeeperNode: NodeId;
  /** Bytes of paths that lines do not repeat. */
  readonly #prefixLength: number;
  readonly #levels: Level[];

  constructor(asker: { gateway: Gateway; caller: Caller }, options: ExportOptions) {
    const { tree } = asker.gateway;
    this.#gateway = asker.gateway;
    this.#options = options;
    this.#store = tree.store;
    this.#readable = new AclMemo(asker, Permission.Read);
    this.#admin = new AclMemo(asker, Permission.Admin);
    this.#zookeeperNode = options.path === "/" ? findZnode(tree, "/zookeeper") : NO_NODE;
    this.#prefixLength = options.path === "/" ? 0 : options.path.length;
    const top = findZnode(tree, options.path);
    this.#levels = [{ ids: [top], czxids: [this.#store.czxid(top)], next: 0 }];
  }

  /**
   * The next lines; none when it only walked past some; null at the end.
   *
   * @throws {Error} when the tree is no longer the one of the beginning
   */
  nextPiece(): Uint8Array<ArrayBuffer> | null {
    if (this.#gateway.tree.store !== this.#store || !this.#gateway.isServing) {
      throw new Error("The export ends early: the server has lost its quorum, or got another tree");
    }
    let text = "";
    for (let visited = 0; visited < VISIT_COUNT_MAX && text.length < PIECE_BYTES; visited++) {
      const id = this.#advance();
      if (id === null) return text === "" ? null : encodeUtf8(text);
      if (id === NO_NODE) continue;
      text += JSON.stringify(this.#visit(id)) + "\n";
    }
    return encodeUtf8(text);
  }

  /** The next znode; {@linkcode NO_NODE} for one that is gone or left out; null at the end. */
  #advance(): NodeId | null {
    for (;;) {
      const level = this.#levels.at(-1);
      if (level === undefined) return null;
      if (level.next === level.ids.length) {
        this.#levels.pop();
        continue;
      }
      const at = level.next++;
      const id = level.ids[at]!;
      if (this.#store.czxid(id) !== level.czxids[at]) return NO_NODE; // deleted meanwhile
      if (id === this.#zookeeperNode) return NO_NODE;
      const isWanted = this.#options.withEphemerals ||
        this.#gateway.tree.ownerKindOf(id) !== "ephemeral";
      return isWanted ? id : NO_NODE;
    }
  }

  /** Its line; its children come next. */
  #visit(id: NodeId): TreeLine {
    const { tree } = this.#gateway;
    const path = decodeUtf8(this.#store.path(id)).slice(this.#prefixLength) || "/";
    if (!this.#readable.allows(id)) return { path, denied: true };
    if (this.#levels.length <= this.#options.depthMax) this.#descend(id);
    const type = tree.ownerKindOf(id);
    const isMasked = !this.#admin.allows(id) &&
      tree.aclOf(id).entries.some((entry) => entry.id.scheme === "digest");
    return {
      path,
      type,
      ...type === "ttl" ? { ttlMs: ttlMsOf(tree, id) } : {},
      data: dataJson(dataOf(tree, id), "auto"),
      ...isMasked ? { aclDenied: true } : { acl: aclJson(tree.aclOf(id).entries) },
      ...this.#options.withStat ? { stat: statJson(clientStatOf(tree, id)) } : {},
    };
  }

  #descend(id: NodeId): void {
    const store = this.#store;
    const ids: NodeId[] = [];
    for (let at = store.firstChild(id); at !== NO_NODE; at = store.nextSibling(at)) ids.push(at);
    if (ids.length === 0) return;
    if (ids.length <= SORTED_CHILD_COUNT_MAX) ids.sort((a, b) => compareNames(store, a, b));
    this.#levels.push({ ids, czxids: ids.map((at) => store.czxid(at)), next: 0 });
  }
}

/** The export as a body: goes on when the client has taken what was there. */
export function exportStream(
  source: TreeExport,
  { signal, ended }: { signal: AbortSignal; ended: () => void },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isOpen = true;
  const end = () => {
    if (isOpen) ended();
    isOpen = false;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        for (;;) {
          signal.throwIfAborted();
          const piece = source.nextPiece();
          if (piece === null) {
            controller.close();
            end();
            return;
          }
          if (piece.length > 0) return controller.enqueue(piece);
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      } catch (error) {
        end();
        controller.error(error); // the client sees that it is cut off
      }
    },
    cancel: end,
  }, { highWaterMark: 1 });
}
