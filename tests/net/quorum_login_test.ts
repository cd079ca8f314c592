import assert from "node:assert/strict";
import { openQuorumAuth } from "../../net/quorum_login.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule required";
const SERVER = `QuorumServer { ${MODULE} user_test="secret"; };`;
const LEARNER = `QuorumLearner { ${MODULE} username="test" password="secret"; };`;

Deno.test("openQuorumAuth() reads what members authenticate with, and refuses what is not enough", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/jaas.conf`;
  const cases: {
    note: string;
    text?: string | null;
    auth?: Partial<ServerConfig["ensemble"]["quorumAuth"]>;
    fipsMode?: boolean;
    opened: RegExp | { connects: boolean; isRequired: boolean } | null;
  }[] = [
    { note: "off", auth: { enabled: false }, text: null, opened: null },
    { note: "enabled alone", opened: { connects: false, isRequired: false } },
    {
      note: "both ways",
      auth: { learnerRequireSasl: true, serverRequireSasl: true },
      opened: { connects: true, isRequired: true },
    },
    { note: "no file", text: null, opened: /java\.security\.auth\.login\.config does not name/ },
    { note: "no users", text: LEARNER, opened: /no section QuorumServer/ },
    { note: "no credentials", text: SERVER, opened: /section QuorumLearner/ },
    {
      note: "no password",
      text: `${SERVER} QuorumLearner { ${MODULE} username="test"; };`,
      opened: /section QuorumLearner/,
    },
    {
      note: "sections of other names",
      auth: { serverSection: "Them", learnerSection: "Us" },
      text: `${SERVER.replace("QuorumServer", "Them")}${LEARNER.replace("QuorumLearner", "Us")}`,
      opened: { connects: false, isRequired: false },
    },
    { note: "no MD5", fipsMode: true, opened: /fips-mode/ },
  ];
  const config = makeConfig();
  for (const { note, text = SERVER + LEARNER, auth = {}, fipsMode = false, opened } of cases) {
    if (text !== null) Deno.writeTextFileSync(path, text);
    const open = () =>
      openQuorumAuth({
        ...config,
        fipsMode,
        jaasConfigPath: text === null ? null : path,
        ensemble: {
          ...config.ensemble,
          quorumAuth: { ...config.ensemble.quorumAuth, enabled: true, ...auth },
        },
      });
    if (opened instanceof RegExp) {
      assert.throws(open, { name: "RangeError", message: opened }, note);
      continue;
    }
    const result = open();
    const found = result === null
      ? null
      : { connects: result.connect() !== null, isRequired: result.isRequired };
    assert.deepEqual(found, opened, note);
  }
});
