/**
 * What `mntr` counts of one request after the other: the numbers are those of a Java server 3.8.0 that
 * was sent the same.
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { auth, create, exists, Flags, getChildren, getChildren2 } from "../support/requests.ts";
import { getData, multi, remove, type Request, setData } from "../support/requests.ts";
import { word } from "../support/server_process.ts";

const ALL_WORDS = { "4lw.commands.whitelist": "*" };

async function mntr(server: InProcessServer): Promise<Map<string, string>> {
  const lines = (await word(server.clientPort, "mntr")).trimEnd().split("\n");
  return new Map(lines.map((line) => line.split("\t") as [string, string]));
}

Deno.test("mntr sums what was read and written below each first component", async () => {
  await using server = await InProcessServer.start({ config: ALL_WORDS });
  using client = await RawClient.session(server.clientPort);
  for (const path of ["/a", "/a/c1", "/a/c2", "/b", "/b/d"]) await client.must(create(path));
  await client.must(setData("/a", "xx"));
  const cases: { request: Request; sums: Record<string, string> }[] = [
    { request: getData("/a"), sums: { a_read: "72" } }, // path, stat, data
    { request: exists("/a"), sums: { a_read: "70" } },
    { request: getChildren("/a"), sums: { a_read: "74" } }, // as if there were a stat in the reply
    { request: getChildren2("/a"), sums: { a_read: "74" } },
    { request: remove("/a/c2"), sums: { a_write: "5" } },
    {
      request: multi([create("/m", { data: "12" }), setData("/a", "123"), remove("/b/d")]),
      sums: { a_write: "5", b_write: "4", m_write: "4" },
    },
  ];
  for (const { request, sums } of cases) {
    await word(server.clientPort, "srst");
    assert.equal((await client.call(request)).err, 0);
    const found = [...await mntr(server)]
      .map(([name, value]) => [/^zk_sum_(\w+)_per_namespace$/.exec(name)?.[1], value] as const)
      .filter(([name, value]) => name !== undefined && value !== "0");
    assert.deepEqual(Object.fromEntries(found), sums);
  }
});

Deno.test("mntr counts the requests of a session's beginning and end, and its ephemerals", async () => {
  await using server = await InProcessServer.start({ config: ALL_WORDS });
  await word(server.clientPort, "srst");
  using client = await RawClient.session(server.clientPort);
  await client.must(create("/e", { data: "123", flags: Flags.ephemeral }));
  await client.endSession();
  const values = await mntr(server);
  assert.equal(values.get("zk_prep_processor_request_queued"), "3");
  assert.equal(values.get("zk_sync_processor_request_queued"), "3");
  assert.equal(values.get("zk_cnt_updatelatency"), "3");
  assert.equal(values.get("zk_cnt_e_write_per_namespace"), "2");
  assert.equal(values.get("zk_sum_e_write_per_namespace"), "7");
});

Deno.test("mntr has the paths of a fresh tree in approximate_data_size", async () => {
  await using server = await InProcessServer.start({ config: ALL_WORDS });
  const paths = "/" + "/zookeeper" + "/zookeeper/quota" + "/zookeeper/config";
  assert.equal((await mntr(server)).get("zk_approximate_data_size"), String(paths.length));
});

Deno.test("mntr counts connections that clients drop, not those that end in order", async () => {
  await using server = await InProcessServer.start({
    config: {
      ...ALL_WORDS,
      connection_throttle_tokens: 2,
      connection_throttle_fill_time: 10_000_000,
    },
  });
  const ended = await RawClient.session(server.clientPort);
  await ended.endSession();
  ended.close();
  const dropped = await RawClient.session(server.clientPort);
  using throttled = await RawClient.open(server.clientPort);
  assert.equal(await throttled.connect(), "closed");
  dropped.close();
  await eventually(
    "the drop is seen",
    async () => (await mntr(server)).get("zk_connection_drop_count") !== "0",
  );
  const values = await mntr(server);
  assert.equal(values.get("zk_connection_drop_count"), "1");
  assert.equal(values.get("zk_connection_rejected"), "1");
  assert.equal(values.get("zk_sum_connection_token_deficit"), "3"); // after each that was let in
});

Deno.test("mntr has limits and usage of each quota, the hard limit where there is one", async () => {
  await using server = await InProcessServer.start({ config: ALL_WORDS });
  using client = await RawClient.session(server.clientPort);
  const quota = "/zookeeper/quota/q";
  await client.must(create("/q", { data: "abc" }));
  await client.must(create(quota));
  const limits = "count=2,bytes=10=;byteHardLimit=20";
  await client.must(create(`${quota}/zookeeper_limits`, { data: limits }));
  await client.must(create(`${quota}/zookeeper_stats`, { data: "count=0,bytes=0" }));
  const found = [...await mntr(server)].filter(([name]) => name.startsWith("zk_q_quota_"));
  assert.deepEqual(Object.fromEntries(found), {
    zk_q_quota_count_limit_per_namespace: "2",
    zk_q_quota_bytes_limit_per_namespace: "20",
    zk_q_quota_count_usage_per_namespace: "1",
    zk_q_quota_bytes_usage_per_namespace: "3",
  });
});

Deno.test("mntr has Prometheus' keys where its provider is configured", async () => {
  await using server = await InProcessServer.start({
    config: {
      ...ALL_WORDS,
      "metricsProvider.className":
        "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
      "metricsProvider.httpHost": "127.0.0.1",
      "metricsProvider.httpPort": 0,
    },
  });
  const values = await mntr(server);
  assert.ok(Number(values.get("zk_znode_count")) > 0);
  assert.ok(values.has('zk_readlatency{quantile="0.95"}'));
  assert.ok(!values.has("zk_p95_readlatency"));
});

Deno.test("mntr counts who names the ensemble, who names another, and who names none", async () => {
  await using server = await InProcessServer.start({
    config: {
      ...ALL_WORDS,
      "authProvider.1": "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider",
      ensembleAuthName: "ours,also-ours",
    },
  });
  for (const [name, isLetIn] of [["ours", true], ["also-ours", true], ["", true], ["x", false]]) {
    using client = await RawClient.session(server.clientPort);
    await client.send(auth("ensemble", name as string), -4);
    assert.equal(typeof await client.receiveFrame() !== "string", isLetIn, `${name}`);
  }
  const values = await mntr(server);
  const counts = ["success", "skip", "fail"].map((kind) => values.get(`zk_ensemble_auth_${kind}`));
  assert.deepEqual(counts, ["2", "1", "1"]);
});
