/**
 * What the simulated disk promises, and that it uses every liberty it has.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isDiskFull } from "../../net/disk_full.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimDisk, type SimDiskOptions, type Tear } from "./sim_disk.ts";

function makeDisk(seed: number, options: Partial<SimDiskOptions> = {}) {
  const later: (() => void)[] = [];
  const disk = new SimDisk({
    random: new SeededRandom(seed),
    schedule: (_, run) => void later.push(run),
    ...options,
  });
  disk.makeDirectory("/d");
  const settle = () => {
    for (let run = later.shift(); run !== undefined; run = later.shift()) run();
  };
  return { disk, settle };
}

function outcomes<T>(run: (seed: number) => T): Map<string, number> {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= 400; seed++) {
    const outcome = `${run(seed)}`;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}

const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("SimDisk.crash() keeps what was synced and the beginning of what was not", () => {
  const seen = outcomes((seed) => {
    const { disk } = makeDisk(seed, { tears: ["cut"] });
    const file = disk.open("/d/f", "create");
    file.write(bytes(1, 2));
    file.sync();
    disk.syncDirectory("/d");
    file.write(bytes(3, 4));
    file.write(bytes(5));
    disk.crash();
    assert.throws(() => file.write(bytes(6)), /process/);
    return disk.read("/d/f");
  });
  assert.deepEqual([...seen.keys()].sort(), ["1,2", "1,2,3,4", "1,2,3,4,5"]);
});

Deno.test("SimDisk.crash() tears as it is told to", () => {
  const at = 100; // so the write of 1500 bytes goes over sectors that end at 512, 1024 and 1536
  const whole = [412, 924, 1436];
  const cases: [Tear, expected: string[]][] = [
    ["cut", whole.map((count) => `${count} of ${count}`)],
    ["zeros", whole.map((count) => `${count} of 1500`)],
    ["garbage", whole.map((count) => `${count} of 1500`)],
  ];
  for (const [tear, expected] of cases) {
    const seen = outcomes((seed) => {
      const { disk } = makeDisk(seed, { tears: [tear] });
      const file = disk.open("/d/f", "create");
      file.write(new Uint8Array(at));
      file.sync();
      disk.syncDirectory("/d");
      file.write(new Uint8Array(1500).fill(9));
      disk.crash();
      const left = disk.read("/d/f").subarray(at);
      const changed = left.findIndex((byte) => byte !== 9);
      if (tear === "zeros" && changed >= 0) assert.ok(left.subarray(changed).every((b) => b === 0));
      const kept = Math.floor((at + changed) / 512) * 512 - at; // garbage may begin with a 9
      return `${changed < 0 ? left.length : kept} of ${left.length}`;
    });
    const lost = "0 of 0";
    assert.deepEqual([...seen.keys()].sort(), [...expected, lost, "1500 of 1500"].sort(), tear);
  }
  const small = outcomes((seed) => {
    const { disk } = makeDisk(seed);
    const file = disk.open("/d/f", "create");
    disk.syncDirectory("/d");
    file.write(bytes(9, 9, 9));
    disk.crash();
    return disk.read("/d/f");
  });
  assert.deepEqual([...small.keys()].sort(), ["", "9,9,9"], "a sector is never torn");
});

Deno.test("SimDisk.crash() loses names, in the order in which they came, unless the directory was synced", () => {
  const seen = outcomes((seed) => {
    const { disk } = makeDisk(seed);
    disk.put("/d/old", bytes(1));
    disk.put("/d/gone", bytes(1));
    const file = disk.open("/d/new.tmp", "create");
    file.write(bytes(2));
    file.sync();
    disk.rename("/d/new.tmp", "/d/old");
    assert.equal(disk.remove("/d/gone"), true);
    assert.equal(disk.remove("/d/gone"), false);
    assert.deepEqual(disk.namesIn("/d"), ["old"]);
    disk.crash();
    return `${disk.namesIn("/d").sort()} ${disk.read("/d/old")}`;
  });
  assert.deepEqual([...seen.keys()].sort(), [
    "gone,new.tmp,old 1",
    "gone,old 1",
    "gone,old 2",
    "old 2",
  ]);
  const synced = outcomes((seed) => {
    const { disk } = makeDisk(seed);
    disk.put("/d/old", bytes(1));
    disk.rename("/d/old", "/d/renamed");
    disk.syncDirectory("/d");
    disk.crash();
    return disk.namesIn("/d");
  });
  assert.deepEqual([...synced.keys()], ["renamed"]);
});

Deno.test("SimDisk.kill() ends a process and loses nothing, and nothing becomes durable by it", () => {
  const seen = outcomes((seed) => {
    const { disk, settle } = makeDisk(seed, { tears: ["cut"] });
    const file = disk.open("/d/f", "create");
    file.write(bytes(1));
    let isDone = false;
    file.startSync(() => isDone = true);
    disk.kill();
    settle();
    assert.equal(isDone, false, "its callbacks are gone");
    assert.deepEqual(disk.read("/d/f"), bytes(1));
    disk.crash();
    return disk.namesIn("/d").length === 0 ? "lost" : disk.read("/d/f");
  });
  assert.deepEqual([...seen.keys()].sort(), ["", "1", "lost"]);
});

Deno.test("SimFile.startSync() saves what was written before it, when it is done", () => {
  const seen = outcomes((seed) => {
    const { disk, settle } = makeDisk(seed, { tears: ["cut"] });
    const file = disk.open("/d/f", "create");
    disk.syncDirectory("/d");
    file.write(bytes(1));
    const failures: unknown[] = [];
    file.startSync((failure) => failures.push(failure));
    file.write(bytes(2));
    assert.deepEqual(failures, []);
    settle();
    assert.deepEqual(failures, [null]);
    disk.crash();
    return disk.read("/d/f");
  });
  assert.deepEqual([...seen.keys()].sort(), ["1", "1,2"]);
});

Deno.test("SimDisk loses for good what a failed sync should have saved", () => {
  const seen = outcomes((seed) => {
    const { disk, settle } = makeDisk(seed);
    const file = disk.open("/d/f", "create");
    disk.syncDirectory("/d");
    file.write(bytes(1));
    disk.failsSync = () => true;
    assert.throws(() => file.sync(), /os error 5/);
    file.startSync((failure) => assert.match(`${failure}`, /os error 5/));
    settle();
    disk.failsSync = () => false;
    file.sync(); // says that all is well, as Linux does
    assert.deepEqual(disk.read("/d/f"), bytes(1));
    disk.crash();
    return disk.read("/d/f");
  });
  assert.deepEqual([...seen.keys()], [""]);
});

Deno.test("SimDisk is full as a real disk is", () => {
  const { disk, settle } = makeDisk(1, { capacityBytes: 2 * 4096 });
  const file = disk.open("/d/f", "create");
  assert.equal(file.write(new Uint8Array(4000)), 4000);
  assert.equal(file.write(new Uint8Array(5000)), 4192, "as much as fits");
  assert.throws(() => file.write(bytes(6)), isDiskFull);
  assert.throws(() => disk.open("/d/g", "create"), isDiskFull);
  file.startWrite(bytes(6), (failure) => assert.ok(isDiskFull(failure)));
  settle();
  file.seek(1);
  assert.equal(file.write(bytes(7, 7)), 2, "over what is there already");
  file.truncate(5000);
  file.seek(5000);
  assert.equal(file.write(bytes(8)), 1);
  file.truncate(4096);
  disk.put("/d/h", new Uint8Array(1));
  file.seek(4096);
  assert.throws(() => file.write(bytes(8)), isDiskFull);
});

Deno.test("SimDisk reads, seeks, truncates and flips bits as files do", () => {
  const { disk } = makeDisk(1);
  disk.put("/d/f", bytes(1, 2, 3));
  const file = disk.open("/d/f", "change");
  const target = new Uint8Array(2);
  assert.equal(file.read(target), 2);
  assert.deepEqual(target, bytes(1, 2));
  assert.equal(file.read(target), 1);
  assert.equal(file.read(target), 0);
  file.truncate(1);
  file.seek(9000);
  file.write(bytes(5));
  assert.equal(file.sizeBytes(), 9001);
  assert.equal(file.storedBytes(), 4096 + 9001 - 8192, "with a hole");
  assert.equal(disk.read("/d/f")[1], 0, "what was cut off does not come back");
  disk.put("/d/g", bytes(0));
  disk.flipBit("/d/g", 3);
  assert.deepEqual(disk.read("/d/g"), bytes(8));
  disk.crash();
  assert.deepEqual(disk.read("/d/g"), bytes(8));
  assert.throws(() => disk.open("/d/none", "read"), Deno.errors.NotFound);
  assert.throws(() => disk.open("/d/f", "read").write(bytes(1)), /read only/);
});

Deno.test("SimDisk does the same for the same seed", () => {
  const run = (seed: number) => {
    const { disk } = makeDisk(seed, { tears: ["garbage", "cut", "zeros"] });
    for (let i = 0; i < 10; i++) {
      const file = disk.open(`/d/${i % 4}`, "create");
      file.write(new Uint8Array(50).fill(i));
      if (i % 3 === 0) file.sync();
      if (i % 4 === 0) disk.crash();
    }
    disk.crash();
    return disk.namesIn("/d").map((name) => `${name}: ${disk.read(`/d/${name}`)}`).join("\n");
  };
  assert.equal(run(5), run(5));
  assert.notEqual(run(5), run(6));
});
