/**
 * All znodes of a subtree, parents before their children and siblings by name, read with many requests under way.
 *
 * The tree goes on changing meanwhile: each znode is as it was at some moment of the walk. What a walk holds is the
 * znodes that were asked for ahead, and the names still to come on the way down; the rest of a large tree is on
 * the server.
 *
 * @module
 */
import { ErrorCode } from "../../../core/errors.ts";
import { childPath } from "../../../core/tree/path_text.ts";
import type { ClientAcl, ClientStat, ZooKeeperClient } from "../../../net/client/client_types.ts";
import { ConnectionLossError, KeeperError } from "../../../net/client/client_errors.ts";

/** Znodes asked for ahead. */
const AHEAD_COUNT_MAX = 128;
/** Data read ahead, in bytes: no more is asked for until it was taken. */
const AHEAD_BYTES_MAX = 16 << 20;
/** How often a read is sent again that was lost with its connection, and how long a new one may take. */
const ATTEMPT_COUNT_MAX = 5;
const RECONNECT_MS_MAX = 30_000;

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Levels below the znode itself. Default: all. */
  readonly depthMax?: number;
  readonly withData?: boolean;
  readonly withAcl?: boolean;
  /** Subtrees to leave out, as if they were not there. */
  readonly skips?: (path: string) => boolean;
}

/** A znode on the way. */
export interface Visit {
  readonly path: string;
  readonly name: string;
  /** Levels below the znode where the walk began. */
  readonly depth: number;
  /** It is the last of its siblings. */
  readonly isLast: boolean;
  /** Null: it vanished since its parent was read. */
  readonly znode: VisitedZnode | null;
}

export interface VisitedZnode {
  /** Null: it is denied, and servers since ZooKeeper 3.9.2 do not even tell the stat then. */
  readonly stat: ClientStat | null;
  /** Null also where it was not asked for, or may not be read. */
  readonly data: Uint8Array | null;
  /** Null where it was not asked for, or may not be seen. */
  readonly acl: readonly ClientAcl[] | null;
  /** Its data, if it was asked for, or its children may not be read: what is below is missing. */
  readonly isDenied: boolean;
}

/** @throws {KeeperError} NoNode when the top is not there */
export async function* walkTree(
  client: ZooKeeperClient,
  top: string,
  options: WalkOptions,
): AsyncGenerator<Visit, void, undefined> {
  const walk = new TreeWalk(client, top, options);
  try {
    for (;;) {
      const visit = await walk.next();
      if (visit === null) return;
      if (visit.depth === 0 && visit.znode === null) throw new KeeperError(ErrorCode.NoNode, top);
      yield visit;
    }
  } finally {
    walk.stop();
  }
}

/** Sends a read again that was lost with its connection. */
export async function lasting<T>(
  client: ZooKeeperClient,
  read: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ConnectionLossError) || attempt === ATTEMPT_COUNT_MAX) throw error;
      signal.throwIfAborted();
      await client.connected({ timeoutMs: RECONNECT_MS_MAX, signal });
    }
  }
}

/** A znode that was asked for. */
interface Asked {
  readonly kind: "asked";
  readonly path: string;
  readonly name: string;
  readonly depth: number;
  readonly isLast: boolean;
  answer: Promise<Answer>;
  next: Entry | null;
}

/** Siblings that are still to be asked for. */
interface Siblings {
  readonly kind: "siblings";
  readonly parent: string;
  readonly depth: number;
  readonly names: readonly string[];
  at: number;
  next: Entry | null;
}

type Entry = Asked | Siblings;

interface Answer {
  readonly znode: VisitedZnode | null;
  readonly error: unknown;
}

class TreeWalk {
  readonly #client: ZooKeeperClient;
  readonly #options: WalkOptions;
  readonly #depthMax: number;
  /** What is still to come, in order; children go behind their parent when it has been answered. */
  #head: Entry | null = null;
  #askedCount = 0;
  #heldBytes = 0;
  #isStopped = false;
  /** Of who waits for the next answer. */
  #giveUp: (reason: unknown) => void = () => {};
  readonly #onAbort = () => this.#giveUp(this.#options.signal.reason);

  constructor(client: ZooKeeperClient, top: string, options: WalkOptions) {
    this.#client = client;
    this.#options = options;
    this.#depthMax = options.depthMax ?? Infinity;
    options.signal.throwIfAborted();
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    const name = top.slice(top.lastIndexOf("/") + 1);
    this.#head = this.#ask({ path: top, name, depth: 0, isLast: true });
  }

  async next(): Promise<Visit | null> {
    this.#askAhead();
    let head = this.#head;
    while (head?.kind === "siblings") { // the one that is needed now is asked for in any case
      this.#takeSibling(head, null);
      head = this.#head;
    }
    if (head === null) return null;
    const { znode, error } = await this.#unlessAborted(head.answer);
    if (error !== null) throw error;
    this.#head = head.next;
    this.#askedCount -= 1;
    this.#heldBytes -= znode?.data?.length ?? 0;
    const { path, name, depth, isLast } = head;
    return { path, name, depth, isLast, znode };
  }

