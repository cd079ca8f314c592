import assert from "node:assert/strict";
import { askApi } from "../../support/admin_api.ts";
import type { JsonReply, JsonRequest } from "../../support/json_api.ts";
import { type Ensemble, type EnsembleOptions, withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { create, exists, getData } from "../../support/requests.ts";
import { SUPER_PROPERTIES } from "../../support/tree_dump.ts";

const NO_NODE = -101;

interface Member {
  readonly id: number;
  readonly state: string;
}

/** An ensemble of ours, each with an HTTP port. */
function ensembleOf(
  options: Omit<EnsembleOptions, "members"> & { ids?: readonly number[]; observers?: number[] },
  run: (ensemble: Ensemble) => Promise<void>,
): Promise<void> {
  const { ids = [1, 2, 3], observers = [], ...rest } = options;
  const members = ids.map((id) => ({
    ...{ id, target: "denkeeper", http: true } as const,
    ...(observers.includes(id) ? { role: "observer" as const } : {}),
  }));
  return withEnsemble({ ...rest, members }, run);
}

function ask(
  ensemble: Ensemble,
  id: number,
  method: string,
  path: string,
  request?: JsonRequest,
): Promise<JsonReply> {
  const url = `http://${ensemble.hostname(id)}:${ensemble.process(id).httpPort}`;
  return askApi(url, method, path, request);
}

/** All are in sync as the leader sees it. */
async function waitUntilSynced(ensemble: Ensemble, leader: number): Promise<void> {
  await eventually("all members are in sync", async () => {
    const { body } = await ask(ensemble, leader, "GET", "/members");
    return body.members.every(({ state }: Member) => state === "synced" || state === "leading");
  });
}

Deno.test("GET /cluster and /members of a server that stands alone tell of itself", async () => {
  await using server = await InProcessServer.start({ http: true });
  const { body } = await askApi(server.httpUrl, "GET", "/cluster", { headers: {} });
  assert.equal(body.role, "standalone");
  assert.equal(body.serving, true);
  assert.deepEqual(body.leader, { id: 0, hosts: [], clientAddress: null });
  assert.equal(body.quorum, null);
  assert.equal(body.writesLeftInEpoch, 0xffff_fffe);
  assert.match(body.version, /^\d+\.\d+\.\d+/);
  const members = await askApi(server.httpUrl, "GET", "/members", { headers: {} });
  assert.deepEqual(members.body, { configVersion: null, members: [] });
});

Deno.test("changes of the ensemble are refused by a server that stands alone", async () => {
  const defines = Object.entries(SUPER_PROPERTIES).map(([key, value]) => `${key}=${value}`);
  await using server = await InProcessServer.start({ http: true, defines });
  for (const path of ["/members", "/members:plan"]) {
    const { status, body } = await askApi(server.httpUrl, "POST", path, { body: { remove: [1] } });
    assert.equal(status, 409, path);
    assert.equal(body.type, "urn:denkeeper:problem:no-membership");
  }
  const transfer = await askApi(server.httpUrl, "POST", "/cluster/leader:transfer");
  assert.equal(transfer.status, 409);
  assert.match(transfer.body.detail, /stands alone/);
  for (const body of [{}, { add: [] }, { members: ["a"], add: ["b"] }, { add: ["a,b"] }]) {
    assert.equal((await askApi(server.httpUrl, "POST", "/members:plan", { body })).status, 400);
  }
});

Deno.test("GET /members: the leader tells how far each is, a follower whom it reaches", async () => {
  await ensembleOf({ ids: [1, 2, 3, 4], observers: [4] }, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader([1, 2, 3]);
    await waitUntilSynced(ensemble, leader);
    using client = await ensemble.client(leader);
    await client.must(create("/a"));
    const { body } = await ask(ensemble, leader, "GET", "/cluster", { headers: {} });
    assert.equal(body.id, leader);
    assert.equal(body.role, "leader");
    assert.equal(body.state, "leading - broadcast");
    assert.equal(body.leader.id, leader);
    assert.equal(body.epoch, 1);
    assert.deepEqual(body.quorum, {
      voters: [1, 2, 3],
      observers: [4],
      needed: 2,
      failuresTolerated: 1,
      synced: [1, 2, 3],
      hasQuorum: true,
    });
    await eventually("all have acknowledged all", async () => {
      const { body: { members } } = await ask(ensemble, leader, "GET", "/members");
      return members.every((m: { role: string; lag: number | null }) =>
        m.role === "observer" ? m.lag === null : m.lag === 0
      );
    });
    const follower = leader === 1 ? 2 : 1;
    const other = [1, 2, 3].find((id) => id !== leader && id !== follower)!;
    const seen = await ask(ensemble, follower, "GET", "/members");
    const stateOf = (id: number) => seen.body.members.find((m: Member) => m.id === id);
    assert.equal(stateOf(leader).state, "leading");
    assert.equal(stateOf(leader).remoteAddress.startsWith("127.0.0."), true);
    assert.equal(stateOf(follower).state, "synced");
    assert.equal(stateOf(follower).self, true);
    assert.equal(stateOf(other).lag, null);
    await ensemble.kill(other);
    await eventually("the leader misses it", async () => {
      const { body } = await ask(ensemble, leader, "GET", "/members");
      return body.members.find((m: Member) => m.id === other).state === "absent";
    });
  });
});

