import assert from "node:assert/strict";
import { ErrorCode, ProtocolError } from "../../../core/errors.ts";
import { OpCode } from "../../../core/wire/op_code.ts";
import { sessionPassword } from "../../../core/session/session_id.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import {
  type CommittedTxn,
  LeaderAndLearner,
  LearnerServer,
  sessionIdOf,
} from "../../support/core_server.ts";
import { JuteDecoder } from "../../support/jute.ts";
import {
  closeSession,
  create,
  exists,
  Flags,
  getData,
  multi,
  ofPath,
  Op,
  setData,
} from "../../support/requests.ts";

const SYNC = ofPath(Op.sync, "/");

/** A leader and a learner, with a client of the learner that has a session. */
function pairWithClient(settings: Record<string, string> = {}) {
  const pair = new LeaderAndLearner(makeConfig({ settings: { tickTime: 1000, ...settings } }));
  const client = pair.learner.connect({ timeoutMs: 4000 });
  pair.settle();
  assert.equal(client.connectResponse()?.sessionId, client.sessionId);
  return { ...pair, pair, client };
}

Deno.test("ForwardedWrites.request() sends the client's own bytes and ids, and answers what comes back", () => {
  const { pair, learner, client } = pairWithClient();
  const request = create("/a", { data: "x" });
  const xid = client.send(request);
  const { sessionId } = client;
  const { ids } = client.client;
  assert.deepEqual(learner.requests, [{ sessionId, cxid: xid, op: 1, body: request.body, ids }]);
  pair.deliver();
  assert.deepEqual(client.outcomes(), [], "prepared is not committed");
  pair.commit();
  assert.deepEqual(client.outcomes(), ["1:0"]);
  assert.equal(learner.tree.lastProcessedZxid, pair.leader.tree.lastProcessedZxid);
  assert.equal(learner.writes.outstandingCount, 0);
});

Deno.test("ForwardedWrites answers each request by the txn of its session and cxid, in order", () => {
  const { pair, leader, learner, client } = pairWithClient();
  const other = learner.connect();
  const local = leader.connect();
  pair.settle();
  other.frames();
  client.send(create("/a"));
  client.send(getData("/a"));
  client.send(setData("/none", "x"));
  client.send(getData("/a"));
  other.send(create("/a")); // the same xid in another session
  pair.settle();
  assert.deepEqual(client.outcomes(), ["1:0", "2:0", `3:${ErrorCode.NoNode}`, "4:0"]);
  assert.deepEqual(other.outcomes(), [`1:${ErrorCode.NodeExists}`]);
  local.frames();
  local.send(create("/b")); // a txn that nobody here waits for
  pair.commit();
  assert.deepEqual([...client.outcomes(), ...other.outcomes()], []);
  client.send(exists("/b"));
  assert.deepEqual(client.outcomes(), ["5:0"]);
});

Deno.test("ForwardedWrites.createSession() asks for it with a number of its own, and answers on commit", () => {
  const pair = new LeaderAndLearner(makeConfig());
  const client = pair.learner.connect({ timeoutMs: 6000 });
  const [request] = pair.learner.requests;
  assert.deepEqual(
    { ...request, body: new JuteDecoder(request!.body).int() },
    { sessionId: sessionIdOf(2), cxid: 0, op: OpCode.CreateSession, body: 6000, ids: null },
  );
  assert.equal(client.connectResponse(), null);
  pair.settle();
  const { sessionId, timeoutMs, password } = client.connectResponse()!;
  assert.deepEqual(
    { sessionId, timeoutMs, password },
    { sessionId: sessionIdOf(2), timeoutMs: 6000, password: sessionPassword(sessionIdOf(2)) },
  );
  assert.deepEqual([...pair.leader.sessionTable], [[sessionId, 6000]]);
  assert.deepEqual([...pair.learner.sessionTable], [[sessionId, 6000]]);
});

