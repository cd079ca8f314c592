/**
 * Members that authenticate each other with SASL DIGEST-MD5, and what keeps others out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { testWith } from "../../support/prerequisites.ts";
import { create } from "../../support/requests.ts";
import type { Target } from "../../support/server_process.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { assertEqualTrees } from "./equal_trees.ts";
import { chosen, ENSEMBLE_NEEDS, type Mix, mixText, targetsOf } from "./mixes.ts";

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"] },
  { leader: "denkeeper", followers: ["java", "denkeeper"], inCi: true },
  { leader: "java", followers: ["denkeeper", "java"], inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"] },
  { leader: "java", followers: ["denkeeper", "denkeeper"] },
  { leader: "denkeeper", followers: ["java", "java"] },
];

const REQUIRED = {
  "quorum.auth.enableSasl": true,
  "quorum.auth.learnerRequireSasl": true,
  "quorum.auth.serverRequireSasl": true,
};
const LOGIN_MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule required";

testSasl("members that know the password form an ensemble", {
  config: REQUIRED,
  run: async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    await assertWrites(ensemble, "/a");
    await ensemble.kill(leader); // and again, with other connections
    await assertWrites(ensemble, "/b");
    await ensemble.startAll([leader]);
    await assertEqualTrees(ensemble);
  },
});

testSasl("a member with another password is kept out, and both sides say why", {
  config: REQUIRED,
  passwords: ["other", "secret", "secret"],
  run: async (ensemble) => {
    await ensemble.startAll([2, 3]);
    ensemble.start(1);
    await eventually("member 1 is refused", () => Promise.resolve(isRefusal(ensemble, 1)));
    await eventually("by the others", () => Promise.resolve(isRefusing(ensemble, [2, 3])));
    assert.notEqual(await ensemble.mode(1), "follower");
    await assertWrites(ensemble, "/without-1", [2, 3]);
  },
});

testSasl("members that may authenticate follow one who asks nobody, as in an upgrade", {
  config: { "quorum.auth.enableSasl": true },
  ofMember: { 2: { "quorum.auth.learnerRequireSasl": true } },
  run: async (ensemble) => {
    await ensemble.startAll();
    await assertWrites(ensemble, "/mixed");
  },
});

function testSasl(name: string, { config, ofMember = {}, passwords = [], run }: {
  config: Record<string, boolean>;
  ofMember?: Record<number, Record<string, boolean>>;
  /** Which members 1, 2 and 3 log in with. */
  passwords?: readonly string[];
  run: (ensemble: Ensemble) => Promise<void>;
}): void {
  for (const mix of chosen(MIXES, targetsOf)) {
    testWith(ENSEMBLE_NEEDS, `ensemble: SASL: ${name} (${mixText(mix)})`, async () => {
      using dir = makeTempDir();
      const targets: readonly Target[] = [...mix.followers, mix.leader];
      const members = targets.map((target, i) => {
        const jaas = `${dir.path}/${i + 1}.conf`;
        const password = passwords[i] ?? "secret";
        Deno.writeTextFileSync(
          jaas,
          `QuorumServer { ${LOGIN_MODULE} user_test="secret"; };\n` +
            `QuorumLearner { ${LOGIN_MODULE} username="test" password="${password}"; };\n`,
        );
        return {
          id: i + 1,
          target,
          properties: { "java.security.auth.login.config": jaas },
          config: ofMember[i + 1] ?? {},
        };
      });
      await withEnsemble({ config, members }, run);
    });
  }
}

async function assertWrites(
  ensemble: Ensemble,
  path: string,
  ids = ensemble.runningIds,
): Promise<void> {
  await ensemble.waitUntilServing(ids);
  for (const id of ids) {
    using client = await ensemble.client(id);
    await client.must(create(`${path}-${id}`));
  }
}

const REFUSED = {
  java: /SaslException|authentication failed|Failed to authenticate/i,
  denkeeper: /the other server refuses us/,
};
const REFUSING = {
  java: /Failed to authenticate using SASL|SaslException/,
  denkeeper: /the password is wrong|did not prove/,
};

function isRefusal(ensemble: Ensemble, id: number): boolean {
  return REFUSED[ensemble.target(id)].test(ensemble.process(id).log());
}

function isRefusing(ensemble: Ensemble, ids: readonly number[]): boolean {
  return ids.some((id) => REFUSING[ensemble.target(id)].test(ensemble.process(id).log()));
}
