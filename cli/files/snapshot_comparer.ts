/**
 * `denkeeper snapshot compare -b BYTES -n NODES`: sizes of subtrees that differ, as zkSnapshotComparer.sh prints
 * them: level by level, or where one asks.
 *
 * @module
 */
import { basename } from "node:path";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { LineInput } from "./line_input.ts";
import { OutputPieces } from "./output_pieces.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { streamSnapshot } from "./snapshot_stream.ts";

export interface ComparerOptions {
  readonly bytes: string;
  readonly nodes: string;
  readonly debug?: boolean;
  readonly interactive?: boolean;
  readonly maxBuffer?: string;
}

interface Subtree {
  readonly path: string;
  /** Of the data in it, the top's included. */
  bytes: number;
  /** Znodes below the top. */
  descendantCount: number;
  readonly children: Subtree[];
}

interface Layers {
  /** The subtrees that begin at each level, by path. */
  readonly levels: Subtree[][];
  readonly byPath: ReadonlyMap<string, Subtree>;
}

export async function runComparer(
  world: World,
  left: string,
  right: string,
  options: ComparerOptions,
): Promise<number> {
  const thresholds = {
    bytes: thresholdOf("--bytes", options.bytes),
    nodes: thresholdOf("--nodes", options.nodes),
  };
  const output = new OutputPieces(world);
  output.print("Successfully parsed options!\n");
  const lengthMax = lengthMaxOf(options.maxBuffer);
  const leftLayers = await readLayers(left, lengthMax, output);
  const rightLayers = await readLayers(right, lengthMax, output);
  tellLayers(leftLayers, output);
  tellLayers(rightLayers, output);
  const comparer = new Comparer({
    left: leftLayers,
    right: rightLayers,
    thresholds,
    output,
    isDebug: options.debug === true,
    isInteractive: options.interactive === true,
  });
  if (options.interactive === true) await comparer.converse(new LineInput(world));
  else comparer.compareAll();
  output.flush();
  return ExitCode.Normal; // as theirs, which does not tell by it whether they differ
}

async function readLayers(
  path: string,
  lengthMax: number,
  output: OutputPieces,
): Promise<Layers> {
  const startMs = performance.now();
  const levels: Subtree[][] = [];
  const byPath = new Map<string, Subtree>();
  const above: Subtree[] = [];
  await streamSnapshot({ path, lengthMax }, {
    node({ path, depth, data }) {
      const node: Subtree = { path, bytes: data?.length ?? 0, descendantCount: 0, children: [] };
      above.length = depth;
      above.at(-1)?.children.push(node);
      for (const top of above) {
        top.bytes += node.bytes;
        top.descendantCount++;
      }
      above.push(node);
      (levels[depth] ??= []).push(node);
      byPath.set(path, node);
    },
  });
  const readMs = performance.now();
  output.print(
    `Deserialized snapshot in ${basename(path)} in ${seconds(readMs - startMs)} seconds\n`,
  );
  for (const level of levels) level.sort(byPathOrder);
  for (const { children } of byPath.values()) children.sort(byPathOrder);
  output.print(`Processed data tree in ${seconds(performance.now() - readMs)} seconds\n`);
  return { levels, byPath };
}

function tellLayers({ levels, byPath }: Layers, output: OutputPieces): void {
  output.print(
    `Node count: ${byPath.size}\nTotal size: ${levels[0]?.[0]?.bytes ?? 0}\n` +
      `Max depth: ${levels.length}\n` +
      levels.map((level, i) => `Count of nodes at depth ${i}: ${level.length}\n`).join("") + "\n",
  );
}

class Comparer {
  readonly #left: Layers;
  readonly #right: Layers;
  readonly #thresholds: { bytes: number; nodes: number };
  readonly #output: OutputPieces;
  readonly #isDebug: boolean;
  readonly #tellsFiltered: boolean;
  readonly #levelCount: number;

  constructor({ left, right, thresholds, output, isDebug, isInteractive }: {
    left: Layers;
    right: Layers;
    thresholds: { bytes: number; nodes: number };
    output: OutputPieces;
    isDebug: boolean;
    isInteractive: boolean;
  }) {
    this.#left = left;
    this.#right = right;
    this.#thresholds = thresholds;
    this.#output = output;
    this.#isDebug = isDebug;
    this.#tellsFiltered = isDebug || isInteractive;
    this.#levelCount = Math.max(left.levels.length, right.levels.length);
  }

