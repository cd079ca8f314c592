import assert from "node:assert/strict";
import { ServerMetrics } from "../../../core/metrics/server_metrics.ts";
import { Exposition } from "../../../net/http/exposition.ts";
import { HttpMetrics } from "../../../net/http/http_metrics.ts";
import { metricsText } from "../../../net/http/prometheus.ts";
import { writeZooKeeperMetrics } from "../../../net/http/zookeeper_metrics.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { testWith } from "../../support/prerequisites.ts";
import { type ParsedFamily, parseMetrics } from "../../support/prometheus_parser.ts";
import { RawClient, requestFrame } from "../../support/raw_client.ts";
import {
  addWatchPersistent,
  addWatchRecursive,
  create,
  exists,
  getChildren,
  getChildren2,
  getData,
  multi,
  ping,
  remove,
  setData,
  whoAmI,
} from "../../support/requests.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { word } from "../../support/server_process.ts";

const NAMES_FILE = new URL("../../testdata/metrics/zookeeper_names.txt", import.meta.url);
const URL_OF_METRICS = "http://localhost/metrics";

/** Kind and name of every metric that is documented. */
const DOCUMENTED = Deno.readTextFileSync(NAMES_FILE).trim().split("\n")
  .map((line) => line.split(" ") as [kind: string, name: string]);

function handlerOf(server: InProcessServer): (request: Request) => Response {
  const { probe } = server;
  return metricsText({
    registry: probe.registry,
    server: probe,
    http: new HttpMetrics(),
    process: probe,
  });
}

async function scrape(server: InProcessServer, accept = "text/plain"): Promise<string> {
  const request = new Request(URL_OF_METRICS, { headers: { accept } });
  return await handlerOf(server)(request).text();
}

/** Each sample without its labels, of which the last one counts. */
function valuesOf(text: string): Map<string, number> {
  const lines = text.trimEnd().split("\n").filter((line) => !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? assert.fail(line);
    return [name!, value === "+Inf" ? Infinity : Number(value)];
  }));
}

async function useEverything(server: InProcessServer): Promise<void> {
  using client = await RawClient.session(server.clientPort);
  await client.must(create("/app", { data: "1" }));
  await client.must(addWatchPersistent("/app"));
  await client.must(addWatchRecursive("/app"));
  await client.must(getData("/app", true));
  await client.must(getChildren("/app", true));
  await client.must(getChildren2("/app"));
  await client.call(exists("/app/c", true)); // it is watched, and not there
  await client.must(create("/app/c"));
  await client.must(setData("/app", "2"));
  await client.must(multi([create("/app/d"), setData("/app", "3")]));
  await client.must(remove("/app/c"));
  await client.must(ping);
  await client.must(whoAmI);
}

const TEXT_TYPES: Readonly<Record<string, string>> = {
  gauge: "gauge",
  "gauge-set": "gauge",
  counter: "counter",
  "counter-set": "counter",
  summary: "summary",
  advanced: "summary",
  "summary-set": "summary",
  "advanced-set": "summary",
};

Deno.test("metricsText() has every documented name, with its type and its help", async () => {
  await using server = await InProcessServer.start();
  const text = await scrape(server);
  for (const [kind, name] of DOCUMENTED) {
    const type = TEXT_TYPES[kind];
    if (type === undefined) continue; // of an ensemble
    const help = kind.startsWith("gauge")
      ? name
      : `${name} ${kind === "counter-set" ? "counter set" : type}`;
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), `${kind} ${name}`);
  }
});

Deno.test("metricsText() counts what a server that stands alone was asked for", async () => {
  await using server = await InProcessServer.start();
  await useEverything(server);
  const values = valuesOf(await scrape(server));
  const counted = [
    ...["packets_received", "packets_sent", "znode_count", "uptime", "approximate_data_size"],
    ...["watch_bytes", "outstanding_changes_queued", "outstanding_changes_removed"],
    ...["bytes_received_count", "prep_processor_request_queued", "connection_request_count"],
    ...["response_bytes", "response_packet_cache_misses", "sync_processor_request_queued"],
    ...["response_packet_get_children_cache_misses", "op_count_total"],
    ...["create", "get_data", "set_data", "delete", "exists", "get_children", "multi", "ping"]
      .map((op) => `op_count_${op}`),
    ...["add_watch", "who_am_i", "create_session"].map((op) => `op_count_${op}`),
  ];
  const summarised = [
    ...["startup_snap_load_time", "startup_txns_load_time", "startup_txns_loaded", "dbinittime"],
    ...["fsynctime", "sync_process_time", "sync_processor_queue_size", "sync_processor_batch_size"],
    ...["sync_processor_queue_time_ms", "sync_processor_queue_flush_time_ms"],
    ...[
      "sync_processor_queue_and_flush_time_ms",
      "propagation_latency",
      "connection_token_deficit",
    ],
    ...["prep_process_time", "prep_processor_queue_size", "prep_processor_queue_time_ms"],
    ...["commit_process_time", "write_final_proc_time_ms", "read_final_proc_time_ms"],
    ...["write_commitproc_time_ms", "read_commitproc_time_ms", "local_write_committed_time_ms"],
    ...["server_write_committed_time_ms", "readlatency", "updatelatency"],
    ...["write_commit_proc_req_queued", "read_commit_proc_req_queued"],
    ...["commit_commit_proc_req_queued", "write_commit_proc_issued", "read_commit_proc_issued"],
    ...["node_created_watch_count", "node_changed_watch_count", "node_deleted_watch_count"],
    ...["node_children_watch_count", "read_per_namespace", "write_per_namespace"],
  ];
  for (const name of [...counted, ...summarised.map((name) => `${name}_count`)]) {
    assert.ok(values.get(name)! > 0, `${name} is ${values.get(name)}`);
  }
});

