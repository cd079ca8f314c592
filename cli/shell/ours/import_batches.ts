/**
 * Writes znodes in transactions of many, parents before their children.
 *
 * What was written stays when a later transaction fails; what exists already is left, changed or refused as it was
 * asked, so that the same import can be done again.
 *
 * @module
 */
import { ErrorCode } from "../../../core/errors.ts";
import { sameBytes } from "../../../core/same_bytes.ts";
import type { AclEntry } from "../../../core/tree/acl_list.ts";
import { parentPath } from "../../../core/tree/path_text.ts";
import { ConnectionLossError, KeeperError, MultiError } from "../../../net/client/client_errors.ts";
import type {
  ClientAcl,
  ClientStat,
  MultiOp,
  ZooKeeperClient,
} from "../../../net/client/client_types.ts";
import { aclText } from "../../../net/http/acl_text.ts";
import { errorText } from "../keeper_error_text.ts";
import { ShellError } from "../shell_command.ts";
import { isCode, lasting } from "./tree_walk.ts";

/** Half of what servers take by default in one request. */
const BATCH_BYTES_MAX = 512 * 1024;
/** What a znode takes beside its path and data, and each entry of its ACL. */
const ZNODE_BYTES = 128;
/** How often a transaction is put together anew because others came in between. */
const ATTEMPT_COUNT_MAX = 10;
const NO_DATA = new Uint8Array(0);

export interface ImportedZnode {
  /** Of its line. */
  readonly number: number;
  readonly path: string;
  readonly type: "persistent" | "container" | "ttl";
  readonly ttlMs: number | undefined;
  readonly data: Uint8Array | null;
  /** Undefined: open to all where it is made, and left as it is where it exists. */
  readonly acl: readonly AclEntry[] | undefined;
}

export interface ImportChange {
  readonly sign: "+" | "~" | "=" | "-";
  readonly path: string;
  readonly what: string;
}

export interface ImportSettings {
  readonly signal: AbortSignal;
  /** What to do with a znode that exists. */
  readonly conflict: "fail" | "skip" | "replace";
  /** Make parents that are missing. */
  readonly withParents: boolean;
  /** Only tells what would be done. */
  readonly isPlan: boolean;
  /** Znodes of one transaction. */
  readonly lineCountMax: number;
  readonly onChange: (change: ImportChange) => void;
}

interface BatchPlan {
  readonly ops: MultiOp[];
  /** Of each operation. */
  readonly znodeOf: ImportedZnode[];
  readonly changes: ImportChange[];
  /** To be set behind the transaction: none can do that. */
  readonly acls: { readonly znode: ImportedZnode; readonly acl: readonly ClientAcl[] }[];
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
}

/** What there is of a znode that a line speaks of. */
interface Existing {
  readonly stat: ClientStat;
  /** Undefined: it may not be read, or was not asked for. */
  readonly data?: Uint8Array | null;
  readonly acl?: readonly ClientAcl[];
}

export class ImportBatches {
  readonly counts = { lines: 0, created: 0, updated: 0, unchanged: 0, skipped: 0 };
  readonly #client: ZooKeeperClient;
  readonly #settings: ImportSettings;
  #batch: ImportedZnode[] = [];
  #batchBytes = 0;
  /** Of a plan: what it would have made. */
  readonly #planned = new Set<string>();

  constructor(client: ZooKeeperClient, settings: ImportSettings) {
    this.#client = client;
    this.#settings = settings;
  }

