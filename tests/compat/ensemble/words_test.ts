/**
 * The four-letter words in an ensemble: on the leader, a follower and an observer, on a member alone,
 * and on one in read-only mode.
 *
 * @module
 */
import type { Ensemble } from "../../support/ensemble.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { testWith } from "../../support/prerequisites.ts";
import type { RawClient } from "../../support/raw_client.ts";
import { create, exists, Flags, getData, ofPath, Op } from "../../support/requests.ts";
import { compareWithGolden } from "./golden.ts";
import { chosen, ENSEMBLE_NEEDS, startWithLeader, UNIFORM } from "./mixes.ts";

const WORDS = [
  ...["ruok", "isro", "srvr", "stat", "cons", "dump", "conf", "wchs", "wchc", "wchp", "dirs"],
  ...["gtmk", "hash", "mntr", "crst", "srst"],
];
/** Metrics of `mntr` whose values tell of the ensemble. */
const SHOWN_METRICS = [
  ...["zk_server_state", "zk_peer_state", "zk_quorum_size"],
  ...["zk_learners", "zk_synced_followers", "zk_synced_observers"],
  ...["zk_synced_non_voting_followers", "zk_pending_syncs"],
  ...["zk_ephemerals_count", "zk_znode_count", "zk_watch_count", "zk_global_sessions"],
  ...["zk_local_sessions", "zk_num_alive_connections"],
];
const TIMES = /(recved|sent|est|llat|minlat|avglat|maxlat|lresp)=[\d.]+/g;
const EXPIRY_LINE = /^\d+ expire at \w{3} \w{3} \d\d \d\d:\d\d:\d\d \S+ \d{4}:$/gm;
/** Made up of what the test happens to read and write: not of every server. */
const NAMESPACE_METRIC = /_(read|write)_per_namespace$/;

for (const { target } of chosen(UNIFORM, (row) => [row.target])) {
  const members = [
    ...[1, 2, 3].map((id) => ({ id, target })),
    { id: 4, target, role: "observer" } as const,
  ];

  testWith(
    ENSEMBLE_NEEDS,
    `ensemble: four-letter words as recorded from Java's (${target})`,
    async (t) => {
      await withEnsemble({ members }, async (ensemble) => {
        await startWithLeader(ensemble);
        const clients = [];
        for (const id of ensemble.ids) clients.push(await someState(ensemble, id));
        await ensemble.waitUntilEqual();
        let transcript = "";
        for (const [role, id] of [["leader", 3], ["follower", 1], ["observer", 4]] as const) {
          transcript += await answers(ensemble, { role, id, sessionCount: 1 });
        }
        for (const client of clients) client.close();
        for (const id of [4, 3, 2]) await ensemble.kill(id);
        await ensemble.waitForMode(1, "looking");
        transcript += await answers(ensemble, { role: "a member that lost the quorum", id: 1 });
        await compareWithGolden(t, { name: "words", target, transcript, mayHaveMore: /: mntr$/ });
      });
    },
  );

  testWith(
    ENSEMBLE_NEEDS,
    `ensemble: four-letter words when alone, as recorded from Java's (${target})`,
    async (t) => {
      const properties = { "readonlymode.enabled": "true" };
      let transcript = "";
      await withEnsemble({ members }, async (ensemble) => {
        ensemble.start(1);
        await ensemble.waitForMode(1, "looking");
        transcript += await answers(ensemble, {
          role: "a member that waits for the others",
          id: 1,
        });
      });
      await withEnsemble({ members, properties }, async (ensemble) => {
        ensemble.start(1);
        await ensemble.waitForMode(1, "read-only");
        transcript += await answers(ensemble, { role: "a read-only member", id: 1 });
      });
      await compareWithGolden(t, {
        name: "words_alone",
        target,
        transcript,
        mayHaveMore: /: mntr$/,
      });
    },
  );

  testWith(
    ENSEMBLE_NEEDS,
    `ensemble: words about local sessions, as recorded from Java's (${target})`,
    async (t) => {
      const config = { localSessionsEnabled: true, localSessionsUpgradingEnabled: true };
      const properties = { "readonlymode.enabled": "true" };
      await withEnsemble({ members, config, properties }, async (ensemble) => {
        await startWithLeader(ensemble);
        const clients: RawClient[] = [];
        const told = { words: ["dump", "mntr"], sessionCount: 2 };
        for (const id of ensemble.ids) {
          const local = await ensemble.client(id);
          await local.must(create(`/local${id}`));
          clients.push(local, await someState(ensemble, id)); // the other one became global
        }
        await ensemble.waitUntilEqual();
        let transcript = "";
        for (const [role, id] of [["leader", 3], ["follower", 1], ["observer", 4]] as const) {
          transcript += await answers(ensemble, { role, id, ...told });
        }
        for (const client of clients) client.close();
        for (const id of [4, 3, 2]) await ensemble.kill(id);
        await ensemble.waitForMode(1, "read-only");
        using reader = await ensemble.client(1, { readOnly: true });
        const role = "a read-only member";
        transcript += await answers(ensemble, { role, id: 1, ...told, sessionCount: 1 });
        reader.close();
        const name = "words_local_sessions";
        await compareWithGolden(t, { name, target, transcript, mayHaveMore: /: mntr$/ });
      });
    },
  );
}

