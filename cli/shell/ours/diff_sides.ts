/**
 * The two sides of a `diff`: a subtree of this ensemble or another one, or a file that was exported. Each comes znode
 * by znode in one order, so that neither is ever held as a whole.
 *
 * @module
 */
import type { AclEntry } from "../../../core/tree/acl_list.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { ConnectionLossError } from "../../../net/client/client_errors.ts";
import type { AuthInfo, ZooKeeperClient } from "../../../net/client/client_types.ts";
import { openClient } from "../../../net/client/open_client.ts";
import { aclText } from "../../../net/http/acl_text.ts";
import { Problem } from "../../../net/http/problem.ts";
import { lineContent, parseTreeLine, placedPath } from "../../../net/http/tree_line.ts";
import { type ShellContext, ShellError } from "../shell_command.ts";
import { isMasked, linePath } from "./exported_line.ts";
import { aclEntryOf } from "./import_batches.ts";
import { linesOfFile, type NumberedLine } from "./line_file.ts";
import { usageError } from "./option_words.ts";
import { walkTree } from "./tree_walk.ts";
import { checkedPath, type SeenType, typeOf } from "./znode_text.ts";

/** How long another ensemble may take to answer. */
const CONNECT_MS_MAX = 30_000;

export interface ComparedZnode {
  /** From the top of its side on, which is `/`. */
  readonly path: string;
  /** Containers, and znodes with a TTL, count as persistent: servers do not tell which they are. */
  readonly type: SeenType;
  readonly data: Uint8Array | null;
  /** As text, entries in order; null: it could not be seen whole. */
  readonly acl: string | null;
  /** It could not be read, nor what is below it. */
  readonly isDenied: boolean;
}

export interface SideOptions {
  readonly withEphemerals: boolean;
  readonly depthMax: number;
  /** For other ensembles. */
  readonly auth: readonly AuthInfo[];
}

export interface DiffSide extends AsyncDisposable {
  /** How its znodes are called where they stand alone. */
  shown(path: string): string;
  znodes(): AsyncGenerator<ComparedZnode, void, undefined>;
}

/**
 * @param word `/path` here, `host:port,host:port/path` or `zk://...` elsewhere, `file:name` or `-`
 * @throws {ShellError}
 */
