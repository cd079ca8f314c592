/**
 * ZooKeeper's AdminServer beside ours, with the same data and one client each: every command with the same names,
 * types and values, but for what is listed here.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withBoth } from "../support/compared.ts";
import { eventually } from "../support/eventually.ts";
import { ADMIN_NEEDS } from "./admin_needs.ts";
import { testWith } from "../support/prerequisites.ts";
import { RawClient } from "../support/raw_client.ts";
import { create, exists, Flags, getChildren, getData, setData } from "../support/requests.ts";
import { ServerProcess } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { dumpTree, SUPER_PROPERTIES } from "../support/tree_dump.ts";
import {
  type AdminAnswer,
  ask,
  compareAnswers,
  type Departure,
  isPretty,
} from "./admin_answers.ts";

const COMMANDS = [
  // the first two make the counts of connection and server begin anew
  ...["connection_stat_reset", "stat_reset", "configuration", "conf", "config", "connections"],
  ...["cons", "dirs", "dump", "environment", "env", "envi", "get_trace_mask", "gtmk", "hash"],
  ...["initial_configuration", "icfg", "is_read_only", "isro", "last_snapshot", "lsnp", "leader"],
  ...["lead", "monitor", "mntr", "observer_connection_stat_reset", "orst", "observers", "obsr"],
  ...["ruok", "server_stats", "srvr", "stats", "stat", "system_properties", "sysp"],
  ...["voting_view", "watches", "wchc", "watches_by_path", "wchp", "watch_summary", "wchs"],
  ...["zabstate", "set_trace_mask?traceMask=5", "stmk?traceMask=9223372036854775807"],
  ...["get_trace_mask", "set_trace_mask", "set_trace_mask?traceMask=abc", "stmk?traceMask=306"],
  ...["crst", "srst", "nope", "RUOK", "ruok/", "ruok/x", "a%20b"],
];

const OTHER_PLACE = "each has its own ports, directories and clients";
const OTHER_MOMENT = "a moment, a duration, or a size on the disk";

const DEPARTURES: readonly Departure[] = [
  { at: /session_id|\.#\[\]$|^path_to_session_ids/, values: OTHER_PLACE },
  { at: /remote_socket_address|client_port$|(^|\.)data_(log_)?dir$/, values: OTHER_PLACE },
  { at: /^initial_configuration$|admin\.serverPort$|^user\.dir$/, values: OTHER_PLACE },
  { at: /established|last_response_time|latency|uptime|timestamp/, values: OTHER_MOMENT },
  { at: /(data|log)_?dir_size/, values: OTHER_MOMENT },
  { at: /digests\[\]\.digest$/, values: "a digest holds the times of znodes" },
  { at: /^version$|^zookeeper\.version$/, values: "it is another program" },
  { at: /^host\.name$/, values: "Java asks a resolver, we the system" },
  { at: /^java\.|^os\.memory/, values: "there is no JVM", keys: "there is no JVM" },
  {
    at: /^(file|jdk|jetty|line|native|path|sun|user)\./,
    keys: "properties that a JVM makes up",
  },
  {
    at: /^(snapshot|restore)_(error|rate_limited)_count$|_restore_time$|^ttl_node_|^op_count_/,
    keys: "metrics of ZooKeeper 3.9 and 3.10",
  },
];
/** What `monitor` must agree on: the rest counts how the work is done. */
const EQUAL_METRICS =
  /^(server_state|znode_count|watch_count|ephemerals_count|global_sessions|local_sessions|num_alive_connections|outstanding_requests|auth_failed_count|quorum_size|command|error)$/;

testWith(ADMIN_NEEDS, "AdminServer: every command, asked of both", async (t) => {
  const options = {
    http: true,
    config: { extendedTypesEnabled: true, maxSessionTimeout: 600_000 },
  };
  const [theirs, ours] = await withBoth(options, async (server) => {
    await eventually(
      "the probes of the start are gone",
      async () => (await server.word("srvr")).includes("\nConnections: 1\n"),
    );
    using client = await someState(server.clientPort);
    const answers: [name: string, answer: AdminAnswer][] = [];
    for (const name of COMMANDS) answers.push([name, await ask(server.httpUrl, `/${name}`)]);
    await client.endSession();
    return answers;
  });
  for (const [i, [name, answer]] of ours.entries()) {
    await t.step(name, () => {
      const isMonitor = name === "monitor" || name === "mntr";
      compareAnswers(theirs[i]![1], answer, {
        departures: DEPARTURES,
        mayDiffer: (at) => isMonitor && !EQUAL_METRICS.test(at),
      });
      assert.ok(isPretty(theirs[i]![1].text), "the test knows how Jackson prints");
      assert.ok(isPretty(answer.text), answer.text);
    });
  }
});

