/**
 * Options of a command as zkCli.sh reads them, with the texts of its errors.
 *
 * Options stand anywhere; `-v5`, `-v=5` and `-v 5` are the same; letters may be written together (`-sw`, `-sv5`);
 * a word that begins with `-` and is no option can be a value (`-v -1`) but no operand, except behind `--`. Options
 * of our own are long, `--raw` and `--file name`, which zkCli.sh refuses: so none of them can hide one of its own.
 *
 * @module
 */

import { ShellError } from "./shell_command.ts";

export interface OptionNames {
  /** Those without a value. Without the dash. */
  readonly flags?: readonly string[];
  /** Those with one. */
  readonly values?: readonly string[];
  /** Of these at most one may be given. */
  readonly group?: readonly string[];
  /** One of the group must be: how the error lists them. */
  readonly groupText?: string;
  /** Our own, without the dashes. */
  readonly longFlags?: readonly string[];
  readonly longValues?: readonly string[];
}

export interface GivenOptions {
  readonly operands: readonly string[];
  has(name: string): boolean;
  /** The first one given. */
  value(name: string): string | undefined;
  all(name: string): readonly string[];
}

const PACKAGE = "org.apache.commons.cli";

/** @throws {ShellError} in the words of zkCli.sh */
export function parseOptions(words: readonly string[], names: OptionNames): GivenOptions {
  const reader = new OptionReader(names);
  for (const word of words) reader.take(word);
  return reader.finish();
}

/** @throws {ShellError} unless it is a whole number of 32 bits, written in decimal */
export function intOption(
  text: string | undefined,
  { option, otherwise }: { option: string; otherwise: number },
): number {
  if (text === undefined) return otherwise;
  const value = parseInt32(text);
  if (value === null) throw new ShellError(`-${option} argument must be an int value`);
  return value;
}

/** Null: it is no such number. */
export function parseInt32(text: string): number | null {
  if (!/^[+-]?\d+$/.test(text)) return null;
  const value = Number(text);
  return value >= -(2 ** 31) && value < 2 ** 31 ? value : null;
}

class OptionReader {
  readonly #names: OptionNames;
  readonly #given = new Map<string, string[]>();
  readonly #operands: string[] = [];
  /** The option whose value comes next, with its dashes left out. */
  #pending: string | null = null;
  #isPlain = false;

  constructor(names: OptionNames) {
    this.#names = names;
  }

  take(word: string): void {
    if (this.#isPlain) this.#operands.push(word);
    else if (word === "--") this.#isPlain = true;
    else if (this.#pending !== null && this.#canBeValue(word)) {
      this.#given.get(this.#pending)!.push(word);
      this.#pending = null;
    } else if (word.startsWith("--")) this.#takeLong(word);
    else if (word.startsWith("-") && word.length > 1) this.#takeShort(word);
    else this.#operands.push(word);
  }

  finish(): GivenOptions {
    this.#demandValue();
    const { group, groupText } = this.#names;
    if (groupText !== undefined && !group!.some((name) => this.#given.has(name))) {
      throw new ShellError(
        `${PACKAGE}.MissingOptionException: Missing required option: ${groupText}`,
      );
    }
    return {
      operands: this.#operands,
      has: (name) => this.#given.has(name),
      value: (name) => this.#given.get(name)?.[0],
      all: (name) => this.#given.get(name) ?? [],
    };
  }

  #canBeValue(word: string): boolean {
    return !this.#isOption(word) || isNumber(word);
  }

  #isOption(word: string): boolean {
    if (!word.startsWith("-") || word.length === 1) return false;
    const [name = ""] = word.slice(1).split("=", 1);
    if (name.startsWith("-")) return this.#isLong(name.slice(1));
    return this.#isShort(name) || this.#isShort(name.slice(0, 1));
  }

  #takeLong(word: string): void {
    const equals = word.indexOf("=");
    const name = word.slice(2, equals === -1 ? undefined : equals);
    const { longFlags = [], longValues = [] } = this.#names;
    if (longFlags.includes(name) && equals === -1) this.#begin(name);
    else if (longValues.includes(name)) {
      this.#begin(name);
      if (equals !== -1) this.#given.get(name)!.push(word.slice(equals + 1));
      else this.#pending = name;
    } else throw unrecognized(word);
  }

  #takeShort(word: string): void {
    const equals = word.indexOf("=");
    const name = word.slice(1, equals === -1 ? undefined : equals);
    if (this.#isShort(name)) {
      if (equals === -1) {
        this.#begin(name);
        if (this.#takesValue(name)) this.#pending = name;
      } else if (this.#takesValue(name)) {
        this.#begin(name);
        this.#given.get(name)!.push(word.slice(equals + 1));
      } else throw unrecognized(word);
      return;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      if (!this.#isShort(letter)) throw unrecognized(word);
      this.#begin(letter);
      if (!this.#takesValue(letter)) continue;
      if (at === word.length - 1) this.#pending = letter;
      else this.#given.get(letter)!.push(word.slice(at + 1));
      return;
    }
  }

  #begin(name: string): void {
    this.#demandValue();
    const { group = [] } = this.#names;
    const selected = group.find((other) => this.#given.has(other));
    if (group.includes(name) && selected !== undefined && selected !== name) {
      throw new ShellError(
        `${PACKAGE}.AlreadySelectedException: The option '${name}' was specified but an option from this group has ` +
          `already been selected: '${selected}'`,
      );
    }
    if (!this.#given.has(name)) this.#given.set(name, []);
  }

  #demandValue(): void {
    if (this.#pending === null) return;
    throw new ShellError(
      `${PACKAGE}.MissingArgumentException: Missing argument for option: ${this.#pending}`,
    );
  }

  #isShort(name: string): boolean {
    return (this.#names.flags?.includes(name) ?? false) || this.#takesValue(name);
  }

  #takesValue(name: string): boolean {
    return this.#names.values?.includes(name) ?? false;
  }

  #isLong(name: string): boolean {
    const { longFlags = [], longValues = [] } = this.#names;
    return longFlags.includes(name) || longValues.includes(name);
  }
}

function isNumber(word: string): boolean {
  return /^-\d+(\.\d+)?$/.test(word);
}

function unrecognized(word: string): ShellError {
  return new ShellError(
    `${PACKAGE}.UnrecognizedOptionException: Unrecognized option: ${word}`,
  );
}
