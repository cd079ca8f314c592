import assert from "node:assert/strict";
import { Membership } from "../../cluster/membership.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";

const COMMITTED = ensembleConfig({ voters: [1, 2, 3], version: 5 });

/** A membership, and what happened to it in words. */
function make({ lastSeen = 5, canChange = true } = {}) {
  const events: string[] = [];
  const membership = new Membership({
    committed: COMMITTED,
    lastSeen: lastSeen === 5 ? COMMITTED : at(lastSeen),
    store: canChange
      ? {
        saveNext: ({ version }) => events.push(`next ${version}`),
        forgetNext: () => events.push("no next"),
        saveCommitted: ({ version }) => events.push(`committed ${version}`),
      }
      : null,
    onChange: () => events.push("changed"),
  });
  return { membership, events };
}

function at(version: number) {
  return ensembleConfig({ voters: [3, 4, 5], version });
}

function versionsOf({ committed, lastSeen }: Membership): number[] {
  return [committed.version, lastSeen.version];
}

Deno.test("Membership keeps on disk what is news, before it counts", () => {
  const cases: {
    note: string;
    lastSeen?: number;
    does: (membership: Membership) => void;
    events: string[];
    versions: [committed: number, lastSeen: number];
  }[] = [
    { note: "seen", does: (m) => m.see(at(7)), events: ["next 7", "changed"], versions: [5, 7] },
    { note: "seen again", lastSeen: 7, does: (m) => m.see(at(7)), events: [], versions: [5, 7] },
    { note: "seen, older", lastSeen: 7, does: (m) => m.see(at(6)), events: [], versions: [5, 7] },
    {
      note: "adopted",
      lastSeen: 7,
      does: (m) => m.adopt(at(7)),
      events: ["committed 7", "changed"],
      versions: [7, 7],
    },
    {
      note: "adopted while a newer one is proposed",
      lastSeen: 7,
      does: (m) => m.adopt(at(6)),
      events: ["committed 6", "changed"],
      versions: [6, 7],
    },
    { note: "adopted, older", does: (m) => m.adopt(at(4)), events: [], versions: [5, 5] },
    {
      note: "the leader knows a newer one",
      does: (m) => m.follow(at(8)),
      events: ["next 8", "changed"],
      versions: [5, 8],
    },
    {
      note: "the leader knows none but the committed one",
      lastSeen: 7,
      does: (m) => m.follow(COMMITTED),
      events: ["no next", "changed"],
      versions: [5, 5],
    },
    {
      note: "the leader knows an older one than we",
      lastSeen: 7,
      does: (m) => m.follow(at(6)),
      events: ["next 6", "changed"],
      versions: [5, 6],
    },
    {
      note: "the leader knows the same",
      lastSeen: 7,
      does: (m) => m.follow(at(7)),
      events: [],
      versions: [5, 7],
    },
    { note: "the leader is behind", does: (m) => m.follow(at(4)), events: [], versions: [5, 5] },
  ];
  for (const { note, lastSeen = 5, does, events: expected, versions } of cases) {
    const { membership, events } = make({ lastSeen });
    does(membership);
    assert.deepEqual(events, expected, note);
    assert.deepEqual(versionsOf(membership), versions, note);
  }
});

Deno.test("Membership stays what it is where reconfig is disabled", () => {
  const { membership, events } = make({ canChange: false });
  assert.equal(membership.see(at(7)), false);
  assert.equal(membership.adopt(at(7)), false);
  membership.follow(at(7));
  assert.deepEqual(events, []);
  assert.deepEqual(versionsOf(membership), [5, 5]);
});

Deno.test("Membership.isQuorum() asks both while a reconfig is under way", () => {
  assert.equal(make({ lastSeen: 7 }).membership.isQuorum(new Set([1, 2])), false);
  assert.equal(make({ lastSeen: 7 }).membership.isQuorum(new Set([1, 3, 4])), true);
  assert.equal(make().membership.isQuorum(new Set([1, 2])), true);
});
