/**
 * `import`: makes znodes out of the lines of an export.
 *
 * @module
 */
import { Problem } from "../../../net/http/problem.ts";
import { lineContent, parseTreeLine, placedPath } from "../../../net/http/tree_line.ts";
import { type ShellContext, ShellError } from "../shell_command.ts";
import { CommandOutput, counted, Progress } from "./command_output.ts";
import { ImportBatches, type ImportedZnode } from "./import_batches.ts";
import { linesOfFile, type NumberedLine } from "./line_file.ts";
import { OptionWords } from "./option_words.ts";
import { checkedPath } from "./znode_text.ts";

const BATCH_DEFAULT = 200;

export async function runImport(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("import", {
    ...{ "-f": "value", "--file": "value", "--at": "value", "--conflict": "value" },
    ...{ "--batch": "value", "--plan": "flag", "--parents": "flag", "-v": "flag" },
    "--ephemerals": "flag",
  }, words);
  const [operand] = options.atMost(1);
  const file = options.value("-f") ?? options.value("--file") ?? operand ?? "-";
  const top = checkedPath("import", options.value("--at") ?? "/");
  const isPlan = options.has("--plan");
  const isJson = options.isJson(context);
  const client = context.connectedClient();
  const output = new CommandOutput(context);
  const isTold = isPlan || options.has("-v");
  const batches = new ImportBatches(client, {
    signal: context.signal,
    conflict: options.choice("--conflict", ["fail", "skip", "replace"]),
    withParents: options.has("--parents"),
    isPlan,
    lineCountMax: options.integer("--batch", { min: 1 }) ?? BATCH_DEFAULT,
    onChange: ({ sign, path, what }) => {
      if (!isTold) return;
      if (isJson) output.line(JSON.stringify({ change: what, path }));
      else output.line(`${sign} ${path}${sign === "~" ? ` ${what}` : ""}`);
    },
  });
  const progress = new Progress(context, { isQuiet: isTold && context.world.terminal.stdout });
  let bytesRead = 0;
  const source = linesOfFile(context, file, (count) => bytesRead += count);
  const bytesTotal = file === "-" ? null : fileSize(file);
  try {
    // what exists is looked up on this server
    await client.sync("/", { signal: context.signal }).catch(() => {});
    for await (const line of source) {
      context.signal.throwIfAborted();
      batches.counts.lines += 1;
      const znode = znodeOf(line, { top, withEphemerals: options.has("--ephemerals") });
      if (znode === null) batches.counts.skipped += 1;
      else await batches.add(znode);
      progress.tell(() =>
        [
          counted(batches.counts.lines, "line"),
          ...bytesTotal === null
            ? []
            : [`${Math.floor(100 * Math.min(1, bytesRead / bytesTotal))} %`],
        ].join(", ")
      );
    }
    await batches.flush();
  } catch (error) {
    context.signal.throwIfAborted();
    progress.end();
    output.flush();
    throw withCounts(error, batches, isPlan);
  } finally {
    progress.end();
    output.flush();
  }
  const { counts } = batches;
  context.print(
    isJson
      ? `${JSON.stringify({ path: top, plan: isPlan, ...counts })}\n`
      : `${isPlan ? "Plan: " : ""}${countsText(batches)}\n`,
  );
  return 0;
}

/** Null: the line is left out. @throws {ShellError} that names the line */
function znodeOf(
  { number, text }: NumberedLine,
  { top, withEphemerals }: { top: string; withEphemerals: boolean },
): ImportedZnode | null {
  try {
    const line = parseTreeLine(text);
    if (line.denied) return null;
    const path = placedPath(top, line.path);
    if (line.type === "ephemeral") {
      if (!withEphemerals) return null;
      const content = lineContent({ ...line, type: "persistent" });
      return { number, path, ...content, type: "persistent" };
    }
    const { type, ...content } = lineContent(line);
    if (type === "ephemeral") return null;
    return { number, path, type, ...content };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new ShellError(`line ${number}: ${error.message}`);
  }
}

/** What is wrong, and how far the import came. */
function withCounts(error: unknown, batches: ImportBatches, isPlan: boolean): unknown {
  if (!(error instanceof ShellError)) return error;
  const { created, updated } = batches.counts;
  const done = isPlan
    ? "nothing was changed, this is a plan"
    : created + updated === 0
    ? "nothing was changed"
    : `${countsText(batches)} before it; --conflict skip goes on from there`;
  return new ShellError(`import: ${error.message} (${done})`, { exitCode: error.exitCode });
}

function countsText({ counts }: ImportBatches): string {
  const { lines, created, updated, unchanged, skipped } = counts;
  return `${created} created, ${updated} updated, ${unchanged} unchanged, ${skipped} skipped of ${
    counted(lines, "line")
  }`;
}

function fileSize(file: string): number | null {
  try {
    return Deno.statSync(file).size;
  } catch {
    return null; // said when it is opened
  }
}