  /** Not a race with one promise of the whole walk, which would remember each of a million answers. */
  #unlessAborted(answer: Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#options.signal.aborted) return reject(this.#options.signal.reason);
      this.#giveUp = reject;
      void answer.then(resolve);
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#head = null;
    this.#options.signal.removeEventListener("abort", this.#onAbort);
  }

  #askAhead(): void {
    let before: Asked | null = null;
    let entry = this.#head;
    while (entry !== null && !this.#isStopped) {
      if (this.#askedCount >= AHEAD_COUNT_MAX || this.#heldBytes >= AHEAD_BYTES_MAX) return;
      before = entry.kind === "asked" ? entry : this.#takeSibling(entry, before);
      entry = before === null ? this.#head : before.next;
    }
  }

  /** Asks for the next of the siblings, which stand behind `before`; @returns it, or `before` if there was none */
  #takeSibling(siblings: Siblings, before: Asked | null): Asked | null {
    const { names, parent, depth } = siblings;
    let taken: Asked | null = null;
    if (siblings.at < names.length) {
      const name = names[siblings.at++]!;
      const isLast = siblings.at === names.length;
      taken = this.#ask({ path: childPath(parent, name), name, depth, isLast });
    }
    const rest = siblings.at < names.length ? siblings : siblings.next;
    if (taken !== null) taken.next = rest;
    const first = taken ?? rest;
    if (before === null) this.#head = first;
    else before.next = first;
    return taken ?? before;
  }

  #ask(place: { path: string; name: string; depth: number; isLast: boolean }): Asked {
    const none = Promise.resolve({ znode: null, error: null });
    const asked: Asked = { kind: "asked", ...place, answer: none, next: null };
    this.#askedCount += 1;
    asked.answer = this.#answerOf(asked).catch((error) => ({ znode: null, error }));
    return asked;
  }

  async #answerOf(asked: Asked): Promise<Answer> {
    const { path, depth } = asked;
    const [read, acl] = await Promise.all([
      this.#read(path),
      this.#options.withAcl === true ? this.#aclOf(path) : null,
    ]);
    if (read === null || acl === "gone") return { znode: null, error: null };
    let isDenied = read.isDenied;
    this.#heldBytes += read.data?.length ?? 0;
    if (!isDenied && read.stat !== null && read.stat.numChildren > 0 && depth < this.#depthMax) {
      const names = await this.#names(path);
      if (names === null) isDenied = true;
      else if (names.length > 0 && !this.#isStopped) {
        asked.next = {
          kind: "siblings",
          parent: path,
          depth: depth + 1,
          names,
          at: 0,
          next: asked.next,
        };
      }
    }
    if (!this.#isStopped) this.#askAhead();
    return { znode: { ...read, acl, isDenied }, error: null };
  }

  /** Data and stat; the stat alone where that is enough, or all that may be seen. */
  async #read(path: string): Promise<Omit<VisitedZnode, "acl"> | null> {
    if (this.#options.withData === true) {
      try {
        const { data, stat } = await this.#lasting(() => this.#client.get(path));
        return { data, stat, isDenied: false };
      } catch (error) {
        if (isCode(error, ErrorCode.NoNode)) return null;
        if (!isCode(error, ErrorCode.NoAuth)) throw error;
      }
    }
    try {
      const stat = await this.#lasting(() => this.#client.exists(path));
      const isDenied = this.#options.withData === true;
      return stat === null ? null : { data: null, stat, isDenied };
    } catch (error) {
      if (!isCode(error, ErrorCode.NoAuth)) throw error;
      return { data: null, stat: null, isDenied: true };
    }
  }

  async #aclOf(path: string): Promise<readonly ClientAcl[] | null | "gone"> {
    try {
      return (await this.#lasting(() => this.#client.getAcl(path))).acl;
    } catch (error) {
      if (isCode(error, ErrorCode.NoAuth)) return null;
      if (isCode(error, ErrorCode.NoNode)) return "gone";
      throw error;
    }
  }

  /** Sorted; null: they may not be read. */
  async #names(path: string): Promise<readonly string[] | null> {
    const { skips } = this.#options;
    try {
      const { children } = await this.#lasting(() => this.#client.getChildren(path));
      // in UTF-16 units, which is the order of the bytes too: names hold no surrogates
      const names = [...children].sort();
      return skips === undefined ? names : names.filter((name) => !skips(childPath(path, name)));
    } catch (error) {
      if (isCode(error, ErrorCode.NoAuth)) return null;
      if (isCode(error, ErrorCode.NoNode)) return [];
      throw error;
    }
  }

  #lasting<T>(read: () => Promise<T>): Promise<T> {
    return lasting(this.#client, read, this.#options.signal);
  }
}

export function isCode(error: unknown, code: number): error is KeeperError {
  return error instanceof KeeperError && error.code === code;
}
