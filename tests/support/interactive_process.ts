/**
 * A program that is spoken to line by line: what it prints, on stdout or stderr, is waited for.
 *
 * @module
 */

/** Far beyond what anything takes; reached only when it never comes. */
const WAIT_MS = 120_000;

export class InteractiveProcess implements AsyncDisposable {
  /** All that was printed so far. */
  output = "";
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #hasEnded = false;

  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$@" 2>&1', "sh", ...command],
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  async send(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Waits until something matching is printed behind `from`. @returns the index behind it */
  async waitFor(pattern: RegExp, from = 0): Promise<number> {
    const deadline = performance.now() + WAIT_MS;
    while (true) {
      const found = pattern.exec(this.output.slice(from));
      if (found !== null) return from + found.index + found[0].length;
      const leftMs = deadline - performance.now();
      if (this.#hasEnded || leftMs <= 0) {
        const why = this.#hasEnded ? "the program ended" : `${WAIT_MS} ms passed`;
        throw new Error(`Waiting for ${pattern}, ${why}: ${this.output.slice(from)}`);
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

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.output += decoder.decode(bytes, { stream: true });
      this.#notify();
    }
    this.#hasEnded = true;
    this.#notify();
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
