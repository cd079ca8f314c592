import assert from "node:assert/strict";
import { QuorumConfig } from "../../cluster/quorum_config.ts";
import { designatedLeaderOf, reconfigure } from "../../cluster/reconfig.ts";
import type { ReconfigRequest, ReconfigState } from "../../cluster/reconfig.ts";
import { ErrorCode } from "../../core/errors.ts";

const ONE = "server.1=127.0.0.1:1:11:participant;127.0.0.1:21";
const TWO = "server.2=127.0.0.1:2:12:participant;127.0.0.1:22";
const THREE = "server.3=127.0.0.1:3:13:participant;127.0.0.1:23";
const FULL = [ONE, TWO, THREE].join("\n");
const FIVE = "server.5=127.0.0.1:5:15:participant;127.0.0.1:25";
const VERSION = 0x100000000;

function asObserver(line: string): string {
  return line.replace("participant", "observer");
}

function judge(request: Partial<ReconfigRequest>, state: Partial<ReconfigState> = {}) {
  const config = QuorumConfig.parse(`${FULL}\nversion=100000000`);
  return reconfigure(
    { joiningServers: null, leavingServers: null, newMembers: null, curConfigId: -1, ...request },
    {
      committed: config,
      lastSeen: config,
      standaloneEnabled: true,
      multiAddressEnabled: false,
      syncedServers: new Set([1, 2, 3]),
      ...state,
    },
  );
}

/** The new members' lines, or the error. */
function answer(request: Partial<ReconfigRequest>, state: Partial<ReconfigState> = {}) {
  const outcome = judge(request, state);
  if ("config" in outcome) {
    assert.equal(outcome.config.version, 0);
    return outcome.config.toLines().join("\n");
  }
  return outcome.err;
}

// The tables have what ZooKeeper 3.8.0 answered to the same requests, sent to an ensemble of three.

Deno.test("reconfigure() changes members one by one as ZooKeeper 3.8.0 does", () => {
  const cases: [joining: string | null, leaving: string | null, answered: string | ErrorCode][] = [
    [null, null, FULL],
    ["", "", FULL],
    [null, "9", FULL],
    [ONE, null, FULL],
    [`${ONE},${ONE}`, null, FULL],
    [FIVE, null, `${FULL}\n${FIVE}`],
    [null, "3", `${ONE}\n${TWO}`],
    [null, " 3", `${ONE}\n${TWO}`],
    [null, "3,", `${ONE}\n${TWO}`],
    [null, "3,6,7", `${ONE}\n${TWO}`],
    [FIVE, "5", `${FULL}\n${FIVE}`], // leaving comes first
    [FIVE, "3", [ONE, TWO, FIVE].join("\n")],
    [asObserver(THREE), null, [ONE, TWO, asObserver(THREE)].join("\n")],
    ["server.5=127.0.0.1:5:15;25", null, `${FULL}\n${FIVE.replace(";127.0.0.1", ";0.0.0.0")}`],
    ["5=127.0.0.1:5:15;127.0.0.1:25", null, `${FULL}\n${FIVE}`],
    ["x.y.5=127.0.0.1:5:15;127.0.0.1:25", null, `${FULL}\n${FIVE}`],
    [" server.5 = 127.0.0.1:5:15;127.0.0.1:25 ", null, `${FULL}\n${FIVE}`],
    ["server.5=h:5:15:OBSERVER;25", null, `${FULL}\nserver.5=h:5:15:observer;0.0.0.0:25`],
    // Equal addresses and ports of several servers are allowed.
    [ONE.replace("server.1", "server.5"), null, `${FULL}\n${ONE.replace("server.1", "server.5")}`],
    [FIVE.replace(":25", ":21"), null, `${FULL}\n${FIVE.replace(":25", ":21")}`],

    ["server.5=127.0.0.1:5:15", null, ErrorCode.BadArguments], // no client port
    ["server.5=127.0.0.1:5:15;", null, ErrorCode.BadArguments],
    ["server.5=127.0.0.1:5", null, ErrorCode.BadArguments],
    ["server.5", null, ErrorCode.BadArguments],
    ["server.5=127.0.0.1:5:5;25", null, ErrorCode.BadArguments],
    ["server.5=127.0.0.1:a:15;25", null, ErrorCode.BadArguments],
    ["server.5=127.0.0.1:5:15;x", null, ErrorCode.BadArguments],
    ["server.5=127.0.0.1:5:15:foo;25", null, ErrorCode.BadArguments],
    ["server.5=a:5:15:observer;3=4", null, ErrorCode.BadArguments],
    ["server.5=a:5:15|b:5:15;25", null, ErrorCode.BadArguments],
    ["group.1=1", null, ErrorCode.BadArguments],
    ["weight.1=3", null, ErrorCode.BadArguments],
    ["version=5", null, ErrorCode.MarshallingError],
    ["foo=bar", null, ErrorCode.MarshallingError],
    ["server.x=127.0.0.1:5:15;25", null, ErrorCode.MarshallingError],
    ["server.5=127.0.0.1:70000:15;25", null, ErrorCode.MarshallingError],
    ["server.5=127.0.0.1:5:15;70000", null, ErrorCode.MarshallingError],
    [null, "x", ErrorCode.MarshallingError],
    [null, "2,x", ErrorCode.MarshallingError],
    ["foo", "x", ErrorCode.MarshallingError], // leaving comes first
    ["foo=bar", "2,3", ErrorCode.MarshallingError], // all is read before voters are counted
    [`${FIVE},foo=bar`, null, ErrorCode.MarshallingError],
    ["server.5=127.0.0.1,foo=bar", null, ErrorCode.BadArguments], // the first that is wrong counts

    [null, "2,3", ErrorCode.BadArguments], // one voter left
    [null, "1,2,3", ErrorCode.BadArguments],
    [`${asObserver(ONE)},${asObserver(TWO)}`, null, ErrorCode.BadArguments],
    [[ONE, TWO, THREE].map(asObserver).join(","), null, ErrorCode.BadArguments],
    [
      [5, 6, 7, 8].map((id) => `server.${id}=h:${id}:1;${id}`).join(","),
      null,
      ErrorCode.NewConfigNoQuorum,
    ],
  ];
  for (const [joiningServers, leavingServers, answered] of cases) {
    const given = `${joiningServers} / ${leavingServers}`;
    assert.equal(answer({ joiningServers, leavingServers }), answered, given);
  }
});