export async function openSide(
  context: ShellContext,
  word: string,
  options: SideOptions,
): Promise<DiffSide> {
  if (word === "-" || word.startsWith("file:")) {
    return new FileSide(context, word === "-" ? "-" : word.slice("file:".length), options);
  }
  if (word.startsWith("/")) {
    const top = checkedPath("diff", word);
    return new LiveSide(context, context.connectedClient(), { ...options, top, owned: false });
  }
  const server = word.replace(/^zk:\/\//, "");
  const slash = server.indexOf("/");
  const connectString = slash < 0 ? server : server.slice(0, slash);
  if (connectString === "" || (server === word && !server.includes(":"))) {
    throw usageError(
      "diff",
      `"${word}" is no side: write /path, host:port/path, zk://host/path, file:name or -`,
    );
  }
  const top = checkedPath("diff", slash < 0 ? "/" : server.slice(slash));
  const client = openClient(connectString, { auth: options.auth });
  try {
    await client.connected({ timeoutMs: CONNECT_MS_MAX, signal: context.signal });
  } catch (error) {
    client.abandon();
    if (!(error instanceof ConnectionLossError)) throw error;
    throw new ShellError(`diff: Cannot connect to "${connectString}": ${error.message}`);
  }
  const shownBefore = `${word.startsWith("zk://") ? "zk://" : ""}${connectString}`;
  return new LiveSide(context, client, { ...options, top, owned: true, shownBefore });
}

/** The order of both sides: parents before children, siblings by name. */
export function comparePaths(a: string, b: string): number {
  const keyOfA = orderKey(a);
  const keyOfB = orderKey(b);
  return keyOfA < keyOfB ? -1 : keyOfA > keyOfB ? 1 : 0;
}

/** No name holds the letter that stands for the slash here: it is before all others. */
function orderKey(path: string): string {
  return path === "/" ? "" : path.replaceAll("/", "\0");
}

class LiveSide implements DiffSide {
  readonly #context: ShellContext;
  readonly #client: ZooKeeperClient;
  readonly #options: SideOptions & { top: string; owned: boolean; shownBefore?: string };

  constructor(
    context: ShellContext,
    client: ZooKeeperClient,
    options: SideOptions & { top: string; owned: boolean; shownBefore?: string },
  ) {
    this.#context = context;
    this.#client = client;
    this.#options = options;
  }

  shown(path: string): string {
    const { top, shownBefore = "" } = this.#options;
    return shownBefore + placedPath(top, path);
  }

  async *znodes(): AsyncGenerator<ComparedZnode, void, undefined> {
    const { top, withEphemerals, depthMax } = this.#options;
    const walk = walkTree(this.#client, top, {
      signal: this.#context.signal,
      withData: true,
      withAcl: true,
      depthMax,
      skips: (path) => top === "/" && path === "/zookeeper",
    });
    for await (const { path, znode } of walk) {
      if (znode === null) continue;
      const { stat, data, acl, isDenied } = znode;
      const type = stat === null ? "persistent" : typeOf(stat);
      if (type === "ephemeral" && !withEphemerals) continue;
      yield {
        path: linePath(top, path),
        type,
        data,
        acl: acl === null || isMasked(acl) ? null : orderedAclText(acl.map(aclEntryOf)),
        isDenied,
      };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#options.owned) await this.#client.close();
  }
}

class FileSide implements DiffSide {
  readonly #context: ShellContext;
  readonly #file: string;
  readonly #options: SideOptions;

  constructor(context: ShellContext, file: string, options: SideOptions) {
    this.#context = context;
    this.#file = file;
    this.#options = options;
  }

  shown(path: string): string {
    return `${this.#file}:${path}`;
  }

  async *znodes(): AsyncGenerator<ComparedZnode, void, undefined> {
    const { withEphemerals, depthMax } = this.#options;
    const isInOrder = this.#file === "-" || await this.#isInOrder();
    const lines = isInOrder ? this.#lines() : await this.#sortedLines();
    let before: string | null = null;
    for await (const line of lines) {
      const znode = comparedLine(line);
      if (before !== null && comparePaths(before, znode.path) >= 0) {
        throw new ShellError(
          before === znode.path
            ? `diff: line ${line.number} speaks of ${znode.path} a second time`
            : `diff: line ${line.number} (${znode.path}) stands behind ${before}: only a file may be out of ` +
              `order, stdin not`,
        );
      }
      before = znode.path;
      if (znode.type === "ephemeral" && !withEphemerals) continue;
      if (znode.path !== "/" && znode.path.split("/").length - 1 > depthMax) continue;
      yield znode;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #lines(): AsyncGenerator<NumberedLine, void, undefined> {
    return linesOfFile(this.#context, this.#file);
  }

  /** An export over HTTP lists more than 10,000 children in no order. */
  async #isInOrder(): Promise<boolean> {
    let before: string | null = null;
    for await (const { text } of this.#lines()) {
      const path = pathOfLine(text);
      if (path !== null && before !== null && comparePaths(before, path) > 0) return false;
      before = path ?? before;
    }
    return true;
  }

  /** Held as a whole: the price of a file that is out of order. */
  async #sortedLines(): Promise<NumberedLine[]> {
    const lines: { path: string; line: NumberedLine }[] = [];
    for await (const line of this.#lines()) {
      lines.push({ path: pathOfLine(line.text) ?? "/", line });
    }
    return lines.sort((a, b) => comparePaths(a.path, b.path)).map(({ line }) => line);
  }
}

/** What is wrong with the line is said where it is compared. */
function pathOfLine(text: string): string | null {
  try {
    const path = (JSON.parse(text) as { path?: unknown } | null)?.path;
    return typeof path === "string" ? path : null;
  } catch {
    return null;
  }
}

function comparedLine({ number, text }: NumberedLine): ComparedZnode {
  try {
    const line = parseTreeLine(text);
    const path = placedPath("/", line.path);
    if (line.denied) {
      return { path, type: "persistent", data: null, acl: null, isDenied: true };
    }
    const { aclDenied: _, ...rest } = line;
    const { type, data, acl } = lineContent(rest);
    return {
      path,
      type: type === "ephemeral" ? type : "persistent",
      data,
      acl: line.aclDenied ? null : acl === undefined ? OPEN_ACL_TEXT : orderedAclText(acl),
      isDenied: false,
    };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new ShellError(`diff: line ${number}: ${error.message}`);
  }
}

/** What a line without an ACL is imported with. */
const OPEN_ACL_TEXT = "world:anyone:cdrwa";

/** The order of entries means nothing. */
function orderedAclText(acl: readonly AclEntry[]): string {
  return acl.map((entry) => aclText([entry])).sort().join(",");
}

/** `scheme:auth`, as addauth takes them in two words. */
export function authOf(command: string, word: string): AuthInfo {
  const colon = word.indexOf(":");
  if (colon <= 0) throw usageError(command, `--auth takes scheme:auth, not "${word}"`);
  return { scheme: word.slice(0, colon), auth: encodeUtf8(word.slice(colon + 1)) };
}