/** A session with a node, an ephemeral and watches, for the words to tell of. */
async function someState(ensemble: Ensemble, id: number): Promise<RawClient> {
  const client = await ensemble.client(id);
  await client.must(create(`/n${id}`));
  await client.must(create(`/n${id}/e`, { flags: Flags.ephemeral }));
  await client.must(getData(`/n${id}`, true));
  await client.call(exists("/none", true));
  await client.must(ofPath(Op.sync, "/"));
  return client;
}

/** @param sessionCount how many sessions it has; the connection that asks is counted too */
async function answers(
  ensemble: Ensemble,
  { role, id, sessionCount = 0, words = WORDS }: {
    role: string;
    id: number;
    sessionCount?: number;
    words?: readonly string[];
  },
): Promise<string> {
  // Those that the test closed are counted until the server has noticed.
  await eventually("no connection but those of the test", async () => {
    const count = /^Connections: (\d+)$/m.exec(await ensemble.srvr(id))?.[1];
    return count === undefined || Number(count) === sessionCount + 1;
  });
  let transcript = "";
  for (const letters of words) {
    const answer = await ensemble.word(id, letters);
    const text = letters === "mntr" ? metrics(answer) : normalized(ensemble, answer);
    transcript += `== ${role}: ${letters}\n${text}\n`;
  }
  return transcript;
}

/** The names, sorted, and some values. */
function metrics(answer: string): string {
  if (!answer.includes("\t")) return answer;
  return answer.trim().split("\n").map((line) => line.split("\t") as [string, string])
    .filter(([name]) => !NAMESPACE_METRIC.test(name))
    .map(([name, value]) => SHOWN_METRICS.includes(name) ? `${name} ${value}` : name)
    .sort().join("\n");
}

function normalized(ensemble: Ensemble, text: string): string {
  // Times first: a port may be found among their digits.
  return ensemble.normalized(text.replace(TIMES, "$1=N"))
    .replace(/^Zookeeper version: .*$/m, "Zookeeper version: V")
    .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replace(/0x[1-9a-f][0-9a-f]{10,}/g, "SESSION")
    // Latencies, sizes, counts of bytes and packets, and times.
    .replace(/(Latency min\/avg\/max: |\w+_size: |data\w+Size=).*$/gm, "$1N")
    .replace(/(Received: |Sent: )\d+/g, "$1N")
    .replace(/Sets \(\d+\)/g, "Sets (N)")
    .replace(EXPIRY_LINE, "N expire at TIME:")
    .split("\n").sort()
    .filter((line, i, lines) => line !== "N expire at TIME:" || line !== lines[i - 1])
    .join("\n");
}