Deno.test("reconfigure() takes all new members as ZooKeeper 3.8.0 does", () => {
  const grouped = `${FULL}\ngroup.1=1:2\ngroup.2=3`;
  const cases: [newMembers: string, answered: string | ErrorCode][] = [
    ["", FULL],
    [FULL, FULL],
    [FULL.replaceAll("\n", ","), FULL],
    [`${FULL}\nversion=5`, FULL],
    [`${FULL}\n# comment\n!x\n`, FULL],
    [FULL.replace("=", "  :  "), FULL],
    [FULL.replace("server.1", "server.01"), FULL],
    [`${ONE}\n${TWO}`, `${ONE}\n${TWO}`],
    [FULL.replaceAll(/;[^\n]*/g, ""), FULL.replaceAll(/;[^\n]*/g, "")], // needs no client ports
    [FULL.replace(":22", ":21"), FULL.replace(":22", ":21")],
    [`${grouped}\nweight.2=3`, `${grouped}\nweight.1=1\nweight.2=3\nweight.3=1`],

    ["foo=bar", ErrorCode.BadArguments],
    ["junk", ErrorCode.BadArguments],
    ["#x", ErrorCode.BadArguments],
    ["\n", ErrorCode.BadArguments],
    ["version=3", ErrorCode.BadArguments],
    [FULL.replace(":3:13:", ":3:3:"), ErrorCode.BadArguments],
    [FULL.replaceAll(";127.0.0.1:", " x"), ErrorCode.BadArguments],
    [`${FULL}\nserver.5=a:1;3`, ErrorCode.BadArguments],
    [`${FULL}\ngroup.1=1:2`, ErrorCode.BadArguments],
    [`${FULL}\ngroup.1=1:2\ngroup.2=2:3`, ErrorCode.BadArguments],
    [`${FULL}\nversion=zz`, ErrorCode.MarshallingError],
    [`${FULL}\nserver.x=a:1:2;3`, ErrorCode.MarshallingError],
    [`${FULL}\ngroup.x=1:2:3`, ErrorCode.MarshallingError],
    [`${FULL}\ngroup.1=1:2:3\nweight.1=x`, ErrorCode.MarshallingError],
    [`${FULL}\ngroup.1=1:2:9\ngroup.2=3`, ErrorCode.MarshallingError], // 9 weighs nothing known
    [FULL.replace(":1:11", ":70000:11"), ErrorCode.MarshallingError],
    [ONE, ErrorCode.BadArguments], // one voter
    [asObserver(ONE), ErrorCode.MarshallingError],
    [`${ONE}\n${asObserver(TWO)}`, ErrorCode.MarshallingError],
    ["server.5=h:5:1;5\nserver.6=h:6:1;6", ErrorCode.NewConfigNoQuorum],
    [`${grouped}:9\nweight.9=3`, ErrorCode.NewConfigNoQuorum],
    [`${FULL}\ngroup.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0`, ErrorCode.NewConfigNoQuorum],
  ];
  for (const [newMembers, answered] of cases) {
    assert.equal(answer({ newMembers }), answered, newMembers);
    // The other form is not looked at.
    if (newMembers === "") continue;
    assert.equal(answer({ newMembers, joiningServers: "foo", leavingServers: "2" }), answered);
  }
});

Deno.test("reconfigure() refuses another reconfig first, and then one for another version", () => {
  const lastSeen = QuorumConfig.parse(`${ONE}\n${THREE}\nversion=100000005`);
  const wrong = [{}, { leavingServers: "2" }, { leavingServers: "x" }, { newMembers: "foo" }];
  for (const request of wrong) {
    for (const curConfigId of [-1, 5, VERSION]) {
      const err = answer({ ...request, curConfigId }, { lastSeen });
      assert.equal(err, ErrorCode.ReconfigInProgress);
    }
    assert.equal(answer({ ...request, curConfigId: 5 }), ErrorCode.BadVersion);
  }
  assert.equal(answer({ curConfigId: VERSION }), FULL);
});

