/**
 * kazoo, Python's client: all of its operations and recipes, with the same outcome on both servers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withBoth } from "../support/compared.ts";
import { PYTHON, testWith } from "../support/prerequisites.ts";
import { runProcess } from "../support/run_process.ts";
import { compareSections } from "./sections.ts";

const SCRIPT = new URL("kazoo/main.py", import.meta.url).pathname;

testWith(["java", "javaServer", "kazoo"], "kazoo, all operations and recipes", async (t) => {
  const options = {
    config: { tickTime: 500, maxSessionTimeout: 60_000, "4lw.commands.whitelist": "*" },
    properties: {
      // of super:secret
      "zookeeper.DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
    },
  };
  const [java, ours] = await withBoth(options, async ({ clientPort }) => {
    const command = [PYTHON, "-B", "-W", "ignore", SCRIPT, `127.0.0.1:${clientPort}`];
    return (await runProcess(command, { timeoutMs: 600_000 })).output;
  });
  assert.doesNotMatch(java, /broken off|^never/m, "the scenarios themselves work");
  await compareSections(t, java, ours);
});