  /** Takes a znode; now and then writes those that were taken. @throws {ShellError} that names the line */
  async add(znode: ImportedZnode): Promise<void> {
    const bytes = ZNODE_BYTES * (1 + (znode.acl?.length ?? 0)) + znode.path.length * 3 +
      (znode.data?.length ?? 0);
    if (
      this.#batch.length >= this.#settings.lineCountMax ||
      (this.#batch.length > 0 && this.#batchBytes + bytes > BATCH_BYTES_MAX)
    ) await this.flush();
    this.#batch.push(znode);
    this.#batchBytes += bytes;
  }

  /** Writes what was taken and is not written yet. */
  async flush(): Promise<void> {
    const znodes = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (znodes.length === 0) return;
    const { conflict, isPlan, signal, onChange } = this.#settings;
    for (let attempt = 1;; attempt++) {
      signal.throwIfAborted();
      let plan: BatchPlan | null = null;
      try {
        plan = await this.#planOf(znodes);
        if (!isPlan) await this.#write(plan.ops);
      } catch (error) {
        const znode = error instanceof MultiError
          ? plan?.znodeOf[error.index] ?? znodes[0]!
          : znodes[0]!;
        const isOvertaken = isCode(error, ErrorCode.NoNode) ||
          isCode(error, ErrorCode.NodeExists) ||
          error instanceof ConnectionLossError; // then it may have been done: looked up anew
        if (isOvertaken && conflict !== "fail" && attempt < ATTEMPT_COUNT_MAX) {
          await this.#settled(error);
          continue;
        }
        throw failureOf(error, znode, znodes);
      }
      for (const change of plan.changes) onChange(change);
      this.counts.created += plan.created;
      this.counts.updated += plan.updated;
      this.counts.unchanged += plan.unchanged;
      this.counts.skipped += plan.skipped;
      if (!isPlan) await this.#setAcls(plan.acls);
      return;
    }
  }

  async #settled(error: unknown): Promise<void> {
    const { signal } = this.#settings;
    if (error instanceof ConnectionLossError) await this.#client.connected({ signal });
    await this.#client.sync("/", { signal });
  }

  /** A znode that stands alone may be as large as a request of its own, which a transaction cannot take. */
  async #write(ops: readonly MultiOp[]): Promise<void> {
    if (ops.length > 1) {
      await this.#client.multi(ops);
    } else if (ops[0]?.kind === "create") {
      const { path, data, kind: _, ...options } = ops[0];
      await this.#client.create(path, data, options);
    } else if (ops[0]?.kind === "set") {
      await this.#client.set(ops[0].path, ops[0].data);
    }
  }

  async #setAcls(acls: BatchPlan["acls"]): Promise<void> {
    await Promise.all(acls.map(async ({ znode, acl }) => {
      try {
        await this.#client.setAcl(znode.path, acl);
      } catch (error) {
        if (!isCode(error, ErrorCode.NoNode)) throw failureOf(error, znode, [znode]);
      }
    }));
  }

  // ---------------------------------------------------------------- plans

  async #planOf(znodes: readonly ImportedZnode[]): Promise<BatchPlan> {
    const { conflict, withParents, isPlan } = this.#settings;
    const looksUp = conflict !== "fail" || isPlan;
    const existing = await Promise.all(znodes.map(({ path }) => looksUp ? this.#look(path) : null));
    const plan: BatchPlan = {
      ...{ ops: [], znodeOf: [], changes: [], acls: [] },
      ...{ created: 0, updated: 0, unchanged: 0, skipped: 0 },
    };
    /** What the transaction will have made, or is known to be there. */
    const there = new Set<string>(["/"]);
    for (const [at, znode] of znodes.entries()) {
      const { path } = znode;
      const isThere = existing[at] !== null || there.has(path) || this.#planned.has(path);
      // the root cannot be made, so it does not conflict
      if (isThere && conflict === "fail" && path !== "/") {
        throw failureOf(new KeeperError(ErrorCode.NodeExists, path), znode, [znode]);
      }
      if (isThere && conflict !== "replace") {
        plan.skipped += 1;
        if (path !== "/") plan.changes.push({ sign: "=", path, what: "skipped" });
      } else if (isThere) {
        addReplacement(plan, znode, existing[at] ?? null);
      } else {
        const missing = withParents || isPlan ? await this.#missingAbove(path, there) : [];
        if (missing.length > 0 && !withParents) {
          throw failureOf(new KeeperError(ErrorCode.NoNode, path), znode, [znode]);
        }
        for (const parent of missing) addCreation(plan, { ...PARENT, path: parent }, znode);
        addCreation(plan, znode, znode);
        for (const made of [...missing, path]) {
          there.add(made);
          if (isPlan) this.#planned.add(made);
        }
      }
      there.add(path);
    }
    return plan;
  }

  /** What exists there; null: nothing. */
  async #look(path: string): Promise<Existing | null> {
    const { conflict, signal } = this.#settings;
    const client = this.#client;
    try {
      if (conflict === "replace") {
        const [{ data, stat }, { acl }] = await Promise.all([
          lasting(client, () => client.get(path), signal),
          lasting(client, () => client.getAcl(path), signal),
        ]);
        return { stat, data, acl };
      }
    } catch (error) {
      if (isCode(error, ErrorCode.NoNode)) return null;
      if (!isCode(error, ErrorCode.NoAuth)) throw error; // what may not be read may be written
    }
    const stat = await lasting(client, () => client.exists(path), signal);
    return stat === null ? null : { stat };
  }

  /** Parents that do not exist, the topmost first; those that do are added to `there`. */
  async #missingAbove(path: string, there: Set<string>): Promise<string[]> {
    const { signal } = this.#settings;
    const missing: string[] = [];
    for (let at = parentPath(path); !there.has(at) && !this.#planned.has(at); at = parentPath(at)) {
      const parent = at;
      if (await lasting(this.#client, () => this.#client.exists(parent), signal) !== null) {
        there.add(parent);
        break;
      }
      missing.push(parent);
    }
    return missing.reverse();
  }
}