Deno.test("reconfigure() takes members of groups all together only", () => {
  const config = QuorumConfig.parse(`${FULL}\ngroup.1=1:2\ngroup.2=3\nversion=100000000`);
  const state = { committed: config, lastSeen: config };
  assert.equal(answer({ leavingServers: "3" }, state), ErrorCode.BadArguments);
  assert.equal(answer({ joiningServers: ONE }, state), ErrorCode.BadArguments);
  assert.equal(answer({ newMembers: FULL }, state), FULL);
});

Deno.test("reconfigure() lets one voter remain when standaloneEnabled is false", () => {
  const state = { standaloneEnabled: false };
  assert.equal(answer({ leavingServers: "2,3" }, state), ONE);
  assert.equal(
    answer({ newMembers: `${ONE}\n${asObserver(TWO)}` }, state),
    `${ONE}\n${asObserver(TWO)}`,
  );
  assert.equal(answer({ leavingServers: "1,2,3" }, state), ErrorCode.BadArguments);
});

Deno.test("reconfigure() asks for a quorum of the new voters in sync, observers left out", () => {
  const cases: [newMembers: string, synced: number[], isAccepted: boolean][] = [
    [FULL, [1, 2], true],
    [FULL, [1], false],
    [`${ONE}\n${FIVE}`, [1, 2, 3], false],
    [`${ONE}\n${FIVE}`, [1, 5], true], // 5 follows already, without a vote
    [`${ONE}\n${TWO}\n${FIVE}\n${asObserver(THREE)}`, [1, 3], false],
  ];
  for (const [newMembers, synced, isAccepted] of cases) {
    const outcome = judge({ newMembers }, { syncedServers: new Set(synced) });
    assert.equal("config" in outcome, isAccepted, `${synced}`);
  }
});

Deno.test("reconfigure() allows several addresses when they are enabled", () => {
  const joiningServers = "server.5=a:5:15|b:5:15;25";
  const lines = answer({ joiningServers }, { multiAddressEnabled: true });
  assert.match(String(lines), /^server.5=a:5:15\|b:5:15:participant;0.0.0.0:25$/m);
});

Deno.test("reconfigure() says in words why it refuses", () => {
  const cases: [request: Partial<ReconfigRequest>, reason: string][] = [
    [{ curConfigId: 5 }, "it is for configuration 5, now it is 100000000"],
    [{ leavingServers: "2,3" }, "1 voting servers would be left, 2 are needed"],
    [
      { newMembers: `${ONE}\n${FIVE}` },
      "no quorum of the new members is connected and in sync: missing 5",
    ],
    [{ joiningServers: "server.5=h:1:2" }, "joining server 5 has no client port"],
    [
      { joiningServers: "server.5=h:1:2:boss;3" },
      'server.5 is "h:1:2:boss;3", expected the role participant or observer',
    ],
  ];
  for (const [request, reason] of cases) {
    const outcome = judge(request);
    assert.equal("reason" in outcome && outcome.reason, reason);
  }
});

Deno.test("designatedLeaderOf() keeps a leader that votes at its address, else takes who is ahead", () => {
  const moved = FULL.replace("127.0.0.1:1:11", "127.0.0.1:101:11");
  const cases: {
    note: string;
    next: string;
    ackedBy?: number[];
    laterAcks?: number[][];
    designated: number;
  }[] = [
    { note: "nothing changed", next: FULL, designated: 1 },
    { note: "its election and client ports", next: FULL.replace("11:", "9:"), designated: 1 },
    { note: "its client port", next: FULL.replace(":21", ":99"), designated: 1 },
    { note: "removed", next: `${TWO}\n${THREE}`, designated: 2 },
    { note: "an observer now", next: `${asObserver(ONE)}\n${TWO}\n${THREE}`, designated: 2 },
    { note: "its quorum port", next: moved, designated: 2 },
    { note: "2 lags", next: moved, ackedBy: [1, 3], designated: 3 },
    { note: "3 is ahead", next: moved, laterAcks: [[1, 3]], designated: 3 },
    { note: "3 further", next: moved, laterAcks: [[1, 2, 3], [1, 3], [1, 2]], designated: 3 },
    { note: "nobody is ahead", next: moved, laterAcks: [[1], [1, 3]], designated: 2 },
    { note: "of strangers", next: `${TWO}\n${THREE}`, laterAcks: [[1, 9]], designated: 2 },
    { note: "alone elsewhere", next: moved.split("\n")[0]!, ackedBy: [1], designated: 1 },
  ];
  for (const { note, next, ackedBy = [1, 2, 3], laterAcks = [], designated } of cases) {
    const chosen = designatedLeaderOf({
      leader: 1,
      committed: QuorumConfig.parse(FULL),
      next: QuorumConfig.parse(next),
      ackedBy: new Set(ackedBy),
      laterAcks: laterAcks.map((acks) => new Set(acks)),
    });
    assert.equal(chosen, designated, note);
  }
});