testWith(ADMIN_NEEDS, "AdminServer: what is no command, and other methods", async () => {
  const requests: readonly (readonly [method: string, path: string])[] = [
    ["GET", "/commands"],
    ["GET", "/commands/"],
    ["HEAD", "/commands/ruok"],
    ["GET", "/commandsx"],
    ["TRACE", "/commands/ruok"],
    ["PUT", "/commands/ruok"],
    ["DELETE", "/commands/ruok"],
    ["OPTIONS", "/commands/ruok"],
    ["POST", "/commands/ruok"],
  ];
  const [theirs, ours] = await withBoth({ http: true }, async ({ httpPort }) => {
    const answers: Record<string, { status: number; type: string | null; body: string }> = {};
    for (const [method, path] of requests) {
      answers[`${method} ${path}`] = await rawRequest(httpPort!, method, path);
    }
    return answers;
  });
  for (const [method, path] of requests) {
    const key = `${method} ${path}`;
    const [their, our] = [theirs[key]!, ours[key]!];
    assert.equal(our.status, their.status, key);
    if (method === "POST" || path === "/commandsx") continue; // theirs is a page of Jetty's
    assert.equal(our.type, their.type, key);
    if (path === "/commands" || path === "/commands/") {
      const added = /<a href="[^"]*">(restore|shed_connections|snapshot)<\/a>\n<br\/>\n/g;
      assert.equal(our.body.replaceAll(added, ""), their.body, key); // of 3.9 and 3.10
      assert.equal(our.body.match(added)?.length, 3);
    } else assert.equal(our.body, their.body, key);
  }
});

const SUPER = { Authorization: "digest super:secret" };
const DATABASE_OPTIONS = {
  http: true,
  properties: SUPER_PROPERTIES,
  config: { extendedTypesEnabled: true, maxSessionTimeout: 600_000, "4lw.commands.whitelist": "*" },
};

testWith(ADMIN_NEEDS, "AdminServer: a Java server starts from our snapshot's stream", async () => {
  using dir = makeTempDir();
  const { expected, name, bytes } = await (async () => {
    await using ours = await ServerProcess.start("denkeeper", DATABASE_OPTIONS);
    using _client = await someState(ours.clientPort);
    const response = await fetch(`${ours.httpUrl}/commands/snapshot`, { headers: SUPER });
    assert.equal(response.status, 200);
    const name = /filename="(.*)"/.exec(response.headers.get("Content-Disposition")!)![1]!;
    return { expected: await dumpTree(ours.clientPort), name, bytes: await response.bytes() };
  })();
  Deno.mkdirSync(`${dir.path}/version-2`);
  Deno.writeFileSync(`${dir.path}/version-2/${name}`, bytes);
  await using java = await ServerProcess.start("java", { ...DATABASE_OPTIONS, dataDir: dir.path });
  assert.deepEqual(await dumpTree(java.clientPort), expected);
  assert.match(await java.word("mntr"), /^zk_digest_mismatches_count\t0$/m);
});

testWith(
  ADMIN_NEEDS,
  "AdminServer: a Java server's snapshot is restored, and given back",
  async () => {
    using dir = makeTempDir();
    let expected: string[] = [];
    const javaDir = `${dir.path}/java`;
    for (const isFirst of [true, false]) {
      await using java = await ServerProcess.start("java", {
        ...DATABASE_OPTIONS,
        dataDir: javaDir,
      });
      using _client = isFirst ? await someState(java.clientPort) : null;
      expected = await dumpTree(java.clientPort);
    }
    const snapshots = [...Deno.readDirSync(`${javaDir}/version-2`)].map(({ name }) => name)
      .filter((name) => name.startsWith("snapshot."));
    const newest = snapshots.sort((a, b) => parseInt(a.slice(9), 16) - parseInt(b.slice(9), 16)).at(
      -1,
    )!;
    const ourDir = `${dir.path}/ours`;
    {
      await using ours = await ServerProcess.start("denkeeper", {
        ...DATABASE_OPTIONS,
        dataDir: ourDir,
      });
      using client = await RawClient.session(ours.clientPort);
      for (let i = 0; i < 300; i++) await client.must(create(`/other${i}`)); // beyond the snapshot's zxid
      const body = Deno.readFileSync(`${javaDir}/version-2/${newest}`);
      const response = await fetch(`${ours.httpUrl}/commands/restore`, {
        method: "POST",
        headers: SUPER,
        body,
      });
      assert.deepEqual([response.status, (await response.json()).error], [200, null]);
      assert.deepEqual(await dumpTree(ours.clientPort), expected);
      await ours.stop();
    }
    await using java = await ServerProcess.start("java", { ...DATABASE_OPTIONS, dataDir: ourDir });
    assert.deepEqual(await dumpTree(java.clientPort), expected);
    assert.match(await java.word("mntr"), /^zk_digest_mismatches_count\t0$/m);
  },
);

/** Of everything that is told of, something. */
async function someState(port: number): Promise<RawClient> {
  const client = await RawClient.session(port, { timeoutMs: 600_000 }); // outlasts every restart
  await client.must(create("/a", { data: "1" }));
  await client.must(create("/a/e", { flags: Flags.ephemeral }));
  await client.must(create("/container", { type: 19, flags: Flags.container }));
  for (let i = 0; i < 130; i++) await client.must(setData("/a", `${i}`)); // a digest is recorded
  await client.must(getData("/a", true));
  await client.call(exists("/no", true));
  await client.must(getChildren("/a", true));
  return client;
}

/** `fetch` does not send every method. */
async function rawRequest(
  port: number,
  method: string,
  path: string,
): Promise<{ status: number; type: string | null; body: string }> {
  using client = await RawClient.open(port);
  await client.sendBytes(new TextEncoder().encode(
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
  ));
  const text = new TextDecoder().decode(await client.receiveAll());
  const [head = "", ...rest] = text.split("\r\n\r\n");
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
    type: /^content-type: (.*)$/im.exec(head)?.[1] ?? null,
    body: rest.join("\r\n\r\n"),
  };
}
