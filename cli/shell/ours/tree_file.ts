/**
 * The file of `apply`: YAML (or JSON) that says which znodes there are to be.
 *
 *     /app:
 *       data: text                 # or json:, dataFile: (from the file's folder on), dataBase64:
 *       acl: world:anyone:r        # or a list
 *       children:
 *         port: 2181               # the same as {data: "2181"}
 *         queue: {}                # is there; its data is not looked at
 *
 * What a znode does not say is not looked at: its data stays as it is, or its ACL.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import * as z from "zod";
import type { AclEntry } from "../../../core/tree/acl_list.ts";
import { childPath, parentPath } from "../../../core/tree/path_text.ts";
import { TTL_MS_MAX } from "../../../core/tree/stat.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { AclJson, aclOfJson, parseAclText } from "../../../net/http/acl_text.ts";
import { Problem } from "../../../net/http/problem.ts";
import { isZnodePath } from "../../../net/http/znode_path.ts";
import { ShellError } from "../shell_command.ts";

export interface WantedZnode {
  readonly path: string;
  /** Undefined: it is not looked at. */
  readonly data: Uint8Array | null | undefined;
  /** Undefined: it is not looked at. */
  readonly acl: readonly AclEntry[] | undefined;
  /** Undefined: persistent where it is made. */
  readonly type: "persistent" | "container" | "ttl" | undefined;
  readonly ttlMs: number | undefined;
}

export interface WantedTree {
  /** Parents before their children. */
  readonly znodes: ReadonlyMap<string, WantedZnode>;
  /** Below these, --prune deletes what is not wanted. */
  readonly tops: readonly string[];
  /** Below these, it does not. */
  readonly kept: ReadonlySet<string>;
}

/** An ACL may be one anchor that a thousand znodes share; anchors of anchors of anchors are an attack. */
const ALIAS_COUNT_MAX = 100_000;

const Text = z.string();

/** A znode as it is written; children hold the same again. */
const ZnodeSpec = z.strictObject({
  data: Text.nullable().optional(),
  json: z.unknown().optional(),
  dataFile: Text.min(1).optional(),
  dataBase64: z.base64().optional(),
  acl: z.union([Text, z.array(z.union([Text, AclJson.element])).min(1)]).optional(),
  type: z.enum(["persistent", "container", "ttl"]).optional(),
  ttlMs: z.int().min(1).max(TTL_MS_MAX).optional(),
  prune: z.boolean().optional(),
  get children() {
    return z.record(Text, z.union([Text, z.null(), ZnodeSpec])).nullable().optional();
  },
});
type ZnodeSpec = z.output<typeof ZnodeSpec>;
/** Text is the data; null: it is there. */
type ZnodeValue = ZnodeSpec | string | null;

const DATA_KEYS = ["data", "json", "dataFile", "dataBase64"] as const;

/** @throws {ShellError} that names file, line and column */
export function parseTreeFile(text: string, file: string): WantedTree {
  return new TreeFile(text, file).parse();
}

class TreeFile {
  readonly #file: string;
  readonly #text: string;
  readonly #lines = new LineCounter();
  #root: Node | null = null;
  readonly #znodes = new Map<string, WantedZnode>();
  /** Where each was written. */
  readonly #placeOf = new Map<string, Node | null>();
  readonly #kept = new Set<string>();
  /** Those whose scalars were looked at, for an anchor may stand for one many times. */
  readonly #taken = new Set<Node>();
  /** Those the one that is looked at stands in. */
  readonly #open = new Set<Node>();

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  parse(): WantedTree {
    const document = this.#document();
    const { contents } = document;
    if (!isMap(contents)) {
      throw this.#failure(contents, "a map from paths to znodes is wanted, as in /app: {}");
    }
    this.#root = contents;
    for (const { key, value } of contents.items) {
      if (isNode(key)) takeAsText(key);
      if (isNode(value)) this.#takeZnode(value, document);
    }
    const json = this.#json(document);
    const tops: string[] = [];
    for (const { key, value } of contents.items) {
      const path = String(isScalar(key) ? key.value : key);
      const place = isNode(key) ? key : null;
      if (!isZnodePath(path)) {
        throw this.#failure(
          place,
          `"${path}" is no path of a znode: it begins with a slash, does not end with one, and has no ` +
            `empty name`,
        );
      }
      tops.push(path);
      const node = isNode(value) ? value : null;
      this.#add(path, this.#checked(path, json[path], node), { node, place });
    }
    return { znodes: this.#inOrder(), tops, kept: this.#kept };
  }

