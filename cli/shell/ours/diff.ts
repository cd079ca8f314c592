/**
 * `diff`: what differs between two subtrees, here, in two ensembles, or in an export.
 *
 * @module
 */
import { sameBytes } from "../../../core/same_bytes.ts";
import { dataJson } from "../json_texts.ts";
import type { ShellContext } from "../shell_command.ts";
import { CommandOutput, counted, DeniedSubtrees, Progress } from "./command_output.ts";
import { authOf, type ComparedZnode, comparePaths, type DiffSide, openSide } from "./diff_sides.ts";
import { OptionWords, usageError } from "./option_words.ts";
import { asTrouble, TROUBLE } from "./trouble.ts";
import { dataInShort } from "./znode_text.ts";

const DIFFERENT = 1;

export function runDiff(context: ShellContext, words: readonly string[]): Promise<number> {
  return asTrouble(() => diff(context, words));
}

async function diff(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("diff", {
    ...{ "--stat": "flag", "-q": "flag", "--no-acl": "flag", "--no-data": "flag" },
    ...{ "-e": "flag", "--ephemerals": "flag", "--auth": "list", "--depth": "value" },
  }, words);
  const [left, right] = options.atMost(2, 2) as [string, string];
  const sideOptions = {
    withEphemerals: options.has("-e") || options.has("--ephemerals"),
    depthMax: options.integer("--depth", { min: 0 }) ?? Infinity,
    auth: options.list("--auth").map((word) => authOf("diff", word)),
  };
  if (left === "-" && right === "-") throw usageError("diff", "stdin can be one side only");
  await using leftSide = await openSide(context, left, sideOptions);
  await using rightSide = await openSide(context, right, sideOptions);
  const comparison = new Comparison(context, {
    left: leftSide,
    right: rightSide,
    isQuiet: options.has("-q"),
    isCounted: options.has("--stat"),
    isJson: options.isJson(context),
    withAcl: !options.has("--no-acl"),
    withData: !options.has("--no-data"),
  });
  return await comparison.run();
}

interface ComparisonOptions {
  readonly left: DiffSide;
  readonly right: DiffSide;
  /** Prints nothing, and ends with the first difference. */
  readonly isQuiet: boolean;
  /** Prints counts only. */
  readonly isCounted: boolean;
  readonly isJson: boolean;
  readonly withAcl: boolean;
  readonly withData: boolean;
}

class Comparison {
  readonly #context: ShellContext;
  readonly #options: ComparisonOptions;
  readonly #output: CommandOutput;
  readonly #counts = { added: 0, removed: 0, changed: 0, data: 0, acl: 0, type: 0, same: 0 };
  readonly #denied: DeniedSubtrees;
  readonly #progress: Progress;
  /** A subtree that one of the sides could not read. */
  #deniedTop: string | null = null;
  #unseenAcls = 0;

