/**
 * A shell script with the runtime and the program behind it, which unpacks them once.
 *
 * The runtime's own size makes the file: 40 MB with gzip, which every machine can unpack, 33 MB with zstd.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { type BundledProgram, withHiddenImports } from "./bundle.ts";
import { SERVER_FLAGS, TOOL_FLAGS, V8_FLAGS } from "./run_flags.ts";

/** Programs, which read an archive from stdin, and how hard each tries. */
const COMPRESSORS = {
  gzip: { flags: ["-n"], level: 9 },
  zstd: { flags: ["-T0", "-q"], level: 19 },
} as const;

export type Compression = keyof typeof COMPRESSORS;

export const COMPRESSIONS = Object.keys(COMPRESSORS) as Compression[];

export interface SelfExtractingOptions {
  readonly app: BundledProgram;
  /** The file to carry. */
  readonly runtime: string;
  readonly target: string;
  readonly output: string;
  readonly compression: Compression;
  /** Default: what makes the smallest file. */
  readonly level?: number | undefined;
  readonly workDir: string;
}

/** The same input makes the same file: archive times and owners are fixed. */
export async function makeSelfExtracting(options: SelfExtractingOptions): Promise<void> {
  const { app, runtime, output, compression, workDir } = options;
  const root = `${workDir}/root`;
  Deno.mkdirSync(`${root}/app`, { recursive: true });
  Deno.copyFileSync(runtime, `${root}/denkeeper`);
  for (const file of app.files) {
    const path = `${root}/app/${file}`;
    Deno.mkdirSync(path.replace(/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(path, withHiddenImports(Deno.readTextFileSync(`${app.dir}/${file}`)));
  }
  Deno.writeTextFileSync(`${root}/complete`, "");
  const names = ["denkeeper", ...app.files.map((file) => `app/${file}`), "complete"];
  for (const name of names) {
    Deno.chmodSync(`${root}/${name}`, name === "denkeeper" ? 0o755 : 0o644);
    Deno.utimeSync(`${root}/${name}`, 0, 0);
  }
  const archive = `${workDir}/payload`;
  const { flags, level } = COMPRESSORS[compression];
  const compressor = [compression, `-${options.level ?? level}`, ...flags];
  await shell(
    'cd "$1" && tar --format=ustar --owner=0 --group=0 --numeric-owner -cf - $2 | $3 >"$4"',
    [root, names.join(" "), compressor.join(" "), archive],
  );
  const payload = Deno.readFileSync(archive);
  const unpackedBytes = names.reduce((sum, name) => sum + Deno.statSync(`${root}/${name}`).size, 0);
  const script = launcherScript({
    VERSION: app.version,
    HASH: createHash("sha256").update(payload).digest("hex"),
    TARGET: options.target,
    DECOMPRESSOR: compression,
    UNPACKED_MB: String(Math.ceil(unpackedBytes / 1e6)),
    SERVER_FLAGS: SERVER_FLAGS.join(" "),
    TOOL_FLAGS: TOOL_FLAGS.join(" "),
    V8_FLAGS: V8_FLAGS.join(","),
  });
  const part = `${output}.part`;
  Deno.writeFileSync(part, script, { mode: 0o755 });
  Deno.writeFileSync(part, payload, { append: true });
  Deno.chmodSync(part, 0o755);
  Deno.renameSync(part, output);
}

function launcherScript(values: Readonly<Record<string, string>>): Uint8Array {
  const template = Deno.readTextFileSync(new URL("launcher.sh", import.meta.url));
  const filled = template.replace(/@([A-Z0-9_]+)@/g, (mark, name: string) => {
    if (name === "OFFSET") return mark;
    const value = values[name];
    if (value === undefined) throw new Error(`launcher.sh asks for ${mark}, which nobody gives`);
    return value;
  });
  // The length of the number changes the number; five digits are enough for it.
  const encoder = new TextEncoder();
  const length = encoder.encode(filled.replace("@OFFSET@", "00000")).length;
  return encoder.encode(filled.replace("@OFFSET@", String(length + 1).padEnd(5)));
}

async function shell(script: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("bash", {
    args: ["-o", "pipefail", "-c", script, "bash", ...args],
    stdout: "null",
  }).output();
  if (!success) throw new Error(`Cannot pack: ${new TextDecoder().decode(stderr)}`);
}
