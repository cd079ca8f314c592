/**
 * The same conversations with the Java server and with ours, compared frame for frame.
 *
 * @module
 */
import assert from "node:assert/strict";
import { IS_SELF_CHECK, withBoth } from "../support/compared.ts";
import { testWith } from "../support/prerequisites.ts";
import type { ServerOptions } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { authScenarios, enforcedAuthScenarios } from "./raw/auth.ts";
import { compareTranscripts } from "./raw/comparison.ts";
import { Conversation, type Scenario } from "./raw/conversation.ts";
import { frameScenarios } from "./raw/frames.ts";
import { handshakeScenarios } from "./raw/handshake.ts";
import { multiScenarios } from "./raw/multis.ts";
import { nodeScenarios } from "./raw/nodes.ts";
import { pathScenarios } from "./raw/paths.ts";
import { pipelineScenarios } from "./raw/pipelines.ts";
import { JAAS_FILE, saslOptions, saslScenarios } from "./raw/sasl.ts";
import { settingGroups } from "./raw/settings.ts";
import { timingGroups } from "./raw/timing.ts";
import { watchScenarios } from "./raw/watches.ts";

interface Group {
  readonly name: string;
  readonly options: ServerOptions;
  readonly scenarios: readonly Scenario[];
}

const groups: readonly Group[] = [
  {
    name: "TTL nodes on, a super user",
    options: {
      config: { extendedTypesEnabled: true },
      properties: {
        // of super:secret
        "zookeeper.DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
      },
    },
    scenarios: [
      ...handshakeScenarios,
      ...frameScenarios,
      ...nodeScenarios,
      ...pathScenarios,
      ...multiScenarios,
      ...pipelineScenarios,
      ...watchScenarios,
      ...authScenarios,
    ],
  },
  {
    name: "authentication enforced",
    options: {
      properties: {
        "zookeeper.enforce.auth.enabled": "true",
        "zookeeper.enforce.auth.schemes": "digest",
      },
    },
    scenarios: enforcedAuthScenarios,
  },
  ...settingGroups,
  ...timingGroups,
];

for (const { name, options, scenarios } of groups) {
  testWith(
    ["java", "javaServer"],
    `raw frames, ${name}`,
    (t) => converse(t, options, scenarios),
  );
}

testWith(["java", "javaServer"], "raw frames, users in a JAAS file", async (t) => {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/jaas.conf`, JAAS_FILE);
  await converse(t, saslOptions(`${dir.path}/jaas.conf`), saslScenarios);
});

/** Holds every conversation with both servers, and compares one step a conversation. */
async function converse(
  t: Deno.TestContext,
  options: ServerOptions,
  scenarios: readonly Scenario[],
): Promise<void> {
  const transcripts = await withBoth(options, async ({ clientPort }) => {
    const all: string[][] = [];
    for (const scenario of scenarios) all.push(await transcriptOf(scenario, clientPort));
    return all;
  });
  for (const [i, scenario] of scenarios.entries()) {
    await t.step(scenario.name, () => {
      const [java, ours] = [transcripts[0][i]!, transcripts[1][i]!];
      const accepted = scenario.differences ?? [];
      const { differences, unused } = compareTranscripts(java, ours, accepted);
      assert.equal(differences.join("\n"), "", `${differences.length} differences`);
      if (!IS_SELF_CHECK) assert.deepEqual(unused, [], "differences that are none any more");
    });
  }
}

async function transcriptOf(scenario: Scenario, port: number): Promise<string[]> {
  const conversation = new Conversation(port);
  try {
    await scenario.run(conversation);
    await conversation.end();
  } catch (error) {
    // A server that breaks off is a difference of this conversation, not the end of all of them.
    conversation.note(`broken off: ${error instanceof Error ? error.stack : error}`);
  }
  return conversation.lines;
}
