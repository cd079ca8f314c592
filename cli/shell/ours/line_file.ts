/**
 * Lines of a file or of stdin, each with its number, as they are read.
 *
 * @module
 */
import { linesOf } from "../../../net/http/line_reader.ts";
import { Problem } from "../../../net/http/problem.ts";
import { type ShellContext, ShellError } from "../shell_command.ts";

/** Longer than the line of the largest znode that any server is set to take. */
const LINE_BYTES_MAX = 256 << 20;
const GZIP = [0x1f, 0x8b];

export interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

/**
 * Also of a gzip file.
 *
 * @param file `-` is stdin
 * @throws {ShellError}
 */
export async function* linesOfFile(
  context: ShellContext,
  file: string,
  onBytes?: (count: number) => void,
): AsyncGenerator<NumberedLine, void, undefined> {
  try {
    const source = await streamOf(context, file);
    const counted = onBytes === undefined ? source : source.pipeThrough(countingStream(onBytes));
    yield* linesOf(await unpacked(counted), { lineBytesMax: LINE_BYTES_MAX });
  } catch (error) {
    if (error instanceof ShellError || context.signal.aborted) throw error;
    if (error instanceof Problem || isFileError(error)) {
      throw new ShellError(`Cannot read "${file}": ${(error as Error).message}`);
    }
    throw error;
  }
}

async function streamOf(
  { world }: ShellContext,
  file: string,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  if (file === "-") return world.stdin() as ReadableStream<Uint8Array<ArrayBuffer>>;
  return (await Deno.open(file)).readable;
}

function countingStream(onBytes: (count: number) => void) {
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      onBytes(piece.length);
      controller.enqueue(piece);
    },
  });
}

/** The same, or what it holds if it is gzip. */
async function unpacked(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = source.getReader();
  const { value: first } = await reader.read();
  const whole = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      if (first === undefined) controller.close();
      else controller.enqueue(first);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  const isGzip = first !== undefined && GZIP.every((byte, at) => first[at] === byte);
  return isGzip ? whole.pipeThrough(new DecompressionStream("gzip")) : whole;
}

function isFileError(error: unknown): boolean {
  return error instanceof TypeError || error instanceof Deno.errors.NotFound ||
    (error instanceof Error && Object.values(Deno.errors).some((kind) => error instanceof kind));
}
