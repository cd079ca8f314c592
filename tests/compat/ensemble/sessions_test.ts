/**
 * Sessions in an ensemble: they move between members, live while they are touched through any of
 * them, and end everywhere at once.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Ensemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { RawClient } from "../../support/raw_client.ts";
import {
  create,
  exists,
  Flags,
  getData,
  ofPath,
  Op,
  ping,
  setData,
} from "../../support/requests.ts";
import { type Mix, startWithLeader, testMixes } from "./mixes.ts";

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"], observer: "java" },
  { leader: "denkeeper", followers: ["java", "java"], observer: "java" },
  { leader: "java", followers: ["denkeeper", "java"], observer: "denkeeper" },
  { leader: "denkeeper", followers: ["java", "denkeeper"], observer: "java", inCi: true },
  { leader: "java", followers: ["denkeeper", "denkeeper"], observer: "java" },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], observer: "denkeeper" },
];
const NO_NODE = -101;

testMixes(MIXES, "a session moves through all members and is closed", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  let client = await ensemble.client(1);
  await client.must(create("/e", { flags: Flags.ephemeral }));
  const { sessionId } = client;
  for (const id of [...ensemble.ids, 2, 4, 1, 3, 2]) {
    const moved = await ensemble.resume(id, client);
    assert.equal(moved.sessionId, sessionId);
    await moved.must(ofPath(Op.sync, "/"));
    const stat = await moved.must(exists("/e"));
    assert.equal(ownerOf(stat.rest()), sessionId, `at member ${id}`);
    await moved.must(setData("/e", `at ${id}`));
    client.close();
    client = moved;
  }
  await client.endSession();
  for (const id of ensemble.ids) {
    assert.equal(await errorOf(ensemble, id, "/e"), NO_NODE, `member ${id}`);
    const { password } = client;
    await assert.rejects(ensemble.client(id, { sessionId, password }), /refused/, `member ${id}`);
  }
});

testMixes(
  MIXES,
  "sessions live while they are touched, and expire everywhere",
  {},
  async (ensemble) => {
    await startWithLeader(ensemble);
    const living: RawClient[] = [];
    const silent: RawClient[] = [];
    for (const id of ensemble.ids) {
      for (const [list, name] of [[living, "living"], [silent, "silent"]] as const) {
        const client = await ensemble.client(id, { timeoutMs: 3000 });
        await client.must(create(`/${name}${id}`, { flags: Flags.ephemeral }));
        list.push(client);
      }
    }
    for (const id of ensemble.ids) {
      await eventually(`the silent sessions are gone at member ${id}`, async () => {
        for (const client of living) await client.call(ping, -2);
        const errors = [];
        for (const owner of ensemble.ids) {
          errors.push(await errorOf(ensemble, id, `/silent${owner}`));
        }
        return errors.every((err) => err === NO_NODE);
      });
      for (const owner of ensemble.ids) {
        assert.equal(await errorOf(ensemble, id, `/living${owner}`), 0, `of ${owner} at ${id}`);
      }
    }
    for (const client of silent) {
      assert.equal(await client.receiveFrame(), "closed");
      client.close();
    }
    for (const client of living) await client.endSession();
  },
);

testMixes(MIXES, "sessions outlive the leader, and so do their watches", {}, async (ensemble) => {
  const leader = await startWithLeader(ensemble);
  const watching = new Map<number, RawClient>();
  for (const id of ensemble.ids) {
    const client = await ensemble.client(id);
    watching.set(id, client);
    await client.must(create(`/e${id}`, { flags: Flags.ephemeral }));
  }
  await ensemble.kill(leader);
  await ensemble.waitForLeader([1, 2]);
  await ensemble.waitUntilServing();
  for (const [id, client] of watching) {
    // Whoever lost the leader has closed its clients' connections: they resume at another member.
    assert.equal(await client.receiveFrame(), "closed");
    client.close();
    const other = id === 1 ? 2 : 1;
    using resumed = await ensemble.resume(other, client);
    await resumed.must(getData(`/e${id}`, true));
    using writer = await ensemble.client(id === leader ? other : id);
    await writer.must(setData(`/e${id}`, "new"));
    await writer.endSession();
    await resumed.must(ofPath(Op.sync, "/"));
    assert.equal(resumed.events.length, 1, `the watch of ${id}'s session`);
    await resumed.endSession();
  }
});

/** The error code of exists, after sync. */
async function errorOf(ensemble: Ensemble, id: number, path: string): Promise<number> {
  using client = await ensemble.client(id);
  await client.must(ofPath(Op.sync, "/"));
  const { err } = await client.call(exists(path));
  await client.endSession();
  return err;
}

/** Of a stat's bytes: behind four longs and three ints. */
function ownerOf(stat: Uint8Array): bigint {
  return new DataView(stat.buffer, stat.byteOffset).getBigInt64(44);
}
