/**
 * Runs the commands for files in the test's own process, on copies of the files that Java servers wrote; and plants
 * damage in them.
 *
 * @module
 */
import { runCommand } from "../../../cli/commands.ts";
import { makeTempDir, type TempDir } from "../../support/temp_dir.ts";

export const TESTDATA = new URL("../../testdata/", import.meta.url).pathname;
const FILE_HEADER_BYTES = 16;
const RECORD_OVERHEAD_BYTES = 13;
const RECORD_PREFIX_BYTES = 12;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param stdin what is typed */
export async function runFiles(args: readonly string[], stdin = ""): Promise<Ran> {
  const ran = { stdout: "", stderr: "" };
  const code = await runCommand({
    args,
    environment: () => undefined,
    terminal: { stdin: false, stdout: false, stderr: false, columns: 80 },
    stdin: () =>
      new ReadableStream({
        start(stream) {
          if (stdin !== "") stream.enqueue(new TextEncoder().encode(stdin));
          stream.close();
        },
      }),
    print: (output) => void (ran.stdout += output),
    writeStdout: (text) => void (ran.stdout += text),
    writeStderr: (text) => void (ran.stderr += text),
    startServer: () => Promise.reject(new Error("Servers are processes here")),
    onStopSignal: () => {},
    onUncaught: () => {},
  });
  return { code, ...ran };
}

/** A copy of a folder of test data, to be changed. */
export function copyOf(name: string): TempDir {
  const dir = makeTempDir();
  copyTree(`${TESTDATA}${name}`, dir.path);
  return dir;
}

function copyTree(from: string, to: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) {
      Deno.mkdirSync(`${to}/${name}`, { recursive: true });
      copyTree(`${from}/${name}`, `${to}/${name}`);
    } else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

export interface RecordPlace {
  readonly offset: number;
  readonly bodyBytes: number;
  /** Behind it. */
  readonly end: number;
}

/** Where the records of a log are. */
export function recordsOf(bytes: Uint8Array): RecordPlace[] {
  const view = new DataView(bytes.buffer);
  const places: RecordPlace[] = [];
  for (let offset = FILE_HEADER_BYTES; offset + RECORD_PREFIX_BYTES < bytes.length;) {
    const bodyBytes = view.getInt32(offset + 8);
    if (bodyBytes === 0) break;
    const end = offset + bodyBytes + RECORD_OVERHEAD_BYTES;
    places.push({ offset, bodyBytes, end });
    offset = end;
  }
  return places;
}

/** Rewrites a file. */
export function change(
  path: string,
  edit: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> | void,
): void {
  const bytes = Deno.readFileSync(path);
  Deno.writeFileSync(path, edit(bytes) ?? bytes);
}