  #document(): Document {
    const documents = parseAllDocuments(this.#text, { lineCounter: this.#lines, merge: true });
    if (!Array.isArray(documents) || documents.length === 0) {
      throw new ShellError(`apply: ${this.#file} is empty: there is nothing to apply`);
    }
    const [document, second] = documents as Document[];
    const [error] = [...document!.errors, ...document!.warnings]; // of a tag that means nothing here
    if (error !== undefined) {
      const [start] = error.linePos ?? [];
      const where = start === undefined ? "" : `:${start.line}:${start.col}`;
      const [message] = error.message.split("\n");
      const what = message!.replace(/ at line \d+, column \d+:$/, "");
      throw new ShellError(`apply: ${this.#file}${where}: ${what}`);
    }
    if (second !== undefined) {
      throw this.#failure(second.contents as Node | null, "there is a second document");
    }
    return document!;
  }

  /** What anchors stand for, put in their places. @throws {ShellError} */
  #json(document: Document): Record<string, unknown> {
    try {
      return document.toJS({ maxAliasCount: ALIAS_COUNT_MAX });
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      throw this.#failure(null, `its anchors do not come to an end: ${error.message}`);
    }
  }

  /** Where text is meant, scalars of a znode become text, in it and below it. */
  #takeZnode(node: Node, document: Document): void {
    const target = isAlias(node) ? node.resolve(document) : node;
    if (target === undefined || this.#taken.has(target)) return;
    if (this.#open.has(target)) throw this.#failure(node, "this znode would be its own child");
    this.#open.add(target);
    this.#takeTarget(target, document);
    this.#open.delete(target);
    this.#taken.add(target);
  }

  #takeTarget(node: Node, document: Document): void {
    this.#takeText(node);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      const name = takeKeyAsText(key);
      if (!isNode(value)) continue;
      if (name === "data") {
        this.#takeText(isAlias(value) ? value.resolve(document) ?? value : value);
      }
      if (name !== "children") continue;
      const children = isAlias(value) ? value.resolve(document) : value;
      if (!isMap(children)) continue;
      for (const child of children.items) {
        if (takeKeyAsText(child.key) === "__proto__") { // it would be lost
          throw this.#failure(child.key as Node, "__proto__ cannot be named here: use create");
        }
        if (isNode(child.value)) this.#takeZnode(child.value, document);
      }
    }
  }

  #takeText(node: Node): void {
    if (isScalar(node) && node.value instanceof Uint8Array) {
      throw this.#failure(node, "!!binary is not taken: write dataBase64: with the same text");
    }
    takeAsText(node);
  }

  /** The znode after the schema; an error is shown where it stands. */
  #checked(path: string, json: unknown, node: Node | null): ZnodeValue {
    const { data, error } = z.union([Text, z.null(), ZnodeSpec]).safeParse(json, {
      reportInput: true,
    });
    if (error === undefined) return data!;
    const { issue, at } = deepestIssue(error.issues[0]!, []);
    const key = issue.code === "unrecognized_keys" ? issue.keys[0]! : null;
    const place = nodeAt(node, key === null ? at : [...at, key], key !== null) ?? node;
    const names = at.map(String);
    const inChild = names.flatMap((name, index) => names[index - 1] === "children" ? [name] : []);
    const shown = [path, ...inChild].join("/").replace(/^\/\//, "/");
    const field = names.at(-1) !== undefined && names.at(-2) !== "children"
      ? ` ${names.at(-1)}`
      : "";
    throw this.#failure(place, `${shown}${field}: ${issueText(issue)}`);
  }

  #add(
    path: string,
    value: ZnodeValue,
    { node, place }: { node: Node | null; place: Node | null },
  ): void {
    if (this.#placeOf.has(path)) throw this.#failure(place, `${path} is there a second time`);
    if (path === "/zookeeper" || path.startsWith("/zookeeper/")) {
      throw this.#failure(place, `${path} is the server's own: use setquota and reconfig`);
    }
    this.#placeOf.set(path, place);
    const spec = typeof value === "string" ? { data: value } : value ?? {};
    const { type, ttlMs, acl, children, prune } = spec as ZnodeSpec;
    if ((type === "ttl") !== (ttlMs !== undefined)) {
      throw this.#failure(place, `${path}: type: ttl and ttlMs: need each other`);
    }
    this.#znodes.set(path, {
      path,
      data: this.#dataOf(path, spec as ZnodeSpec, node ?? place),
      acl: acl === undefined ? undefined : this.#aclOf(path, acl, nodeAt(node, ["acl"]) ?? place),
      type,
      ttlMs,
    });
    if (prune === false) this.#kept.add(path);
    for (const [name, child] of Object.entries(children ?? {})) {
      const childNode = nodeAt(node, ["children", name]);
      const key = nodeAt(node, ["children", name], true) ?? childNode ?? place;
      const below = childPath(path, name);
      if (name.startsWith("/") || !isZnodePath(below)) {
        throw this.#failure(key, `"${name}" is no name of a znode below ${path}`);
      }
      this.#add(below, child, { node: childNode, place: key });
    }
  }

  #dataOf(path: string, spec: ZnodeSpec, place: Node | null): Uint8Array | null | undefined {
    const keys = DATA_KEYS.filter((key) => spec[key] !== undefined);
    if (keys.length > 1) {
      throw this.#failure(place, `${path}: ${keys.join(" and ")} exclude each other`);
    }
    switch (keys[0]) {
      case undefined:
        return undefined;
      case "data":
        return spec.data === null ? null : encodeUtf8(spec.data!);
      case "json":
        return encodeUtf8(JSON.stringify(spec.json));
      case "dataBase64":
        return Uint8Array.fromBase64(spec.dataBase64!);
      case "dataFile": {
        const from = this.#file === "-" ? "." : dirname(this.#file);
        const name = resolve(from, spec.dataFile!);
        try {
          return Deno.readFileSync(name);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw this.#failure(place, `${path} dataFile: Cannot read "${name}": ${why}`);
        }
      }
    }
  }

  #aclOf(path: string, acl: NonNullable<ZnodeSpec["acl"]>, place: Node | null): AclEntry[] {
    let entries: AclEntry[];
    try {
      if (typeof acl === "string") entries = parseAclText(acl);
      else {
        entries = acl.flatMap((entry) =>
          typeof entry === "string" ? parseAclText(entry) : aclOfJson([entry])
        );
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw this.#failure(place, `${path} acl: ${error.message}`);
    }
    if (entries.some(({ id }) => id.scheme === "auth")) {
      throw this.#failure(
        place,
        `${path} acl: auth means whoever applies the file, so that it says something else each time: write ` +
          `the scheme and id out, for example digest:user:hash`,
      );
    }
    return entries;
  }

  /** With the parents that nobody wrote down: they only have to be there. */
  #inOrder(): Map<string, WantedZnode> {
    for (const path of [...this.#znodes.keys()]) {
      for (let at = parentPath(path); at !== "/" && !this.#znodes.has(at); at = parentPath(at)) {
        this.#znodes.set(at, { path: at, ...NOTHING });
      }
    }
    const key = (path: string) => path === "/" ? "" : path.replaceAll("/", "\0");
    return new Map(
      [...this.#znodes].sort(([a], [b]) => key(a) < key(b) ? -1 : 1),
    );
  }

  #failure(node: Node | null | undefined, message: string): ShellError {
    const offset = (node ?? this.#root)?.range?.[0];
    const { line, col } = offset === undefined ? { line: 1, col: 1 } : this.#lines.linePos(offset);
    return new ShellError(`apply: ${this.#file}:${line}:${col}: ${message}`);
  }
}

