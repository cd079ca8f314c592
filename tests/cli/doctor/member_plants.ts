/**
 * Faults of an ensemble whose members run, for `doctor` to find. Member 1, whose settings are examined, does not run
 * but where it is said.
 *
 * @module
 */
import { openClient } from "../../../net/client/open_client.ts";
import { freePort } from "../../support/free_port.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import type { Plants } from "./plant.ts";
import { type MemberScript, ScriptedMember } from "./scripted_member.ts";
import type { Config, TestBed } from "./test_bed.ts";

type Script = Partial<MemberScript>;

export const MEMBER_PLANTS: Plants = {
  "DK-MEMB-001": ["members", (bed) => configureBeside(bed, [{ mode: "leader" }, null])],
  "DK-MEMB-002": [
    "members",
    (bed) => {
      const member = bed.use(new ScriptedMember({ serverId: 2, hostname: "127.0.0.2" }));
      bed.configureMember({ 2: "127.0.0.2:2888:3888" }, { clientPort: member.port });
    },
  ],
  "DK-MEMB-003": ["members", (bed) => configureBeside(bed, [{ mode: null }, { mode: null }])],
  "DK-MEMB-004": [
    "members",
    (bed) => configureBeside(bed, [{ mode: "leader" }, { mode: "leader" }]),
  ],
  "DK-MEMB-005": [
    "members",
    (bed) =>
      configureBeside(bed, [{ mode: "leader", zxid: "0x100002000" }, { zxid: "0x100000001" }]),
  ],
  "DK-MEMB-006": [
    "members",
    (bed) => configureBeside(bed, [{ mode: "leader" }, { version: "3.9.3" }]),
  ],
  "DK-MEMB-007": [
    "members",
    (bed) => configureBeside(bed, [{ mode: "leader" }, { settings: { syncLimit: 2 } }]),
  ],
  "DK-MEMB-008": [
    "members",
    (bed) =>
      configureBeside(bed, [
        { mode: "leader" },
        { members: ["server.2=127.0.0.1:2888:3888:participant", "server.7=zk7:2888:3888"] },
      ]),
  ],
  "DK-MEMB-009": [
    "members",
    (bed) => {
      const port = freePort();
      const http = { port, properties: { "jute.maxbuffer": "4194304" } };
      const member = bed.use(new ScriptedMember({ serverId: 2, mode: "leader", http }));
      bed.configureMember({ 2: `127.0.0.1:2888:3888;${member.port}` }, {
        "admin.enableServer": true,
        "admin.serverAddress": "127.0.0.1",
        "admin.serverPort": port,
      });
    },
  ],
  "DK-MEMB-010": [
    "members",
    (bed) => configureBeside(bed, [{ mode: "leader" }, { settings: null }]),
  ],
  "DK-MEMB-011": ["members", (bed) => configureBeside(bed, [{ mode: "leader" }, { serverId: 2 }])],
  "DK-MEMB-012": ["members", (bed) => configureBeside(bed, [{ mode: "leader" }, { mode: null }])],
  "DK-MEMB-013": [
    "members",
    (bed) => configureBeside(bed, [{ mode: "leader" }, { settings: { maxClientCnxns: 10 } }]),
  ],
  "DK-MEMB-014": [
    "members",
    async (bed) => {
      const words = "srvr,conf,cons";
      const config: Config = { maxClientCnxns: 10, "4lw.commands.whitelist": words };
      const server = bed.use(await InProcessServer.start({ config: { tickTime: 500, ...config } }));
      for (let i = 0; i < 8; i++) {
        const client = bed.use(openClient(`127.0.0.1:${server.clientPort}`));
        await client.connected();
      }
      bed.configure({ ...config, clientPort: server.clientPort, dataDir: server.dataDir });
    },
  ],
  "DK-MEMB-015": [
    "members",
    async (bed) => {
      const config = { tickTime: 700, "4lw.commands.whitelist": "conf" };
      const server = bed.use(await InProcessServer.start({ config }));
      bed.configure({ clientPort: server.clientPort, dataDir: server.dataDir });
    },
  ],
};

/** Member 1's settings, and members 2, 3, ... as scripted; null: it does not run. */
function configureBeside(bed: TestBed, scripts: readonly (Script | null)[]): void {
  const lines: Record<number, string> = {};
  for (const [i, script] of scripts.entries()) {
    const serverId = i + 2;
    const port = script === null
      ? freePort()
      : bed.use(new ScriptedMember({ serverId, ...script })).port;
    lines[serverId] = `127.0.0.1:${freePort()}:${freePort()};${port}`;
  }
  bed.configureMember(lines);
}
