/**
 * A program that is spoken to line by line: what it prints is waited for, stdout and stderr as one or each alone.
 *
 * @module
 */

/** Far beyond what anything takes; reached only when it never comes. */
const WAIT_MS = 120_000;

export class InteractiveProcess implements AsyncDisposable {
  /** All that was printed so far, on stderr, too, unless that is kept apart. */
  output = "";
  /** What stderr was told, if it is kept apart. */
  errors = "";
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #hasEnded = false;

  constructor(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { keepsErrorsApart = false }: { keepsErrorsApart?: boolean } = {},
  ) {
    this.#child = new Deno.Command("/bin/sh", {
      args: ["-c", `exec "$@" ${keepsErrorsApart ? "" : "2>&1"}`, "sh", ...command],
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: keepsErrorsApart ? "piped" : "null",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const reading = [this.#read(this.#child.stdout, (text) => this.output += text)];
    if (keepsErrorsApart) {
      reading.push(this.#read(this.#child.stderr, (text) => this.errors += text));
    }
    this.#reading = Promise.all(reading).then(() => {
      this.#hasEnded = true;
      this.#notify();
    });
  }

  async send(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Waits until something matching is printed behind `from`. @returns the index behind it */
  async waitFor(
    pattern: RegExp,
    from = 0,
    stream: "output" | "errors" = "output",
  ): Promise<number> {
    const deadline = performance.now() + WAIT_MS;
    while (true) {
      const found = pattern.exec(this[stream].slice(from));
      if (found !== null) return from + found.index + found[0].length;
      const leftMs = deadline - performance.now();
      if (this.#hasEnded || leftMs <= 0) {
        const why = this.#hasEnded ? "the program ended" : `${WAIT_MS} ms passed`;
        throw new Error(`Waiting for ${pattern}, ${why}: ${this[stream].slice(from)}`);
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, leftMs));
      await Promise.race([this.#changed.promise, timeout]);
      clearTimeout(timer);
    }
  }

  /** Closes its input and waits for the end. @returns the exit code */
  async end(): Promise<number> {
    await this.#input.close().catch(() => {});
    await this.#reading;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* it has ended already */ }
    await this.end();
  }

  async #read(stream: ReadableStream<Uint8Array>, keep: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      keep(decoder.decode(bytes, { stream: true }));
      this.#notify();
    }
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
