/**
 * SASL between servers, on election and quorum connections: who opened the connection proves that it
 * knows a password, and is shown that the other knows it too (quorum protocol section 17).
 *
 * DIGEST-MD5 only. Nothing that follows is signed or encrypted by it.
 *
 * @module
 */
import { SaslDigestMd5Server } from "../core/auth/sasl_digest_md5.ts";
import { SaslDigestMd5Client } from "../core/auth/sasl_digest_md5_client.ts";
import { DecodeError } from "../core/errors.ts";
import { DIRECTIVES_BYTES_MAX } from "../core/limits.ts";
import type { Hashing } from "../core/ports.ts";
import { JuteWriter } from "../core/wire/jute.ts";

const MAGIC = new Uint8Array([0x5f, 0x24, 0x35, 0x01, 0x35, 0x01, 0xed, 0xcc]);
const HEAD_BYTES = MAGIC.length + 8;
const STATUS_IN_PROGRESS = 0;
const STATUS_SUCCESS = 1;
const STATUS_ERROR = -1;
const PROTOCOL = "zookeeper-quorum";
const SERVER_NAME = "zk-quorum-sasl-md5";
const NOTHING = new Uint8Array();

export interface QuorumAuthOptions {
  /** Passwords by user name of who may connect: JAAS section `QuorumServer`. */
  readonly users: ReadonlyMap<string, string>;
  /** JAAS section `QuorumLearner`; null: we do not authenticate (`learnerRequireSasl=false`). */
  readonly credentials: { readonly username: string; readonly password: string } | null;
  /** `serverRequireSasl`: who does not authenticate is not listened to. */
  readonly isRequired: boolean;
  readonly hashing: Hashing;
}

export interface AuthRecord {
  readonly status: number;
  /** Borrowed. */
  readonly token: Uint8Array;
}

/** `bytes` are to be sent in any case; after `failed` the connection is to be closed. */
export type AuthStep =
  | { kind: "continue"; bytes: Uint8Array }
  | { kind: "done"; bytes: Uint8Array }
  | { kind: "failed"; bytes: Uint8Array; reason: string };

/** One side of one exchange. */
export interface QuorumAuthExchange {
  take(record: AuthRecord): AuthStep;
}

export class QuorumAuth {
  readonly #options: QuorumAuthOptions;

  constructor(options: QuorumAuthOptions) {
    this.#options = options;
  }

  get isRequired(): boolean {
    return this.#options.isRequired;
  }

  /** For a connection we opened; null: it begins without. */
  connect(): { exchange: QuorumAuthExchange; bytes: Uint8Array } | null {
    const { credentials, hashing } = this.#options;
    if (credentials === null) return null;
    const exchange = new ConnectingExchange(
      new SaslDigestMd5Client({
        ...credentials,
        protocol: PROTOCOL,
        serverName: SERVER_NAME,
        hashing,
      }),
    );
    const bytes = encodeAuthRecord({ status: STATUS_IN_PROGRESS, token: NOTHING });
    return { exchange, bytes };
  }

  /** For a connection that was accepted and begins with an {@linkcode AuthRecord}. */
  accept(): QuorumAuthExchange {
    const { users, hashing } = this.#options;
    return new AcceptingExchange(
      new SaslDigestMd5Server({ users, hashing, protocol: PROTOCOL, serverName: SERVER_NAME }),
    );
  }
}

class ConnectingExchange implements QuorumAuthExchange {
  readonly #client: SaslDigestMd5Client;

  constructor(client: SaslDigestMd5Client) {
    this.#client = client;
  }

  take({ status, token }: AuthRecord): AuthStep {
    if (status === STATUS_SUCCESS) {
      if (this.#client.isProof(token)) return { kind: "done", bytes: NOTHING };
      return failed("the other server did not prove that it knows the password", NOTHING);
    }
    if (status !== STATUS_IN_PROGRESS) return failed("the other server refuses us", NOTHING);
    const response = this.#client.answer(token);
    if (response === null) return failed("the challenge is malformed", NOTHING);
    const bytes = encodeAuthRecord({ status: STATUS_IN_PROGRESS, token: response });
    return { kind: "continue", bytes };
  }
}

class AcceptingExchange implements QuorumAuthExchange {
  readonly #server: SaslDigestMd5Server;

  constructor(server: SaslDigestMd5Server) {
    this.#server = server;
  }

  take({ status, token }: AuthRecord): AuthStep {
    if (status !== STATUS_IN_PROGRESS) return failed("it gave up", NOTHING);
    const step = this.#server.step(token);
    switch (step.kind) {
      case "challenge": {
        const bytes = encodeAuthRecord({ status: STATUS_IN_PROGRESS, token: step.token });
        return { kind: "continue", bytes };
      }
      case "done":
        return {
          kind: "done",
          bytes: encodeAuthRecord({ status: STATUS_SUCCESS, token: step.token }),
        };
      default: {
        const bytes = encodeAuthRecord({ status: STATUS_ERROR, token: NOTHING });
        return failed(step.reason, bytes);
      }
    }
  }
}

/** Whether what came in begins with a record; null: too few bytes to tell. */
export function beginsWithAuth(bytes: Uint8Array): boolean | null {
  const length = Math.min(bytes.length, MAGIC.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== MAGIC[i]) return false;
  return length === MAGIC.length ? true : null;
}

export function encodeAuthRecord({ status, token }: AuthRecord): Uint8Array<ArrayBuffer> {
  const writer = new JuteWriter(HEAD_BYTES + token.length);
  writer.raw(MAGIC);
  writer.int(status);
  writer.bytes(token);
  return writer.written();
}

/**
 * Reads a record from the beginning of what came in.
 *
 * @returns null: more bytes are needed
 * @throws {DecodeError}
 */
export function decodeAuthRecord(
  bytes: Uint8Array,
): { record: AuthRecord; byteCount: number } | null {
  if (beginsWithAuth(bytes) === false) throw new DecodeError("It does not authenticate itself");
  if (bytes.length < HEAD_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const status = view.getInt32(MAGIC.length);
  const length = Math.max(0, view.getInt32(MAGIC.length + 4)); // -1 is null, and as good as empty
  if (length > DIRECTIVES_BYTES_MAX) {
    throw new DecodeError(`Unreasonable length of a SASL token: ${length}`);
  }
  const byteCount = HEAD_BYTES + length;
  if (bytes.length < byteCount) return null;
  return { record: { status, token: bytes.subarray(HEAD_BYTES, byteCount) }, byteCount };
}

function failed(reason: string, bytes: Uint8Array): AuthStep {
  return { kind: "failed", bytes, reason };
}
