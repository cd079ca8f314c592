/**
 * `deno task compile`: makes `dist/denkeeper`, one file that runs where neither Deno nor Node.js is.
 *
 * With `deno compile` where the runtime for it can be had; on a closed network, where it cannot, with the runtime at
 * hand, as a file that unpacks itself once.
 *
 * @module
 */

import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { bundleProgram } from "./bundle.ts";
import { TOOL_FLAGS, V8_FLAGS } from "./run_flags.ts";
import { type Compression, COMPRESSIONS, makeSelfExtracting } from "./self_extracting.ts";
import { HOST_TARGET, isTarget, runtimeOf, type Target, TARGETS, tripleOf } from "./runtime.ts";

interface CompileOptions {
  readonly output: string;
  readonly target: string;
  readonly method: "auto" | "deno-compile" | "self-extracting";
  readonly compression: Compression;
  readonly compressionLevel?: number;
}

const { output, target, method, compression, compressionLevel: level } = new Command(
  "deno task compile",
)
  .description(
    "Makes one executable file of the program. DENORT_BIN names the base of deno compile, if you have it.",
  )
  .option("-o, --output <file>", "what to make", "dist/denkeeper")
  .addOption(
    new Option("--target <target>", "what it is to run on; others than this machine's are untested")
      .choices(TARGETS).default(HOST_TARGET),
  )
  .addOption(
    new Option("--method <method>", "auto: deno compile, and if that fails the other")
      .choices(["auto", "deno-compile", "self-extracting"]).default("auto"),
  )
  .addOption(
    new Option(
      "--compression <program>",
      "of a file that unpacks itself, and what it needs for that: gzip is everywhere, zstd makes it a fifth smaller",
    ).choices(COMPRESSIONS).default("gzip"),
  )
  .addOption(
    new Option("--compression-level <number>", "1 is fastest (default: the smallest file)")
      .argParser(levelOf),
  )
  .parse(Deno.args, { from: "user" }).opts<CompileOptions>();

if (!isTarget(target)) throw new Error(`${target} is none of ${TARGETS.join(", ")}`);
const workDir = Deno.makeTempDirSync({ prefix: "denkeeper-compile-" });
try {
  const app = await bundleProgram(`${workDir}/app`);
  console.error(`Bundled ${app.files.length} files, version ${app.version}`);
  Deno.mkdirSync(output.replace(/[^/]*$/, "") || ".", { recursive: true });
  if (method === "self-extracting" || !await denoCompile(`${app.dir}/main.js`)) {
    if (method === "deno-compile") Deno.exit(1);
    const runtime = await runtimeOf(target, workDir);
    console.error(`Packs the runtime ${runtime} with ${compression}, which takes a while`);
    await makeSelfExtracting({ app, runtime, target, output, compression, level, workDir });
  }
  const { size } = Deno.statSync(output);
  console.log(`${output} (${target}, ${(size / 1e6).toFixed(1)} MB)`);
  if (target !== HOST_TARGET) console.error(`It was not run: this machine is ${HOST_TARGET}`);
} finally {
  Deno.removeSync(workDir, { recursive: true });
}

function levelOf(text: string): number {
  if (/^[1-9]$|^1\d$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number from 1 to 9, and for zstd to 19.");
}

/** Of another machine's file nobody can say here. */
async function isWhole(): Promise<boolean> {
  if (target !== HOST_TARGET) return true;
  const { success, stdout } = await new Deno.Command(resolve(output), {
    args: ["version"],
    stdin: "null",
    stderr: "null",
  }).output();
  return success && new TextDecoder().decode(stdout).startsWith("Denkeeper");
}

/** @returns whether it could be done */
async function denoCompile(main: string): Promise<boolean> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "--quiet", "--no-config", "--no-lock", "--no-check", "--no-prompt"],
      ...TOOL_FLAGS,
      `--v8-flags=${V8_FLAGS.join(",")}`,
      ...["--target", tripleOf(target as Target)],
      ...["--include", main.replace(/[^/]*$/, ""), "--output", output, main],
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success && await isWhole()) return true;
  if (success) {
    Deno.removeSync(output);
    console.error(
      `deno compile made a file that does not run the program: is DENORT_BIN a denort?`,
    );
    return false;
  }
  const reason = new TextDecoder().decode(stderr).replace(/\n+Stack backtrace:[^]*/, "").trim();
  console.error(`deno compile failed:\n${reason.replace(/^/gm, "  ")}`);
  if (/denort|dl\.deno\.land|release/.test(reason)) {
    console.error(
      "Its base is downloaded from dl.deno.land: set DENORT_BIN to a copy of it where that is out of reach",
    );
  }
  return false;
}
