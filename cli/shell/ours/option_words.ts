/**
 * Takes the words behind a command of ours apart: options, which may stand anywhere, and operands.
 *
 * `-L 2` and `-L2`, `--at /a` and `--at=/a`, `-il` for `-i -l`; `--` ends the options. Every command has `--json`.
 *
 * @module
 */
import { ExitCode } from "../../world.ts";
import { type ShellContext, ShellError } from "../shell_command.ts";

/** Which options a command has, with their dashes; of a list each value counts. */
export type OptionKinds = Readonly<Record<string, "flag" | "value" | "list">>;

/** The command line of a command of ours cannot be understood; nothing was done. */
export function usageError(command: string, message: string): ShellError {
  return new ShellError(`${command}: ${message} ("${command} --help" tells how to use it)`, {
    exitCode: ExitCode.InvalidInvocation,
  });
}

export class OptionWords {
  readonly operands: string[] = [];
  readonly #command: string;
  readonly #kinds: OptionKinds;
  readonly #values = new Map<string, string[]>();

  /** @throws {ShellError} for an option that the command has not, or one that lacks its value */
  constructor(command: string, kinds: OptionKinds, words: readonly string[]) {
    this.#command = command;
    this.#kinds = { "--json": "flag", ...kinds };
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!;
      if (word === "--") {
        this.operands.push(...words.slice(at + 1));
        break;
      }
      if (!word.startsWith("-") || word === "-") {
        this.operands.push(word);
        continue;
      }
      const { option, attached } = this.#split(word);
      if (option === null) continue;
      if (this.#kinds[option] === "flag") {
        this.#values.set(option, []);
        continue;
      }
      const value = attached ?? words[++at];
      if (value === undefined) throw usageError(command, `${option} needs a value`);
      this.#add(option, value);
    }
  }

  has(option: string): boolean {
    return this.#values.has(option);
  }

  /** The last one given. */
  value(option: string): string | undefined {
    return this.#values.get(option)?.at(-1);
  }

  list(option: string): readonly string[] {
    return this.#values.get(option) ?? [];
  }

  /** A whole number that is at least `min`. */
  integer(option: string, { min }: { min: number }): number | undefined {
    const text = this.value(option);
    if (text === undefined) return undefined;
    const number = Number(text);
    if (!/^\d{1,15}$/.test(text) || number < min) {
      throw usageError(
        this.#command,
        `${option} takes a whole number from ${min} on, not "${text}"`,
      );
    }
    return number;
  }

  /** One of a few words. */
  choice<Name extends string>(option: string, names: readonly [Name, ...Name[]]): Name {
    const text = this.value(option) ?? names[0];
    const name = names.find((name) => name === text);
    if (name === undefined) {
      throw usageError(this.#command, `${option} is one of ${names.join(", ")}, not "${text}"`);
    }
    return name;
  }

  /** Operands, from `min` to `max` of them. */
  atMost(max: number, min = 0): readonly string[] {
    const { length } = this.operands;
    if (length < min) throw usageError(this.#command, "a word is missing");
    if (length > max) {
      throw usageError(this.#command, `"${this.operands[max]}" is one word too many`);
    }
    return this.operands;
  }

  isJson(context: ShellContext): boolean {
    return context.isJson || this.has("--json");
  }

  /** The option of a word, with what is attached to it; null: it was several flags. */
  #split(word: string): { option: string | null; attached?: string } {
    const kinds = this.#kinds;
    if (Object.hasOwn(kinds, word)) return { option: word };
    const equals = word.indexOf("=");
    const name = word.slice(0, Math.max(0, equals));
    if (Object.hasOwn(kinds, name)) {
      if (kinds[name] === "flag") throw usageError(this.#command, `${name} takes no value`);
      return { option: name, attached: word.slice(equals + 1) };
    }
    const short = word.slice(0, 2);
    if (Object.hasOwn(kinds, short) && kinds[short] !== "flag") {
      return { option: short, attached: word.slice(2) };
    }
    const letters = [...word.slice(1)].map((letter) => `-${letter}`);
    if (!letters.every((letter) => Object.hasOwn(kinds, letter) && kinds[letter] === "flag")) {
      throw usageError(this.#command, `there is no option ${word}`);
    }
    for (const letter of letters) this.#values.set(letter, []);
    return { option: null };
  }

  #add(option: string, value: string): void {
    const before = this.#values.get(option);
    if (before === undefined) this.#values.set(option, [value]);
    else before.push(value);
  }
}
