/**
 * Which znodes belong to which session, and which are containers or have a time to live: what ends by
 * itself, found without a walk over the tree.
 *
 * @module
 */
import type { NodeId, NodeStore } from "./node_store.ts";
import { type OwnerKind, ownerKind, type OwnerRules } from "./stat.ts";

const NO_NODES: ReadonlySet<NodeId> = new Set();

export class OwnerIndex {
  readonly #rules: OwnerRules;
  #ephemerals = new Map<bigint, Set<NodeId>>();
  #ephemeralCount = 0;
  #containers = new Set<NodeId>();
  #ttlNodes = new Set<NodeId>();

  constructor(rules: OwnerRules) {
    this.#rules = rules;
  }

  get ephemeralCount(): number {
    return this.#ephemeralCount;
  }
  get containers(): ReadonlySet<NodeId> {
    return this.#containers;
  }
  get ttlNodes(): ReadonlySet<NodeId> {
    return this.#ttlNodes;
  }

  kindOf(store: NodeStore, id: NodeId): OwnerKind {
    return ownerKind(store.ownerHigh(id), store.ownerLow(id), this.#rules);
  }

  /** The znodes that end with a session. */
  ephemeralsOf(sessionId: bigint): ReadonlySet<NodeId> {
    return this.#ephemerals.get(sessionId) ?? NO_NODES;
  }

  *ephemeralsBySession(): Iterable<{ sessionId: bigint; nodes: ReadonlySet<NodeId> }> {
    for (const [sessionId, nodes] of this.#ephemerals) yield { sessionId, nodes };
  }

  /** A znode with an owner was added. */
  add(store: NodeStore, id: NodeId): void {
    const kind = this.kindOf(store, id);
    if (kind === "container") this.#containers.add(id);
    else if (kind === "ttl") this.#ttlNodes.add(id);
    else if (kind === "ephemeral") {
      const owner = store.owner(id);
      const owned = this.#ephemerals.get(owner);
      if (owned === undefined) this.#ephemerals.set(owner, new Set([id]));
      else owned.add(id);
      this.#ephemeralCount++;
    }
  }

  /** It is about to be removed. */
  remove(store: NodeStore, id: NodeId): void {
    const kind = this.kindOf(store, id);
    if (kind === "container") this.#containers.delete(id);
    else if (kind === "ttl") this.#ttlNodes.delete(id);
    else if (kind === "ephemeral") {
      const owner = store.owner(id);
      const owned = this.#ephemerals.get(owner);
      if (owned?.delete(id)) this.#ephemeralCount--;
      if (owned?.size === 0) this.#ephemerals.delete(owner);
    }
  }

  clear(): void {
    this.#ephemerals.clear();
    this.#ephemeralCount = 0;
    this.#containers.clear();
    this.#ttlNodes.clear();
  }
}
