/**
 * The `digest` scheme: user and password in the AuthPacket, `user:base64(hash)` as identity.
 *
 * @module
 */
import type { Hashing } from "../ports.ts";
import type { Id } from "../tree/acl_list.ts";
import { decodeUtf8, encodeUtf8 } from "../wire/jute.ts";
import { AUTH_FAILED, type AuthProvider, type AuthResult, SUPER_SCHEME } from "./auth_provider.ts";
import { encodeBase64 } from "./base64.ts";

const DEFAULT_ALGORITHM = "sha1";

export interface DigestOptions {
  /** As Java names it: `SHA1`, `SHA-256`, ... */
  digestAlgorithm: string;
  superDigest: string | null;
}

export class DigestAuthProvider implements AuthProvider {
  readonly scheme = "digest";
  readonly isAuthenticated = true;
  readonly #algorithm: string;
  readonly #superDigest: string | null;
  readonly #hashing: Hashing;

  /** @throws {RangeError} when the algorithm cannot be computed */
  constructor({ digestAlgorithm, superDigest }: DigestOptions, hashing: Hashing) {
    this.#algorithm = hashName(digestAlgorithm);
    this.#superDigest = superDigest;
    this.#hashing = hashing;
    if (this.#algorithm === DEFAULT_ALGORITHM) return; // always there: need not be loaded to know
    try {
      hashing.digest(this.#algorithm, new Uint8Array());
    } catch (cause) {
      const name = JSON.stringify(digestAlgorithm);
      throw new RangeError(
        `Cannot use DigestAuthenticationProvider.digestAlg ${name}: no such algorithm here, choose one such as SHA1 or SHA-256`,
        { cause },
      );
    }
  }

  authenticate(auth: Uint8Array | null): AuthResult {
    if (auth === null) return AUTH_FAILED;
    const text = decodeUtf8(auth); // as Java does: the hash is of the text, malformed bytes included
    const id = digestIdOf(text, { algorithm: this.#algorithm, hashing: this.#hashing });
    const ids: Id[] = [];
    if (id === this.#superDigest) ids.push({ scheme: SUPER_SCHEME, id: "" });
    ids.push({ scheme: "digest", id });
    return { kind: "ok", ids };
  }

  isValid(id: string): boolean {
    const parts = id.split(":");
    while (parts.at(-1) === "") parts.pop(); // parts of nothing at the end do not count
    return parts.length === 2;
  }

  matches(connectionId: string, aclId: string): boolean {
    return connectionId === aclId;
  }

  userName(id: string): string {
    const colonAt = id.indexOf(":");
    return colonAt < 0 ? id : id.slice(0, colonAt);
  }
}

/** `user:base64(hash of "user:password")`; a text without colon stands for the user. */
export function digestIdOf(
  userAndPassword: string,
  { algorithm = "sha1", hashing }: { algorithm?: string; hashing: Hashing },
): string {
  const colonAt = userAndPassword.indexOf(":");
  const user = colonAt < 0 ? userAndPassword : userAndPassword.slice(0, colonAt);
  return `${user}:${encodeBase64(hashing.digest(algorithm, encodeUtf8(userAndPassword)))}`;
}

/** Java's name of a hash as node:crypto spells it: `SHA-256` is `sha256`, `SHA3-256` is `sha3-256`. */
export function hashName(javaName: string): string {
  const name = javaName.trim().toLowerCase();
  if (name === "sha") return "sha1";
  return name.replace(/^sha-/, "sha").replace("/", "-");
}
