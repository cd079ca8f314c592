/**
 * Reads a JAAS login configuration, the file that `java.security.auth.login.config` names, for the
 * users of SASL DIGEST-MD5:
 *
 *     Server {
 *       org.apache.zookeeper.server.auth.DigestLoginModule required
 *       user_bob="secret";
 *     };
 *
 * Takes what Java takes, and a little more: comments from `#` at the start of a line, unquoted
 * numbers. What Java reads as something else than it says (a quote left open, `a=b/c`) is an error.
 *
 * @module
 */

export interface JaasModule {
  /** Fully qualified name of the login module's class. */
  readonly className: string;
  readonly flag: "required" | "requisite" | "sufficient" | "optional";
  readonly options: ReadonlyMap<string, string>;
}

/** The modules of each section, by its name. */
export type JaasConfig = ReadonlyMap<string, readonly JaasModule[]>;

export class JaasConfigError extends SyntaxError {
  override name = "JaasConfigError";
  readonly fileName: string;
  readonly line: number;

  constructor({ fileName, line, problem }: { fileName: string; line: number; problem: string }) {
    super(`Cannot read JAAS configuration ${JSON.stringify(fileName)}, line ${line}: ${problem}`);
    this.fileName = fileName;
    this.line = line;
  }
}

export interface JaasParseOptions {
  /** For messages. */
  fileName: string;
  /** Values for `${name}` inside option values; Java's system properties. */
  properties?: ReadonlyMap<string, string>;
}

/** @throws {JaasConfigError} */
export function parseJaasConfig(text: string, options: JaasParseOptions): JaasConfig {
  return new Parser(text, options).config();
}

/**
 * The DIGEST-MD5 users of a section: options `user_<name>` of all its modules.
 *
 * @param options.superPassword replaces the password of user `super`, where there is that user
 * @returns null when there is no such section: ZooKeeper then starts without SASL
 * @throws {RangeError} when the section is for Kerberos
 */
export function digestUsersOf(
  config: JaasConfig,
  { section, superPassword = null }: { section: string; superPassword?: string | null },
): Map<string, string> | null {
  const modules = config.get(section);
  if (modules === undefined) return null;
  const users = new Map<string, string>();
  for (const { className, options } of modules) {
    if (className.endsWith(".Krb5LoginModule")) {
      throw new RangeError(
        `Cannot use JAAS section ${
          JSON.stringify(section)
        }: ${className} needs Kerberos, which is not supported; use DigestLoginModule`,
      );
    }
    for (const [key, value] of options) {
      if (key.startsWith("user_")) users.set(key.slice("user_".length), value);
    }
  }
  if (superPassword !== null && users.has("super")) users.set("super", superPassword);
  return users;
}

type Token =
  | { kind: "word"; text: string; line: number; isQuoted: boolean }
  | { kind: "mark"; text: "{" | "}" | ";" | "="; line: number }
  | { kind: "end"; text: ""; line: number };

const FLAGS: readonly string[] = ["required", "requisite", "sufficient", "optional"];

class Parser {
  readonly #options: JaasParseOptions;
  readonly #tokens: Iterator<Token, Token>;
  #token: Token;

  constructor(text: string, options: JaasParseOptions) {
    this.#options = options;
    this.#tokens = tokenize(text, options.fileName);
    this.#token = this.#tokens.next().value;
  }

  config(): JaasConfig {
    const config = new Map<string, JaasModule[]>();
    while (this.#token.kind !== "end") {
      const { line } = this.#token;
      const section = this.#word("the name of a section");
      if (config.has(section)) {
        this.#fail(`section ${JSON.stringify(section)} is there twice: keep one`, line);
      }
      this.#mark("{", `after the name of section ${JSON.stringify(section)}`);
      const modules: JaasModule[] = [];
      while (!this.#isMark("}")) modules.push(this.#module());
      this.#advance();
      this.#mark(";", `after "}" of section ${JSON.stringify(section)}`);
      config.set(section, modules);
    }
    return config;
  }

  #module(): JaasModule {
    const className = this.#word('the class name of a login module, or "}"');
    const { line } = this.#token;
    const flag = this.#word("a control flag").toLowerCase();
    if (!FLAGS.includes(flag)) {
      this.#fail(
        `${JSON.stringify(flag)} is no control flag: use one of ${FLAGS.join(", ")}`,
        line,
      );
    }
    const options = new Map<string, string>();
    while (!this.#isMark(";")) {
      const key = this.#word(`an option of ${className}, or ";" to end it`);
      this.#mark("=", `after option ${JSON.stringify(key)}`);
      const at = this.#token.line;
      options.set(key, this.#expand(this.#word(`the value of option ${JSON.stringify(key)}`), at));
    }
    this.#advance();
    return { className, flag: flag as JaasModule["flag"], options };
  }

