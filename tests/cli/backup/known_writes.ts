/**
 * A load of writes whose every result is known: after each txn, what the whole tree has to be, computed by a model of
 * its own from requests and replies, and from nothing on disk.
 *
 * @module
 */
import type { SeededRandom } from "../../support/seeded_random.ts";
import type { RawClient } from "../../support/raw_client.ts";
import {
  create,
  Flags,
  getData,
  multi,
  OPEN_ACL,
  remove,
  type Request,
  setAcl,
  setData,
} from "../../support/requests.ts";

interface Znode {
  data: string;
  acl: string;
  czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  ctime: bigint;
  mtime: bigint;
  version: number;
  cversion: number;
  aversion: number;
  owner: bigint;
  childCount: number;
}

/** What the tree was after a txn. */
export interface KnownState {
  readonly zxid: number;
  /** By the server's clock. */
  readonly timeMs: number;
  /** A line a znode below /load, as {@linkcode linesBelowLoad} makes them of a server's dump. */
  readonly lines: readonly string[];
}

const OPEN = "31:world:anyone";
const READ_ONLY = [{ perms: 1, scheme: "world", id: "anyone" }] as const;
const ROOT = "/load";

export class KnownWrites {
  readonly states: KnownState[] = [];
  readonly #client: RawClient;
  readonly #random: SeededRandom;
  readonly #tree = new Map<string, Znode>();
  #madeCount = 0;

  constructor(client: RawClient, random: SeededRandom) {
    this.#client = client;
    this.#random = random;
  }

  /** To be done first. */
  async begin(): Promise<void> {
    await this.#do([{ kind: "create", path: ROOT, data: "root", ephemeral: false }]);
  }

  /** Does so many random writes, each of which succeeds. */
  async run(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#do(this.#draw());
  }

  #draw(): Change[] {
    const random = this.#random;
    const persistent = [...this.#tree].filter(([, { owner }]) => owner === 0n).map(([p]) => p);
    const make = (): Change => ({
      kind: "create",
      path: `${random.pick(persistent)}/n${this.#madeCount++}`,
      data: random.bytes(random.below(40)).toHex(),
      ephemeral: random.chance(1, 5),
    });
    const path = random.pick([...this.#tree.keys()]);
    const leaf = random.pick(
      [...this.#tree].filter(([, { childCount }]) => childCount === 0).map(([p]) => p),
    );
    return random.weighted<() => Change[]>([
      [5, () => [make()]],
      [4, () => [{ kind: "setData", path, data: random.bytes(random.below(60)).toHex() }]],
      [3, () => leaf === ROOT ? [make()] : [{ kind: "delete", path: leaf }]],
      [1, () => [{ kind: "setAcl", path, isOpen: random.chance(1, 2) }]],
      [1, () => [make(), { kind: "setData", path, data: "multi" }]],
    ])();
  }

  async #do(changes: Change[]): Promise<void> {
    const requests = changes.map(requestOf);
    const reply = await this.#client.call(requests.length === 1 ? requests[0]! : multi(requests));
    if (reply.err !== 0) throw new Error(`${JSON.stringify(changes)} answered ${reply.err}`);
    const { zxid } = reply;
    // the time that the leader gave the txn stands in a znode that it changed; a delete or setAcl leaves it nowhere
    const stamped = changes.find(({ kind }) => kind === "create" || kind === "setData");
    const timeMs = stamped === undefined ? null : await this.#mtimeOf(stamped.path);
    for (const change of changes) this.#apply(change, zxid, timeMs ?? 0n);
    this.states.push({
      zxid: Number(zxid),
      timeMs: timeMs === null ? NaN : Number(timeMs),
      lines: this.#lines(),
    });
  }

  async #mtimeOf(path: string): Promise<bigint> {
    const data = await this.#client.must(getData(path));
    data.buffer();
    for (let i = 0; i < 3; i++) data.long(); // czxid, mzxid, ctime
    return data.long();
  }

  #apply(change: Change, zxid: bigint, time: bigint): void {
    const { path } = change;
    const znode = this.#tree.get(path)!;
    switch (change.kind) {
      case "create": {
        const parent = this.#tree.get(parentOf(path));
        if (parent !== undefined) {
          parent.childCount++;
          parent.cversion++;
          parent.pzxid = zxid;
        }
        this.#tree.set(path, {
          data: change.data,
          acl: OPEN,
          ...{ czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: time, mtime: time },
          ...{ version: 0, cversion: 0, aversion: 0, childCount: 0 },
          owner: change.ephemeral ? this.#client.sessionId : 0n,
        });
        return;
      }
      case "setData":
        znode.data = change.data;
        znode.mzxid = zxid;
        znode.mtime = time;
        znode.version++;
        return;
      case "setAcl":
        znode.acl = change.isOpen ? OPEN : "1:world:anyone";
        znode.aversion++;
        return;
      case "delete": {
        const parent = this.#tree.get(parentOf(path))!;
        this.#tree.delete(path);
        parent.childCount--;
        parent.cversion++;
        parent.pzxid = zxid;
      }
    }
  }

  #lines(): string[] {
    return [...this.#tree].map(([path, znode]) => {
      const { data, acl, czxid, mzxid, ctime, mtime, version, cversion, aversion } = znode;
      const { owner, childCount, pzxid } = znode;
      return `${path} data=${
        new TextEncoder().encode(data).toHex()
      } czxid=${czxid} mzxid=${mzxid} ` +
        `ctime=${ctime} mtime=${mtime} version=${version} cversion=${cversion} ` +
        `aversion=${aversion} owner=${owner.toString(16)} dataLength=${data.length} ` +
        `numChildren=${childCount} pzxid=${pzxid} acl=${acl}`;
    }).sort();
  }
}

type Change =
  | { kind: "create"; path: string; data: string; ephemeral: boolean }
  | { kind: "setData"; path: string; data: string }
  | { kind: "delete"; path: string }
  | { kind: "setAcl"; path: string; isOpen: boolean };

function requestOf(change: Change): Request {
  const { path } = change;
  switch (change.kind) {
    case "create":
      return create(path, {
        data: change.data,
        flags: change.ephemeral ? Flags.ephemeral : Flags.persistent,
      });
    case "setData":
      return setData(path, change.data);
    case "setAcl":
      return setAcl(path, change.isOpen ? OPEN_ACL : READ_ONLY);
    case "delete":
      return remove(path);
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Of a dump of a server's tree. */
export function linesBelowLoad(dump: readonly string[]): string[] {
  return dump.filter((line) => line.startsWith(`${ROOT} `) || line.startsWith(`${ROOT}/`));
}

/** The states that a backup can restore. */
export function inRange(
  states: readonly KnownState[],
  range: { readonly fromZxid: string; readonly toZxid: string },
): KnownState[] {
  const [from, to] = [parseInt(range.fromZxid, 16), parseInt(range.toZxid, 16)];
  return states.filter(({ zxid }) => zxid >= from && zxid <= to);
}
