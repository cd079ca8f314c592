/**
 * The program in `tests/compat/openapi`, which drives a server as its `/openapi.json` says, in a process of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TextLineStream } from "./text_lines.ts";

const PROJECT = fileURLToPath(new URL("../compat/openapi/", import.meta.url));

export interface DocumentedOperation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly statuses: readonly number[];
  /** Null: it takes no body. */
  readonly bodyType: string | null;
}

/** What the document has, and whether it is one. */
export interface DocumentReport {
  readonly valid: boolean;
  readonly errors: unknown;
  readonly operations: readonly DocumentedOperation[];
}

export interface ClientOrder {
  /** Of the server; default: the one whose document it is. */
  readonly url?: string;
  readonly operation: string;
  /** Of path, query and header, by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** What the document does not have. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  /** Default: true, as the document tells users to have it. */
  readonly keepsSlashes?: boolean;
}

export interface ClientResult {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is not as the document says. */
  readonly wrong: readonly string[];
}

export class GeneratedClient implements AsyncDisposable {
  readonly report: DocumentReport;
  readonly #url: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  private constructor(
    { url, child, lines, report }: {
      url: string;
      child: Deno.ChildProcess;
      lines: ReadableStreamDefaultReader<string>;
      report: DocumentReport;
    },
  ) {
    this.#url = url;
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#lines = lines;
    this.report = report;
  }

  static async start(url: string): Promise<GeneratedClient> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "--no-prompt",
          "--quiet",
          "--frozen",
          "--allow-net=127.0.0.1",
          "--allow-env",
          "--allow-read",
        ],
        ...["--config", `${PROJECT}deno.json`, `${PROJECT}generated_client.ts`, url],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    const report = JSON.parse(await nextLine(lines));
    return new GeneratedClient({ url, child, lines, report });
  }

  /** One call; one at a time. */
  async call(order: ClientOrder): Promise<ClientResult> {
    const whole = {
      ...{ url: this.#url, parameters: {}, headers: {}, body: null, keepsSlashes: true },
      ...order,
    };
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(whole)}\n`));
    return JSON.parse(await nextLine(this.#lines));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#lines.cancel();
    await this.#child.status;
  }
}

async function nextLine(lines: ReadableStreamDefaultReader<string>): Promise<string> {
  const { done, value } = await lines.read();
  assert(!done, "The generated client ended");
  return value;
}