  compareAll(): void {
    this.#tellThresholds();
    for (let level = 0; level < this.#levelCount; level++) this.#compareLevel(level);
    this.#output.print("All layers compared.\n");
  }

  async converse(input: LineInput): Promise<void> {
    const output = this.#output;
    for (let level = 0; level < this.#levelCount;) {
      output.print(
        `Current depth is ${level}\n` +
          "- Press enter to move to print current depth layer;\n" +
          "- Type a number to jump to and print all nodes at a given depth;\n" +
          "- Enter an ABSOLUTE path to print the immediate subtree of a node. " +
          "Path must start with '/'.\n",
      );
      output.flush();
      const line = await input.next();
      if (line === null) return;
      this.#tellThresholds();
      if (line === "") this.#compareLevel(level++);
      else if (line.startsWith("/")) this.#compareChildren(line);
      else if (!/^[+-]?\d{1,9}$/.test(line)) {
        output.print(
          `Input ${line} is not valid. Depth must be in range [0, ${this.#levelCount - 1}]. ` +
            "Path must be an absolute path which starts with '/'.\n",
        );
      } else {
        const depth = Number(line);
        if (depth < 0 || depth >= this.#levelCount) {
          output.print(`Depth must be in range [0, ${this.#levelCount - 1}]\n`);
          continue;
        }
        level = depth;
        this.#compareLevel(level);
      }
      output.print("\n");
    }
    output.print("All layers compared.\n");
  }

  #tellThresholds(): void {
    const { bytes, nodes } = this.#thresholds;
    this.#output.print(
      `Printing analysis for nodes difference larger than ${bytes} bytes or ` +
        `node count difference larger than ${nodes}.\n`,
    );
  }

  #compareLevel(level: number): void {
    this.#output.print(`Analysis for depth ${level}\n`);
    this.#compareLists(this.#left.levels[level] ?? [], this.#right.levels[level] ?? []);
  }

  #compareChildren(path: string): void {
    this.#output.print(`Analysis for node ${path}\n`);
    const [left, right] = [this.#left.byPath.get(path), this.#right.byPath.get(path)];
    if (left === undefined && right === undefined) {
      this.#output.print(`Path ${path} is neither found in left tree nor right tree.\n`);
      return;
    }
    this.#compareLists(left?.children ?? [], right?.children ?? []);
  }

  /** Both by path. */
  #compareLists(left: readonly Subtree[], right: readonly Subtree[]): void {
    for (let i = 0, j = 0; i < left.length || j < right.length;) {
      const [a, b] = [left[i], right[j]];
      if (a !== undefined && b !== undefined) {
        const order = a.path === b.path ? "same" : a.path < b.path ? "left" : "right";
        if (this.#isDebug) {
          const told = order === "same" ? order : `${order} is less`;
          this.#output.print(`Comparing ${a.path} to ${b.path}\n${told}\n`);
        }
        if (order !== "right") i++;
        if (order !== "left") j++;
        if (order === "same") this.#tellBoth(a, b);
        else if (order === "left") this.#tellOne("left", a);
        else this.#tellOne("right", b);
      } else if (a !== undefined) {
        i++;
        this.#tellOne("left", a);
      } else {
        j++;
        this.#tellOne("right", b!);
      }
    }
  }

  #tellBoth(left: Subtree, right: Subtree): void {
    const bytes = right.bytes - left.bytes;
    const count = right.descendantCount - left.descendantCount;
    if (this.#isLarge(bytes, count)) {
      this.#output.print(
        `Node ${left.path} found in both trees. Delta: ${bytes} bytes, ${count} descendants\n`,
      );
    } else if (this.#tellsFiltered) {
      this.#output.print(
        `Filtered node ${left.path} of left size ${left.bytes}, right size ${right.bytes}\n`,
      );
    }
  }

  #tellOne(side: "left" | "right", { path, bytes, descendantCount }: Subtree): void {
    if (this.#isLarge(bytes, descendantCount)) {
      this.#output.print(
        `Node ${path} found only in ${side} tree. Descendant size: ${bytes}. ` +
          `Descendant count: ${descendantCount}\n`,
      );
    } else if (this.#tellsFiltered) {
      this.#output.print(`Filtered ${side} node ${path} of size ${bytes}\n`);
    }
  }

  #isLarge(bytes: number, count: number): boolean {
    return Math.abs(bytes) > this.#thresholds.bytes || Math.abs(count) > this.#thresholds.nodes;
  }
}

function byPathOrder(a: Subtree, b: Subtree): number {
  return a.path < b.path ? -1 : 1;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(6);
}

function thresholdOf(option: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new CommandError(`${option} cannot be "${text}": expected a number from 0 on`, {
    exitCode: ExitCode.InvalidInvocation,
  });
}