Deno.test("metricsText() times how sessions end, and what waits behind a write", async () => {
  await using server = await InProcessServer.start();
  using client = await RawClient.session(server.clientPort);
  const frames = [requestFrame(create("/a"), 1001), requestFrame(getData("/a"), 1002)];
  await client.sendBytes(new Uint8Array(await new Blob(frames).arrayBuffer())); // in one turn
  for (const xid of [1001, 1002]) assert.equal((await client.reply()).xid, xid);
  await client.endSession();
  const values = valuesOf(await scrape(server));
  for (const name of ["close_session_prep_time", "requests_in_session_queue"]) {
    assert.equal(values.get(`${name}_count`), 1, name);
  }
  assert.equal(values.get("requests_in_session_queue_sum"), 2);
  assert.equal(values.get("reads_after_write_in_session_queue_sum"), 1);
});

Deno.test("metricsText() has our own metrics, and those of the process", async () => {
  await using server = await InProcessServer.start();
  await useEverything(server);
  const text = await scrape(server);
  const values = valuesOf(text);
  const positive = [
    ...["denkeeper_build_info", "denkeeper_serving", "denkeeper_accepts_writes"],
    ...["denkeeper_last_zxid", "denkeeper_fsync_duration_seconds_count"],
    ...["denkeeper_disk_free_bytes", "denkeeper_disk_size_bytes", "denkeeper_snapshot_files"],
    ...[
      "denkeeper_last_snapshot_bytes",
      "denkeeper_txn_log_files",
      "denkeeper_txn_log_files_bytes",
    ],
    ...["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"],
    ...["process_start_time_seconds", "jvm_memory_bytes_used", "jvm_info"],
  ];
  for (const name of positive) assert.ok(values.get(name)! > 0, `${name} is ${values.get(name)}`);
  assert.equal(
    values.get("denkeeper_epoch_writes_left"),
    0xffff_fffe - values.get("denkeeper_last_zxid")!,
  );
  assert.equal(values.get("denkeeper_fsync_under_way_seconds"), 0);
  assert.ok(Math.abs(values.get("process_start_time_seconds")! - Date.now() / 1000) < 86_400);
  assert.ok(text.includes('denkeeper_mode{mode="standalone"} 1\n'));
  assert.ok(text.includes('denkeeper_mode{mode="leader"} 0\n'));
});

Deno.test("metricsText() has watches by kind", async () => {
  await using server = await InProcessServer.start();
  using client = await RawClient.session(server.clientPort);
  await client.must(getData("/", true));
  await client.call(exists("/a", true));
  await client.must(getChildren("/", true));
  await client.must(addWatchRecursive("/"));
  const text = await scrape(server);
  const counts = [...text.matchAll(/^denkeeper_watches\{mode="(\w+)"\} (\d+)$/gm)]
    .map(([, mode, count]) => [mode, Number(count)]);
  assert.deepEqual(Object.fromEntries(counts), { data: 2, child: 1, persistent: 0, recursive: 1 });
  assert.equal(valuesOf(text).get("denkeeper_watched_paths"), 2);
});

Deno.test("metricsText() answers HEAD without a body", async () => {
  await using server = await InProcessServer.start();
  const handle = handlerOf(server);
  const head = handle(new Request(URL_OF_METRICS, { method: "HEAD" }));
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
});

