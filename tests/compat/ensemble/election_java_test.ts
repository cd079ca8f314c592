/**
 * Elections between two real Java servers and one of our electors, which is server 1, 2 or 3 in turn, so
 * that connections are opened from both sides.
 *
 * @module
 */
import assert from "node:assert/strict";
import { QuorumAuth } from "../../../cluster/quorum_auth.ts";
import { QuorumConfig } from "../../../cluster/quorum_config.ts";
import { nodeHashing } from "../../../net/hashing.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { testWith } from "../../support/prerequisites.ts";
import { ElectorMember } from "./elector_member.ts";
import { JavaMember } from "./java_member.ts";

const SERVER_IDS = [1, 2, 3];
const LOGIN_MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule required";
const JAAS = `QuorumServer { ${LOGIN_MODULE} user_test="secret"; };
QuorumLearner { ${LOGIN_MODULE} username="test" password="secret"; };
`;

for (const own of SERVER_IDS) {
  const others = SERVER_IDS.filter((id) => id !== own);
  const [smaller, larger] = others as [number, number];

  testWith(
    ["java", "javaServer"],
    `election with Java: server ${own} joins, and joins again after either side restarted`,
    async () => {
      const { config, java } = ensemble(others);
      await using javaSmaller = java(smaller);
      await using javaLarger = java(larger);
      javaSmaller.start();
      javaLarger.start();
      const serves = async () =>
        await javaSmaller.mode() === "follower" && await javaLarger.mode() === "leader";
      await eventually("the Java servers are an ensemble", serves);
      for (let life = 1; life <= 2; life++) {
        await using us = new ElectorMember({ serverId: own, config });
        await us.start();
        await eventually("we have elected", () => us.outcomes.length > 0);
        assert.deepEqual(us.outcomes, [`FOLLOWING ${larger}`]);
        await eventually("there are connections", () => isConnected(us, others));
      }
      await using us = new ElectorMember({ serverId: own, config });
      await us.start();
      await eventually("we have elected", () => us.outcomes.length > 0);
      for (const member of [javaSmaller, javaLarger]) {
        await member.kill();
        await eventually("it is gone", () => !isConnected(us, [member.serverId]));
        member.start();
        // It keeps its role meanwhile: looking, it would have servers elected that it does not follow.
        await eventually("it is connected again", () => isConnected(us, others));
        const leader = async () => {
          const modes = [await javaSmaller.mode(), await javaLarger.mode()];
          if (!modes.includes("leader") || !modes.includes("follower")) return null;
          return modes[0] === "leader" ? smaller : larger;
        };
        await eventually("the Java servers are an ensemble again", async () => {
          return await leader() !== null;
        });
        us.outcomes.length = 0;
        us.look();
        await eventually("we have elected", () => us.outcomes.length > 0);
        assert.deepEqual(us.outcomes, [`FOLLOWING ${await leader()}`]);
      }
    },
  );

  testWith(
    ["java", "javaServer"],
    `election with Java: server ${own} and the first other one elect the larger id`,
    async () => {
      const { config, java } = ensemble(others);
      await using us = new ElectorMember({ serverId: own, config });
      await using other = java(smaller);
      await us.start();
      other.start();
      await eventually("we have elected", () => us.outcomes.length > 0);
      const leader = Math.max(own, smaller);
      assert.deepEqual(us.outcomes, [`${leader === own ? "LEADING" : "FOLLOWING"} ${leader}`]);
      const role = leader === own ? "FOLLOWING" : "LEADING";
      await eventually(
        "Java has elected the same",
        () => other.log().includes(`${role} - LEADER ELECTION TOOK`),
      );
    },
  );
}

for (const own of [1, 2]) {
  const other = 3 - own;
  testWith(
    ["java", "javaServer"],
    `election with Java: server ${own} and Java authenticate to each other with SASL`,
    async () => {
      const { config, java } = ensemble([other], JAAS);
      const authWith = (password: string) =>
        new QuorumAuth({
          users: new Map([["test", password]]),
          credentials: { username: "test", password },
          isRequired: true,
          hashing: nodeHashing,
        });
      await using member = java(other);
      member.start();
      {
        await using us = new ElectorMember({ serverId: own, config, auth: authWith("wrong") });
        await us.start();
        const refusals = /the other server refuses us|wrong password/;
        await eventually(
          "each refuses the other",
          () => us.lines.some(({ fields }) => refusals.test(String(fields.problem))),
        );
        assert.deepEqual(us.elector.connected, []);
      }
      await using us = new ElectorMember({ serverId: own, config, auth: authWith("secret") });
      await us.start();
      await eventually("we have elected", () => us.outcomes.length > 0);
      assert.deepEqual(us.outcomes, [own === 2 ? "LEADING 2" : "FOLLOWING 2"]);
    },
  );
}

/** Three servers on ports of their own. */
function ensemble(javaIds: readonly number[], jaas: string | null = null): {
  config: QuorumConfig;
  java: (serverId: number) => JavaMember;
} {
  const servers = SERVER_IDS.map((id) =>
    `server.${id}=127.0.0.1:${freePort()}:${freePort()}:participant`
  );
  return {
    config: QuorumConfig.parse([...servers, "version=0"].join("\n")),
    java: (serverId) => {
      assert(javaIds.includes(serverId), "it is one of the Java servers");
      return new JavaMember({ serverId, clientPort: freePort(), servers, jaas });
    },
  };
}

function isConnected(us: ElectorMember, others: readonly number[]): boolean {
  return others.every((id) => us.elector.connected.includes(id));
}
