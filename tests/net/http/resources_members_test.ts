import assert from "node:assert/strict";
import { Ensemble } from "../../support/ensemble.ts";
import { HttpAsker } from "../../support/http_asker.ts";

const IDS = [1, 2, 3];

Deno.test("znodes: what one member was told holds at the others at once", async () => {
  await using ensemble = await Ensemble.start({
    members: IDS.map((id) => ({ id, target: "denkeeper" as const, http: true })),
  });
  const members = IDS.map((id) => new HttpAsker(ensemble.process(id).httpUrl));
  const at = (i: number) => members[i % members.length]!;

  // each compare-and-set goes to a member that may not have the one before
  let { json: { etag } } = await at(0).put("/data/cas", "0");
  for (let i = 1; i <= 30; i++) {
    const answer = await at(i).put("/data/cas", String(i), { "if-match": etag });
    assert.equal(answer.status, 200, answer.text);
    etag = answer.json.etag;
  }
  for (let i = 0; i < 10; i++) {
    const made = await at(i).put("/data/life", "", { "if-none-match": "*" });
    assert.equal(made.status, 201, made.text);
    const again = await at(i + 1).put("/data/life", "", { "if-none-match": "*" });
    assert.equal(again.status, 409, again.text);
    const changed = await at(i + 2).put("/data/life", "");
    assert.equal(changed.status, 200, changed.text);
    const below = await at(i).put("/data/life/a/b?parents=1", "");
    assert.equal(below.status, 201, below.text);
    const acl = await at(i + 1).put("/acl/life/a", "world:anyone:cdrwa", { "if-match": '"0"' });
    assert.equal(acl.status, 200, acl.text);
    const gone = await at(i + 2).delete("/data/life?recursive=1", {
      "if-match": changed.json.etag,
    });
    assert.deepEqual([gone.status, gone.json.deleted], [200, 3]);
  }

  await at(0).put("/data/q", "");
  for (let i = 0; i < 10; i++) {
    const post = (member: HttpAsker) =>
      member.ask("POST", "/data/q/n-?sequence=1", { headers: { "idempotency-key": `key ${i}` } });
    const first = await post(at(i));
    const again = await post(at(i + 1));
    assert.deepEqual([first.status, again.status], [201, 200]);
    assert.equal(again.headers.get("location"), first.headers.get("location"));
    // at the same time through all members: one of them stays
    const both = await Promise.all(
      members.map((member) =>
        member.ask("POST", "/data/q/m-?sequence=1", { headers: { "idempotency-key": `key ${i}` } })
      ),
    );
    assert.equal(new Set(both.map(({ json }) => json.path)).size, 1);
    assert.equal(both.filter(({ status }) => status === 201).length, 1);
  }
  await at(1).ask("POST", "/sync");
  assert.equal((await at(1).get("/children/q")).json.children.length, 20);

  for (let i = 0; i < 10; i++) {
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, k) => at(k).put(`/data/race${i}`, String(k))),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    assert.equal(answers.filter(({ status }) => status === 200).length, 8);
  }
});
