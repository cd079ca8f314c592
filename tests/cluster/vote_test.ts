import assert from "node:assert/strict";
import { NO_SERVER_ID } from "../../cluster/server_id.ts";
import { beats, initialVote, isSameVote } from "../../cluster/vote.ts";
import { makeZxid } from "../../core/zxid.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";

const VOTE = { leader: 2, zxid: makeZxid(3, 5), electionEpoch: 4, peerEpoch: 3 };

Deno.test("beats() orders by peerEpoch, then zxid, then leader; weight 0 never wins", () => {
  const majority = ensembleConfig({ voters: [1, 2, 3] });
  const weighted = ensembleConfig({
    voters: [1, 2, 3],
    groups: { 1: [1, 2, 3] },
    weights: { 3: 0 },
  });
  const cases = [
    { change: {}, wins: false },
    { change: { leader: 3 }, wins: true },
    { change: { leader: 1 }, wins: false },
    { change: { leader: 1, zxid: makeZxid(3, 6) }, wins: true },
    { change: { leader: 3, zxid: makeZxid(3, 4) }, wins: false },
    { change: { leader: 1, zxid: 0, peerEpoch: 4 }, wins: true },
    { change: { leader: 3, zxid: makeZxid(9, 0), peerEpoch: 2 }, wins: false },
    { change: { electionEpoch: 9 }, wins: false }, // rounds are not compared here
    { change: { leader: 3, peerEpoch: 9 }, wins: false, config: weighted },
    { change: { leader: 1, peerEpoch: 9 }, wins: true, config: weighted },
  ];
  for (const { change, wins, config = majority } of cases) {
    assert.equal(beats({ ...VOTE, ...change }, VOTE, config), wins, JSON.stringify(change));
  }
});

Deno.test("isSameVote() is exact for who looks, and about the leader for who does not", () => {
  const cases = [
    { states: ["LOOKING", "LOOKING"], change: {}, same: true },
    { states: ["LOOKING", "LOOKING"], change: { leader: 1 }, same: false },
    { states: ["LOOKING", "FOLLOWING"], change: { zxid: 1 }, same: false },
    { states: ["LEADING", "LOOKING"], change: { electionEpoch: 1 }, same: false },
    { states: ["LOOKING", "LOOKING"], change: { peerEpoch: 1 }, same: false },
    // members of one ensemble joined in different rounds (ZOOKEEPER-1732, 1805, 1818)
    { states: ["LEADING", "FOLLOWING"], change: { zxid: 1, electionEpoch: 1 }, same: true },
    { states: ["LEADING", "FOLLOWING"], change: { peerEpoch: 1 }, same: false },
    { states: ["LEADING", "FOLLOWING"], change: { leader: 1 }, same: false },
    // a 3.4 server does not replace its peerEpoch
    { states: ["LEADING", "FOLLOWING"], change: { peerEpoch: 1 }, versions: [2, 0], same: true },
    { states: ["LEADING", "FOLLOWING"], change: { peerEpoch: 1 }, versions: [0, 0], same: false },
  ] as const;
  for (const { states, change, same, ...rest } of cases) {
    const versions = "versions" in rest ? rest.versions : [2, 2] as const;
    const a = { vote: VOTE, state: states[0], version: versions[0] };
    const b = { vote: { ...VOTE, ...change }, state: states[1], version: versions[1] };
    const what = `${states} ${JSON.stringify(change)} ${versions}`;
    assert.equal(isSameVote(a, b), same, what);
    assert.equal(isSameVote(b, a), same, `${what}, the other way round`);
  }
});

Deno.test("initialVote() proposes oneself only as far as one may lead", () => {
  const committed = ensembleConfig({ voters: [1, 2], observers: [3] });
  const vote = (serverId: number, isObserver: boolean) =>
    initialVote({ serverId, isObserver, committed, lastLoggedZxid: 7, currentEpoch: 1 });
  assert.deepEqual(vote(2, false), { leader: 2, zxid: 7, electionEpoch: 0, peerEpoch: 1 });
  assert.deepEqual(vote(3, true), {
    leader: NO_SERVER_ID,
    zxid: NO_SERVER_ID,
    electionEpoch: 0,
    peerEpoch: NO_SERVER_ID,
  });
  // in no configuration yet: its history counts, itself does not
  assert.deepEqual(vote(9, false), {
    leader: NO_SERVER_ID,
    zxid: 7,
    electionEpoch: 0,
    peerEpoch: 1,
  });
});
