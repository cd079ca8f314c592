/**
 * Fills an empty tree: with the znodes of a snapshot, or with those that a fresh server has.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { decodeUtf8, encodeUtf8, type JuteReader } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import { READ_ACL } from "./acl_list.ts";
import { OPEN_ACL_INDEX } from "./acl_table.ts";
import { NO_NODE, type NodeId, ROOT } from "./node_store.ts";
import { CONFIG_PATH, lastSlash } from "./path.ts";
import type { Znodes } from "./znodes.ts";

const NO_BYTES = new Uint8Array(0);

export class TreeLoader {
  /** The latest create among the znodes; past the snapshot's name only when that is fuzzy. */
  czxidMax: Zxid = 0;
  readonly #znodes: Znodes;
  /** Where the last znode was put. */
  #lastParent: NodeId = ROOT;
  #lastParentPath: Uint8Array = NO_BYTES;

  constructor(znodes: Znodes) {
    this.#znodes = znodes;
  }

  /** The tree was emptied. */
  restart(): void {
    this.czxidMax = 0;
    this.#lastParent = ROOT;
    this.#lastParentPath = NO_BYTES;
  }

  /** The znodes of a server without a database. */
  addFirstZnodes(): void {
    const { store } = this.#znodes;
    this.#znodes.replaceData(ROOT, NO_BYTES);
    store.setAcl(ROOT, OPEN_ACL_INDEX);
    this.#znodes.refreshCrc(ROOT, NO_BYTES, 0, 0);
    for (const path of [encodeUtf8("/zookeeper"), encodeUtf8("/zookeeper/quota"), CONFIG_PATH]) {
      const end = path.length;
      const slash = lastSlash(path, 0, end);
      const parent = store.lookup(path, 0, slash);
      const id = this.#znodes.add(parent, path, { pathStart: 0, nameStart: slash + 1, end });
      this.#znodes.replaceData(id, NO_BYTES);
      store.setAcl(id, OPEN_ACL_INDEX);
      if (path === CONFIG_PATH) {
        this.#znodes.replaceAcl(id, READ_ACL);
        store.setAversion(id, -1);
      }
      this.#znodes.refreshCrc(id, path, 0, end);
    }
  }

  /** See {@linkcode SnapshotTree.loadNode}. */
  loadNode(path: Uint8Array, reader: JuteReader): void {
    const znodes = this.#znodes;
    const { store, acls } = znodes;
    const id = path.length === 0 ? ROOT : this.#addLoaded(path);
    znodes.replaceData(id, reader.bytes());
    const aclIndex = reader.longAsNumber();
    acls.addLoadedUse(aclIndex);
    store.setAcl(id, aclIndex);
    const czxid = reader.zxid();
    if (czxid > this.czxidMax) this.czxidMax = czxid;
    store.setCzxid(id, czxid);
    store.setMzxid(id, reader.zxid());
    store.setCtime(id, reader.longAsNumber());
    store.setMtime(id, reader.longAsNumber());
    store.setVersion(id, reader.int());
    store.setCversion(id, reader.int());
    store.setAversion(id, reader.int());
    znodes.setOwner(id, reader.long());
    store.setPzxid(id, reader.zxid());
    znodes.refreshCrc(id, path, 0, path.length);
  }

  #addLoaded(path: Uint8Array): NodeId {
    const end = path.length;
    const slash = lastSlash(path, 0, end);
    const parent = this.#loadedParent(path, slash);
    if (parent === NO_NODE || slash === end - 1) {
      throw new DecodeError(`Snapshot holds "${decodeUtf8(path)}" before its parent`);
    }
    if (this.#znodes.store.findChild(parent, path, slash + 1, end) !== NO_NODE) {
      throw new DecodeError(`Snapshot holds "${decodeUtf8(path)}" twice`);
    }
    return this.#znodes.add(parent, path, { pathStart: 0, nameStart: slash + 1, end });
  }

  /** Siblings follow each other in a snapshot: the last parent is mostly the next one too. */
  #loadedParent(path: Uint8Array, slash: number): NodeId {
    const last = this.#lastParentPath;
    if (slash === last.length) {
      let i = 0;
      while (i < slash && path[i] === last[i]) i++;
      if (i === slash) return this.#lastParent;
    }
    const parent = slash < 0 ? NO_NODE : this.#znodes.store.lookup(path, 0, slash);
    this.#lastParent = parent;
    this.#lastParentPath = path.slice(0, Math.max(slash, 0));
    return parent;
  }
}
