import assert from "node:assert/strict";
import { ALL_FINDINGS, CHECK_NAMES } from "../../../cli/doctor/doctor.ts";
import { freePort } from "../../support/free_port.ts";
import { canMountDisks } from "../../support/small_disk.ts";
import { CONFIG_PLANTS } from "./config_plants.ts";
import { DATA_PLANTS } from "./data_plants.ts";
import { MACHINE_PLANTS } from "./machine_plants.ts";
import { MEMBER_PLANTS } from "./member_plants.ts";
import type { Plants } from "./plant.ts";
import { ScriptedMember } from "./scripted_member.ts";
import { TestBed } from "./test_bed.ts";

const PLANTS: Plants = {
  ...CONFIG_PLANTS,
  ...MACHINE_PLANTS,
  ...DATA_PLANTS,
  ...MEMBER_PLANTS,
};

/** Only root may mount the disks, and have privileges to give away. */
const NEED_ROOT: ReadonlySet<string> = new Set([
  ...["DK-DISK-001", "DK-DISK-002", "DK-DISK-008", "DK-DISK-010"],
  ...["DK-DISK-013", "DK-PORT-004"],
]);

const isRoot = await canMountDisks();

Deno.test("doctor: every code it has can be planted, and no other", () => {
  assert.deepEqual(Object.keys(PLANTS).sort(), Object.keys(ALL_FINDINGS).sort());
});

Deno.test("doctor: every finding says what it means and what to do", () => {
  for (const [code, { title, meaning, action }] of Object.entries(ALL_FINDINGS)) {
    assert.match(code, /^DK-[A-Z]+-\d{3}$/);
    for (const text of [meaning, action]) assert.match(text, /^[A-Za-z].*\.$/s, code);
    assert.doesNotMatch(title, /\.$/, code);
  }
});

for (const [code, [check, plant]] of Object.entries(PLANTS)) {
  Deno.test({
    name: `doctor finds ${code}, planted: ${ALL_FINDINGS[code]?.title}`,
    ignore: NEED_ROOT.has(code) && !isRoot,
    fn: async () => {
      await using bed = new TestBed();
      const elsewhere = await plant(bed) as { findings: { code: string }[] } | undefined;
      const { findings } = elsewhere ?? await bed.diagnose(check);
      const found = findings.map((finding) => finding.code);
      assert.ok(found.includes(code), `found ${found.join(", ") || "nothing"}`);
    },
  });
}

Deno.test("doctor finds nothing wrong with a sound server, and none of what was planted elsewhere", async () => {
  await using bed = new TestBed();
  bed.configure();
  const { findings } = await bed.diagnose();
  // the tests' directories are in /tmp, and on one disk
  const TOLD = ["DK-CONF-014", "DK-DISK-005", "DK-DISK-006", "DK-DISK-008"];
  assert.deepEqual(
    findings.filter(({ code }) => !TOLD.includes(code)).map(({ code, found }) =>
      `${code} ${found}`
    ),
    [],
  );
});

Deno.test("doctor ends soon where names are never answered for", async () => {
  await using bed = new TestBed();
  bed.configureMember({ 2: "zk2:2888:3888", 3: "zk3:2888:3888" });
  const never = new Promise<never>(() => {});
  bed.machine = { ...bed.machine, lookup: () => never, reverse: () => never };
  bed.timeoutMs = 50;
  const { findings } = await bed.diagnose("names");
  assert.deepEqual(
    findings.filter(({ code }) => code === "DK-DNS-001").map(({ found }) => found),
    [1, 2, 3].map((id) => `server.${id}=${id === 1 ? "127.0.0.1" : `zk${id}`}: no answer in 50 ms`),
  );
});

Deno.test("doctor does not take one slow write for a slow disk", async () => {
  await using bed = new TestBed();
  bed.configure();
  const times = [...new Array(63).fill(1), 900];
  bed.machine = { ...bed.machine, timeSyncs: () => Promise.resolve(times) };
  const { findings } = await bed.diagnose("disk");
  const codes = findings.map(({ code }) => code).filter((code) => /DISK-00[345]/.test(code));
  assert.deepEqual(codes, ["DK-DISK-005"]);
});

Deno.test("doctor: members that share a host, in an epoch without a txn, are sound", async () => {
  await using bed = new TestBed();
  const port = freePort();
  // the HTTP port of the settings is member 2's, who says so
  const configuration = { client_port: 1, server_id: 2 };
  const http = { port, properties: { "jute.maxbuffer": "4194304" }, configuration };
  const lines: Record<number, string> = {};
  for (
    const script of [
      { serverId: 2, zxid: "0x200000000", mode: "leader", settings: null, http },
      { serverId: 3, zxid: "0x100000fff", settings: null },
    ]
  ) {
    const { port } = bed.use(new ScriptedMember(script));
    lines[script.serverId] = `127.0.0.1:${freePort()}:${freePort()};${port}`;
  }
  bed.configureMember(lines, {
    "admin.enableServer": true,
    "admin.serverAddress": "127.0.0.1",
    "admin.serverPort": port,
  });
  const { findings } = await bed.diagnose("members", "clock");
  const codes = findings.map(({ code }) => code);
  assert.deepEqual(codes, ["DK-MEMB-010", "DK-MEMB-010"]); // for information: conf is not enabled
});

Deno.test("doctor finds nothing wrong with the settings of ZooKeeper's own sample", async () => {
  await using bed = new TestBed();
  bed.configure({ initLimit: 10, syncLimit: 5 });
  const { findings } = await bed.diagnose("config");
  assert.deepEqual(findings.map(({ code }) => code).filter((code) => code !== "DK-CONF-014"), []);
});

Deno.test("doctor names the checks that it has", () => {
  const checks = new Set(Object.values(PLANTS).map(([check]) => check));
  assert.deepEqual([...checks].sort(), [...CHECK_NAMES].sort());
});
