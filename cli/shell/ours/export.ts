/**
 * `export`: a subtree as lines of JSON.
 *
 * @module
 */
import { OutputClosedError } from "../../world.ts";
import { type ShellContext, ShellError } from "../shell_command.ts";
import { CommandOutput, counted, DeniedSubtrees, Progress } from "./command_output.ts";
import { exportedLine, linePath } from "./exported_line.ts";
import { OptionWords } from "./option_words.ts";
import { walkTree } from "./tree_walk.ts";
import { checkedPath, typeOf } from "./znode_text.ts";

const PIECE_LENGTH = 64 * 1024;

export async function runExport(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("export", {
    ...{ "-o": "value", "--output": "value", "--depth": "value" },
    ...{ "-e": "flag", "--ephemerals": "flag", "--stat": "flag" },
  }, words);
  const [path = "/"] = options.atMost(1);
  checkedPath("export", path);
  const file = options.value("-o") ?? options.value("--output");
  const withEphemerals = options.has("-e") || options.has("--ephemerals");
  const withStat = options.has("--stat");
  const walk = walkTree(context.connectedClient(), path, {
    signal: context.signal,
    withData: true,
    withAcl: true,
    depthMax: options.integer("--depth", { min: 0 }) ?? Infinity,
    // the server's own affairs come only when they are asked for
    skips: (below) => path === "/" && below === "/zookeeper",
  });
  const denied = new DeniedSubtrees(context, "export");
  const isStdout = file === undefined || file === "-";
  const progress = new Progress(context, { isQuiet: isStdout && context.world.terminal.stdout });
  const counts = { znodes: 0, bytes: 0, ephemerals: 0, aclDenied: 0 };
  const output = isStdout ? new CommandOutput(context) : new ExportFile(file);
  try {
    for await (const visit of walk) {
      if (visit.znode === null) continue;
      const { stat } = visit.znode;
      if (!withEphemerals && stat !== null && typeOf(stat) === "ephemeral") {
        counts.ephemerals += 1;
        continue;
      }
      const line = exportedLine(linePath(path, visit.path), visit.znode, { withStat });
      if (line.denied) denied.add(visit.path);
      if (line.aclDenied) counts.aclDenied += 1;
      counts.znodes += 1;
      counts.bytes += stat?.dataLength ?? 0;
      output.line(JSON.stringify(line));
      progress.tell(() => `${counted(counts.znodes, "znode")}: ${visit.path}`.slice(0, 79));
    }
    output.flush();
    if (output instanceof ExportFile) output.finish();
  } catch (error) {
    if (output instanceof ExportFile) output.discard();
    else if (!(error instanceof OutputClosedError)) output.flush();
    throw error;
  } finally {
    progress.end();
  }
  if (!isStdout) tellCounts(context, { ...counts, file, isJson: options.isJson(context) });
  const hasAclDenied = counts.aclDenied > 0;
  if (hasAclDenied) {
    context.complain(
      `export: ${counted(counts.aclDenied, "ACL")} cannot be seen whole, which takes the ADMIN ` +
        `permission: the lines say aclDenied and must get an ACL before they can be imported\n`,
    );
  }
  return denied.end() || hasAclDenied ? 1 : 0;
}

function tellCounts(
  context: ShellContext,
  { file, isJson, ...counts }: {
    znodes: number;
    bytes: number;
    ephemerals: number;
    file: string;
    isJson: boolean;
  },
): void {
  if (isJson) return context.print(`${JSON.stringify({ file, ...counts })}\n`);
  const { znodes, bytes, ephemerals } = counts;
  const left = ephemerals > 0
    ? `; ${counted(ephemerals, "ephemeral")} left out (-e takes them along)`
    : "";
  context.print(
    `${counted(znodes, "znode")}, ${counted(bytes, "byte")} of data in ${file}${left}\n`,
  );
}

/** The export under its name only when it is whole: what was there before stays until then. */
class ExportFile {
  readonly #name: string;
  readonly #partName: string;
  readonly #file: Deno.FsFile;
  #piece = "";

  constructor(name: string) {
    this.#name = name;
    this.#partName = `${name}.part`;
    try {
      this.#file = Deno.openSync(this.#partName, { write: true, create: true, truncate: true });
    } catch (error) {
      throw this.#failure("create", error);
    }
  }

  line(text: string): void {
    this.#piece += `${text}\n`;
    if (this.#piece.length >= PIECE_LENGTH) this.flush();
  }

  flush(): void {
    const bytes = new TextEncoder().encode(this.#piece);
    this.#piece = "";
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      throw this.#failure("write", error);
    }
  }

  finish(): void {
    try {
      this.#file.syncDataSync();
      this.#file.close();
      Deno.renameSync(this.#partName, this.#name);
    } catch (error) {
      throw this.#failure("finish", error);
    }
  }

  discard(): void {
    try {
      this.#file.close();
    } catch { /* finish came so far */ }
    try {
      Deno.removeSync(this.#partName);
    } catch { /* it is gone */ }
  }

  #failure(attempt: string, error: unknown): ShellError {
    const why = error instanceof Error ? error.message : String(error);
    return new ShellError(`export: Cannot ${attempt} "${this.#name}": ${why}`);
  }
}
