/**
 * Memory that gets short: what makes the tree larger is refused, all else goes on, and room that was made counts.
 */
import assert from "node:assert/strict";
import { DataTree } from "../../core/tree/data_tree.ts";
import { memoryLimitOf } from "../../net/memory_limit.ts";
import { MemoryWatch } from "../../net/memory_watch.ts";
import { eventually } from "../support/eventually.ts";
import { RawClient } from "../support/raw_client.ts";
import { create, exists, getData, multi, remove, setData } from "../support/requests.ts";
import { ServerProcess } from "../support/server_process.ts";
import { keepingLogger, type LogLine } from "../support/silent_logger.ts";

const SYSTEM_ERROR = -1;

Deno.test("a server whose memory is short refuses what makes the tree larger, until there is room", async () => {
  // it has about 80 MiB in use when it has started
  await using server = await ServerProcess.start("denkeeper", {
    config: { "memory.softLimit": "130M" },
    http: true,
  });
  using client = await RawClient.session(server.clientPort);
  const data = new Uint8Array(500_000);
  const paths: string[] = [];
  let refused = 0;
  while (refused !== SYSTEM_ERROR) {
    assert(paths.length < 2000, "it takes no more than there is");
    const path = `/n${paths.length}`;
    refused = (await client.call(create(path, { data }))).err;
    if (refused === 0) paths.push(path);
    else assert.equal(refused, SYSTEM_ERROR);
  }
  const path = paths[0]!;
  assert.equal((await client.call(create("/small", { data: "" }))).err, SYSTEM_ERROR);
  assert.equal((await client.call(exists("/small"))).err, -101);
  assert.equal((await client.call(getData(path))).err, 0);
  assert.equal((await client.call(setData(path, data))).err, 0, "it does not get longer");
  assert.equal((await client.call(setData(path, new Uint8Array(500_001)))).err, SYSTEM_ERROR);
  const both = await client.call(multi([setData(path, "short"), create("/small", { data: "" })]));
  assert.equal(both.err, 0); // of a multi the results tell
  assert.equal((await client.call(exists("/small"))).err, -101);
  assert.equal(
    (await client.call(getData(path))).body.length > data.length,
    true,
    "all or nothing",
  );

  const response = await fetch(`${server.httpUrl}/api/v1/data/over-http`, {
    method: "PUT",
    body: "x",
  });
  assert.equal(response.status, 507);
  const problem = await response.json();
  assert.equal(problem.type, "urn:denkeeper:problem:memory-full");
  assert.match(problem.detail ?? problem.title, /memory/);

  for (const each of paths) assert.equal((await client.call(remove(each))).err, 0);
  await eventually(
    "znodes are created again",
    async () => (await client.call(create("/small", { data: "" }))).err === 0,
  );
});

Deno.test("memory is short when it stays so, and there is room when a twentieth is free", () => {
  const tree = new DataTree({
    digestEnabled: false,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
  const lines: LogLine[] = [];
  let use = { bytes: 90, residentBytes: 90, heapBytes: 1, heapBytesMax: 1000 };
  let collected = 0; // of what is resident
  let collectedCount = 0;
  const watch = new MemoryWatch({
    tree,
    softLimitBytes: 100,
    urgentBytes: 110,
    memoryBytes: 999,
    limitText: "test",
    logger: keepingLogger(lines),
    measure: () => use,
    collect: () => {
      collectedCount++;
      use = { ...use, residentBytes: use.residentBytes - collected };
    },
  });
  watch.stop();
  const refusals = (bytes: number, heapBytes = 1, residentBytes = bytes) => {
    use = { bytes, residentBytes, heapBytes, heapBytesMax: 1000 };
    watch.check();
    return tree.refusesGrowth;
  };
  assert.deepEqual([101, 101, 99, 101, 101].map((bytes) => refusals(bytes)), Array(5).fill(false));
  assert.equal(refusals(101), true);
  assert.deepEqual([100, 96, 95, 95].map((bytes) => refusals(bytes)), [true, true, false, false]);
  assert.deepEqual([951, 951, 951, 940, 900].map((heap) => refusals(1, heap)), [
    false,
    false,
    true,
    true,
    false,
  ]);
  assert.equal(collectedCount, 3, "before it refuses anything");
  assert.equal(lines.filter(({ level }) => level === "error").length, 2);
  assert.equal(lines.filter(({ level }) => level === "warn").length, 1, "the heap's limit is 1000");
  // Far above the limit it does not wait, if what is there is not garbage.
  collected = 5;
  assert.deepEqual([refusals(80, 1, 115), collectedCount], [false, 4]);
  assert.deepEqual([refusals(80, 1, 116), collectedCount], [true, 5]);
  assert.deepEqual([refusals(80, 1, 116), collectedCount], [false, 5]);
});

Deno.test("the memory there is, is that of the machine or the least of its groups' limits", () => {
  const files: Record<string, string> = {
    "/proc/meminfo": "MemTotal:       1000 kB\n",
    "/proc/self/cgroup": "0::/kubepods/pod1\n",
  };
  const limit = () => memoryLimitOf((path) => files[path] ?? null)?.bytes;
  assert.equal(limit(), 1_024_000);
  files["/sys/fs/cgroup/kubepods/memory.max"] = "500000\n";
  files["/sys/fs/cgroup/kubepods/pod1/memory.max"] = "max\n";
  assert.equal(limit(), 500_000);
  files["/proc/self/cgroup"] = "5:cpu,memory:/a\n";
  files["/sys/fs/cgroup/memory/a/memory.limit_in_bytes"] = `${400_000}\n`;
  assert.equal(limit(), 400_000);
  assert.equal(memoryLimitOf(() => null), null);
});
