/**
 * Numbers the ACLs that znodes use, so that each list is stored once: in memory and in snapshots.
 *
 * Index -1 is the open list (world:anyone, all permissions) and is never in the table. A new list gets
 * the highest index ever seen plus one, including indexes seen in znodes of a fuzzy snapshot whose table
 * lacks them (ZOOKEEPER-4689).
 *
 * @module
 */
import { type AclList, OPEN_ACL } from "./acl_list.ts";

export const OPEN_ACL_INDEX = -1;

interface Usage {
  acl: AclList;
  index: number;
  count: number;
}

export class AclTable {
  #byIndex = new Map<number, Usage>();
  #byKey = new Map<string, Usage>();
  #indexMax = 0;

  /** The highest index ever given out or seen. */
  get indexMax(): number {
    return this.#indexMax;
  }

  get size(): number {
    return this.#byIndex.size;
  }

  /** The list at an index; the open list when a fuzzy snapshot did not hold it. */
  get(index: number): AclList {
    return index === OPEN_ACL_INDEX ? OPEN_ACL : this.#byIndex.get(index)?.acl ?? OPEN_ACL;
  }

  /** Index for one more znode with this list. */
  acquire(acl: AclList): number {
    if (acl === OPEN_ACL || acl.key === OPEN_ACL.key) return OPEN_ACL_INDEX;
    let usage = this.#byKey.get(acl.key);
    if (usage === undefined) {
      usage = { acl, index: ++this.#indexMax, count: 0 };
      this.#byIndex.set(usage.index, usage);
      this.#byKey.set(acl.key, usage);
    }
    usage.count++;
    return usage.index;
  }

  /** One znode fewer uses the list; the last one removes it. */
  release(index: number): void {
    const usage = this.#byIndex.get(index);
    if (usage === undefined || --usage.count > 0) return;
    this.#remove(usage);
  }

  /** Puts a list from a snapshot's table under its number, used by nobody yet. */
  load(index: number, acl: AclList): void {
    this.#indexMax = Math.max(this.#indexMax, index);
    const usage = { acl, index, count: 0 };
    this.#byIndex.set(index, usage);
    if (!this.#byKey.has(acl.key)) this.#byKey.set(acl.key, usage);
  }

  /** Counts a znode of a snapshot. */
  addLoadedUse(index: number): void {
    if (index === OPEN_ACL_INDEX) return;
    this.#indexMax = Math.max(this.#indexMax, index);
    const usage = this.#byIndex.get(index);
    if (usage !== undefined) usage.count++;
  }

  /** Drops lists that no znode of the loaded snapshot uses. */
  dropUnused(): void {
    for (const usage of [...this.#byIndex.values()]) if (usage.count === 0) this.#remove(usage);
  }

  *entries(): Iterable<{ index: number; acl: AclList }> {
    for (const { index, acl } of this.#byIndex.values()) yield { index, acl };
  }

  #remove(usage: Usage): void {
    this.#byIndex.delete(usage.index);
    if (this.#byKey.get(usage.acl.key) === usage) this.#byKey.delete(usage.acl.key);
  }
}
