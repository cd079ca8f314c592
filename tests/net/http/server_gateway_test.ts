import assert from "node:assert/strict";
import { NoWrites } from "../../../core/server/no_writes.ts";
import type { Caller } from "../../../net/http/gateway.ts";
import { Problem } from "../../../net/http/problem.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { CoreServer, LeaderAndLearner, LeaderServer } from "../../support/core_server.ts";
import {
  flush,
  GATEWAY_TIMEOUT_MS as TIMEOUT_MS,
  gatewayOf,
} from "../../support/hand_driven_gateway.ts";

const SOMEBODY: Caller = { ids: [], session: null, remoteAddress: "10.0.0.1" };
const OPEN = { acl: null, kind: "persistent" } as const;

/** Commits and hands out answers until the promise is settled. */
async function settled<T>(promise: Promise<T>, step: () => void): Promise<T> {
  let isDone = false;
  const done = () => void (isDone = true);
  promise.then(done, done);
  for (let i = 0; i < 100 && !isDone; i++) {
    step();
    for (let j = 0; j < 20; j++) await Promise.resolve();
  }
  assert(isDone, "it is answered");
  return await promise;
}

class Standalone {
  readonly server = new LeaderServer(makeConfig({ settings: { tickTime: 1000 } }));
  readonly gateway = gatewayOf(this.server);

  settle<T>(promise: Promise<T>): Promise<T> {
    return settled(promise, () => {
      this.server.commit();
      flush(this.server.processor);
      this.gateway.endTurn();
    });
  }
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof Problem, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it succeeds" });
}

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("ServerGateway writes without a session, and reads what was written", async () => {
  const { gateway, settle } = bound(new Standalone());
  const made = await settle(
    gateway.create(SOMEBODY, { path: "/a", data: text("one"), ...OPEN }),
  );
  assert.equal(made.path, "/a");
  assert.equal(made.stat.czxid, made.zxid);
  const { stat } = await settle(
    gateway.setData(SOMEBODY, { path: "/a", data: null, version: 0 }),
  );
  assert.equal(stat.version, 1);
  assert.deepEqual(gateway.getData(SOMEBODY, "/a"), { data: null, stat });
  const sequential = await settle(gateway.create(SOMEBODY, {
    path: "/a/s-",
    data: text(""),
    acl: null,
    kind: "persistent_sequential",
  }));
  assert.equal(sequential.path, "/a/s-0000000000");
  await settle(gateway.delete(SOMEBODY, { path: sequential.path, version: -1 }));
  assert.throws(() => gateway.exists(SOMEBODY, sequential.path), { problem: "no-node" });
});

Deno.test("ServerGateway rejects with the code's problem, and says that nothing was done", async () => {
  const { gateway, settle } = bound(new Standalone());
  await settle(gateway.create(SOMEBODY, { path: "/a", data: null, ...OPEN }));
  const cases = [
    [gateway.create(SOMEBODY, { path: "/a", data: null, ...OPEN }), "node-exists"],
    [gateway.create(SOMEBODY, { path: "/x/y", data: null, ...OPEN }), "no-node"],
    [gateway.setData(SOMEBODY, { path: "/a", data: null, version: 7 }), "bad-version"],
    [gateway.delete(SOMEBODY, { path: "/x", version: -1 }), "no-node"],
    [gateway.setAcl(SOMEBODY, { path: "/a", acl: [], version: -1 }), "invalid-acl"],
  ] as const;
  for (const [promise, expected] of cases) {
    const { problem, details } = await problemOf(settle(promise));
    assert.deepEqual([problem, details.outcome], [expected, "not-applied"]);
  }
});