Deno.test("ForwardedWrites.sync() is answered when the leader says so, in order with other requests", () => {
  const { pair, learner, client } = pairWithClient();
  client.send(create("/a"));
  client.send(SYNC);
  client.send(exists("/a"));
  assert.deepEqual(learner.requests.map(({ op }) => op), [OpCode.Create, OpCode.Sync]);
  pair.deliver();
  assert.deepEqual(client.outcomes(), []);
  pair.commit();
  assert.deepEqual(client.outcomes(), ["1:0", "2:0", "3:0"]);
  client.send(SYNC);
  pair.deliver();
  assert.deepEqual(client.outcomes(), ["4:0"], "nothing is under way at the leader");
  learner.writes.synced(); // of nobody
});

Deno.test("ForwardedWrites.renewSession() asks the leader, who knows what ended", () => {
  const { pair, leader, learner } = pairWithClient();
  const known = leader.connect({ timeoutMs: 4000 });
  pair.commit();
  const { sessionId } = known;
  const password = sessionPassword(sessionId);
  const back = learner.connect({ sessionId, password, timeoutMs: 8000 });
  const gone = learner.connect({ sessionId: 5n, password: sessionPassword(5n) });
  assert.deepEqual(learner.revalidations, [
    { sessionId, timeoutMs: 8000 },
    { sessionId: 5n, timeoutMs: 20000 }, // the longest that is allowed,
  ]);
  assert.equal(back.connectResponse(), null);
  pair.deliver();
  assert.equal(back.connectResponse()!.timeoutMs, 8000);
  assert.equal(gone.connectResponse()!.sessionId, 0n);
  assert.equal(gone.isClosing, true);

  const closing = learner.connect({ sessionId, password });
  known.disconnect();
  leader.writes.closeSession(leader.tracker.get(sessionId)!); // not committed yet
  pair.deliver();
  assert.equal(closing.connectResponse()!.sessionId, 0n);
});

Deno.test("ForwardedWrites.renewSession() lets nobody in before the session's older writes are committed", () => {
  const { pair, leader, learner } = pairWithClient();
  const before = leader.connect({ timeoutMs: 4000 });
  pair.commit();
  const { sessionId } = before;
  const xid = before.send(create("/before")); // prepared
  const after = learner.connect({ sessionId, password: sessionPassword(sessionId) });
  pair.deliver();
  assert.equal(after.connectResponse(), null);
  pair.commit();
  assert.equal(after.connectResponse()!.sessionId, sessionId);
  after.send(create("/after"), xid);
  assert.deepEqual(after.outcomes(), [], "the older txn with this xid is not its outcome");
  pair.settle();
  assert.deepEqual(after.outcomes(), [`${xid}:0`]);
  after.send(exists("/after"));
  assert.deepEqual(after.outcomes(), ["1:0"]);
});

Deno.test("ForwardedWrites.renewSession() refuses a session that ends while it waits", () => {
  const { pair, leader, learner } = pairWithClient();
  const before = leader.connect({ timeoutMs: 4000 });
  pair.commit();
  const { sessionId } = before;
  before.send(create("/a")); // under way, so that there is something to wait for
  const after = learner.connect({ sessionId, password: sessionPassword(sessionId) });
  pair.deliver();
  leader.writes.closeSession(leader.tracker.get(sessionId)!);
  pair.commit();
  assert.equal(after.connectResponse()!.sessionId, 0n);
  assert.equal(after.isClosing, true);
});

Deno.test("ForwardedWrites.revalidated() refuses an answer about another session", () => {
  const learner = new LearnerServer(makeConfig());
  learner.connect({ sessionId: 5n, password: sessionPassword(5n) });
  assert.throws(() => learner.writes.revalidated(6n, true), ProtocolError);
  assert.throws(() => new LearnerServer(makeConfig()).writes.revalidated(6n, true), ProtocolError);
});

Deno.test("ForwardedWrites closes the connection of a session that ends elsewhere, or has moved", () => {
  const { pair, leader, learner, client } = pairWithClient();
  const { sessionId } = client;
  client.send(create("/e", { flags: Flags.ephemeral }));
  pair.settle();
  client.frames();
  const moved = leader.connect({ sessionId, password: sessionPassword(sessionId) });
  client.send(setData("/e", "x"));
  client.send(getData("/e"));
  pair.settle();
  assert.deepEqual(client.outcomes(), [], "session moved is told by closing the connection");
  assert.equal(client.isClosing, true);
  client.disconnect();

  const third = learner.connect({ sessionId, password: sessionPassword(sessionId) });
  pair.deliver();
  third.frames();
  moved.send(closeSession); // of a connection that is not the owner's any more: it ends all the same
  pair.commit();
  assert.equal(third.isClosing, true);
  assert.deepEqual([...learner.sessionTable], []);
  assert.equal(learner.sessions.get(sessionId), undefined);
});

