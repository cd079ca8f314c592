import assert from "node:assert/strict";
import { planReconfig } from "../../cluster/reconfig_plan.ts";
import { ErrorCode } from "../../core/errors.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";

interface Case {
  readonly what: string;
  readonly voters?: readonly number[];
  readonly observers?: readonly number[];
  readonly synced?: readonly number[];
  readonly join?: string;
  readonly leave?: string;
  readonly members?: string;
  /** Voters afterwards; left out: the request cannot be made a membership of. */
  readonly after?: readonly number[];
  readonly err?: ErrorCode;
  /** One for each warning, in order. */
  readonly warnings?: readonly RegExp[];
}

const line = (id: number, role = "participant") =>
  `server.${id}=127.0.0.1:${2900 + id}:${3000 + id}:${role};0.0.0.0:218${id}`;
const FEWER = /failed voters would be tolerated, now/;
const EVEN = /an even number/;
const LATE = /vote without being in sync/;
const JUST = /just a quorum/;

Deno.test("planReconfig() tells what it would be refused for, and what may be regretted", () => {
  const cases: readonly Case[] = [
    { what: "an observer", join: line(4, "observer"), after: [1, 2, 3] },
    {
      what: "a voter that is in sync",
      observers: [4, 5],
      synced: [1, 2, 3, 4, 5],
      join: `${line(4)},${line(5)}`,
      after: [1, 2, 3, 4, 5],
    },
    {
      what: "one that nobody knows",
      join: line(4),
      after: [1, 2, 3, 4],
      warnings: [EVEN, JUST, LATE],
    },
    { what: "one leaves", leave: "3", after: [1, 2], warnings: [FEWER, EVEN] },
    {
      what: "the leader leaves",
      voters: [1, 2, 3, 4],
      synced: [1, 2, 3, 4],
      leave: "1",
      after: [2, 3, 4],
      warnings: [/server 1 leads now/],
    },
    {
      what: "no quorum would be there",
      synced: [1, 2],
      join: `${line(4)},${line(5)}`,
      after: [1, 2, 3, 4, 5],
      err: ErrorCode.NewConfigNoQuorum,
      warnings: [/servers 4, 5 would vote/],
    },
    {
      what: "a stranger leaves",
      leave: "9",
      after: [1, 2, 3],
      warnings: [/server 9 is no member/],
    },
    { what: "too few are left", leave: "2,3", err: ErrorCode.BadArguments },
    { what: "nonsense", join: "server.4=here", err: ErrorCode.BadArguments },
    {
      what: "all anew",
      members: [line(1), line(2), line(3)].join(","),
      after: [1, 2, 3],
    },
  ];
  for (const one of cases) {
    const { what, voters = [1, 2, 3], observers = [], synced = voters, warnings = [] } = one;
    const config = ensembleConfig({ voters, observers, version: 5 });
    const plan = planReconfig({
      joiningServers: one.join ?? null,
      leavingServers: one.leave ?? null,
      newMembers: one.members ?? null,
      curConfigId: -1,
    }, {
      committed: config,
      lastSeen: config,
      standaloneEnabled: true,
      multiAddressEnabled: false,
      syncedServers: new Set(synced),
      leader: 1,
    });
    assert.deepEqual(plan.before.voters, voters, what);
    assert.deepEqual(plan.after?.voters, one.after, what);
    assert.equal(plan.refusal?.err, one.err, what);
    assert.equal(plan.warnings.length, warnings.length, `${what}: ${plan.warnings.join("; ")}`);
    for (const [i, warning] of warnings.entries()) assert.match(plan.warnings[i]!, warning, what);
    assert.equal(plan.lines === null, one.after === undefined, what);
  }
});

Deno.test("planReconfig() counts what fails and what is in sync, and leaves groups uncounted", () => {
  const config = ensembleConfig({ voters: [1, 2, 3, 4, 5], observers: [6], version: 5 });
  const request = { joiningServers: null, leavingServers: "6", newMembers: null, curConfigId: -1 };
  const state = {
    committed: config,
    lastSeen: config,
    standaloneEnabled: true,
    multiAddressEnabled: false,
    syncedServers: new Set([1, 3, 4, 6]),
    leader: 1,
  };
  const { before, after } = planReconfig(request, state);
  assert.deepEqual(before, {
    voters: [1, 2, 3, 4, 5],
    observers: [6],
    needed: 3,
    failuresTolerated: 2,
    synced: [1, 3, 4],
    hasQuorum: true,
  });
  assert.deepEqual(after, { ...before, observers: [] });
  const grouped = ensembleConfig({ voters: [1, 2], groups: { 1: [1, 2] }, version: 5 });
  const plan = planReconfig(request, { ...state, committed: grouped, lastSeen: grouped });
  assert.equal(plan.before.needed, null);
  assert.equal(plan.before.hasQuorum, false);
});

Deno.test("planReconfig() refuses what is for another version, or comes during another change", () => {
  const committed = ensembleConfig({ voters: [1, 2, 3], version: 5 });
  const base = { joiningServers: line(4, "observer"), leavingServers: null, newMembers: null };
  const state = {
    standaloneEnabled: true,
    multiAddressEnabled: false,
    syncedServers: new Set([1, 2, 3]),
    leader: null,
  };
  const old = planReconfig({ ...base, curConfigId: 4 }, {
    ...{ ...state, committed, lastSeen: committed },
  });
  assert.equal(old.refusal?.err, ErrorCode.BadVersion);
  const busy = planReconfig({ ...base, curConfigId: -1 }, {
    ...{ ...state, committed, lastSeen: committed.withVersion(6) },
  });
  assert.equal(busy.refusal?.err, ErrorCode.ReconfigInProgress);
});