Deno.test("ServerGateway.multi() does all or nothing, and names the operation that failed", async () => {
  const { gateway, settle } = bound(new Standalone());
  const { results } = await settle(gateway.multi(SOMEBODY, [
    { op: "create", path: "/a", data: text("x"), ...OPEN },
    { op: "create", path: "/a/n-", data: null, acl: null, kind: "persistent_sequential" },
    { op: "set", path: "/a", data: text("y"), version: 0 },
    { op: "check", path: "/a", version: 1 },
    { op: "delete", path: "/a/n-0000000000", version: -1 },
  ]));
  assert.deepEqual(results.map((result) => "path" in result ? result.path : result.op), [
    ...["/a", "/a/n-0000000000", "set", "check", "delete"],
  ]);
  const failed = await problemOf(settle(gateway.multi(SOMEBODY, [
    { op: "delete", path: "/a", version: -1 },
    { op: "check", path: "/b", version: 0 },
    { op: "delete", path: "/c", version: 0 },
  ])));
  assert.deepEqual([failed.problem, failed.details.path, failed.details.members], [
    ...["no-node", "/b", { index: 1 }],
  ]);
  assert.equal(gateway.exists(SOMEBODY, "/a").version, 1);
  const large = new Uint8Array(gateway.config.juteMaxBufferBytes);
  const tooLarge = gateway.multi(SOMEBODY, [{ op: "set", path: "/a", data: large, version: -1 }]);
  assert.equal((await problemOf(settle(tooLarge))).problem, "too-large");
});

Deno.test("ServerGateway.barrier() puts a txn through the log", async () => {
  const { gateway, settle, server } = bound(new Standalone());
  await settle(gateway.create(SOMEBODY, { path: "/a", data: null, ...OPEN }));
  const before = gateway.lastZxid;
  assert.equal(await settle(gateway.barrier(SOMEBODY)), before + 1);
  assert.equal(server.tree.lastProcessedZxid, before + 1);
  assert.equal(await settle(gateway.sync(SOMEBODY)), before + 1);
});

Deno.test("ServerGateway keeps a session that requests name, until it is closed", async () => {
  const { gateway, settle, server } = bound(new Standalone());
  const { key, timeoutMs } = await settle(gateway.createSession(SOMEBODY, 6000));
  assert.equal(timeoutMs, 6000);
  const owner = { ...SOMEBODY, session: key };
  const request = { path: "/e", data: null, acl: null, kind: "ephemeral" } as const;
  const { stat } = await settle(gateway.create(owner, request));
  assert.equal(stat.ephemeralOwner, key.id);
  for (let i = 0; i < 10; i++) {
    server.advance(4000);
    await settle(gateway.touch(key));
  }
  gateway.exists(SOMEBODY, "/e");
  const ended: string[] = [];
  gateway.onSessionEnd(key.id, () => void ended.push("ended"));
  gateway.onSessionEnd(key.id, () => void ended.push("not wanted"))();
  await settle(gateway.closeSession(owner));
  assert.throws(() => gateway.exists(SOMEBODY, "/e"), { problem: "no-node" });
  assert.deepEqual(ended, ["ended"]);
  assert.equal((await problemOf(settle(gateway.touch(key)))).problem, "session-expired");
  assert.equal(
    (await problemOf(settle(gateway.create(owner, request)))).problem,
    "session-expired",
  );
});

Deno.test("ServerGateway lets a session expire that is not touched", async () => {
  const { gateway, settle, server } = bound(new Standalone());
  const { key } = await settle(gateway.createSession(SOMEBODY, 6000));
  const owner = { ...SOMEBODY, session: key };
  await settle(gateway.create(owner, { path: "/e", data: null, acl: null, kind: "ephemeral" }));
  server.advance(6000 + 2 * server.config.tickTimeMs);
  server.commit();
  flush(server.processor);
  assert.throws(() => gateway.exists(SOMEBODY, "/e"), { problem: "no-node" });
  assert.equal((await problemOf(settle(gateway.touch(key)))).problem, "session-expired");
});

Deno.test("ServerGateway.touch() refuses a session with another's password", async () => {
  const { gateway, settle } = bound(new Standalone());
  const { key } = await settle(gateway.createSession(SOMEBODY, 6000));
  const wrong = { id: key.id, password: new Uint8Array(16) };
  assert.equal((await problemOf(settle(gateway.touch(wrong)))).problem, "session-expired");
});

Deno.test("ServerGateway makes another session of its own when that expired", async () => {
  const { gateway, settle, server } = bound(new Standalone());
  await settle(gateway.create(SOMEBODY, { path: "/a", data: null, ...OPEN }));
  const [first] = server.sessionTable.keys();
  server.advance(10 * server.config.maxSessionTimeoutMs); // nothing ticks meanwhile
  const { stat } = await settle(
    gateway.setData(SOMEBODY, { path: "/a", data: null, version: -1 }),
  );
  assert.equal(stat.version, 1);
  assert.notEqual([...server.sessionTable.keys()].at(-1), first);
});

