/**
 * A client of an ensemble of three: it goes on when its server dies, and takes what is left of an ensemble
 * without a quorum.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import { type ClientEvent, KeeperError, openClient } from "../../../net/client/client.ts";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";

const IDS = [1, 2, 3];
/** Far beyond what it takes. */
const PATIENCE_MS = 60_000;

Deno.test("client ensemble: the session outlives its server, and a quorum that is lost", async () => {
  await withEnsemble({
    members: IDS.map((id) => ({ id, target: "denkeeper" })),
    config: {
      localSessionsEnabled: true,
      localSessionsUpgradingEnabled: true,
      tickTime: 200,
      initLimit: 50,
      syncLimit: 10,
    },
    properties: { "readonlymode.enabled": "true" },
  }, async (ensemble) => {
    await ensemble.startAll();
    await survivesItsServer(ensemble);
    await readsWithoutQuorum(ensemble);
  });
});

async function survivesItsServer(ensemble: Ensemble): Promise<void> {
  const events: string[] = [];
  await using client = openClient(ensemble.hosts(), {
    sessionTimeoutMs: 20_000,
    onEvent: ({ state }) => events.push(state),
  });
  await client.create("/kept", null);
  await client.create("/kept-e", null, { mode: "ephemeral" });
  const seen: string[] = [];
  const watch = ({ kind, path }: ClientEvent) => seen.push(`${kind} ${path}`);
  await client.get("/kept", { watch });
  await client.addWatch("/kept", "persistentRecursive", watch);
  const { sessionId, server } = client;
  const id = IDS.find((each) => ensemble.hosts([each]) === server)!;
  await using other = openClient(ensemble.hosts(IDS.filter((each) => each !== id)));
  await other.create("/kept-other", null, { mode: "ephemeral" }); // a session of all, not of its server alone
  await ensemble.kill(id);
  await eventually(
    "it is with another server",
    () => client.state === "CONNECTED" && client.server !== server,
  );
  assert.equal(client.sessionId, sessionId);
  await eventually(
    "writes are taken",
    () => other.set("/kept", null).then(() => true, () => false),
  );
  await eventually("it is served", () => client.sync("/kept").then(() => true, () => false));
  // once, or twice if the first answer was lost in an election
  assert.deepEqual([...new Set(seen.splice(0))], ["NodeDataChanged /kept"]);
  await client.create("/kept/child", null);
  assert.deepEqual(seen, ["NodeCreated /kept/child"]);
  assert.equal((await other.exists("/kept-e"))?.ephemeralOwner, sessionId);
  assert(!events.includes("Expired"));
}

async function readsWithoutQuorum(ensemble: Ensemble): Promise<void> {
  const [last, lost] = ensemble.runningIds as [number, number];
  await ensemble.kill(lost);
  await ensemble.waitForMode(last, "read-only");
  const events: string[] = [];
  await using client = openClient(ensemble.hosts(), {
    canBeReadOnly: true,
    sessionTimeoutMs: 20_000,
    onEvent: ({ state }) => events.push(state),
  });
  await using strict = openClient(ensemble.hosts(), { sessionTimeoutMs: 20_000 });
  await client.connected({ timeoutMs: PATIENCE_MS });
  assert.equal(client.state, "CONNECTEDREADONLY");
  assert.notEqual((await client.get("/kept")).stat.version, 0);
  await assert.rejects(client.set("/kept", null), (error) => {
    assert(error instanceof KeeperError);
    return error.code === ErrorCode.NotReadOnly;
  });
  const { sessionId } = client;
  const seen: string[] = [];
  await client.get("/kept", { watch: ({ kind }) => seen.push(kind) });
  for (const id of IDS) if (id !== last) ensemble.start(id);
  await eventually("it has found a server that takes writes", () => client.state === "CONNECTED");
  assert.notEqual(client.sessionId, sessionId); // that of the server alone was of no ensemble
  assert.deepEqual([events[0], events.at(-1)], ["ConnectedReadOnly", "SyncConnected"]);
  await client.set("/kept", null);
  assert.deepEqual(seen, ["NodeDataChanged"]);
  await strict.connected({ timeoutMs: PATIENCE_MS });
  assert.equal(strict.state, "CONNECTED");
}
