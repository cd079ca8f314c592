import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import { sessionPassword } from "../../../core/session/session_id.ts";
import type { SessionOwner } from "../../../core/session/sessions.ts";
import { readTxnRecord, type TxnRecord } from "../../../core/txn/txn.ts";
import { JuteReader } from "../../../core/wire/jute.ts";
import { OpCode } from "../../../core/wire/op_code.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { type CommittedTxn, LeaderServer, sessionIdOf } from "../../support/core_server.ts";
import { JuteEncoder } from "../../support/jute.ts";
import {
  closeSession,
  create,
  exists,
  Flags,
  getData,
  multi,
  type Request,
  setData,
} from "../../support/requests.ts";

/** Two learners, as the leader knows them. */
const FIRST: SessionOwner = { ids: [] };
const SECOND: SessionOwner = { ids: [] };
const OPEN_IDS = [{ scheme: "ip", id: "127.0.0.1" }];
const EPHEMERAL = { flags: Flags.ephemeral };

function leaderOf(settings: Record<string, string> = {}, localSessions = false): LeaderServer {
  return new LeaderServer(makeConfig({ settings: { tickTime: 1000, ...settings } }), {
    localSessions,
  });
}

/** What becomes of a learner's request: its txn. */
function outcome(
  leader: LeaderServer,
  owner: SessionOwner,
  { sessionId, cxid = 1, request }: { sessionId: bigint; cxid?: number; request: Request },
): TxnRecord["txn"] {
  leader.writes.remoteRequest(
    { owner, sessionId, cxid, op: request.type, ids: OPEN_IDS },
    new JuteReader(request.body),
  );
  const [{ body }] = leader.commit() as [CommittedTxn];
  const { header, txn } = readTxnRecord(new JuteReader(body));
  assert.deepEqual([header.sessionId, header.cxid], [sessionId, cxid]);
  return txn;
}

function createSession(timeoutMs: number): Request {
  return { type: OpCode.CreateSession, body: new JuteEncoder().int(timeoutMs).finish() };
}

Deno.test("WritePipeline.remoteRequest() keeps each session to its owner, its first user", () => {
  const leader = leaderOf();
  const sessionId = sessionIdOf(2);
  outcome(leader, FIRST, { sessionId, cxid: 0, request: createSession(4000) });
  assert.equal(outcome(leader, FIRST, { sessionId, request: create("/a") }).kind, "create");
  const moved = { kind: "error", err: ErrorCode.SessionMoved };
  assert.deepEqual(outcome(leader, SECOND, { sessionId, request: create("/b") }), moved);
  assert.equal(leader.writes.revalidate(SECOND, sessionId, 4000), true);
  assert.deepEqual(outcome(leader, FIRST, { sessionId, request: create("/b") }), moved);
  assert.equal(outcome(leader, SECOND, { sessionId, request: create("/b") }).kind, "create");

  const expired = { kind: "error", err: ErrorCode.SessionExpired };
  const unknown = sessionIdOf(2, 99);
  assert.deepEqual(outcome(leader, FIRST, { sessionId: unknown, request: create("/c") }), expired);
  leader.writes.closeSession(leader.tracker.get(sessionId)!);
  leader.writes.remoteRequest(
    { owner: SECOND, sessionId, cxid: 9, op: OpCode.SetData, ids: OPEN_IDS },
    new JuteReader(setData("/a", "x").body),
  );
  const [, last] = leader.commit();
  assert.deepEqual(readTxnRecord(new JuteReader(last!.body)).txn, expired, "it is closing");
});

Deno.test("WritePipeline lets a client of the leader go whose session moved to a learner, and back", () => {
  const leader = leaderOf();
  const first = leader.connect({ timeoutMs: 4000 });
  leader.commit();
  const { sessionId } = first;
  first.frames();
  leader.writes.revalidate(FIRST, sessionId, 4000);
  first.send(exists("/"));
  assert.deepEqual(first.outcomes(), ["1:0"], "reads are not checked");
  first.send(create("/a"));
  leader.commit();
  assert.deepEqual([first.outcomes(), first.isClosing], [[], true]);
  first.disconnect();
  const moved = { kind: "error", err: ErrorCode.SessionMoved };
  assert.equal(outcome(leader, FIRST, { sessionId, request: create("/b") }).kind, "create");

  const back = leader.connect({ sessionId, password: sessionPassword(sessionId) });
  assert.equal(back.connectResponse()!.sessionId, sessionId);
  assert.deepEqual(outcome(leader, FIRST, { sessionId, request: create("/c") }), moved);
  leader.writes.revalidate(FIRST, sessionId, 4000);
  const third = leader.connect({ sessionId, password: sessionPassword(sessionId) });
  assert.equal(back.isClosing, true, "it is still the session's connection here");
  assert.equal(third.isClosing, false);
});