const NOTHING = { data: undefined, acl: undefined, type: undefined, ttlMs: undefined };

/** A name, or data, is the text that stands there: `0001` is no number, `1.10` not 1.1. */
function takeAsText(node: Node): void {
  if (!isScalar(node) || typeof node.value === "string" || node.source === undefined) return;
  if (node.value !== null) node.value = node.source;
}

function takeKeyAsText(key: unknown): string | null {
  if (!isScalar(key)) return null;
  if (typeof key.value !== "string") key.value = key.source ?? String(key.value);
  return key.value as string;
}

/** The node at the end of the keys; or its key. */
function nodeAt(node: Node | null, keys: readonly PropertyKey[], isKey = false): Node | null {
  let at: Node | null = node;
  for (const [index, name] of keys.entries()) {
    if (!isMap(at)) {
      const items = (at as { items?: unknown[] } | null)?.items;
      const item = typeof name === "number" ? items?.[name] : undefined;
      if (!isNode(item)) return at;
      at = item;
      continue;
    }
    const pair: unknown = (at as YAMLMap).items.find(({ key }) =>
      String(isScalar(key) ? key.value : key) === String(name)
    );
    if (!isPair(pair)) return at;
    if (isKey && index === keys.length - 1) return isNode(pair.key) ? pair.key : at;
    if (!isNode(pair.value)) return isNode(pair.key) ? pair.key : at;
    at = pair.value;
  }
  return at;
}

type Issue = z.core.$ZodIssue;

/** Of the alternatives that a value may be, the one that fits best says what is wrong. */
function deepestIssue(
  issue: Issue,
  before: readonly PropertyKey[],
): { issue: Issue; at: PropertyKey[] } {
  const at = [...before, ...issue.path];
  if (issue.code !== "invalid_union") return { issue, at };
  const inner = issue.errors.flatMap((issues) => issues.slice(0, 1))
    .map((each) => deepestIssue(each, at));
  const isOfObject = (found: { issue: Issue; at: PropertyKey[] }) =>
    found.at.length > at.length || found.issue.code === "unrecognized_keys";
  return inner.find(isOfObject) ?? { issue, at };
}

function issueText(issue: Issue): string {
  switch (issue.code) {
    case "unrecognized_keys":
      return `there is no "${issue.keys[0]}": a znode has ${
        Object.keys(ZnodeSpec.shape).join(", ")
      }`;
    case "invalid_union":
      return "text, a map, or nothing is wanted (a list or other values go into json:)";
    default:
      return issue.message;
  }
}
