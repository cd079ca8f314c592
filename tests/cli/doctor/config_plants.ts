/**
 * Faults of settings, myid and names, for `doctor` to find.
 *
 * @module
 */
import type { Plants } from "./plant.ts";

const SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";

export const CONFIG_PLANTS: Plants = {
  "DK-CONF-001": ["config", (bed) => bed.configure({ tickTime: "soon" })],
  "DK-CONF-002": ["config", (bed) => bed.configure({ tikTime: 500 })],
  "DK-CONF-003": ["config", (bed) => bed.configure({ secureClientPort: 2281 })],
  "DK-CONF-004": ["config", (bed) => bed.configure({ forceSync: "no" })],
  "DK-CONF-005": ["config", (bed) => bed.configure({ skipACL: "yes" })],
  "DK-CONF-006": ["config", (bed) => bed.configure({ "autopurge.purgeInterval": 0 })],
  "DK-CONF-007": ["config", (bed) => bed.configure({ "snapshot.trust.empty": true })],
  "DK-CONF-008": [
    "config",
    (bed) => bed.configure({ "4lw.commands.whitelist": "*", clientPortAddress: "" }),
  ],
  "DK-CONF-009": ["config", (bed) => bed.configure({ "4lw.commands.whitelist": "srvr" })],
  "DK-CONF-010": ["config", (bed) => bed.configureMember({ 2: "127.0.0.1:1:2" })],
  "DK-CONF-011": ["config", (bed) => bed.configure({ "jute.maxbuffer": 4_000_000 })],
  "DK-CONF-012": [
    "config",
    (bed) => {
      bed.configure({ "DigestAuthenticationProvider.superDigest": SUPER_DIGEST });
      Deno.chmodSync(`${bed.dir}/zoo.cfg`, 0o644);
    },
  ],
  "DK-CONF-013": ["config", (bed) => bed.configure({ dataDir: "data" })],
  "DK-CONF-014": ["config", (bed) => bed.configure({ dataDir: "/var/tmp/denkeeper-test-none" })],
  "DK-CONF-015": [
    "config",
    (bed) => {
      bed.configFile = undefined;
      bed.environment.ZOOCFG = "";
    },
  ],

  "DK-MYID-001": [
    "myid",
    (bed) => {
      bed.configureMember({ 2: "127.0.0.1:1:2" });
      Deno.removeSync(`${bed.dataDir}/myid`);
    },
  ],
  "DK-MYID-002": [
    "myid",
    (bed) => {
      bed.configureMember({ 2: "127.0.0.1:1:2" });
      bed.write("data/myid", "");
    },
  ],
  "DK-MYID-003": [
    "myid",
    (bed) => {
      bed.configureMember({ 2: "127.0.0.1:1:2" });
      bed.write("data/myid", "one\n");
    },
  ],
  "DK-MYID-004": [
    "myid",
    (bed) => {
      bed.configureMember({ 2: "127.0.0.1:1:2" });
      bed.write("data/myid", "7\n");
    },
  ],
  "DK-MYID-005": [
    "myid",
    (bed) => {
      bed.names.set("zk1", ["10.0.0.9"]).set("zk2", ["10.0.0.1"]);
      bed.configureMember({ 1: "zk1:2888:3888", 2: "zk2:2888:3888" });
    },
  ],
  "DK-MYID-006": [
    "myid",
    (bed) => {
      bed.configureMember({ 2: "127.0.0.1:1:2" });
      bed.environment.ZOO_MY_ID = "2";
    },
  ],

  "DK-DNS-001": ["names", (bed) => bed.configureMember({ 2: "no-such-host:2888:3888" })],
  "DK-DNS-002": [
    "names",
    (bed) => {
      bed.names.set("zk1", ["127.0.1.1"]).set("zk2", ["10.0.0.2"]);
      bed.configureMember({ 1: "zk1:2888:3888", 2: "zk2:2888:3888" });
    },
  ],
  "DK-DNS-003": [
    "names",
    (bed) => bed.configureMember({ 1: "0.0.0.0:2888:3888", 2: "10.0.0.2:2888:3888" }),
  ],
  "DK-DNS-004": [
    "names",
    (bed) => {
      bed.names.set("zk2", ["10.0.0.2"]).set("zk3", ["10.0.0.2"]);
      bed.configureMember({ 2: "zk2:2888:3888", 3: "zk3:2888:3888" });
    },
  ],
  "DK-DNS-005": [
    "names",
    (bed) => {
      bed.names.set("zk", ["10.0.0.2", "10.0.0.3"]);
      bed.configureMember({ 2: "zk:2888:3888" });
    },
  ],
  "DK-DNS-006": [
    "names",
    (bed) => bed.configureMember({ 1: "10.9.9.9:2888:3888", 2: "10.0.0.2:1:2" }),
  ],
  "DK-DNS-007": [
    "names",
    (bed) => {
      bed.names.set("zk2", ["10.0.0.2"]);
      bed.reverseNames.set("10.0.0.2", "host-7.example.org");
      bed.configureMember({ 2: "zk2:2888:3888" });
    },
  ],
  "DK-DNS-008": [
    "names",
    (bed) => {
      bed.names.delete("this-host");
      bed.configure();
    },
  ],
  "DK-DNS-009": [
    "names",
    (bed) => {
      bed.names.set("zk2", ["127.0.0.1"]);
      bed.configureMember({ 1: "10.0.0.1:2888:3888", 2: "zk2:2888:3888", 3: "10.0.0.3:1:2" });
    },
  ],
};