const PARENT = { type: "persistent", ttlMs: undefined, data: NO_DATA, acl: undefined } as const;

function addCreation(
  plan: BatchPlan,
  { path, data, type, ttlMs, acl }: Omit<ImportedZnode, "number">,
  znode: ImportedZnode,
): void {
  plan.ops.push({
    kind: "create",
    path,
    data,
    mode: type === "ttl" ? "persistentWithTtl" : type,
    ...ttlMs === undefined ? {} : { ttlMs },
    ...acl === undefined ? {} : { acl: acl.map(clientAclOf) },
  });
  plan.znodeOf.push(znode);
  plan.changes.push({ sign: "+", path, what: "created" });
  plan.created += 1;
}

/** Its data and ACL; its type stays, which nothing can change. */
function addReplacement(plan: BatchPlan, znode: ImportedZnode, existing: Existing | null): void {
  const { path, data, acl } = znode;
  const isOtherData = existing?.data === undefined || !sameBytes(existing.data, data);
  const isOtherAcl = acl !== undefined &&
    (existing?.acl === undefined || aclText(acl) !== aclText(existing.acl.map(aclEntryOf)));
  if (!isOtherData && !isOtherAcl) {
    plan.unchanged += 1;
    plan.changes.push({ sign: "=", path, what: "unchanged" });
    return;
  }
  if (isOtherData) {
    plan.ops.push({ kind: "set", path, data });
    plan.znodeOf.push(znode);
  }
  if (isOtherAcl) plan.acls.push({ znode, acl: acl.map(clientAclOf) });
  const what = [
    ...isOtherData ? ["data"] : [],
    ...isOtherAcl ? ["acl"] : [],
  ].join(" ");
  plan.changes.push({ sign: "~", path, what });
  plan.updated += 1;
}

function failureOf(
  error: unknown,
  { number, path }: ImportedZnode,
  znodes: readonly ImportedZnode[],
): unknown {
  if (!(error instanceof KeeperError)) return error;
  if (error instanceof ConnectionLossError) {
    return new ShellError(
      `lines ${znodes[0]!.number} to ${
        znodes.at(-1)!.number
      }: the connection was lost, so whether ` +
        `they were written is not known: --conflict skip looks`,
    );
  }
  const what = error.code === ErrorCode.NoNode
    ? `the parent of ${path} does not exist, --parents makes it`
    : errorText(new KeeperError(error.code, path));
  return new ShellError(`line ${number}: ${what}`);
}

export function clientAclOf({ perms, id }: AclEntry): ClientAcl {
  return { permissions: perms, scheme: id.scheme, id: id.id };
}

export function aclEntryOf({ permissions, scheme, id }: ClientAcl): AclEntry {
  return { perms: permissions, id: { scheme, id } };
}