  #expand(value: string, line: number): string {
    return value.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
      const property = name === "/" ? "/" : this.#options.properties?.get(name);
      if (property !== undefined) return property;
      return this.#fail(
        `no system property ${JSON.stringify(name)} to expand: give it as -D`,
        line,
      );
    });
  }

  #word(expected: string): string {
    const token = this.#token;
    if (token.kind !== "word") this.#fail(`expected ${expected}, found ${describe(token)}`);
    this.#advance();
    return token.text;
  }

  #mark(mark: "{" | ";" | "=", where: string): void {
    if (!this.#isMark(mark)) {
      this.#fail(`expected "${mark}" ${where}, found ${describe(this.#token)}`);
    }
    this.#advance();
  }

  #isMark(mark: string): boolean {
    return this.#token.kind === "mark" && this.#token.text === mark;
  }

  #advance(): void {
    this.#token = this.#tokens.next().value;
  }

  #fail(problem: string, line = this.#token.line): never {
    throw new JaasConfigError({ fileName: this.#options.fileName, line, problem });
  }
}

/** Never the text of a quoted word, which may be a password. */
function describe(token: Token): string {
  if (token.kind === "end") return "the end of the file";
  return token.kind === "word" && token.isQuoted ? "a quoted text" : JSON.stringify(token.text);
}

const IS_WORD_CHAR = /[A-Za-z0-9_$*.\-\u0080-\uffff]/;
const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function* tokenize(source: string, fileName: string): Generator<Token, Token> {
  const text = source.replace(/^\ufeff/, "");
  let at = 0;
  let line = 1;
  let isLineStart = true; // nothing but blanks so far on this line
  const fail = (problem: string, where = line): never => {
    throw new JaasConfigError({ fileName, line: where, problem });
  };
  while (at < text.length) {
    const char = text[at]!;
    if (char === "\n" || (char === "\r" && text[at + 1] !== "\n")) {
      line++;
      at++;
      isLineStart = true;
    } else if (char <= " ") {
      at++;
    } else if (text.startsWith("//", at) || (char === "#" && isLineStart)) {
      while (at < text.length && text[at] !== "\n" && text[at] !== "\r") at++;
    } else if (text.startsWith("/*", at)) {
      const end = text.indexOf("*/", at + 2);
      if (end < 0) fail('the comment is not closed: add "*/"');
      line += text.slice(at, end).split(/\r\n|\r|\n/).length - 1;
      at = end + 2;
    } else if (char === "{" || char === "}" || char === ";" || char === "=") {
      yield { kind: "mark", text: char, line };
      at++;
      isLineStart = false;
    } else if (char === '"') {
      const quoted = readQuoted(text, at + 1);
      if (quoted === null) fail("the quoted text does not end on its line: add a quote");
      else {
        yield { kind: "word", text: quoted.text, line, isQuoted: true };
        at = quoted.end;
        isLineStart = false;
      }
    } else {
      const start = at;
      while (at < text.length && IS_WORD_CHAR.test(text[at]!)) at++;
      if (at === start || (at < text.length && !isBoundary(text, at))) {
        fail(`unexpected ${JSON.stringify(text[at])}: put the text in double quotes`);
      }
      yield { kind: "word", text: text.slice(start, at), line, isQuoted: false };
      isLineStart = false;
    }
  }
  return { kind: "end", text: "", line };
}

/** Whether an unquoted word may end here. */
function isBoundary(text: string, at: number): boolean {
  const char = text[at]!;
  return char <= " " || '{};="'.includes(char) || text.startsWith("//", at) ||
    text.startsWith("/*", at);
}

/** Reads up to the closing quote, with the escapes of Java's StreamTokenizer. */
function readQuoted(text: string, start: number): { text: string; end: number } | null {
  let value = "";
  let at = start;
  for (;;) {
    const char = text[at++];
    if (char === undefined || char === "\n" || char === "\r") return null;
    if (char === '"') return { text: value, end: at };
    if (char !== "\\") {
      value += char;
      continue;
    }
    const octal = /^([0-3][0-7]{0,2}|[4-7][0-7]?)/.exec(text.slice(at, at + 3));
    if (octal !== null) {
      value += String.fromCharCode(parseInt(octal[0], 8));
      at += octal[0].length;
      continue;
    }
    const escaped = text[at++];
    if (escaped === undefined || escaped === "\n" || escaped === "\r") return null;
    value += ESCAPES[escaped] ?? escaped;
  }
}