Deno.test("WritePipeline closes every connection of a session that a learner's client ends", () => {
  const leader = leaderOf();
  const idle = leader.connect();
  leader.commit();
  const { sessionId } = idle;
  leader.writes.revalidate(FIRST, sessionId, 4000);
  const txn = outcome(leader, FIRST, { sessionId, cxid: 7, request: closeSession });
  assert.equal(txn.kind, "closeSession");
  assert.equal(idle.isClosing, true);
  assert.equal(leader.writes.revalidate(FIRST, sessionId, 4000), false);
});

Deno.test("WritePipeline ends sessions of learners, unless they are touched", () => {
  const leader = leaderOf();
  const [touched, silent] = [sessionIdOf(2), sessionIdOf(2, 2)];
  for (const sessionId of [touched, silent]) {
    outcome(leader, FIRST, { sessionId, cxid: 0, request: createSession(4000) });
  }
  leader.advance(3000);
  leader.writes.touchSession(touched, 6000);
  leader.writes.touchSession(12345n, 6000); // unknown: an observer of long ago
  leader.advance(2500);
  leader.commit();
  assert.deepEqual([...leader.sessionTable.keys()], [touched]);
  leader.advance(2500);
  leader.commit();
  assert.deepEqual(
    [...leader.sessionTable.keys()],
    [touched],
    "with the timeout it was touched with",
  );
  leader.advance(3000);
  leader.commit();
  assert.deepEqual([...leader.sessionTable.keys()], []);
});

Deno.test("WritePipeline.remoteRequest() is a sign of life of its session, but not from elsewhere", () => {
  const leader = leaderOf();
  const sessionId = sessionIdOf(2);
  outcome(leader, FIRST, { sessionId, cxid: 0, request: createSession(4000) });
  outcome(leader, FIRST, { sessionId, request: create("/a") });
  leader.advance(3000);
  outcome(leader, FIRST, { sessionId, request: create("/b") });
  leader.advance(3000);
  leader.commit();
  assert.deepEqual([...leader.sessionTable.keys()], [sessionId]);
  outcome(leader, SECOND, { sessionId, request: create("/c") });
  leader.advance(3000);
  leader.commit();
  assert.deepEqual([...leader.sessionTable.keys()], []);
});

Deno.test("WritePipeline.revalidate() takes the timeout, and refuses what is unknown or closing", () => {
  const leader = leaderOf();
  const sessionId = sessionIdOf(2);
  outcome(leader, FIRST, { sessionId, cxid: 0, request: createSession(4000) });
  assert.equal(leader.writes.revalidate(FIRST, sessionId, 1000), true);
  assert.equal(leader.writes.revalidate(FIRST, 5n, 1000), false);
  leader.advance(2000);
  assert.equal(leader.writes.revalidate(FIRST, sessionId, 1000), false, "it has expired");
});

Deno.test("WritePipeline.remoteSync() calls back at once, or when what is under way is committed", () => {
  const leader = leaderOf();
  const calls: string[] = [];
  leader.writes.remoteSync(() => calls.push("idle"));
  assert.deepEqual(calls, ["idle"]);
  const client = leader.connect();
  leader.writes.remoteSync(() => calls.push("behind the session"));
  assert.deepEqual(calls, ["idle"]);
  leader.commit();
  client.send(create("/a"));
  leader.writes.remoteSync(() => calls.push("behind the create"));
  leader.commit();
  assert.deepEqual(calls, ["idle", "behind the session", "behind the create"]);
  assert.equal(leader.writes.outstandingCount, 0);
});

