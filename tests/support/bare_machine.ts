/**
 * What a person has who downloads one file: an empty folder, and a PATH with nothing on it but the few programs that
 * every Linux has; no Deno, no Node.js, no variables.
 *
 * @module
 */
import { makeTempDir, type TempDir } from "./temp_dir.ts";

/** What the file's launcher says it needs; `find` is what it can do without. */
const TOOLS = ["sh", "id", "mkdir", "mktemp", "mv", "rm", "sha256sum", "tail", "tar", "gzip"];

export interface Ran {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunSettings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Words before the command, of a program that becomes it. */
  readonly wrapper?: readonly string[];
}

export class BareMachine implements Disposable {
  readonly #dir: TempDir = makeTempDir();
  /** The folder of its programs, all that is on the PATH. */
  readonly bin: string = `${this.#dir.path}/bin`;
  readonly home: string = `${this.#dir.path}/home`;
  /** The empty folder. */
  readonly folder: string = `${this.#dir.path}/folder`;

  /** @param busybox whose programs it has; null: those of this machine */
  constructor(busybox: string | null = null) {
    for (const dir of [this.bin, this.home, this.folder]) Deno.mkdirSync(dir);
    Deno.chmodSync(this.#dir.path, 0o755);
    for (const tool of TOOLS) {
      const place = ["/usr/bin", "/bin"].map((dir) => `${dir}/${tool}`).find(isThere);
      if (place === undefined && busybox === null) throw new Error(`Without ${tool} here`);
      Deno.symlinkSync(busybox ?? place!, `${this.bin}/${tool}`);
    }
  }

  /** Of the cache where nobody names another. */
  get cache(): string {
    return `${this.home}/.cache/denkeeper`;
  }

  get cached(): string[] {
    try {
      return [...Deno.readDirSync(this.cache)].map(({ name }) => name);
    } catch {
      return [];
    }
  }

  path(name: string): string {
    return `${this.#dir.path}/${name}`;
  }

  /** A program of its own on the PATH, in the place of the one that is there. */
  replace(tool: string, script: string): void {
    Deno.removeSync(`${this.bin}/${tool}`);
    Deno.writeTextFileSync(`${this.bin}/${tool}`, `#!/bin/sh\n${script}\n`);
    Deno.chmodSync(`${this.bin}/${tool}`, 0o755);
  }

  spawn(words: readonly string[], { env, cwd, wrapper = [] }: RunSettings = {}): Deno.ChildProcess {
    const [program, ...args] = [...wrapper, ...words];
    return new Deno.Command(program!, {
      args,
      cwd: cwd ?? this.folder,
      clearEnv: true,
      env: { PATH: this.bin, HOME: this.home, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async run(words: readonly string[], settings?: RunSettings): Promise<Ran> {
    const { code, signal, stdout, stderr } = await this.spawn(words, settings).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, signal, stdout: text(stdout), stderr: text(stderr) };
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
