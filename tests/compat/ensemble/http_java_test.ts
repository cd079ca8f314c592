/**
 * Over HTTP a member that follows Java's leader tells of what it made as when it leads itself, and what it makes as a
 * leader is the same at Java's followers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withEnsemble } from "../../support/ensemble.ts";
import { callApi } from "../../support/json_api.ts";
import { testWith } from "../../support/prerequisites.ts";
import { httpMembersOf } from "./http_members.ts";
import { startWithLeader } from "./mixes.ts";
import { exists, ofPath, Op } from "../../support/requests.ts";

const NEEDS = ["java", "javaServer"] as const;
const MIX = { leader: "java", followers: ["denkeeper", "denkeeper"] } as const;
const LEADING_MIX = { leader: "denkeeper", followers: ["java", "java"] } as const;

/** A transaction of every kind of create, and a set. */
const OPS = [
  { op: "create", path: "/top" },
  { op: "create", path: "/top/data", data: { encoding: "utf8", data: "four" } },
  { op: "create", path: "/top/s-", sequence: true },
  { op: "create", path: "/top/mine", type: "ephemeral" },
  { op: "create", path: "/top/container", type: "container" },
  { op: "set", path: "/top/data", data: { encoding: "utf8", data: "seven77" }, version: 0 },
];

testWith(
  NEEDS,
  "ensemble: transactions over HTTP tell the stats of what Java's leader made",
  async () => {
    await withEnsemble({ members: httpMembersOf(MIX) }, async (ensemble) => {
      assert.equal(await startWithLeader(ensemble), 3);
      const url = ensemble.process(1).httpUrl;
      const { body: { token, id } } = await callApi(url, "POST", "/sessions", { body: {} });
      const done = await callApi(url, "POST", "/txn", { body: { ops: OPS }, session: token });
      assert.equal(done.status, 200, JSON.stringify(done));
      const { results } = done.body;
      assert.equal(results.length, OPS.length);
      for (const { path, op, stat, etag } of results) {
        const { body } = await callApi(url, "GET", `/node${path}`);
        assert.equal(stat.czxid, body.stat.czxid, path);
        assert.equal(stat.ctime, body.stat.ctime, path);
        assert.equal(stat.ephemeralOwner, body.stat.ephemeralOwner, path);
        assert.equal(stat.version, op === "set" ? 1 : 0, path);
        if (path !== "/top/data" || op === "set") assert.equal(etag, body.etag, path);
      }
      assert.equal(results[1].stat.dataLength, 4);
      assert.equal(results[3].stat.ephemeralOwner, id);

      const made = await callApi(url, "PUT", "/data/a/b/c?parents=1", { body: "new" });
      assert.equal(made.status, 201, JSON.stringify(made));
      const read = await callApi(url, "GET", "/data/a/b/c");
      assert.equal(made.headers.get("etag"), read.headers.get("etag"));
    });
  },
);

testWith(NEEDS, "ensemble: transactions over HTTP are the same at Java's followers", async () => {
  await withEnsemble({ members: httpMembersOf(LEADING_MIX) }, async (ensemble) => {
    assert.equal(await startWithLeader(ensemble), 3);
    const url = ensemble.process(3).httpUrl;
    const { body: { token } } = await callApi(url, "POST", "/sessions", { body: {} });
    const done = await callApi(url, "POST", "/txn", { body: { ops: OPS }, session: token });
    assert.equal(done.status, 200, JSON.stringify(done));
    for (const id of ensemble.ids) {
      using client = await ensemble.client(id);
      await client.must(ofPath(Op.sync, "/"));
      for (const { path } of done.body.results) {
        assert.equal((await client.call(exists(path))).err, 0, `${path} at member ${id}`);
      }
      await client.endSession();
    }
  });
});
