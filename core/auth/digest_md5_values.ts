/**
 * The two hashes of a DIGEST-MD5 exchange with `md5-sess` and quality of protection `auth` (RFC 2831
 * section 2.1.2.1), the same for client and server.
 *
 * @module
 */
import type { Hashing } from "../ports.ts";
import { encodeUtf8 } from "../wire/jute.ts";

export interface DigestMd5Input {
  username: string;
  realm: string;
  password: string;
  nonce: string;
  cnonce: string;
  /** `protocol/server`, as the client spelled it. */
  digestUri: string;
  /** Null when the directive is absent; empty is something else. */
  authzid: string | null;
}

const NONCE_COUNT = "00000001"; // a nonce is used once

/** Both in lower-case hexadecimal: what proves the client, and what proves the server in return. */
export function digestMd5Values(
  input: DigestMd5Input,
  hashing: Hashing,
): { response: string; rspauth: string } {
  const { username, realm, password, nonce, cnonce, digestUri, authzid } = input;
  const md5 = (bytes: Uint8Array) => hashing.digest("md5", bytes);
  const secret = md5(joinWithColons([username, realm, password].map(encodeText)));
  const a1 = [secret, encodeUtf8(nonce), encodeUtf8(cnonce)];
  if (authzid !== null) a1.push(encodeUtf8(authzid));
  const key = toHex(md5(joinWithColons(a1)));
  const valueFor = (method: string) => {
    const a2 = toHex(md5(encodeUtf8(`${method}:${digestUri}`)));
    return toHex(md5(encodeUtf8(`${key}:${nonce}:${NONCE_COUNT}:${cnonce}:auth:${a2}`)));
  };
  return { response: valueFor("AUTHENTICATE"), rspauth: valueFor("") };
}

/** RFC 2831: hashed as ISO 8859-1 where that has all the characters, as UTF-8 otherwise. */
function encodeText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0xff) return encodeUtf8(text);
    bytes[i] = unit;
  }
  return bytes;
}

function joinWithColons(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length + 1, -1));
  let at = 0;
  for (const [i, part] of parts.entries()) {
    if (i > 0) bytes[at++] = 0x3a;
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
