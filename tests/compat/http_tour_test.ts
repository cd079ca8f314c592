/**
 * The README's tour with curl, each line as it stands there: at one server, and at three, through another one in each
 * section and with the leader killed on the way.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Ensemble } from "../support/ensemble.ts";
import { type PrerequisiteName, testWith } from "../support/prerequisites.ts";
import { ServerProcess } from "../support/server_process.ts";
import { followTour, tourOf, type TourShell } from "../support/shell_tour.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const README = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
const TOUR = tourOf(README, "### A tour with curl");
const TOOLS: readonly PrerequisiteName[] = ["curl", "jq", "pkill"];
/** What the tour is to show. */
const SUBJECTS = [
  ...["-sT app.json", "If-Match", "sequence=1", "/children/", "recursive=1", "type=ephemeral"],
  ...["/locks/", "/elections/", "/watch?", "Last-Event-ID", "/txn", "/readyz", "/metrics"],
];

Deno.test("README: the tour with curl shows each kind of request", () => {
  const commands = TOUR.flatMap(({ blocks }) => blocks.flatMap(({ commands }) => commands));
  for (const subject of SUBJECTS) {
    assert(commands.some(({ text }) => text.includes(subject)), subject);
  }
});

testWith(TOOLS, "README: the tour with curl, line by line at one server", async () => {
  await using server = await ServerProcess.start("denkeeper", { http: true });
  using dir = makeTempDir();
  await followTour(TOUR, {
    dir: dir.path,
    before: ({ first, second }) => setServer([first, second], server.httpUrl),
  });
});

testWith(
  TOOLS,
  "README: the tour with curl through three servers, whose leader is killed",
  async () => {
    await using ensemble = await Ensemble.start({
      config: { tickTime: 500 },
      members: [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const, http: true })),
    });
    using dir = makeTempDir();
    let killed = 0;
    await followTour(TOUR, {
      dir: dir.path,
      before: async ({ first, second }, index) => {
        if (TOUR[index]!.title === "An election") { // the session of the section before is to survive it
          killed = await ensemble.waitForLeader();
          await ensemble.kill(killed);
          await ensemble.waitForLeader(ensemble.runningIds);
        }
        const ids = ensemble.runningIds;
        const urlOf = (n: number) => ensemble.process(ids[n % ids.length]!).httpUrl;
        await setServer([first], urlOf(index));
        await setServer([second], urlOf(index + 1));
      },
    });
    assert.notEqual(killed, 0);
  },
);

async function setServer(shells: readonly TourShell[], url: string): Promise<void> {
  for (const shell of shells) {
    await shell.set("HTTP", url);
    await shell.set("API", `${url}/api/v1`);
  }
}
