/**
 * Whether a text is an X.500 distinguished name (`CN=bob,O=Acme`) as Java's X500Principal reads it:
 * what an `x509` ACL entry may hold.
 *
 * @module
 */

const KEYWORDS = new Set(
  ("CN C L S ST O OU T IP STREET DC DNQUALIFIER DNQ SURNAME GIVENNAME INITIALS GENERATION EMAIL " +
    "EMAILADDRESS UID SERIALNUMBER").split(" "),
);
const IS_ESCAPABLE = /[,+"\\<>#;= ]/;
const HEX_PAIR = /^[0-9a-fA-F]{2}/;
/** Value of one attribute, up to an unescaped `,` `;` `+` or the end. */
type ValueEnd = number | null;

export function isDistinguishedName(text: string): boolean {
  if (text === "") return true;
  let at = 0;
  for (;;) {
    const equalsAt = text.indexOf("=", at);
    if (equalsAt < 0 || !isAttributeType(text.slice(at, equalsAt))) return false;
    const end = endOfValue(text, equalsAt + 1);
    if (end === null) return false;
    if (end === text.length) return true;
    at = end + 1; // past the separator: another attribute has to follow
  }
}

function isAttributeType(text: string): boolean {
  const name = trimBlanks(text).toUpperCase();
  return KEYWORDS.has(name) || isObjectId(name.startsWith("OID.") ? name.slice(4) : name);
}

function isObjectId(text: string): boolean {
  if (!/^\d+(\.\d+)+$/.test(text)) return false;
  const [first, second] = text.split(".").map(Number) as [number, number];
  return first < 2 ? second < 40 : first === 2;
}

function endOfValue(text: string, start: number): ValueEnd {
  let at = skipBlanks(text, start);
  if (text[at] === "#") return endOfHexValue(text, at + 1);
  if (text[at] === '"') return endOfQuotedValue(text, at + 1);
  while (at < text.length) {
    const char = text[at]!;
    if (isSeparator(char)) return at;
    if (char === '"' || char === "<" || char === ">") return null;
    const next = char === "\\" ? endOfEscape(text, at + 1) : at + 1;
    if (next === null) return null;
    at = next;
  }
  return at;
}

function endOfQuotedValue(text: string, start: number): ValueEnd {
  let at = start;
  while (at < text.length && text[at] !== '"') {
    const next = text[at] === "\\" ? endOfEscape(text, at + 1) : at + 1;
    if (next === null) return null;
    at = next;
  }
  if (at === text.length) return null;
  at = skipBlanks(text, at + 1);
  return at === text.length || isSeparator(text[at]!) ? at : null;
}

/** Hexadecimal digits of one DER value whose length fits. */
function endOfHexValue(text: string, start: number): ValueEnd {
  let at = start;
  const bytes: number[] = [];
  while (HEX_PAIR.test(text.slice(at, at + 2))) {
    bytes.push(parseInt(text.slice(at, at + 2), 16));
    at += 2;
  }
  const isShortForm = bytes.length >= 2 && bytes[1]! < 0x80;
  if (!isShortForm || bytes.length !== 2 + bytes[1]!) return null;
  at = skipBlanks(text, at);
  return at === text.length || isSeparator(text[at]!) ? at : null;
}

function endOfEscape(text: string, at: number): ValueEnd {
  if (at >= text.length) return null;
  if (HEX_PAIR.test(text.slice(at, at + 2))) return at + 2;
  return IS_ESCAPABLE.test(text[at]!) ? at + 1 : null;
}

function isSeparator(char: string): boolean {
  return char === "," || char === ";" || char === "+";
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (text[at] === " " || text[at] === "\n") at++;
  return at;
}

function trimBlanks(text: string): string {
  return text.replace(/^[ \n]+|[ \n]+$/g, "");
}
