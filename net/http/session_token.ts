/**
 * A session as one word: its id and its password, by which any server of the ensemble knows it.
 *
 * Who has the word has the session, as with ZooKeeper's own clients. A checksum tells a slip from a session
 * that has ended.
 *
 * @module
 */
import { crc32Finish, crc32Update, CRC_START } from "../../core/checksum.ts";
import type { SessionKey } from "./gateway.ts";
import { Problem } from "./problem.ts";

const PREFIX = "zks_";
const PASSWORD_BYTES = 16;
const KEY_BYTES = 8 + PASSWORD_BYTES;
const TOKEN_BYTES = KEY_BYTES + 4;
const PADDING = "=".repeat((3 - TOKEN_BYTES % 3) % 3);
const TEXT = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{${Math.ceil(TOKEN_BYTES * 4 / 3)}}$`);

/** Also damaged ones, which may be almost right. */
const TOKENS = new RegExp(`${PREFIX}[A-Za-z0-9_-]+`, "g");

export function sessionTokenOf({ id, password }: SessionKey): string {
  const bytes = new Uint8Array(TOKEN_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, id);
  bytes.set(password.subarray(0, PASSWORD_BYTES), 8);
  view.setUint32(KEY_BYTES, crcOf(bytes));
  return PREFIX + bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** @returns null when it is no token */
export function parseSessionToken(text: string): SessionKey | null {
  if (!TEXT.test(text)) return null;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    // strict decoding wants the padding that the token leaves out
    bytes = Uint8Array.fromBase64(text.slice(PREFIX.length) + PADDING, {
      alphabet: "base64url",
      lastChunkHandling: "strict",
    });
  } catch {
    return null; // bits beyond the last byte: another spelling of some token
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(KEY_BYTES) !== crcOf(bytes)) return null;
  return { id: view.getBigInt64(0), password: bytes.slice(8, KEY_BYTES) };
}

/**
 * @param where the token stands, for the message
 * @throws {Problem} `bad-request` when it is no token
 */
export function sessionKeyOf(token: string, where: string): SessionKey {
  const key = parseSessionToken(token);
  if (key !== null) return key;
  throw new Problem("bad-request", { // the token is not repeated: it may be almost right
    detail: `${where} does not hold a session's token: send it as POST /api/v1/sessions gave it`,
  });
}

function crcOf(bytes: Uint8Array): number {
  return crc32Finish(crc32Update(CRC_START, bytes, 0, KEY_BYTES));
}

/** A text for a log: without the tokens that are in it. */
export function withoutTokens(text: string): string {
  return text.replaceAll(TOKENS, `${PREFIX}...`);
}
