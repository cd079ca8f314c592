/**
 * Faults of ports, disks, memory and the clock, for `doctor` to find.
 *
 * @module
 */
import type { DataDir } from "../../../net/data_dir.ts";
import { DataDirLock } from "../../../net/data_dir_lock.ts";
import { freePort } from "../../support/free_port.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { runProcess } from "../../support/run_process.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { SmallDisk } from "../../support/small_disk.ts";
import type { Plants } from "./plant.ts";
import type { TestBed } from "./test_bed.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
const SOMEBODY_ELSE = 65_534;

export const MACHINE_PLANTS: Plants = {
  "DK-PORT-001": [
    "ports",
    (bed) => {
      const port = freePort();
      bed.use(Deno.listen({ hostname: "127.0.0.1", port }));
      bed.timeoutMs = 300; // is waited for: nobody answers there
      bed.configure({ clientPort: port });
    },
  ],
  "DK-PORT-002": [
    "ports",
    (bed) => {
      const port = freePort();
      bed.configure({
        clientPort: port,
        "admin.enableServer": true,
        "admin.serverAddress": "127.0.0.1",
        "admin.serverPort": port,
      });
    },
  ],
  "DK-PORT-003": [
    "ports",
    (bed) => {
      bed.timeoutMs = 300; // packets to there may vanish
      bed.configure({ clientPortAddress: "192.0.2.77" });
    },
  ],
  "DK-PORT-004": [
    "ports",
    (bed) => {
      bed.configure({ clientPort: 81 });
      return diagnosedWithoutPrivileges(bed, "ports");
    },
  ],
  "DK-PORT-005": [
    "ports",
    (bed) => bed.configureMember({ 2: `127.0.0.1:${freePort()}:${freePort()}` }),
  ],
  "DK-PORT-006": [
    "ports",
    (bed) => bed.configureMember({ 2: `127.0.0.1:${freePort()}:${freePort()}` }),
  ],
  "DK-PORT-007": [
    "ports",
    async (bed) => {
      const server = bed.use(await InProcessServer.start());
      bed.configureMember({ 2: `127.0.0.1:${freePort()}:${server.clientPort}` });
    },
  ],
  "DK-PORT-008": [
    "ports",
    async (bed) => {
      const electionPort = bed.use(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
      const { port } = electionPort.addr;
      const blocked = await blockedPort(bed);
      bed.timeoutMs = 300; // is waited for
      bed.configureMember({ 2: `127.0.0.1:${blocked}:${port}` });
    },
  ],
  "DK-PORT-009": [
    "ports",
    async (bed) => {
      const server = bed.use(await InProcessServer.start());
      bed.configure({ clientPort: server.clientPort, dataDir: server.dataDir });
    },
  ],
  "DK-PORT-010": [
    "ports",
    (bed) => {
      const port = freePort();
      bed.use(Deno.listen({ hostname: "127.0.0.1", port }));
      bed.timeoutMs = 300; // is waited for: nobody answers there
      bed.configure({ clientPort: port });
      const lock = DataDirLock.acquire(
        { dataDir: bed.dataDir, dataLogDir: bed.dataDir } as DataDir,
        silentLogger,
      );
      bed.use({ [Symbol.dispose]: () => lock.release() });
    },
  ],

  "DK-DISK-001": [
    "disk",
    async (bed) => {
      const disk = bed.use(await SmallDisk.mount(4));
      bed.configure({ dataDir: `${disk.path}/data`, preAllocSize: 65_536 });
    },
  ],
  "DK-DISK-002": [
    "disk",
    async (bed) => {
      const disk = bed.use(await SmallDisk.mount(16));
      disk.fill("other", 1 << 20);
      bed.configure({ dataDir: `${disk.path}/data` });
    },
  ],
  "DK-DISK-003": ["disk", (bed) => withSyncs(bed, 1500)],
  "DK-DISK-004": ["disk", (bed) => withSyncs(bed, 150)],
  "DK-DISK-005": ["disk", (bed) => withSyncs(bed, 1)],
  "DK-DISK-006": ["disk", (bed) => bed.configure()],
  "DK-DISK-007": [
    "disk",
    (bed) => {
      bed.systemTexts.set(
        "/proc/self/mountinfo",
        "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" +
          `35 21 0:40 / ${bed.dir} rw,relatime - nfs4 filer:/export rw,vers=4.2\n`,
      );
      bed.configure();
    },
  ],
  "DK-DISK-008": [
    "disk",
    async (bed) => {
      const disk = bed.use(await SmallDisk.mount(4));
      bed.configure({ dataDir: `${disk.path}/data` });
    },
  ],
  "DK-DISK-009": [
    "disk",
    (bed) => {
      const { diskUse } = bed.machine;
      bed.machine = {
        ...bed.machine,
        diskUse: (dir) => ({ ...diskUse(dir), inodeCount: 1000, freeInodeCount: 3 }),
      };
      bed.configure();
    },
  ],
  "DK-DISK-010": [
    "disk",
    async (bed) => {
      const disk = bed.use(await SmallDisk.mount(4));
      bed.configure({ dataDir: disk.path });
      await runProcess(["mount", "-o", "remount,ro", disk.path]);
    },
  ],
  "DK-DISK-011": [
    "disk",
    (bed) => bed.configure({ dataLogDir: `${bed.dir}/none`, "datadir.autocreate": false }),
  ],
  "DK-DISK-012": ["disk", (bed) => bed.configure({ dataLogDir: `${bed.dir}/none` })],
  "DK-DISK-013": [
    "disk",
    (bed) => {
      bed.configure();
      const log = bed.write("data/version-2/log.1", "");
      Deno.chmodSync(log, 0o600);
      Deno.chownSync(log, SOMEBODY_ELSE, SOMEBODY_ELSE);
      return diagnosedWithoutPrivileges(bed, "disk");
    },
  ],
  "DK-DISK-014": [
    "disk",
    (bed) => {
      bed.configure({ dataLogDir: `${bed.dir}/log` });
      bed.write("data/version-2/log.1", "");
      bed.write("log/version-2/log.2", "");
    },
  ],
  "DK-DISK-015": [
    "disk",
    (bed) => {
      bed.configure({ dataDir: `${bed.dataDir}/version-2` });
      bed.write("data/version-2/snapshot.0", "");
    },
  ],
  "DK-DISK-016": [
    "disk",
    (bed) => {
      bed.configure();
      bed.write("data/version-2/snapshot.5.tmp", "half");
    },
  ],
  "DK-DISK-017": [
    "disk",
    (bed) => {
      bed.configure();
      for (let i = 1; i <= 40; i++) bed.write(`data/version-2/snapshot.${i.toString(16)}`, "x");
    },
  ],

  "DK-MEM-001": [
    "memory",
    (bed) => {
      bed.systemTexts.set("/sys/fs/cgroup/memory.max", `${64 << 20}\n`);
      bed.configure();
    },
  ],
  "DK-MEM-002": [
    "memory",
    (bed) => {
      bed.systemTexts.set("/proc/self/cgroup", "4:memory:/docker/x\n");
      bed.systemTexts.set("/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", `${120 << 20}\n`);
      bed.configure();
    },
  ],
  "DK-MEM-003": [
    "memory",
    (bed) => {
      const text = "MemTotal: 8000000 kB\nSwapTotal: 2000000 kB\nSwapFree: 1000000 kB\n";
      bed.systemTexts.set("/proc/meminfo", text);
      bed.configure();
    },
  ],
  "DK-MEM-004": [
    "memory",
    (bed) => {
      bed.systemTexts.set("/proc/sys/vm/overcommit_memory", "2\n");
      bed.configure();
    },
  ],
  "DK-MEM-005": [
    "memory",
    (bed) => {
      const text = "Max open files            1024                 1024                 files\n";
      bed.systemTexts.set("/proc/self/limits", text);
      bed.configure({ maxCnxns: 2000 });
    },
  ],
  "DK-MEM-006": [
    "memory",
    (bed) => {
      bed.systemTexts.set("/sys/fs/cgroup/cpu.max", "50000 100000\n");
      bed.configure();
    },
  ],

  "DK-CLOCK-001": [
    "clock",
    (bed) => {
      bed.outputs.set("chronyc", "");
      bed.outputs.set("timedatectl", "NTP=yes\nNTPSynchronized=no\n");
      bed.configure();
    },
  ],
  "DK-CLOCK-002": [
    "clock",
    async (bed) => {
      const server = bed.use(await InProcessServer.start({ http: true }));
      bed.machine = { ...bed.machine, nowMs: () => Date.now() - 60_000 };
      bed.configure({
        clientPort: server.clientPort,
        dataDir: server.dataDir,
        "admin.enableServer": true,
        "admin.serverAddress": "127.0.0.1",
        "admin.serverPort": new URL(server.httpUrl).port,
      });
    },
  ],

  "DK-DOC-001": [
    "disk",
    (bed) => {
      bed.machine = {
        ...bed.machine,
        diskUse: () => {
          throw new Error("statfs: not implemented");
        },
      };
      bed.configure();
    },
  ],
};

function withSyncs(bed: TestBed, ms: number): void {
  bed.machine = {
    ...bed.machine,
    timeSyncs: (_dir, { count }) =>
      Promise.resolve([...new Array(count - 8).fill(0.5), ...new Array(8).fill(ms)]),
  };
  bed.configure();
}

/** A port where connections neither come about nor are refused: its queue is full. */
async function blockedPort(bed: TestBed): Promise<number> {
  // the backlog is not in the published types
  const options = { hostname: "127.0.0.1", port: 0, tcpBacklog: 1 };
  const { port } = bed.use(Deno.listen(options)).addr;
  for (;;) {
    try {
      const signal = AbortSignal.timeout(100);
      bed.use(await Deno.connect({ hostname: "127.0.0.1", port, signal }));
    } catch {
      return port;
    }
  }
}

/** What root without its privileges is told, in a process of its own. */
async function diagnosedWithoutPrivileges(
  bed: TestBed,
  check: string,
): Promise<{ findings: { code: string }[] }> {
  const { output } = await runProcess([
    ...["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
    ...[Deno.execPath(), "run", "--allow-all", MAIN],
    ...["doctor", `${bed.dir}/zoo.cfg`, "--only", check, "--json"],
  ]);
  return JSON.parse(output);
}