Deno.test("ServerGateway says that it does not know what becomes of a request that is late", async () => {
  const { gateway, settle, server } = bound(new Standalone());
  await settle(gateway.create(SOMEBODY, { path: "/a", data: null, ...OPEN }));
  const late = problemOf(gateway.setData(SOMEBODY, { path: "/a", data: null, version: 0 }));
  await Promise.resolve();
  server.advance(TIMEOUT_MS + 1);
  gateway.tick();
  const { problem, details } = await late;
  assert.deepEqual([problem, details.outcome], ["operation-timeout", "unknown"]);
  // its answer comes after all, and is not taken for that of the next one
  const next = gateway.setData(SOMEBODY, { path: "/a", data: text("next"), version: 1 });
  assert.equal((await settle(next)).stat.version, 2);
});

Deno.test("ServerGateway loses what is under way with the role, and then serves nobody", async () => {
  const { gateway, settle, server } = bound(new Standalone());
  await settle(gateway.create(SOMEBODY, { path: "/a", data: null, ...OPEN }));
  const lost = problemOf(gateway.setData(SOMEBODY, { path: "/a", data: null, version: 0 }));
  for (let i = 0; i < 20; i++) await Promise.resolve();
  const ended: string[] = [];
  gateway.onServiceEnd(() => void ended.push("ended"));
  const idle = new CoreServer(server.config, server.tracker, ({ stats }) => new NoWrites(stats));
  gateway.serve(idle.processor);
  const { problem, details } = await lost;
  assert.deepEqual([problem, details.outcome, ended], ["no-quorum", "unknown", ["ended"]]);
  assert.throws(() => gateway.exists(SOMEBODY, "/a"), { problem: "no-quorum" });
  const refused = await problemOf(gateway.delete(SOMEBODY, { path: "/a", version: -1 }));
  assert.deepEqual([refused.problem, refused.details.outcome], ["no-quorum", "not-applied"]);
});

Deno.test("ServerGateway takes a session on every server, and again when it moved away", async () => {
  const { here, there, settle } = twoMembers();
  const { key } = await settle(here.createSession(SOMEBODY, 6000));
  const owner = { ...SOMEBODY, session: key };
  await settle(there.create(owner, { path: "/n", data: null, acl: null, kind: "ephemeral" }));
  for (let version = 0; version < 6; version++) {
    const gateway = version % 2 === 0 ? here : there;
    const { stat } = await settle(gateway.setData(owner, { path: "/n", data: null, version }));
    assert.equal(stat.version, version + 1);
  }
  // several at once, through both
  const both = [here, there, here, there].map((gateway) =>
    gateway.setData(owner, { path: "/n", data: null, version: -1 })
  );
  const versions = (await settle(Promise.all(both))).map(({ stat }) => stat.version);
  assert.deepEqual(versions.sort((a, b) => a - b), [7, 8, 9, 10]);
  await settle(here.closeSession(owner));
  assert.throws(() => there.exists(SOMEBODY, "/n"), { problem: "no-node" });
});

Deno.test("ServerGateway on a learner keeps a session alive that was never attached to there", async () => {
  const { here, there, settle, pair } = twoMembers();
  const { key } = await settle(there.createSession(SOMEBODY, 6000));
  await settle(here.touch(key));
  assert.equal(pair.learner.sessions.takeTouched().get(key.id), 6000);
});

/** A learner's gateway and its leader's. */
function twoMembers() {
  const pair = new LeaderAndLearner(makeConfig({ settings: { tickTime: 1000 } }));
  return {
    pair,
    here: gatewayOf(pair.learner),
    there: gatewayOf(pair.leader, 2),
    settle: <T>(promise: Promise<T>) =>
      settled(promise, () => {
        pair.settle();
        flush(pair.learner.processor);
        flush(pair.leader.processor);
      }),
  };
}

/** So that `settle` can be taken off. */
function bound(x: Standalone) {
  return {
    gateway: x.gateway,
    server: x.server,
    settle: <T>(promise: Promise<T>) => x.settle(promise),
  };
}