for (const format of ["text", "openMetrics"] as const) {
  testWith(
    ["prometheusClient"],
    `Prometheus' own parser reads the metrics: ${format}`,
    async () => {
      await using server = await InProcessServer.start();
      await useEverything(server);
      const accept = format === "text" ? "text/plain" : "application/openmetrics-text";
      const families = await parseMetrics(await scrape(server, accept), format);
      const byName = new Map(families.map((family) => [family.name, family]));
      assert.equal(byName.size, families.length, "every family is there once");
      for (const [kind, name] of DOCUMENTED) {
        if (TEXT_TYPES[kind] === undefined) continue;
        const family = familyOf(byName, name);
        const isCounter = kind === "counter" || kind === "counter-set";
        const type = isCounter && format === "openMetrics" ? "unknown" : TEXT_TYPES[kind];
        assert.equal(family.type, type, name);
        if (kind === "counter" && format === "openMetrics") {
          assert.equal(family.samples[0]?.name, name); // of text, the parser shows names of its own
        }
        if (kind === "summary" || kind === "advanced") {
          const quantiles = family.samples.flatMap(({ labels }) => labels["quantile"] ?? []);
          const expected = kind === "summary" ? ["0.5"] : ["0.5", "0.95", "0.99"];
          assert.deepEqual(quantiles, expected, name);
        }
      }
      const reads = familyOf(byName, "read_per_namespace").samples
        .find(({ name, labels }) => name.endsWith("_count") && labels["key"] === "app");
      assert.ok(Number(reads?.value) >= 3);
      assert.equal(familyOf(byName, "denkeeper_fsync_duration_seconds").type, "histogram");
    },
  );

  testWith(
    ["prometheusClient"],
    `Prometheus' own parser reads odd keys and values: ${format}`,
    async () => {
      const metrics = new ServerMetrics(new SeededRandom(1));
      const keys = ['quo"te', "back\\slash", "new\nline", "{a=b,}", "ä€😀", "", " "];
      for (const key of keys) metrics.quotaExceededErrorPerNamespace.of(key).increment();
      metrics.registerGauges({ quorum_size: () => NaN, learners: () => Infinity });
      const out = new Exposition(format);
      writeZooKeeperMetrics(out, metrics);
      const families = await parseMetrics(out.finish(), format);
      const byName = new Map(families.map((family) => [family.name, family]));
      assert.deepEqual(
        familyOf(byName, "quota_exceeded_error_per_namespace").samples.map(({ labels }) =>
          labels["key"]
        ),
        keys,
      );
      assert.equal(familyOf(byName, "quorum_size").samples[0]?.value, "nan");
      assert.equal(familyOf(byName, "learners").samples[0]?.value, "inf");
      assert.equal(familyOf(byName, "readlatency").samples[0]?.value, "nan");
    },
  );
}

/** Python's parser takes `_total` off the names of counters. */
function familyOf(families: ReadonlyMap<string, ParsedFamily>, name: string): ParsedFamily {
  return families.get(name) ?? families.get(name.replace(/_total$/, "")) ??
    assert.fail(`there is no ${name}`);
}

Deno.test("the members of an ensemble count what the leader and its learners do", async () => {
  const members = [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const }));
  const observer = { id: 4, target: "denkeeper" as const, role: "observer" as const };
  const config = { "4lw.commands.whitelist": "*" };
  await withEnsemble({ members: [...members, observer], config }, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    const follower = [1, 2, 3].find((id) => id !== leader)!;
    for (const id of [leader, follower, 4]) {
      using client = await RawClient.session(ensemble.clientPort(id));
      await client.must(create(`/of${id}`));
      await client.must(getData(`/of${id}`));
      await client.endSession();
    }
    const cases: [id: number, names: string[]][] = [
      [leader, [
        ...["learners", "synced_followers", "synced_observers", "quorum_size", "leader_uptime"],
        ...["last_proposal_size", "proposal_count", "commit_count", "request_commit_queued"],
        ...["looking_count", "cnt_leader_unavailable_time", "cnt_unavailable_time"],
        ...["cnt_election_time", "cnt_proposal_process_time", "cnt_prep_process_time"],
        ...["cnt_quorum_ack_latency", "cnt_proposal_ack_creation_latency"],
        ...["cnt_server_write_committed_time_ms", "cnt_close_session_prep_time"],
        ...["diff_count", "cnt_inflight_diff_count", "cnt_inflight_snap_count"],
        ...[`cnt_${follower}_ack_latency`, `cnt_${follower}_learner_handler_qp_size`],
      ]],
      [follower, [
        ...["quorum_size", "learner_proposal_received_count", "learner_commit_received_count"],
        ...["cnt_follower_sync_time", "cnt_proposal_latency", "cnt_commit_propagation_latency"],
        ...["cnt_proposal_ack_creation_latency", "cnt_unavailable_time", "cnt_fsynctime"],
        ...["cnt_local_write_committed_time_ms", "cnt_write_commitproc_time_ms"],
      ]],
      [4, ["cnt_observer_sync_time", "learner_commit_received_count", "cnt_unavailable_time"]],
    ];
    for (const [id, names] of cases) {
      let missing: string[] = [];
      await eventually(`server ${id} counts ${missing}`, async () => {
        const lines = (await word(ensemble.clientPort(id), "mntr")).trimEnd().split("\n");
        const values = new Map(lines.map((line) => line.split("\t") as [string, string]));
        missing = names.filter((name) => !(Number(values.get(`zk_${name}`)) > 0));
        return missing.length === 0;
      });
    }
  });
});
