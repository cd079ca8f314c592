import assert from "node:assert/strict";
import { ALL_FINDINGS, CHECK_NAMES } from "../../../cli/doctor/doctor.ts";
import { canMountDisks } from "../../support/small_disk.ts";
import { CONFIG_PLANTS } from "./config_plants.ts";
import { DATA_PLANTS } from "./data_plants.ts";
import { MACHINE_PLANTS } from "./machine_plants.ts";
import { MEMBER_PLANTS } from "./member_plants.ts";
import type { Plants } from "./plant.ts";
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

Deno.test("doctor names the checks that it has", () => {
  const checks = new Set(Object.values(PLANTS).map(([check]) => check));
  assert.deepEqual([...checks].sort(), [...CHECK_NAMES].sort());
});
