/**
 * What happens when a txn is committed: it is applied, its watchers are told, and the client that asked for
 * it is answered. The same on every server, whoever made the txn.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import type { Sessions } from "../session/sessions.ts";
import type { TxnApplier } from "../txn/apply.ts";
import type { PreparedTxn } from "../txn/prepare.ts";
import { OpCode } from "../wire/op_code.ts";
import type { AuditLog } from "./audit.ts";
import { Client } from "./client.ts";
import { Committer } from "./committer.ts";
import { respondToConnect } from "./handshakes.ts";
import type { Waiting } from "./outstanding.ts";
import { beginReply, endReply } from "./reply.ts";
import type { WritePathContext } from "./write_path.ts";

export interface CommitsOptions extends WritePathContext {
  applier: TxnApplier;
  sessions: Sessions;
  /** Null unless the audit log is on. */
  audit: AuditLog | null;
}

export class Commits {
  readonly #options: CommitsOptions;
  readonly #committer: Committer;

  constructor(options: CommitsOptions) {
    this.#options = options;
    this.#committer = new Committer(options.applier);
  }

  /** @param waiting who asked for it here; null for nobody */
  commit(prepared: PreparedTxn, waiting: Waiting | null): void {
    const { applier, sessions, audit, time, stats, replies } = this.#options;
    const { header, txn } = prepared;
    const client = waiting === null ? null : waiting.client;
    const latencyMs = waiting === null ? 0 : Math.floor(time.nowMs - waiting.receivedMs);
    const writer = client === null || client.isGone ? null : client.writer();
    // watchers of the txn's own effects may be this very client: its events come before the reply
    const session = txn.kind === "closeSession" ? sessions.get(header.sessionId) : undefined;
    if (audit !== null) audit.committed(waiting?.audited ?? null, prepared, applier.tree);
    let err = this.#committer.apply(prepared);
    if (txn.kind === "error") err = waiting?.refusal ?? err;
    if (session !== undefined) sessions.remove(session.id);
    stats.committed(prepared, {
      latencyMs,
      propagationMs: time.wallMs - header.timeMs,
      isOurs: client !== null,
    });
    if (client !== null && client.isGone) stats.metrics.staleReplies.increment();
    if (err === ErrorCode.SessionMoved && client !== null && client.via === null) {
      client.close("its session moved to another server"); // without a reply, as ZooKeeper does it
    } else if (client !== null && writer !== null) {
      const { op } = waiting!;
      if (op === OpCode.CreateSession) {
        respondToConnect(client, client.session);
        stats.sessionMade(latencyMs);
      } else {
        const start = beginReply(writer, header.cxid, header.zxid, err);
        if (err === ErrorCode.Ok) this.#committer.writeBody(writer, prepared, op);
        const bytes = endReply(writer, start);
        // a write that failed is an error txn, and that is what `cons` names
        const shown = txn.kind === "error" ? OpCode.Error : op;
        replies.sent(client, header.cxid, shown, { bytes, latencyMs, isWrite: true });
      }
    }
    if (session !== undefined && session.client instanceof Client) {
      session.client.close(
        session.client === client
          ? null
          : header.cxid === 0
          ? "its session expired"
          : "its session was closed on another connection",
      );
    }
  }

  /** The client has its answer: the reads behind it are next. */
  finish(waiting: Waiting): void {
    const { client, deferredCount } = waiting;
    if (client === null) return;
    client.outstandingCount--;
    if (client.lastOutstanding === waiting) client.lastOutstanding = null;
    if (deferredCount > 0) this.#options.answerDeferred(client, deferredCount);
  }
}
