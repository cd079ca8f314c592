/**
 * ZooKeeper's AdminServer beside ours in an ensemble: on the leader, a follower, an observer, and on a member that lost
 * its quorum.
 *
 * @module
 */
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { testWith } from "../../support/prerequisites.ts";
import { create, exists, Flags, getData } from "../../support/requests.ts";
import type { Target } from "../../support/server_process.ts";
import assert from "node:assert/strict";
import { type AdminAnswer, ask, compareAnswers, type Departure } from "../admin_answers.ts";
import { ADMIN_NEEDS } from "../admin_needs.ts";

/** Of member 2, which leads, 1, which follows, and 3, which observes. */
const COMMANDS = [
  ...["configuration", "leader", "observers", "voting_view", "zabstate", "is_read_only"],
  ...["server_stats", "stats", "connections", "dump", "watches", "watches_by_path"],
  ...["watch_summary", "last_snapshot", "orst", "monitor"],
];
const WITHOUT_QUORUM = [
  ...["leader", "observers", "voting_view", "zabstate", "ruok", "stats", "is_read_only", "srst"],
  ...["gtmk", "stmk?traceMask=306", "snap"],
];

const OTHER_PLACE = "each has its own ports, directories and clients";
const OTHER_MOMENT = "a moment, a duration, or a size on the disk";
const DEPARTURES: readonly Departure[] = [
  { at: /session_id|\.#\[\]$|^path_to_session_ids/, values: OTHER_PLACE },
  { at: /_address(es)?(\[\])?$|client_port$|^data_(log_)?dir$/, values: OTHER_PLACE },
  {
    at: /all_ports\[\]$|\.(one|reachable_or_one|all_reachable_addresses_or_all\[\])$/,
    values: OTHER_PLACE,
  },
  { at: /established|last_response_time|latency|uptime|timestamp/, values: OTHER_MOMENT },
  { at: /(data|log)_dir_size/, values: OTHER_MOMENT },
  {
    at: /packets_(sent|received)$|queued_packets(_size)?$/,
    values: "pings and probes come as they may",
  },
  { at: /^expiry_time_to_session_ids/, values: "Java shows buckets that are empty by now" },
  { at: /^zxid$/, values: "who joins late gets a snapshot, and who is late is a matter of luck" },
  { at: /^version$/, values: "it is another program" },
  {
    at: /^(snapshot|restore)_(error|rate_limited)_count$|_restore_time$|^ttl_node_|^op_count_/,
    keys: "metrics of ZooKeeper 3.9 and 3.10",
  },
];
/** The metrics of a set have the names of members and namespaces, and come with what is done. */
const METRIC_OF_A_SET = /_(per_namespace|ack_latency|learner_handler_qp_(size|time_ms))$/;
const EQUAL_METRICS =
  /^(server_state|peer_state|znode_count|watch_count|ephemerals_count|global_sessions|quorum_size|learners|synced_(followers|observers|non_voting_followers)|pending_syncs|command|error)$/;

type Answers = Map<string, AdminAnswer>;

testWith(ADMIN_NEEDS, "ensemble: AdminServer, asked of Java's and of ours", async (t) => {
  const theirs = await answersOf("java");
  const ours = await answersOf("denkeeper");
  for (const [name, answer] of ours) {
    await t.step(name, () => {
      const their = theirs.get(name)!;
      if (name.endsWith("snap")) { // of 3.9
        assert.deepEqual([answer.status, answer.text], [
          200,
          their.text.replace(
            "Unknown command: snap",
            "This ZooKeeper instance is not currently serving requests",
          ),
        ]);
        return;
      }
      const isMonitor = name.endsWith("monitor");
      compareAnswers(their, answer, {
        departures: isMonitor
          ? [...DEPARTURES, { at: METRIC_OF_A_SET, keys: "it comes with what is done" }]
          : DEPARTURES,
        mayDiffer: (at) => isMonitor && !EQUAL_METRICS.test(at),
      });
    });
  }
});

testWith(ADMIN_NEEDS, "ensemble: a member refuses to be restored by itself", async () => {
  const members = [1, 2].map((id) => ({ id, target: "denkeeper" as const, http: true }));
  await withEnsemble({ members }, async (ensemble) => {
    await ensemble.startAll();
    const { httpUrl } = ensemble.process(1);
    const headers = { Authorization: "digest super:secret" };
    const snapshot = await fetch(`${httpUrl}/commands/snapshot`, { headers });
    assert.equal(snapshot.status, 200);
    const body = await snapshot.bytes();
    const response = await fetch(`${httpUrl}/commands/restore`, { method: "POST", headers, body });
    assert.equal(response.status, 409);
    assert.match((await response.json()).error, /Stop all of them/);
    using client = await ensemble.client(1);
    await client.must(create("/a")); // it serves as before
  });
});

async function answersOf(target: Target): Promise<Answers> {
  const answers: Answers = new Map();
  const members = [
    { id: 1, target, http: true },
    { id: 2, target, http: true },
    { id: 3, target, http: true, role: "observer" } as const,
  ];
  await withEnsemble({ members }, async (ensemble) => {
    await ensemble.startAll();
    await ensemble.waitForLeader([2]);
    const clients = [];
    for (const id of ensemble.ids) clients.push(await someState(ensemble, id));
    await ensemble.waitUntilEqual();
    for (const [role, id] of [["leader", 2], ["follower", 1], ["observer", 3]] as const) {
      const { httpUrl } = ensemble.process(id);
      // Java's leader registers its learners with some delay
      await eventually("its observers are known", async () => {
        const { text } = await ask(httpUrl, "/observers");
        return JSON.parse(text).synced_observers === (role === "leader" ? 1 : 0);
      });
      for (const name of COMMANDS) answers.set(`${role}: ${name}`, await ask(httpUrl, `/${name}`));
    }
    for (const client of clients) client.close();
    for (const id of [3, 1]) await ensemble.kill(id);
    await ensemble.waitForMode(2, "looking");
    const { httpUrl } = ensemble.process(2);
    for (const name of WITHOUT_QUORUM) {
      answers.set(`without a quorum: ${name}`, await ask(httpUrl, `/${name}`));
    }
  });
  return answers;
}

async function someState(ensemble: Ensemble, id: number) {
  const client = await ensemble.client(id, { timeoutMs: 60_000 });
  await client.must(create(`/m${id}`));
  await client.must(create(`/m${id}/e`, { flags: Flags.ephemeral }));
  await client.must(getData(`/m${id}`, true));
  await client.call(exists("/no", true));
  return client;
}