Deno.test("POST /cluster/leader:transfer moves the lead, and nothing written is lost", async () => {
  await ensembleOf({}, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    await waitUntilSynced(ensemble, leader);
    const followers = ensemble.ids.filter((id) => id !== leader);
    const next = Math.max(...followers);
    using client = await ensemble.client(leader);
    await client.must(create("/kept", { data: "value" }));
    await client.must(create("/mine", { flags: 1 }));

    const misplaced = await ask(ensemble, followers[0]!, "POST", "/cluster/leader:transfer");
    assert.equal(misplaced.status, 409);
    assert.equal(misplaced.body.type, "urn:denkeeper:problem:not-leader");
    assert.equal(misplaced.body.leader.id, leader);
    for (const [to, detail] of [[leader, /leads already/], [7, /no voting member/]] as const) {
      const refused = await ask(ensemble, leader, "POST", "/cluster/leader:transfer", {
        body: { to },
      });
      assert.equal(refused.status, 409);
      assert.match(refused.body.detail, detail);
    }

    const moved = await ask(ensemble, leader, "POST", "/cluster/leader:transfer", {
      body: { to: next },
    });
    assert.equal(moved.status, 200, JSON.stringify(moved.body));
    assert.equal(moved.body.leader.id, next);
    assert.equal(moved.body.changed, true);
    assert.equal(moved.body.epoch, 2);
    assert.equal(await ensemble.waitForLeader(), next);
    await ensemble.waitUntilServing();
    using back = await ensemble.resume(leader, client);
    const data = await back.must(getData("/kept"));
    assert.equal(new TextDecoder().decode(data.buffer()!), "value");
    await back.must(exists("/mine"));
    await back.must(create("/after"));
    // and whoever left it may have it back
    await waitUntilSynced(ensemble, next);
    const again = await ask(ensemble, next, "POST", "/cluster/leader:transfer");
    assert.equal(again.status, 200, JSON.stringify(again.body));
    assert.equal(again.body.leader.id, Math.max(...ensemble.ids.filter((id) => id !== next)));
  });
});

Deno.test("POST /cluster/leader:transfer is refused while the others are no quorum", async () => {
  await ensembleOf({}, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    await waitUntilSynced(ensemble, leader);
    const [gone] = ensemble.ids.filter((id) => id !== leader);
    await ensemble.kill(gone!);
    await eventually("the leader misses it", async () => {
      const { body } = await ask(ensemble, leader, "GET", "/cluster");
      return body.quorum.synced.length === 2;
    });
    const { status, body } = await ask(ensemble, leader, "POST", "/cluster/leader:transfer");
    assert.equal(status, 409);
    assert.equal(body.type, "urn:denkeeper:problem:lead-transfer-refused");
    assert.match(body.detail, new RegExp(`not in sync: ${gone}`));
    assert.equal((await ask(ensemble, leader, "GET", "/cluster")).body.role, "leader");
  });
});

