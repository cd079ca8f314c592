/**
 * `tree`: a subtree, drawn.
 *
 * @module
 */
import { sessionIdToHex } from "../../../core/zxid.ts";
import { statJson } from "../../../net/stat_json.ts";
import type { ShellContext } from "../shell_command.ts";
import { CommandOutput, counted, DeniedSubtrees, grouped } from "./command_output.ts";
import { OptionWords } from "./option_words.ts";
import { type Visit, type VisitedZnode, walkTree } from "./tree_walk.ts";
import { checkedPath, dataInShort, humanBytes, textOf, typeOf } from "./znode_text.ts";

export async function runTree(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("tree", {
    "-L": "value",
    "-s": "flag",
    "-h": "flag",
    "-d": "flag",
    "-f": "flag",
  }, words);
  const [path = "/"] = options.atMost(1);
  checkedPath("tree", path);
  const output = new CommandOutput(context);
  const denied = new DeniedSubtrees(context, "tree");
  const drawing = options.isJson(context)
    ? new JsonDrawing(output, { withData: options.has("-d") })
    : new TextDrawing(output, {
      withSize: options.has("-s") || options.has("-h"),
      isHuman: options.has("-h"),
      withData: options.has("-d"),
      withPath: options.has("-f"),
    });
  const totals = { znodes: 0, bytes: 0, ephemerals: 0, vanished: 0 };
  const walk = walkTree(context.connectedClient(), path, {
    signal: context.signal,
    withData: options.has("-d"),
    depthMax: options.integer("-L", { min: 0 }) ?? Infinity,
  });
  try {
    for await (const visit of walk) {
      drawing.add(visit);
      if (visit.znode === null) {
        totals.vanished += 1;
        continue;
      }
      totals.znodes += 1;
      const { stat, isDenied } = visit.znode;
      totals.bytes += stat?.dataLength ?? 0;
      if (stat !== null && typeOf(stat) === "ephemeral") totals.ephemerals += 1;
      if (isDenied) denied.add(visit.path);
    }
    drawing.end(totals);
  } finally {
    output.flush();
  }
  return denied.end() ? 1 : 0;
}

interface Totals {
  readonly znodes: number;
  readonly bytes: number;
  readonly ephemerals: number;
  readonly vanished: number;
}

class TextDrawing {
  readonly #output: CommandOutput;
  readonly #options: { withSize: boolean; isHuman: boolean; withData: boolean; withPath: boolean };
  /** What stands before the znodes of each level. */
  readonly #margins: string[] = [""];

  constructor(
    output: CommandOutput,
    options: { withSize: boolean; isHuman: boolean; withData: boolean; withPath: boolean },
  ) {
    this.#output = output;
    this.#options = options;
  }

  add({ path, name, depth, isLast, znode }: Visit): void {
    const margin = this.#margins[depth]!;
    const branch = depth === 0 ? "" : isLast ? "└── " : "├── ";
    this.#margins[depth + 1] = depth === 0 ? "" : margin + (isLast ? "    " : "│   ");
    const title = depth === 0 || this.#options.withPath ? path : name;
    this.#output.line(`${margin}${branch}${this.#told(title, znode)}`);
  }

  #told(title: string, znode: VisitedZnode | null): string {
    if (znode === null) return `${title} (vanished)`;
    const { withSize, isHuman, withData } = this.#options;
    const { stat, data, isDenied } = znode;
    const bytes = stat === null
      ? "?"
      : isHuman
      ? humanBytes(stat.dataLength)
      : String(stat.dataLength);
    const owner = stat === null || typeOf(stat) === "persistent"
      ? ""
      : ` (ephemeral of ${sessionIdToHex(stat.ephemeralOwner)})`;
    const size = withSize ? `[${bytes.padStart(isHuman ? 6 : 9)}]  ` : "";
    const shown = withData && !isDenied ? ` = ${dataInShort(data)}` : "";
    return `${size}${title}${owner}${shown}${isDenied ? " (not readable)" : ""}`;
  }

  end({ znodes, bytes, ephemerals, vanished }: Totals): void {
    const also = [
      ...ephemerals > 0 ? [`${grouped(ephemerals)} of them ephemeral`] : [],
      ...vanished > 0 ? [`${grouped(vanished)} vanished meanwhile`] : [],
    ];
    this.#output.line("");
    this.#output.line([counted(znodes, "znode"), counted(bytes, "byte"), ...also].join(", "));
  }
}

/** One document, whose objects are closed when the next znode shows that nothing more belongs to them. */
class JsonDrawing {
  readonly #output: CommandOutput;
  readonly #withData: boolean;
  #depth = -1;

  constructor(output: CommandOutput, { withData }: { withData: boolean }) {
    this.#output = output;
    this.#withData = withData;
  }

  add({ path, name, depth, znode }: Visit): void {
    if (znode === null) return;
    const opening = depth > this.#depth
      ? (depth === 0 ? `{"tree":` : `,"children":[`)
      : `${this.#closing(depth)},`;
    this.#depth = depth;
    const { stat, data, isDenied } = znode;
    const text = data === null ? null : textOf(data);
    const facts = {
      path,
      name,
      ...stat === null ? {} : { type: typeOf(stat) },
      ...this.#withData && !isDenied
        ? (data === null || text !== null ? { data: text } : { dataBase64: data.toBase64() })
        : {},
      ...stat === null ? {} : { stat: statJson(stat) },
      ...isDenied ? { denied: true } : {},
    };
    this.#output.write(`${opening}\n${JSON.stringify(facts).slice(0, -1)}`);
  }

  end(totals: Totals): void {
    this.#output.line(`${this.#closing(0)},\n"totals":${JSON.stringify(totals)}}`);
  }

  /** Closes what is open down to a znode of that depth. */
  #closing(depth: number): string {
    return "}" + "]}".repeat(this.#depth - depth);
  }
}
