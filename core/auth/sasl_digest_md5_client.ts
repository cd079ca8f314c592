/**
 * The client's side of SASL DIGEST-MD5 (RFC 2831) as ZooKeeper servers speak it to each other: answers a
 * challenge, and checks that the server knows the password too.
 *
 * One object serves one exchange.
 *
 * @module
 */
import type { Hashing } from "../ports.ts";
import { decodeUtf8, encodeUtf8 } from "../wire/jute.ts";
import { encodeBase64 } from "./base64.ts";
import { digestMd5Values } from "./digest_md5_values.ts";
import { parseDirectives } from "./sasl_directives.ts";

const CNONCE_BYTES = 30; // as the JDK makes them

export class SaslDigestMd5Client {
  readonly #username: string;
  readonly #password: string;
  readonly #digestUri: string;
  readonly #hashing: Hashing;
  #rspauth: string | null = null;

  /** @param protocol first part of the digest-uri; `serverName` is the second */
  constructor({ username, password, protocol, serverName, hashing }: {
    username: string;
    password: string;
    protocol: string;
    serverName: string;
    hashing: Hashing;
  }) {
    this.#username = username;
    this.#password = password;
    this.#digestUri = `${protocol}/${serverName}`;
    this.#hashing = hashing;
  }

  /** @returns the response; null: the challenge is malformed, or not the first */
  answer(challenge: Uint8Array): Uint8Array | null {
    const directives = parseDirectives(challenge);
    const nonce = directives?.get("nonce");
    if (directives === null || nonce === undefined || this.#rspauth !== null) return null;
    const username = this.#username;
    const realm = directives.get("realm") ?? "";
    const cnonce = encodeBase64(this.#hashing.randomBytes(CNONCE_BYTES));
    const { response, rspauth } = digestMd5Values({
      username,
      realm,
      password: this.#password,
      nonce,
      cnonce,
      digestUri: this.#digestUri,
      authzid: username,
    }, this.#hashing);
    this.#rspauth = rspauth;
    return encodeUtf8(
      `charset=utf-8,username="${quotable(username)}",realm="${quotable(realm)}"` +
        `,nonce="${
          quotable(nonce)
        }",nc=00000001,cnonce="${cnonce}",digest-uri="${this.#digestUri}"` +
        `,maxbuf=65536,response=${response},qop=auth,authzid="${quotable(username)}"`,
    );
  }

  /** Whether the server's last token shows that it knows the password. */
  isProof(token: Uint8Array): boolean {
    return this.#rspauth !== null && decodeUtf8(token) === `rspauth=${this.#rspauth}`;
  }
}

function quotable(text: string): string {
  return text.replace(/["\\]/g, "\\$&");
}