Deno.test("DELETE /server/sessions ends any session through any member", async () => {
  await ensembleOf({}, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    const [first, second] = ensemble.ids.filter((id) => id !== leader) as [number, number];
    const cases = [
      { owner: first, through: leader },
      { owner: leader, through: first },
      { owner: first, through: second },
      { owner: first, through: first },
    ];
    using watcher = await ensemble.client(leader);
    for (const [i, { owner, through }] of cases.entries()) {
      using client = await ensemble.client(owner);
      await client.must(create(`/e${i}`, { flags: 1 }));
      const id = `0x${BigInt.asUintN(64, client.sessionId).toString(16)}`;
      const { status } = await ask(ensemble, through, "DELETE", `/server/sessions/${id}`);
      assert.equal(status, 204, `${owner} ${through}`);
      assert.equal((await watcher.call(exists(`/e${i}`))).err, NO_NODE, `${owner} ${through}`);
      assert.equal(await client.receiveFrame(), "closed", `${owner} ${through}`);
    }
  });
});

Deno.test("DELETE /server/sessions ends a local session through its own member only", async () => {
  await ensembleOf({ config: { localSessionsEnabled: true } }, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    const follower = ensemble.ids.find((id) => id !== leader)!;
    for (const [owner, other] of [[leader, follower], [follower, leader]] as const) {
      using client = await ensemble.client(owner);
      const id = `0x${BigInt.asUintN(64, client.sessionId).toString(16)}`;
      const { body } = await ask(ensemble, owner, "GET", "/server/sessions");
      const own = body.sessions.find((session: { id: string }) => session.id === id);
      assert.equal(own.kind, "local", `${owner}`);
      const path = `/server/sessions/${id}`;
      assert.equal((await ask(ensemble, other, "DELETE", path)).status, 404, `${owner}`);
      assert.equal((await ask(ensemble, owner, "DELETE", path)).status, 204, `${owner}`);
      assert.equal(await client.receiveFrame(), "closed", `${owner}`);
      assert.equal((await ask(ensemble, owner, "DELETE", path)).status, 404, `${owner}`);
    }
  });
});

Deno.test("POST /members changes what POST /members:plan said it would", async () => {
  const config = { reconfigEnabled: true };
  await ensembleOf({ ids: [1, 2, 3], isDynamic: true, config }, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    await waitUntilSynced(ensemble, leader);
    const leaving = ensemble.ids.find((id) => id !== leader)!;
    const body = { remove: [leaving] };
    const plan = await ask(ensemble, leader, "POST", "/members:plan", { body });
    assert.equal(plan.body.allowed, true, JSON.stringify(plan.body));
    assert.equal(plan.body.certain, true);
    assert.equal(plan.body.before.failuresTolerated, 1);
    assert.equal(plan.body.after.failuresTolerated, 0);
    assert.match(plan.body.warnings[0], /tolerated/);
    assert.equal((await ask(ensemble, leader, "GET", "/cluster")).body.quorum.voters.length, 3);

    const tooMany = { remove: ensemble.ids.filter((id) => id !== leader) };
    const impossible = await ask(ensemble, leader, "POST", "/members:plan", { body: tooMany });
    assert.equal(impossible.body.allowed, false);
    const refused = await ask(ensemble, leader, "POST", "/members", { body: tooMany });
    assert.equal(refused.status, 400);
    assert.match(refused.body.detail, /1 voting servers would be left/);
    const stale = await ask(ensemble, leader, "POST", "/members", {
      body: { ...body, configVersion: "0x1" },
    });
    assert.equal(stale.status, 412);

    const changed = await ask(ensemble, leader, "POST", "/members", { body });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    assert.deepEqual(changed.body.members, plan.body.members);
    const { body: cluster } = await ask(ensemble, leader, "GET", "/cluster");
    assert.deepEqual(cluster.quorum.voters, ensemble.ids.filter((id) => id !== leaving));
    assert.equal(cluster.configVersion, changed.body.configVersion);
  });
});

Deno.test("POST /members is refused where reconfigEnabled is not true", async () => {
  await ensembleOf({}, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    const body = { remove: [leader] };
    const { status, body: problem } = await ask(ensemble, leader, "POST", "/members", { body });
    assert.equal(status, 403);
    assert.equal(problem.name, "RECONFIGDISABLED");
    const plan = await ask(ensemble, leader, "POST", "/members:plan", { body });
    assert.equal(plan.body.allowed, false);
    assert.match(plan.body.reasons[0], /reconfigEnabled/);
  });
});
