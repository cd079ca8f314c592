/**
 * How an event looks in a stream, made once for all streams that take it in the same form.
 *
 * Stat and value are those that the txn left: they are told only as long as no later txn has changed them. One that
 * was overtaken comes without, and the event of the later one follows.
 *
 * @module
 */
import type { DataTree } from "../../../core/tree/data_tree.ts";
import { NO_NODE, type NodeId } from "../../../core/tree/node_store.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { type Zxid, zxidText } from "../../../core/zxid.ts";
import { statJson } from "../../stat_json.ts";
import { dataJson, type EncodingName } from "../data_json.ts";
import { clientStatOf, dataOf } from "../znode_stat.ts";
import { type Change, type EventKind, parentOf } from "./change.ts";

export const VALUE_FORMS = ["none", "utf8", "base64", "json"] as const;
export type ValueForm = (typeof VALUE_FORMS)[number];

/** Larger values are not put into text while a txn is being applied. */
const EAGER_BYTES_MAX = 16 * 1024;

/** An empty line ends an event. */
export const EVENT_END = "\n";

/**
 * The line that says where to go on: behind the last event of a txn only, so that nothing of a multi is told
 * twice or left out when the stream is cut within it.
 */
export function idLine(zxid: Zxid): string {
  return `id: ${zxidText(zxid)}\n`;
}

/** A whole event that is no change. */
export function plainEvent(name: string, data: Record<string, unknown>, id: Zxid | null): string {
  const end = id === null ? "" : idLine(id);
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n${end}${EVENT_END}`;
}

export class EventText {
  readonly change: Change;
  readonly kind: EventKind;
  readonly #tree: DataTree;
  readonly #texts = new Map<ValueForm, string>();

  constructor(tree: DataTree, change: Change, kind: EventKind) {
    this.#tree = tree;
    this.change = change;
    this.kind = kind;
  }

  get zxid(): Zxid {
    return this.change.zxid;
  }

  /**
   * Keeps the text while the tree still has the value; large ones take their chance.
   *
   * @returns the length of the value
   */
  prepare(form: ValueForm): number {
    const id = this.#changedNode();
    const dataLength = id === NO_NODE ? 0 : Math.max(0, this.#tree.store.dataLength(id));
    if (dataLength <= EAGER_BYTES_MAX) this.text(form);
    return dataLength;
  }

  /** Its lines, but for an id and the empty one. */
  text(form: ValueForm): string {
    let text = this.#texts.get(form);
    if (text === undefined) this.#texts.set(form, text = this.#make(form));
    return text;
  }

  #make(form: ValueForm): string {
    const { kind, change: { path, zxid } } = this;
    const told = kind === "children" ? parentOf(path)! : path;
    const start = `event: ${kind}\ndata: {"path":${JSON.stringify(told)},"type":"${kind}",` +
      `"zxid":"${zxidText(zxid)}"`;
    const id = form === "none" ? NO_NODE : this.#changedNode();
    if (id === NO_NODE) return `${start}}\n`;
    const stat = JSON.stringify(statJson(clientStatOf(this.#tree, id)));
    const value = JSON.stringify(dataJson(dataOf(this.#tree, id), form as EncodingName));
    return `${start},"stat":${stat},"value":${value}}\n`;
  }

  /** The znode, if it is as the txn left it. */
  #changedNode(): NodeId {
    const { kind, change: { path, zxid } } = this;
    if (kind !== "created" && kind !== "changed") return NO_NODE;
    const { store } = this.#tree;
    const id = store.lookup(encodeUtf8(path));
    return id !== NO_NODE && store.mzxid(id) === zxid ? id : NO_NODE;
  }
}