Deno.test("ForwardedWrites.closeSessionOf() ends it through the leader, behind what was asked before", () => {
  const { pair, leader, learner, client } = pairWithClient();
  client.send(create("/e", { flags: Flags.ephemeral }));
  client.send(closeSession);
  client.send(getData("/e"));
  assert.deepEqual(learner.requests.map(({ op }) => op), [OpCode.Create, OpCode.CloseSession]);
  pair.settle();
  assert.deepEqual(client.outcomes(), ["1:0", "2:0"]);
  assert.equal(client.isClosing, true);
  assert.equal(leader.tracker.count, 0);
  assert.equal(learner.tree.ephemeralCount, 0);
});

Deno.test("ForwardedWrites.proposed() takes the next txn, or the first of an epoch, and nothing else", () => {
  const { leader, learner } = pairWithClient();
  leader.connect();
  const [{ zxid, body }] = leader.commit() as [CommittedTxn];
  const epoch2 = 2 * 2 ** 32;
  for (const wrong of [zxid - 1, zxid + 1, epoch2, epoch2 + 2]) {
    const follows = () => learner.writes.proposed(wrong, withZxid(body, wrong));
    assert.throws(follows, /does not follow/, `${wrong}`);
  }
  learner.writes.proposed(zxid, body);
  assert.throws(() => learner.writes.proposed(epoch2 + 1, body), ProtocolError, "another's body");
  learner.writes.proposed(epoch2 + 1, withZxid(body, epoch2 + 1));
  assert.throws(() => learner.writes.committed(epoch2 + 1), ProtocolError, "not the oldest");
  learner.writes.committed(zxid);
  learner.writes.committed(epoch2 + 1);
  assert.throws(() => learner.writes.committed(epoch2 + 1), ProtocolError, "nothing is proposed");
});

/** A txn's body under another zxid. */
function withZxid(body: Uint8Array, zxid: number): Uint8Array {
  const changed = body.slice();
  new DataView(changed.buffer).setBigInt64(12, BigInt(zxid));
  return changed;
}

Deno.test("ForwardedWrites.applyAll() applies what is logged and not committed", () => {
  const { leader, learner } = pairWithClient();
  const client = leader.connect();
  leader.commit().forEach(({ zxid, body }) => learner.writes.proposed(zxid, body));
  client.send(create("/a"));
  leader.commit().forEach(({ zxid, body }) => learner.writes.proposed(zxid, body));
  assert.notEqual(learner.tree.lastProcessedZxid, leader.tree.lastProcessedZxid);
  learner.writes.applyAll();
  assert.equal(learner.tree.lastProcessedZxid, leader.tree.lastProcessedZxid);
  assert.deepEqual(learner.mismatches, []);
});

Deno.test("ForwardedWrites tells when the tree is not what the leader says", () => {
  const { pair, leader, learner, client } = pairWithClient();
  client.send(create("/a"));
  pair.deliver();
  const [{ zxid, body }] = leader.commit() as [CommittedTxn];
  const damaged = body.slice();
  damaged[damaged.length - 1]! ^= 1; // of the digest
  learner.writes.proposed(zxid, damaged);
  learner.writes.committed(zxid);
  assert.deepEqual(learner.mismatches, [zxid]);
});

Deno.test("LearnerSessions.takeTouched() has each session that was used, once, with its timeout", () => {
  const { learner, client } = pairWithClient();
  const { sessionId } = client;
  assert.deepEqual([...learner.sessions.takeTouched()], [[sessionId, 4000]], "since it was made");
  assert.deepEqual([...learner.sessions.takeTouched()], []);
  client.send(exists("/"));
  client.send(exists("/"));
  learner.sessions.touchElsewhere(77n, 5000);
  assert.deepEqual(
    new Map(learner.sessions.takeTouched()),
    new Map([[77n, 5000], [sessionId, 4000]]),
  );
  client.send(closeSession);
  learner.sessions.remove(sessionId);
  assert.deepEqual([...learner.sessions.takeTouched()], []);
});

