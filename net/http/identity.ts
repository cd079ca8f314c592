/**
 * Who sends a request: the identities that ACLs are checked against, from the TCP connection and from
 * `Authorization`.
 *
 * The same as on the client port: an address is an `ip` identity, user and password are a `digest` one, which
 * may be that of super. Nothing that a client claims of itself counts without proof, but for the address that
 * a trusted proxy tells.
 *
 * @module
 */
import type { AuthProviders } from "../../core/auth/auth_providers.ts";
import { enforcedSchemes, isAuthSatisfied } from "../../core/auth/enforced_auth.ts";
import {
  type IpRange,
  isInRange,
  javaIpText,
  parseIp,
  parseIpRange,
} from "../../core/auth/ip_address.ts";
import { ipIdOf } from "../../core/auth/ip_provider.ts";
import type { Logger } from "../../core/ports.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import type { Id } from "../../core/tree/acl_list.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import type { Caller } from "./gateway.ts";
import { Problem } from "./problem.ts";

/** Identities kept ready, since a hash costs more than many requests do: then all are made anew. */
const KNOWN_COUNT_MAX = 500;
/** Longer ones are refused: node names and passwords are short. */
const AUTHORIZATION_LENGTH_MAX = 8192;

export interface Identity {
  /** Without a session. */
  readonly caller: Caller;
  /** It named itself: what it may not do needs no other credentials, but other rights. */
  readonly hasCredentials: boolean;
}

export class Identities {
  readonly #providers: AuthProviders;
  readonly #logger: Logger;
  readonly #enforced: ReadonlySet<string> | null;
  readonly #trustedProxies: readonly IpRange[];
  readonly #onFailed: () => void;
  readonly #known = new Map<string, Identity>();

  constructor({ config, providers, logger, onFailed }: {
    config: ServerConfig;
    providers: AuthProviders;
    logger: Logger;
    /** Somebody could not prove who it is. */
    onFailed: () => void;
  }) {
    this.#providers = providers;
    this.#logger = logger;
    this.#enforced = enforcedSchemes(config);
    this.#trustedProxies = config.http.trustedProxies.map((text) => parseIpRange(text)!);
    this.#onFailed = onFailed;
  }

  /**
   * @param peerAddress the other end of the connection
   * @throws {Problem} `auth-failed`, `session-requires-auth`
   */
  of(request: Request, peerAddress: string): Identity {
    const authorization = request.headers.get("authorization");
    const address = this.addressOf(request, peerAddress);
    const key = authorization === null ? address : `${address} ${authorization}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const identity = this.#identityOf(address, authorization);
    if (this.#known.size >= KNOWN_COUNT_MAX) this.#known.clear();
    this.#known.set(key, identity);
    return identity;
  }

  /** Where the client is: what a trusted proxy tells, if one of those is the other end of the connection. */
  addressOf(request: Request, peerAddress: string): string {
    return this.#trustedProxies.length === 0
      ? peerAddress
      : this.#forwardedAddress(request, peerAddress);
  }

  #identityOf(address: string, authorization: string | null): Identity {
    const remoteAddress = javaIpText(address);
    const ids: Id[] = [ipIdOf({ remoteAddress })];
    if (authorization !== null) ids.push(...this.#proven(authorization, remoteAddress));
    // read as any request is: what it asks for does not matter
    if (!isAuthSatisfied(this.#enforced, { opCode: OpCode.GetData, ids })) {
      throw new Problem("session-requires-auth", {
        detail: `The server answers only who has an identity of ${
          [...this.#enforced!].join(" or ")
        } (enforce.auth.schemes, sessionRequireClientSASLAuth); over HTTP that can be digest, with Authorization: Basic`,
        outcome: "not-applied",
      });
    }
    return {
      caller: { ids, session: null, remoteAddress },
      hasCredentials: authorization !== null,
    };
  }

  #proven(authorization: string, remoteAddress: string): readonly Id[] {
    const credentials = credentialsOf(authorization);
    if (typeof credentials === "string") throw this.#failed(credentials, remoteAddress);
    const provider = this.#providers.get("digest");
    if (provider === undefined) {
      throw this.#failed("the scheme digest is off here", remoteAddress);
    }
    const result = provider.authenticate(credentials, { remoteAddress });
    if (result.kind !== "ok") throw this.#failed("the scheme digest refuses it", remoteAddress);
    return result.ids;
  }

  #failed(reason: string, client: string): Problem {
    this.#onFailed();
    this.#logger.warn("auth failed", { scheme: "digest", client, via: "http", reason });
    return new Problem("auth-failed", {
      detail: `Cannot use the Authorization header: ${reason}`,
      outcome: "not-applied",
    });
  }

  /** The right-most address that no trusted proxy has: those left of it are what somebody claims. */
  #forwardedAddress(request: Request, peerAddress: string): string {
    if (!this.#isTrusted(peerAddress)) return peerAddress;
    const hops = request.headers.get("x-forwarded-for")?.split(",") ?? [];
    let address = peerAddress;
    for (const hop of hops.reverse()) {
      const text = addressOfHop(hop.trim());
      if (text === null) break; // told by a trusted proxy, but no address: believe what came before
      address = text;
      if (!this.#isTrusted(address)) break;
    }
    return address;
  }

  #isTrusted(address: string): boolean {
    const bytes = parseIp(javaIpText(address));
    return bytes !== null && this.#trustedProxies.some((range) => isInRange(bytes, range));
  }
}

/** An address, with or without the port that some proxies add; null when it is none. */
function addressOfHop(text: string): string | null {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1];
  const address = bracketed ??
    (/^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(":")) : text);
  return parseIp(address) === null ? null : javaIpText(address);
}

/** `user:password` as bytes, or why there are none. */
function credentialsOf(authorization: string): Uint8Array | string {
  if (authorization.length > AUTHORIZATION_LENGTH_MAX) {
    return `it has more than ${AUTHORIZATION_LENGTH_MAX} letters`;
  }
  const spaceAt = authorization.indexOf(" ");
  const scheme = (spaceAt < 0 ? authorization : authorization.slice(0, spaceAt)).toLowerCase();
  const value = spaceAt < 0 ? "" : authorization.slice(spaceAt + 1).trim();
  switch (scheme) {
    case "basic": {
      const bytes = basicCredentials(value);
      return bytes === null || !bytes.includes(0x3a)
        ? 'after "Basic " there must be user:password in base64, as curl -u makes it'
        : bytes;
    }
    case "digest": // as ZooKeeper's admin server takes it; RFC 7616 means another thing by the same word
      return value.includes(":") && !/^\w+\s*=\s*"/.test(value)
        ? Uint8Array.from(value, (letter) => letter.charCodeAt(0)) // headers come as Latin-1
        : 'after "digest " there must be user:password, or use Basic';
    default:
      return `the scheme ${JSON.stringify(scheme)} is not known here: use Basic, or digest`;
  }
}

function basicCredentials(text: string): Uint8Array | null {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return null;
  }
}