Deno.test("WritePipeline knows local sessions of other servers by their ids", () => {
  const ours = 1; // what a server that stands alone puts into its ids
  const ephemeral = create("/e", EPHEMERAL);
  const expired = ErrorCode.SessionExpired;
  const cases: {
    note?: string;
    server: number;
    localSessions: boolean;
    request: Request;
    err: ErrorCode | null;
  }[] = [
    { server: 2, localSessions: true, request: create("/a"), err: null },
    { server: 2, localSessions: true, request: setData("/", "x"), err: null },
    { server: 255, localSessions: true, request: create("/a"), err: null },
    { server: 2, localSessions: true, request: ephemeral, err: expired },
    {
      server: ours,
      localSessions: true,
      request: create("/a"),
      err: expired,
      note: "we have none",
    },
    { server: 2, localSessions: false, request: create("/a"), err: expired },
  ];
  for (const { server, localSessions, request, err, note = "" } of cases) {
    const leader = leaderOf({}, localSessions);
    const txn = outcome(leader, FIRST, { sessionId: sessionIdOf(server), request });
    const got = txn.kind === "error" ? txn.err : null;
    assert.equal(got, err, `server ${server} ${localSessions} op ${request.type} ${note}`);
  }
});

Deno.test("WritePipeline with local sessions makes one global before its first ephemeral", () => {
  const leader = leaderOf({ localSessionsUpgradingEnabled: "true" }, true);
  const client = leader.connect({ timeoutMs: 4000 });
  const { sessionId } = client;
  assert.equal(client.connectResponse()!.sessionId, sessionId);
  assert.equal(leader.commit().length, 0, "it has no txn");
  assert.equal(leader.writes.revalidate(FIRST, sessionId, 4000), false, "nobody else may have it");
  client.send(create("/a"));
  assert.equal(leader.commit().length, 1);
  client.send(multi([create("/a/e", EPHEMERAL)]));
  client.send(create("/e", EPHEMERAL));
  const kinds = leader.commit().map(({ body }) => readTxnRecord(new JuteReader(body)).txn.kind);
  assert.deepEqual(kinds, ["createSession", "multi", "create"]);
  assert.deepEqual(client.outcomes(), ["1:0", "2:0", "3:0"]);
  assert.deepEqual([...leader.sessionTable], [[sessionId, 4000]]);
  assert.equal(leader.writes.revalidate(FIRST, sessionId, 4000), true);
});

Deno.test("WritePipeline refuses ephemerals of a local session that may not become global", () => {
  const leader = leaderOf({}, true);
  const client = leader.connect();
  client.frames();
  client.send(create("/e", EPHEMERAL));
  client.send(create("/e", { flags: Flags.ephemeralSequential }));
  client.send(create("/a"));
  client.send(multi([create("/e", EPHEMERAL)]));
  const txns = leader.commit().map(({ body }) => readTxnRecord(new JuteReader(body)).txn);
  const refused = { kind: "error", err: ErrorCode.EphemeralOnLocalSession };
  assert.deepEqual(txns.slice(0, 2), [refused, refused]);
  assert.equal(txns[2]!.kind, "create");
  assert.deepEqual(txns[3], { kind: "multi", ops: [{ type: OpCode.Error, txn: refused }] });
});

Deno.test("WritePipeline ends local sessions without a txn, and renews them here", () => {
  const leader = leaderOf({}, true);
  const client = leader.connect({ timeoutMs: 4000 });
  const { sessionId } = client;
  const back = leader.connect({
    sessionId,
    password: sessionPassword(sessionId),
    timeoutMs: 4000,
  });
  assert.deepEqual([client.isClosing, back.isClosing], [true, false]);
  back.frames();
  back.send(create("/a"));
  back.send(closeSession);
  back.send(getData("/a"));
  assert.equal(leader.commit().length, 1);
  assert.deepEqual(back.outcomes(), ["1:0", "2:0"]);
  assert.equal(back.isClosing, true);
  assert.equal(leader.tracker.count, 0);

  const silent = leader.connect({ timeoutMs: 4000 });
  leader.advance(6000);
  assert.deepEqual([silent.isClosing, leader.tracker.count, leader.commit().length], [true, 0, 0]);
});
