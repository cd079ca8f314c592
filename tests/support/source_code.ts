/**
 * Takes TypeScript apart just far enough to search it: code without comments, strings by number.
 *
 * Knows comments, strings, templates with code inside, and regular expressions. A word in a comment
 * or string is then not taken for code, and code is found wherever it hides.
 *
 * @module
 */

export interface SourceCode {
  /** Same lines; comments are blank, each string is `"n"` with its index in `strings`. */
  readonly code: string;
  /** Without quotes, escapes as written; of templates the pieces between code. */
  readonly strings: readonly string[];
}

/** Words and marks before which a slash divides; before anything else it begins a regex. */
const ENDS_VALUE = /[\w$)\]}"]$/;
const KEYWORD_BEFORE_VALUE =
  /(?<![\w$.])(?:return|typeof|case|of|in|instanceof|delete|void|throw|new|else|do|yield|await)$/;

export function parseSource(text: string): SourceCode {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  /** One entry a template we are inside of: how many braces its code has open. */
  const templates: number[] = [];

  const blank = (end: number) => {
    code += text.slice(at, end).replace(/[^\n]/g, " ");
    at = end;
  };
  const string = (end: number, contentEnd = end - 1) => {
    code += `"${strings.length}"`;
    const content = text.slice(at + 1, contentEnd);
    strings.push(content);
    code += "\n".repeat(content.split("\n").length - 1);
    at = end;
  };
  /** The part of a template from its opening quote, or from the `}` that ends code in it. */
  const template = () => {
    let end = at + 1;
    while (end < text.length && text[end] !== "`" && !text.startsWith("${", end)) {
      end += text[end] === "\\" ? 2 : 1;
    }
    if (text[end] === "$") {
      templates.push(0);
      string(end + 2, end);
      code += "+(";
    } else string(end + 1);
  };

  while (at < text.length) {
    const char = text[at]!;
    if (text.startsWith("//", at)) {
      const end = text.indexOf("\n", at);
      blank(end === -1 ? text.length : end);
    } else if (text.startsWith("/*", at)) {
      const end = text.indexOf("*/", at + 2);
      blank(end === -1 ? text.length : end + 2);
    } else if (char === '"' || char === "'") {
      string(endOfString(text, at));
    } else if (char === "`") {
      template();
    } else if (char === "/" && beginsRegex(code)) {
      string(endOfRegex(text, at));
    } else if (char === "}" && templates.at(-1) === 0) {
      templates.pop();
      code += ")+";
      template();
    } else {
      const depth = templates.length - 1;
      if (depth >= 0 && char === "{") templates[depth]!++;
      if (depth >= 0 && char === "}") templates[depth]!--;
      code += char;
      at++;
    }
  }
  return { code, strings };
}

/** What a file imports or exports from, dynamic imports and types included. */
export function importsOf({ code, strings }: SourceCode): string[] {
  return [...code.matchAll(/(?<![\w$.#])(?:from|import)\s*\(?\s*"(\d+)"/g)]
    .map(([, index]) => strings[Number(index)]!);
}

function beginsRegex(codeBefore: string): boolean {
  const before = codeBefore.trimEnd();
  return !ENDS_VALUE.test(before) || KEYWORD_BEFORE_VALUE.test(before);
}

function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && text[end] !== text[start] && text[end] !== "\n") {
    end += text[end] === "\\" ? 2 : 1;
  }
  return end + 1;
}

function endOfRegex(text: string, start: number): number {
  let isInClass = false;
  let end = start + 1;
  for (; end < text.length && text[end] !== "\n"; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === "[") isInClass = true;
    else if (text[end] === "]") isInClass = false;
    else if (text[end] === "/" && !isInClass) break;
  }
  return end + 1;
}
