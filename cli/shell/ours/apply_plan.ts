/**
 * What `apply` has to do so that the ensemble holds what a file wants, each change with the version that was seen, so
 * that it is refused if somebody else came in between.
 *
 * @module
 */
import { ErrorCode } from "../../../core/errors.ts";
import { sameBytes } from "../../../core/same_bytes.ts";
import type { AclEntry } from "../../../core/tree/acl_list.ts";
import { parentPath } from "../../../core/tree/path_text.ts";
import type { ClientStat, MultiOp, ZooKeeperClient } from "../../../net/client/client_types.ts";
import { aclText } from "../../../net/http/acl_text.ts";
import { isMasked } from "./exported_line.ts";
import { aclEntryOf, clientAclOf } from "./import_batches.ts";
import type { WantedTree, WantedZnode } from "./tree_file.ts";
import { isCode, lasting, walkTree } from "./tree_walk.ts";
import { typeOf } from "./znode_text.ts";

const READS_AHEAD = 128;
/** Why a subtree is left, as far as it is a fault. */
export const UNREADABLE = "what is below it may not be read";
const NO_DATA = new Uint8Array(0);

export interface PlannedChange {
  readonly kind: "create" | "change" | "delete";
  readonly path: string;
  /** Undefined: not looked at, or not known. */
  readonly dataBefore?: Uint8Array | null;
  readonly data?: Uint8Array | null;
  readonly aclBefore?: readonly AclEntry[] | null;
  readonly acl?: readonly AclEntry[];
  readonly type: string;
  /** What a transaction does; null: only the ACL changes, which none can. */
  readonly op: MultiOp | null;
  /** Of the ACL. */
  readonly aversion: number;
}

export interface ApplyPlan {
  /** Creations, parents first; changes; deletions, children first. */
  readonly changes: readonly PlannedChange[];
  readonly unchanged: number;
  /** What stands in the way: nothing is done then. */
  readonly obstacles: readonly string[];
  /** What --prune leaves, and why. */
  readonly kept: readonly { readonly path: string; readonly why: string }[];
}

export class ApplyPlanner {
  readonly #client: ZooKeeperClient;
  readonly #wanted: WantedTree;
  readonly #signal: AbortSignal;
  readonly #changes: PlannedChange[] = [];
  readonly #obstacles: string[] = [];
  readonly #kept: { path: string; why: string }[] = [];
  #unchanged = 0;

  constructor(client: ZooKeeperClient, wanted: WantedTree, signal: AbortSignal) {
    this.#client = client;
    this.#wanted = wanted;
    this.#signal = signal;
  }

