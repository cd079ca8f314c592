/**
 * Requests by which a connection proves who it is: auth packets and SASL exchanges. They are answered
 * at once, ahead of replies that wait for the disk (client protocol section 10).
 *
 * @module
 */
import { addIds, handleAuthPacket, saslIds } from "../auth/auth_packet.ts";
import type { AuthProviders } from "../auth/auth_providers.ts";
import { enforcedSchemes, isAuthSatisfied } from "../auth/enforced_auth.ts";
import { SaslDigestMd5Server } from "../auth/sasl_digest_md5.ts";
import { ErrorCode } from "../errors.ts";
import { IDENTITY_COUNT_MAX } from "../limits.ts";
import type { Hashing, Logger } from "../ports.ts";
import type { ServerConfig } from "../server_config.ts";
import type { JuteReader } from "../wire/jute.ts";
import type { Client } from "./client.ts";
import { beginReply, endReply } from "./reply.ts";

export type SaslExchange = SaslDigestMd5Server;

export class AuthRequests {
  readonly #providers: AuthProviders;
  readonly #hashing: Hashing;
  readonly #logger: Logger;
  /** Passwords by user; null when no SASL login is configured. */
  readonly #saslUsers: ReadonlyMap<string, string> | null;
  readonly #superUsers: ReadonlySet<string>;
  readonly #allowSaslFailedClients: boolean;
  readonly #enforced: ReadonlySet<string> | null;
  readonly #onFailed: () => void;

  constructor(
    { config, providers, hashing, logger, saslUsers, onFailed }: {
      config: ServerConfig;
      providers: AuthProviders;
      hashing: Hashing;
      logger: Logger;
      saslUsers: ReadonlyMap<string, string> | null;
      onFailed: () => void;
    },
  ) {
    this.#providers = providers;
    this.#hashing = hashing;
    this.#logger = logger;
    this.#saslUsers = saslUsers;
    this.#superUsers = new Set(config.superUsers);
    this.#allowSaslFailedClients = config.allowSaslFailedClients;
    this.#enforced = enforcedSchemes(config);
    this.#onFailed = onFailed;
  }

  /** Whether the connection has proved what the configuration demands of everyone. */
  isSatisfied(client: Client, op: number): boolean {
    return this.#enforced === null ||
      isAuthSatisfied(this.#enforced, { opCode: op, ids: client.ids });
  }

  /** @throws {DecodeError} the connection is closed without a reply */
  auth(client: Client, xid: number, reader: JuteReader): void {
    reader.int(); // type, ignored
    const scheme = reader.string();
    const auth = reader.bytes();
    const result = handleAuthPacket(this.#providers, {
      scheme,
      auth,
      peer: client.address,
      ids: client.ids,
    });
    if (result.kind === "close") return client.close(`auth with scheme "${scheme}" refused`);
    if (result.kind === "ok" && result.ids.length <= IDENTITY_COUNT_MAX) {
      client.ids = result.ids;
      return this.#reply(client, xid, ErrorCode.Ok);
    }
    this.#onFailed();
    this.#logger.warn("auth failed", { scheme, client: client.address.remoteAddress });
    this.#reply(client, xid, ErrorCode.AuthFailed);
    client.close("auth failed");
  }

  /** @throws {DecodeError} the connection is closed without a reply */
  sasl(client: Client, xid: number, reader: JuteReader): void {
    const token = reader.bytes();
    if (token === null) return client.close("a SASL request without a token");
    if (this.#saslUsers === null) return this.#replyToken(client, xid, ErrorCode.Ok, null);
    const exchange = client.sasl ??= new SaslDigestMd5Server({
      users: this.#saslUsers,
      hashing: this.#hashing,
    });
    const step = exchange.step(token);
    switch (step.kind) {
      case "challenge":
        return this.#replyToken(client, xid, ErrorCode.Ok, step.token);
      case "done": // the exchange stays: a further token is refused
        client.ids = addIds(client.ids, saslIds(step.authorizationId, this.#superUsers));
        this.#logger.info("SASL authenticated", { user: step.authorizationId });
        return this.#replyToken(client, xid, ErrorCode.Ok, step.token);
      case "close":
        this.#onFailed();
        return client.close(`SASL: ${step.reason}`);
      case "failed":
        this.#onFailed();
        this.#logger.warn("SASL failed", {
          client: client.address.remoteAddress,
          reason: step.reason,
        });
        if (this.#allowSaslFailedClients && !this.#enforced?.has("sasl")) {
          return this.#replyToken(client, xid, ErrorCode.Ok, null);
        }
        this.#replyToken(
          client,
          xid,
          this.#enforced?.has("sasl")
            ? ErrorCode.SessionClosedRequireSaslAuth
            : ErrorCode.AuthFailed,
          null,
        );
        client.close("SASL failed");
    }
  }

  /** A request of a connection that has not proved itself: answered, then closed. */
  refuse(client: Client, xid: number): void {
    this.#reply(client, xid, ErrorCode.SessionClosedRequireSaslAuth);
    client.close("a request before the required authentication");
  }

  #reply(client: Client, xid: number, err: ErrorCode): void {
    const writer = client.writer();
    endReply(writer, beginReply(writer, xid, 0, err));
    client.packetsSent++;
  }

  #replyToken(client: Client, xid: number, err: ErrorCode, token: Uint8Array | null): void {
    const writer = client.writer();
    const start = beginReply(writer, xid, 0, err);
    writer.bytes(token);
    endReply(writer, start);
    client.packetsSent++;
  }
}
