/**
 * Faults of the data on disk, for `doctor` to find.
 *
 * @module
 */
import { systemMachine } from "../../../cli/doctor/machine.ts";
import { openClient } from "../../../net/client/open_client.ts";
import { concat, createTxn, logRecord } from "../../model/storage_helpers.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import type { Plants } from "./plant.ts";
import type { Config, TestBed } from "./test_bed.ts";

const LOG_HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);

export const DATA_PLANTS: Plants = {
  "DK-DATA-001": [
    "data",
    async (bed) => {
      await fill(bed);
      const log = `${bed.dataDir}/version-2/log.1`;
      const bytes = Deno.readFileSync(log);
      bytes[60]! ^= 0xff; // in the first record
      Deno.writeFileSync(log, bytes);
    },
  ],
  "DK-DATA-002": [
    "data",
    async (bed) => {
      await fill(bed);
      bed.write("data/version-2/snapshot.2", "cut off");
    },
  ],
  "DK-DATA-003": [
    "data",
    async (bed) => {
      await fill(bed);
      const log = `${bed.dataDir}/version-2/log.1`;
      const last = Deno.readFileSync(log).findLastIndex((byte) => byte !== 0);
      Deno.truncateSync(log, last - 3);
    },
  ],
  "DK-DATA-004": [
    "data",
    async (bed) => {
      await fill(bed);
      bed.configureMember({ 2: "127.0.0.1:1:2" });
      bed.write("data/version-2/acceptedEpoch", "1");
      bed.write("data/version-2/currentEpoch", "3");
    },
  ],
  "DK-DATA-005": [
    "data",
    (bed) => {
      bed.configure();
      const digest = { version: 2, treeDigest: 1n };
      const record = logRecord(1, createTxn("/a"), { digest });
      bed.write("data/version-2/log.1", concat([LOG_HEADER, record]));
    },
  ],
  "DK-DATA-006": ["data", (bed) => fill(bed, { "jute.maxbuffer": 1500 })],
  "DK-DATA-007": [
    "data",
    async (bed) => {
      await fill(bed);
      bed.machine = { ...bed.machine, nowMs: () => systemMachine.nowMs() - 3_600_000 };
    },
  ],
  "DK-DATA-008": [
    "data",
    async (bed) => {
      const server = bed.use(await InProcessServer.start());
      bed.configure({ clientPort: server.clientPort, dataDir: server.dataDir });
    },
  ],
};

/** Lets a server write some data into the bed's directory. */
async function fill(bed: TestBed, config: Config = {}): Promise<void> {
  bed.configure(config);
  await using server = await InProcessServer.start({ dataDir: bed.dataDir });
  await using client = openClient(`127.0.0.1:${server.clientPort}`);
  await client.create("/a", new Uint8Array(1000));
  await client.create("/a/b", new Uint8Array(10));
}