  async plan({ prunes }: { prunes: boolean }): Promise<ApplyPlan> {
    const wanted = [...this.#wanted.znodes.values()];
    for (let at = 0; at < wanted.length; at += READS_AHEAD) {
      this.#signal.throwIfAborted();
      const piece = wanted.slice(at, at + READS_AHEAD);
      const found = await Promise.all(piece.map((znode) => this.#look(znode)));
      for (const [index, znode] of piece.entries()) this.#compare(znode, found[index]!);
    }
    const deletions = prunes ? await this.#deletions() : [];
    const order = { create: 0, change: 1, delete: 2 };
    const changes = [...this.#changes, ...deletions].sort((a, b) => order[a.kind] - order[b.kind]);
    return {
      changes,
      unchanged: this.#unchanged,
      obstacles: this.#obstacles,
      kept: this.#kept,
    };
  }

  /** What is there, as far as the file looks at it; null: nothing. */
  async #look({ path, data, acl }: WantedZnode): Promise<Found | "none" | "denied"> {
    const client = this.#client;
    const read = <T>(request: () => Promise<T>) => lasting(client, request, this.#signal);
    try {
      const [got, gotAcl] = await Promise.all([
        data === undefined
          ? read(() => client.exists(path)).then((stat) => stat && { data: undefined, stat })
          : read(() => client.get(path)),
        acl === undefined ? undefined : read(() => client.getAcl(path)).then(({ acl }) => acl),
      ]);
      if (got === null) return "none";
      return {
        ...got,
        acl: gotAcl === undefined || isMasked(gotAcl) ? null : gotAcl.map(aclEntryOf),
      };
    } catch (error) {
      if (isCode(error, ErrorCode.NoNode)) return "none";
      if (isCode(error, ErrorCode.NoAuth)) return "denied";
      throw error;
    }
  }

  #compare(wanted: WantedZnode, found: Found | "none" | "denied"): void {
    const { path, data, acl, type, ttlMs } = wanted;
    if (found === "denied") {
      this.#obstacles.push(`${path}: Insufficient permission to read it`);
      return;
    }
    if (found === "none") {
      this.#changes.push({
        kind: "create",
        path,
        data: data === undefined ? NO_DATA : data,
        ...acl === undefined ? {} : { acl },
        type: type ?? "persistent",
        aversion: -1,
        op: {
          kind: "create",
          path,
          data: data === undefined ? NO_DATA : data,
          mode: type === "ttl" ? "persistentWithTtl" : type ?? "persistent",
          ...ttlMs === undefined ? {} : { ttlMs },
          ...acl === undefined ? {} : { acl: acl.map(clientAclOf) },
        },
      });
      return;
    }
    const { stat } = found;
    if (typeOf(stat) === "ephemeral") {
      this.#obstacles.push(`${path}: it is an ephemeral znode there, which belongs to a session`);
      return;
    }
    if (acl !== undefined && found.acl === null) {
      this.#obstacles.push(`${path}: its ACL cannot be seen, which takes the ADMIN permission`);
      return;
    }
    const isOtherData = data !== undefined && !sameBytes(found.data ?? null, data);
    const isOtherAcl = acl !== undefined && !sameAcl(acl, found.acl!);
    if (!isOtherData && !isOtherAcl) {
      this.#unchanged += 1;
      return;
    }
    this.#changes.push({
      kind: "change",
      path,
      ...isOtherData ? { dataBefore: found.data ?? null, data } : {},
      ...isOtherAcl ? { aclBefore: found.acl, acl } : {},
      type: typeOf(stat),
      op: isOtherData ? { kind: "set", path, data, version: stat.version } : null,
      aversion: stat.aversion,
    });
  }

  /** What is below the tops and not wanted, children before their parents. */
  async #deletions(): Promise<PlannedChange[]> {
    const { znodes, kept, tops } = this.#wanted;
    const unwanted: Unwanted[] = [];
    const isCovered = (top: string) =>
      tops.some((other) => other !== top && (other === "/" || top.startsWith(`${other}/`)));
    for (const top of tops) {
      if (isCovered(top) || kept.has(top)) continue;
      try {
        const walk = walkTree(this.#client, top, {
          signal: this.#signal,
          skips: (path) => path === "/zookeeper" || isKept(path, kept),
        });
        for await (const { path, znode } of walk) {
          if (znode === null) continue;
          const { stat, isDenied } = znode;
          if (!znodes.has(path)) unwanted.push({ path, stat, isDenied });
          else if (isDenied) this.#kept.push({ path, why: UNREADABLE });
        }
      } catch (error) {
        if (!isCode(error, ErrorCode.NoNode)) throw error; // the top is still to be made
      }
    }
    return this.#prunable(unwanted.reverse());
  }

  /** Without what has to stay, and what stands above that. */
  #prunable(
    unwanted: readonly Unwanted[],
  ): PlannedChange[] {
    const staying = new Set<string>();
    const deletions: PlannedChange[] = [];
    for (const { path, stat, isDenied } of unwanted) {
      const why = isDenied || stat === null
        ? UNREADABLE
        : typeOf(stat) === "ephemeral"
        ? "it is ephemeral, and belongs to a session"
        : staying.has(path)
        ? "something below it stays"
        : null;
      if (why !== null || stat === null) {
        staying.add(parentPath(path));
        this.#kept.push({ path, why: why ?? UNREADABLE });
        continue;
      }
      const op = { kind: "delete", path, version: stat.version } as const;
      deletions.push({ kind: "delete", path, type: typeOf(stat), op, aversion: -1 });
    }
    return deletions;
  }
}

interface Unwanted {
  readonly path: string;
  readonly stat: ClientStat | null;
  readonly isDenied: boolean;
}

interface Found {
  readonly stat: ClientStat;
  readonly data: Uint8Array | null | undefined;
  /** Null: not looked at, or not seen whole. */
  readonly acl: readonly AclEntry[] | null;
}

/** The znode is below one that keeps what it has; itself it is wanted. */
function isKept(path: string, kept: ReadonlySet<string>): boolean {
  return kept.has(parentPath(path));
}

/** The order of entries means nothing. */
function sameAcl(a: readonly AclEntry[], b: readonly AclEntry[]): boolean {
  const key = (acl: readonly AclEntry[]) => acl.map((entry) => aclText([entry])).sort().join();
  return key(a) === key(b);
}
