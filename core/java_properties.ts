/**
 * Reads and edits the text form of `java.util.Properties`, which zoo.cfg and log4j.properties are written in.
 *
 * Every quirk of Java's reader is kept, since files in use depend on them: `=`, `:` or white space
 * between key and value, `\` continuation lines (whose leading white space is dropped), comments
 * that cannot be continued, `\uXXXX`, other escapes that merely lose their backslash, and bytes
 * taken as ISO-8859-1. Checked against Java 17 by `tests/testdata/config/java_properties.jsonl`.
 *
 * @module
 */

export interface Property {
  readonly key: string;
  /** Unescaped; white space at the end is kept, as Java keeps it. */
  readonly value: string;
  /** Of the first line of the property, counted from 1. */
  readonly line: number;
}

/** The text is not a properties file: Java refuses it too. */
export class PropertiesSyntaxError extends SyntaxError {
  override name = "PropertiesSyntaxError";
  constructor(message: string, readonly line: number) {
    super(message);
  }
}

/** Java's reader takes every byte for one character. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** The reverse; @param text without letters beyond ISO-8859-1, which have to be escaped */
export function encodeLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/**
 * @returns all properties in file order; of a key that is there twice, Java uses the last
 * @throws {PropertiesSyntaxError} on a `\u` without four hex digits
 */
export function parseJavaProperties(text: string): Property[] {
  const properties: Property[] = [];
  for (const { content, line } of logicalLines(text)) {
    const { keyEnd, valueStart } = splitKey(content);
    properties.push({
      key: unescape(content.slice(0, keyEnd), line),
      value: unescape(content.slice(valueStart), line),
      line,
    });
  }
  return properties;
}

/** The text without the properties of some keys; all else of it stays as it is, comments too. */
export function removeProperties(text: string, isRemoved: (key: string) => boolean): string {
  const lines = text.split(/(?<=\r\n|\r(?!\n)|\n)/);
  for (const { content, line, lineCount } of logicalLines(text)) {
    const key = unescape(content.slice(0, splitKey(content).keyEnd), line);
    if (isRemoved(key)) lines.fill("", line - 1, line - 1 + lineCount);
  }
  return lines.join("");
}

/** A value as it must be written to be read as `value`. */
export function escapeValue(value: string): string {
  const escaped = value.replace(/[\\\t\n\r\f]|[^ -~]/g, (char) => {
    if (char === "\\") return "\\\\";
    return "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0");
  });
  return escaped.replace(/^ /, "\\ "); // blanks before a value do not count
}

function isBlank(char: string | undefined): boolean {
  return char === " " || char === "\t" || char === "\f";
}

/** Lines without comments and blank lines, continuation lines joined, still escaped. */
function* logicalLines(
  text: string,
): Generator<{ content: string; line: number; lineCount: number }> {
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let content = trimStart(lines[index]!);
    if (content === "" || content.startsWith("#") || content.startsWith("!")) continue;
    let isContinued = endsInContinuation(content);
    while (isContinued) {
      content = content.slice(0, -1);
      if (index === lines.length - 1) break;
      // After nothing but a backslash the next line is a new one, comments and all.
      if (content === "") break;
      const next = trimStart(lines[++index]!);
      content += next;
      isContinued = endsInContinuation(next);
    }
    // A lone backslash at the very end of the text is a property with an empty key.
    if (content === "" && index < lines.length - 1) continue;
    yield { content, line, lineCount: index + 2 - line };
  }
}

function trimStart(text: string): string {
  let start = 0;
  while (isBlank(text[start])) start++;
  return text.slice(start);
}

/** An odd number of backslashes at the end: the last one escapes the line end. */
function endsInContinuation(content: string): boolean {
  let count = 0;
  while (content[content.length - 1 - count] === "\\") count++;
  return count % 2 === 1;
}

/** The key ends at the first unescaped separator; one `=` or `:` and blanks around it are eaten. */
function splitKey(content: string): { keyEnd: number; valueStart: number } {
  let keyEnd = 0;
  while (keyEnd < content.length) {
    const char = content[keyEnd]!;
    if (char === "=" || char === ":" || isBlank(char)) break;
    keyEnd += char === "\\" ? 2 : 1;
  }
  keyEnd = Math.min(keyEnd, content.length);
  let valueStart = keyEnd;
  while (isBlank(content[valueStart])) valueStart++;
  if (content[valueStart] === "=" || content[valueStart] === ":") {
    valueStart++;
    while (isBlank(content[valueStart])) valueStart++;
  }
  return { keyEnd, valueStart };
}

const CONTROL_ESCAPES: Record<string, string> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescape(text: string, line: number): string {
  if (!text.includes("\\")) return text;
  let plain = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "\\") {
      plain += text[at];
      continue;
    }
    at++;
    const char = text[at];
    if (char === undefined) break;
    if (char !== "u") {
      plain += CONTROL_ESCAPES[char] ?? char;
      continue;
    }
    const hex = text.slice(at + 1, at + 5);
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) {
      throw new PropertiesSyntaxError(
        `Malformed \\uXXXX escape: "\\u${hex}" is not followed by four hex digits; write "\\\\" for a backslash`,
        line,
      );
    }
    plain += String.fromCharCode(parseInt(hex, 16));
    at += 4;
  }
  return plain;
}
