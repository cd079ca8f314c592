/**
 * The server's side of SASL DIGEST-MD5 (RFC 2831) as ZooKeeper speaks it: one challenge, one response,
 * quality of protection `auth`, algorithm `md5-sess`, a fresh nonce for each connection.
 *
 * One object serves one connection and one exchange: after `done` or `failed` every further token
 * fails, so a response cannot be replayed and `nc` is always 1.
 *
 * @module
 */
import type { Hashing } from "../ports.ts";
import { encodeUtf8 } from "../wire/jute.ts";
import { encodeBase64 } from "./base64.ts";
import { digestMd5Values } from "./digest_md5_values.ts";
import { isKerberosNameOrPlain } from "./kerberos_name.ts";
import { parseDirectives } from "./sasl_directives.ts";

/** ZooKeeper's protocol name and, in place of a host name, its server name and realm. */
export const ZOOKEEPER_SASL_PROTOCOL = "zookeeper";
export const ZOOKEEPER_SASL_REALM = "zk-sasl-md5";

export interface DigestMd5Options {
  /** Passwords by user name. */
  users: ReadonlyMap<string, string>;
  hashing: Hashing;
  /** First part of the digest-uri; `zookeeper` or, between servers, `zookeeper-quorum`. */
  protocol?: string;
  /** Realm and second part of the digest-uri. */
  serverName?: string;
}

export type SaslStep =
  /** The exchange goes on: send this token. */
  | { readonly kind: "challenge"; readonly token: Uint8Array }
  /** The user proved its password: send this token, with which the server proves itself. */
  | { readonly kind: "done"; readonly token: Uint8Array; readonly authorizationId: string }
  /** Not authenticated; `reason` is for the log and holds no secret. */
  | { readonly kind: "failed"; readonly reason: string }
  /** As failed, on a token that makes ZooKeeper close the connection without an answer. */
  | { readonly kind: "close"; readonly reason: string };

const NONCE_BYTES = 30; // 40 characters, as the JDK makes them
const CLOSED: SaslStep = { kind: "failed", reason: "the exchange is over" };

export class SaslDigestMd5Server {
  readonly #users: ReadonlyMap<string, string>;
  readonly #hashing: Hashing;
  readonly #digestUri: string;
  readonly #realm: string;
  #state: "start" | "challenged" | "over" = "start";
  #nonce = "";

  constructor(
    { users, hashing, protocol = ZOOKEEPER_SASL_PROTOCOL, serverName = ZOOKEEPER_SASL_REALM }:
      DigestMd5Options,
  ) {
    this.#users = users;
    this.#hashing = hashing;
    this.#digestUri = `${protocol}/${serverName}`;
    this.#realm = serverName;
  }

  /** Takes the client's next token; the first is normally empty and its content does not matter. */
  step(token: Uint8Array | null): SaslStep {
    if (this.#state === "over") return CLOSED;
    if (token === null) {
      this.#state = "over";
      return { kind: "close", reason: "the token is null" };
    }
    if (this.#state === "start") {
      this.#state = "challenged";
      return { kind: "challenge", token: this.#challenge() };
    }
    this.#state = "over";
    return this.#verify(token);
  }

  #challenge(): Uint8Array {
    this.#nonce = encodeBase64(this.#hashing.randomBytes(NONCE_BYTES));
    return encodeUtf8(
      `realm="${this.#realm}",nonce="${this.#nonce}",charset=utf-8,algorithm=md5-sess`,
    );
  }

  #verify(token: Uint8Array): SaslStep {
    const directives = parseDirectives(token);
    if (directives === null) return failed("the response is malformed");
    const username = directives.get("username");
    const cnonce = directives.get("cnonce");
    const digestUri = directives.get("digest-uri");
    const response = directives.get("response");
    if (username === undefined) return failed("the response has no username");
    if (cnonce === undefined) return failed("the response has no cnonce");
    if (digestUri === undefined) return failed("the response has no digest-uri");
    if (response === undefined) return failed("the response has no response directive");

    const malformed = findMalformed(directives, username);
    if (malformed !== null) return malformed;
    if (directives.get("realm") !== this.#realm) return failed("the realm is not ours");
    if (directives.get("nonce") !== this.#nonce) return failed("the nonce is not ours");
    if (digestUri.toLowerCase() !== this.#digestUri.toLowerCase()) {
      return failed("the digest-uri is not ours");
    }

    // An unknown user costs the same work, so that answers do not tell which users there are. (The
    // Java server lets an unknown name in with the password of whoever was looked up before it.)
    const password = this.#users.get(username);
    const expected = digestMd5Values({
      username,
      realm: this.#realm,
      password: password ?? "",
      nonce: this.#nonce,
      cnonce,
      digestUri,
      authzid: directives.get("authzid") ?? null,
    }, this.#hashing);
    const isEqual = equalInConstantTime(encodeUtf8(response), encodeUtf8(expected.response));
    if (password === undefined || !isEqual) return failed("unknown user or wrong password");
    return {
      kind: "done",
      token: encodeUtf8(`rspauth=${expected.rspauth}`),
      authorizationId: username, // authzid counts for the hash only, as in ZooKeeper
    };
  }
}

/** Checks the directives that are optional, or whose form alone matters. */
function findMalformed(directives: ReadonlyMap<string, string>, username: string): SaslStep | null {
  if (username === "") return { kind: "close", reason: "the username is empty" };
  if (!isKerberosNameOrPlain(username)) {
    return { kind: "close", reason: "the username is not of the form service/host@REALM" };
  }
  const maxbuf = directives.get("maxbuf");
  if (maxbuf !== undefined && !/^[+-]?[0-9]+$/.test(maxbuf)) {
    return { kind: "close", reason: "maxbuf is not a number" };
  }
  const nonceCount = directives.get("nc");
  if (nonceCount !== undefined && !/^0*1$/.test(nonceCount)) {
    return failed("nc is not 1: the response was used before");
  }
  const qop = directives.get("qop");
  if (qop !== undefined && qop !== "auth") return failed("qop is not auth");
  const charset = directives.get("charset");
  if (charset !== undefined && charset !== "utf-8") return failed("charset is not utf-8");
  return null;
}

function failed(reason: string): SaslStep {
  return { kind: "failed", reason };
}

/** Looks at every byte, wherever the first difference is. */
function equalInConstantTime(given: Uint8Array, expected: Uint8Array): boolean {
  let difference = given.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) difference |= (given[i] ?? 0) ^ expected[i]!;
  return difference === 0;
}