const LOCAL = { localSessionsEnabled: "true" };
const UPGRADING = { ...LOCAL, localSessionsUpgradingEnabled: "true" };
const EPHEMERAL = { flags: Flags.ephemeral };

Deno.test("ForwardedWrites with local sessions makes, renews and ends them without the leader", () => {
  const { pair, learner, client } = pairWithClient(LOCAL);
  const { sessionId } = client;
  assert.deepEqual([learner.requests, pair.leader.tracker.count], [[], 0]);
  client.disconnect();
  const password = sessionPassword(sessionId);
  const back = learner.connect({ sessionId, password, timeoutMs: 6000 });
  assert.equal(back.connectResponse()!.timeoutMs, 6000);
  assert.deepEqual(learner.revalidations, []);
  back.send(create("/a"));
  back.send(closeSession);
  back.send(getData("/a"));
  pair.deliver();
  assert.deepEqual(back.outcomes(), [], "the end waits for the write before it");
  pair.commit();
  assert.deepEqual(back.outcomes(), ["1:0", "2:0"]);
  assert.equal(back.isClosing, true);
  assert.equal(learner.sessions.count, 0);
  assert.deepEqual([...learner.sessionTable], []);
});

Deno.test("ForwardedWrites.expireSessions() ends local sessions only, and touches put that off", () => {
  const { pair, learner, client } = pairWithClient(LOCAL);
  learner.advance(3000);
  client.send(exists("/"));
  assert.deepEqual([...learner.sessions.takeTouched()], [], "the leader knows nothing of it");
  learner.advance(3000);
  assert.equal(client.isClosing, false);
  learner.advance(3000);
  assert.equal(client.isClosing, true);
  assert.equal(learner.sessions.count, 0);

  const global = pair.leader.connect();
  assert.equal(pair.leader.tracker.get(global.sessionId)!.kind, "local");
});

Deno.test("ForwardedWrites makes a local session global before its first ephemeral, once", () => {
  const { pair, leader, learner, client } = pairWithClient(UPGRADING);
  client.send(create("/a"));
  assert.deepEqual(learner.requests.map(({ op }) => op), [OpCode.Create]);
  pair.settle();
  client.frames();
  client.send(multi([setData("/a", "x"), create("/a/e", EPHEMERAL)]));
  client.send(create("/e", EPHEMERAL));
  assert.deepEqual(learner.requests.map(({ op, cxid, ids }) => [op, cxid, ids === null]), [
    [OpCode.CreateSession, 0, true],
    [OpCode.Multi, 2, false],
    [OpCode.Create, 3, false],
  ]);
  pair.settle();
  assert.deepEqual(client.outcomes(), ["2:0", "3:0"]);
  assert.deepEqual([...leader.sessionTable], [[client.sessionId, 4000]]);
  assert.equal(learner.sessions.local.count, 0);
  assert.deepEqual([...learner.sessions.takeTouched()], [[client.sessionId, 4000]]);
  client.send(closeSession);
  pair.settle();
  assert.deepEqual(client.outcomes(), ["4:0"]);
  assert.equal(leader.tree.ephemeralCount, 0);
});

Deno.test("ForwardedWrites says why a local session has no ephemerals, where none may become global", () => {
  const { pair, leader, client } = pairWithClient(LOCAL);
  const zxid = leader.writes.lastZxid;
  client.send(create("/e", EPHEMERAL));
  client.send(create("/x/y")); // what else fails is told as the leader says it
  client.send(multi([create("/e", EPHEMERAL)]));
  pair.settle();
  const replies = client.replies();
  assert.deepEqual(replies.map(({ xid, err }) => `${xid}:${err}`), [
    `1:${ErrorCode.EphemeralOnLocalSession}`,
    `2:${ErrorCode.NoNode}`,
    "3:0",
  ]);
  const result = new JuteDecoder(replies[2]!.body);
  assert.deepEqual([result.int(), result.boolean(), result.int()], [
    -1,
    false,
    ErrorCode.SessionExpired,
  ]);
  assert.equal(leader.writes.lastZxid, zxid + 3, "each has its txn");
});
