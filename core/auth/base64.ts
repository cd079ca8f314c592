/**
 * Base64 with the standard alphabet and padding, as digest ids and SASL nonces are written.
 *
 * @module
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const b0 = bytes[i]!;
    const b1 = bytes[i + 1];
    const b2 = bytes[i + 2];
    text += ALPHABET[b0 >> 2];
    text += ALPHABET[((b0 & 3) << 4) | ((b1 ?? 0) >> 4)];
    text += b1 === undefined ? "=" : ALPHABET[((b1 & 15) << 2) | ((b2 ?? 0) >> 6)];
    text += b2 === undefined ? "=" : ALPHABET[b2 & 63];
  }
  return text;
}