  constructor(context: ShellContext, options: ComparisonOptions) {
    this.#context = context;
    this.#options = options;
    this.#output = new CommandOutput(context);
    this.#denied = new DeniedSubtrees(context, "diff");
    this.#progress = new Progress(context, {
      isQuiet: context.world.terminal.stdout && !options.isCounted && !options.isQuiet,
    });
  }

  async run(): Promise<number> {
    const lefts = this.#options.left.znodes();
    const rights = this.#options.right.znodes();
    try {
      await this.#merge(lefts, rights);
      if (this.#options.isCounted) this.#tellCounts();
    } finally {
      this.#progress.end();
      this.#output.flush();
      await lefts.return();
      await rights.return();
    }
    if (this.#unseenAcls > 0) {
      this.#context.complain(
        `diff: ${
          counted(this.#unseenAcls, "ACL")
        } cannot be compared, which takes the ADMIN permission ` +
          `(--no-acl leaves ACLs out)\n`,
      );
    }
    if (this.#denied.end() || this.#unseenAcls > 0) return TROUBLE;
    return this.#isDifferent ? DIFFERENT : 0;
  }

  get #isDifferent(): boolean {
    const { added, removed, changed } = this.#counts;
    return added + removed + changed > 0;
  }

  async #merge(
    lefts: AsyncGenerator<ComparedZnode, void, undefined>,
    rights: AsyncGenerator<ComparedZnode, void, undefined>,
  ): Promise<void> {
    let [left, right] = await Promise.all([next(lefts), next(rights)]);
    while (left !== null || right !== null) {
      if (this.#options.isQuiet && this.#isDifferent) return;
      const order = left === null ? 1 : right === null ? -1 : comparePaths(left.path, right.path);
      const path = (order <= 0 ? left : right)!.path;
      const isComparable = this.#isComparable(path, [left, right], order);
      if (order === 0) {
        if (isComparable) this.#compare(left!, right!);
        [left, right] = await Promise.all([next(lefts), next(rights)]);
      } else if (order < 0) {
        if (isComparable) this.#alone(left!, "removed");
        left = await next(lefts);
      } else {
        if (isComparable) this.#alone(right!, "added");
        right = await next(rights);
      }
      const { same, changed } = this.#counts;
      this.#progress.tell(() =>
        `${counted(same + changed, "znode")} on both sides: ${path}`.slice(0, 79)
      );
    }
  }

  /** Both sides could be read there. */
  #isComparable(
    path: string,
    [left, right]: readonly [ComparedZnode | null, ComparedZnode | null],
    order: number,
  ): boolean {
    const top = this.#deniedTop;
    if (top !== null && (top === "/" || path.startsWith(`${top}/`))) return false;
    const { left: leftSide, right: rightSide } = this.#options;
    let isComparable = true;
    if (order <= 0 && left!.isDenied) {
      this.#denied.add(leftSide.shown(path));
      isComparable = false;
    }
    if (order >= 0 && right!.isDenied) {
      this.#denied.add(rightSide.shown(path));
      isComparable = false;
    }
    if (!isComparable) this.#deniedTop = path;
    return isComparable;
  }

  #alone(znode: ComparedZnode, change: "added" | "removed"): void {
    this.#counts[change] += 1;
    const { isQuiet, isCounted, isJson, left, right } = this.#options;
    if (isQuiet || isCounted) return;
    const { path } = znode;
    if (isJson) {
      const side = change === "added" ? "right" : "left";
      this.#output.line(JSON.stringify({ path, change, [side]: znodeJson(znode) }));
    } else {
      const shown = change === "added" ? `+ ${right.shown(path)}` : `- ${left.shown(path)}`;
      this.#output.line(
        `${shown}${znode.type === "ephemeral" ? " (ephemeral)" : ""} ${dataInShort(znode.data)}`,
      );
    }
  }

  #compare(left: ComparedZnode, right: ComparedZnode): void {
    const { isQuiet, isCounted, isJson, withAcl, withData } = this.#options;
    const { path } = left;
    const isOtherData = withData && !sameBytes(left.data, right.data);
    const isSeen = left.acl !== null && right.acl !== null;
    const isOtherAcl = withAcl && isSeen && left.acl !== right.acl;
    const isOtherType = left.type !== right.type;
    if (withAcl && !isSeen) this.#unseenAcls += 1;
    if (!isOtherData && !isOtherAcl && !isOtherType) {
      this.#counts.same += 1;
      return;
    }
    this.#counts.changed += 1;
    if (isOtherData) this.#counts.data += 1;
    if (isOtherAcl) this.#counts.acl += 1;
    if (isOtherType) this.#counts.type += 1;
    if (isQuiet || isCounted) return;
    const what = [
      ...isOtherData ? ["data"] : [],
      ...isOtherAcl ? ["acl"] : [],
      ...isOtherType ? ["type"] : [],
    ];
    if (isJson) {
      this.#output.line(JSON.stringify({
        path,
        change: "changed",
        what,
        left: znodeJson(left),
        right: znodeJson(right),
      }));
      return;
    }
    this.#output.line(`~ ${this.#options.left.shown(path)} ${what.join(" ")}`);
    if (isOtherData) this.#tellBoth(dataInShort(left.data), dataInShort(right.data));
    if (isOtherAcl) this.#tellBoth(left.acl!, right.acl!);
    if (isOtherType) this.#tellBoth(left.type, right.type);
  }

  #tellBoth(left: string, right: string): void {
    this.#output.line(`    - ${left}`);
    this.#output.line(`    + ${right}`);
  }

  #tellCounts(): void {
    const { added, removed, changed, data, acl, type, same } = this.#counts;
    if (this.#options.isJson) return this.#output.line(JSON.stringify(this.#counts));
    const kinds = [`${data} data`, `${acl} acl`, `${type} type`].join(", ");
    this.#output.line(
      `${added} added, ${removed} removed, ${changed} changed (${kinds}), ${same} same`,
    );
  }
}

async function next(
  znodes: AsyncGenerator<ComparedZnode, void, undefined>,
): Promise<ComparedZnode | null> {
  const { done, value } = await znodes.next();
  return done ? null : value;
}

function znodeJson({ type, data, acl }: ComparedZnode) {
  return { type, ...dataJson(data), acl };
}
