/**
 * What a client is told by an ensemble and not by a server that stands alone, frame for frame: a
 * session that moves, members that are behind, no quorum, read-only mode, local sessions.
 *
 * @module
 */
import type { Config, Ensemble } from "../../support/ensemble.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { testWith } from "../../support/prerequisites.ts";
import {
  closeSession,
  create,
  exists,
  Flags,
  getChildren,
  getData,
  multi,
  ofPath,
  Op,
  reconfig,
  remove,
  setAcl,
  setData,
  whoAmI,
} from "../../support/requests.ts";
import type { Target } from "../../support/server_process.ts";
import { Conversation, type Peer } from "../raw/conversation.ts";
import { compareWithGolden } from "./golden.ts";
import { chosen, ENSEMBLE_NEEDS, type Mix, startWithLeader, testMixes, UNIFORM } from "./mixes.ts";

interface Scenario {
  readonly name: string;
  readonly run: (c: EnsembleConversation) => Promise<void>;
}

/** Scenarios that share an ensemble, in this order. */
interface Group {
  /** Of the golden file. */
  readonly name: string;
  readonly config?: Config;
  readonly properties?: Readonly<Record<string, string>>;
  readonly scenarios: readonly Scenario[];
  /** Also played by ensembles of Java servers and ours. */
  readonly isOfAnyMix?: boolean;
}

/** Members by what they are. */
const FOLLOWER = 1;
const OTHER_FOLLOWER = 2;
const LEADER = 3;
const OBSERVER = 4;
const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["denkeeper", "java"], observer: "denkeeper", inCi: true },
  { leader: "denkeeper", followers: ["java", "denkeeper"], observer: "java" },
];
const ROLES = [["F", FOLLOWER], ["L", LEADER], ["O", OBSERVER]] as const;
const CONFIG_PATH = "/zookeeper/config";

class EnsembleConversation extends Conversation {
  readonly ensemble: Ensemble;

  constructor(ensemble: Ensemble) {
    super(ensemble.clientPort(FOLLOWER));
    this.ensemble = ensemble;
  }

  /** A session at this member. */
  at(
    name: string,
    id: number,
    options: Parameters<Conversation["session"]>[1] = {},
  ): Promise<Peer> {
    return this.session(name, options, this.ensemble.clientPort(id));
  }

  /** Takes a session over at this member. */
  moved(name: string, id: number, { sessionId, password }: Peer): Promise<Peer> {
    return this.at(name, id, { sessionId, password });
  }
}

const sessionScenarios: readonly Scenario[] = [
  {
    name: "a session of each member: writes, reads, sync, errors",
    run: async (c) => {
      for (const [name, id] of ROLES) {
        const peer = await c.at(name, id);
        await peer.call(create(`/${name}`, { data: name }));
        await peer.call(create(`/${name}/e`, { flags: Flags.ephemeral }));
        await peer.call(create(`/${name}/s-`, { flags: Flags.sequential }));
        await peer.call(create(`/${name}`));
        await peer.call(setData(`/${name}`, "new", 7));
        await peer.call(setData(`/${name}`, "new", 0));
        await peer.call(multi([setData(`/${name}`, "m"), create(`/${name}/m`)]));
        await peer.call(multi([setData(`/${name}`, "m"), remove("/none")]));
        await peer.call(remove("/none"));
        await peer.call(ofPath(Op.sync, "/"));
        await peer.call(ofPath(Op.sync, "/none"));
        await peer.call(getData(`/${name}`));
        await peer.call(exists("/none"));
        await peer.call(getChildren(`/${name}`));
        await peer.call(whoAmI);
        await peer.call(closeSession);
        await peer.untilClosed();
      }
    },
  },
  {
    name: "the configuration, and reconfig while it is disabled",
    run: async (c) => {
      for (const [name, id] of ROLES) {
        const peer = await c.at(name, id);
        await peer.call(getData(CONFIG_PATH));
        await peer.call(ofPath(Op.getAcl, CONFIG_PATH));
        await peer.call(setData(CONFIG_PATH, "x"));
        await peer.call(remove(CONFIG_PATH));
        await peer.call(reconfig({ leaving: "4" }));
      }
    },
  },
  {
    name: "a session moves from a follower to the leader",
    run: async (c) => {
      const old = await c.at("F", FOLLOWER);
      await old.call(create("/moved", { flags: Flags.ephemeral }));
      await old.call(getData("/moved", true));
      const now = await c.moved("L", LEADER, old);
      await now.call(setData("/moved", "by the leader"));
      c.note("the old connection is still there");
      await old.call(setData("/moved", "by the follower"));
      await old.call(getData("/moved"));
      await now.call(ofPath(Op.sync, "/"));
      await now.call(getData("/moved"));
      await now.call(closeSession);
      await now.untilClosed();
      await old.untilClosed();
    },
  },
  {
    name: "a session moves from the leader to the observer and to a follower",
    run: async (c) => {
      const first = await c.at("L", LEADER);
      await first.call(create("/moved", { flags: Flags.ephemeral }));
      const second = await c.moved("O", OBSERVER, first);
      await second.call(setData("/moved", "1"));
      await first.call(setData("/moved", "2"));
      const third = await c.moved("F", FOLLOWER, first);
      await third.call(setData("/moved", "3"));
      await second.call(setData("/moved", "4"));
      await third.call(ofPath(Op.sync, "/"));
      await third.call(getData("/moved"));
      await third.call(closeSession);
      await third.untilClosed();
      const other = await c.at("L2", LEADER);
      await other.call(exists("/moved"));
    },
  },
  {
    name: "a session that is closed elsewhere, is unknown, or has another password",
    run: async (c) => {
      const closed = await c.at("F", FOLLOWER);
      await closed.call(closeSession);
      await closed.untilClosed();
      const living = await c.at("F2", FOLLOWER);
      for (const [name, id] of ROLES) {
        c.note(name);
        const { sessionId } = living;
        await (await c.moved(`${name}closed`, id, closed)).untilClosed();
        await (await c.at(`${name}unknown`, id, { sessionId: 0x1234567n })).untilClosed();
        const password = new Uint8Array(16).fill(1);
        await (await c.at(`${name}password`, id, { sessionId, password })).untilClosed();
      }
      // What becomes of its connection is not looked at: Java closes it for the wrong passwords of others.
    },
  },
  {
    name: "a client that has seen more than a member is not let in",
    run: async (c) => {
      for (const [name, id] of ROLES) {
        const peer = await c.open(name, c.ensemble.clientPort(id));
        await peer.connect({ lastZxidSeen: 0x7fffffffffffn });
      }
    },
  },
  {
    name: "watches fire on every member",
    run: async (c) => {
      const peers: Peer[] = [];
      const writer = await c.at("W", OTHER_FOLLOWER);
      await writer.call(create("/watched"));
      for (const [name, id] of ROLES) {
        const peer = await c.at(name, id);
        peers.push(peer);
        await peer.call(ofPath(Op.sync, "/"));
        await peer.call(getData("/watched", true));
        await peer.call(getChildren("/watched", true));
      }
      await writer.call(setData("/watched", "x"));
      await writer.call(create("/watched/kid"));
      for (const peer of peers) {
        await peer.client.must(ofPath(Op.sync, "/"));
        await peer.receiveEvents();
      }
    },
  },
  {
    name: "session timeouts are bounded alike",
    run: async (c) => {
      for (const [name, id] of ROLES) {
        for (const timeoutMs of [1, 1500, 10_000_000]) await c.at(name, id, { timeoutMs });
      }
    },
  },
];

/** Java knows it as a system property only. */
const READ_ONLY_MODE = { "readonlymode.enabled": "true" };

const readOnlyRequests = [
  exists("/kept"),
  getData("/kept", true),
  getChildren("/"),
  ofPath(Op.getAcl, "/kept"),
  getData(CONFIG_PATH),
  whoAmI,
  create("/n"),
  setData("/kept", "x"),
  remove("/kept"),
  setAcl("/kept", null),
  multi([setData("/kept", "x")]),
  multi([getData("/kept")], Op.multiRead),
  ofPath(Op.sync, "/"),
  reconfig({ leaving: "4" }),
];

/** All but the follower stop: it has no quorum any more. */
async function leaveAlone(ensemble: Ensemble): Promise<void> {
  for (const id of [OBSERVER, LEADER, OTHER_FOLLOWER]) await ensemble.kill(id);
}

const groups: readonly Group[] = [
  { name: "frames", scenarios: sessionScenarios, isOfAnyMix: true },
  {
    name: "frames_without_quorum",
    scenarios: [
      {
        name: "a connection ends when its member loses the quorum, and the session comes back",
        run: async (c) => {
          const { ensemble } = c;
          const before = await c.at("A", FOLLOWER);
          await before.call(create("/kept", { flags: Flags.ephemeral }));
          await leaveAlone(ensemble);
          await before.untilClosed();
          await ensemble.waitForMode(FOLLOWER, "looking");
          await (await c.at("new", FOLLOWER)).untilClosed();
          await (await c.moved("old", FOLLOWER, before)).untilClosed();
          await (await c.at("readOnly", FOLLOWER, { readOnly: true })).untilClosed();
          await ensemble.startAll();
          await ensemble.waitUntilServing();
          const after = await c.moved("B", FOLLOWER, before);
          await after.client.must(exists("/kept"));
          c.note("it has its ephemeral");
        },
      },
    ],
  },
  {
    name: "frames_read_only",
    config: { localSessionsEnabled: true },
    properties: READ_ONLY_MODE,
    scenarios: [{
      name: "a member alone serves reads to clients that ask for it",
      run: async (c) => {
        const { ensemble } = c;
        const before = await c.at("A", FOLLOWER);
        await before.call(create("/kept"));
        await before.call(closeSession);
        await leaveAlone(ensemble);
        await before.untilClosed();
        await ensemble.waitForMode(FOLLOWER, "read-only");
        await (await c.at("readWrite", FOLLOWER)).untilClosed();
        await (await c.at("withoutFlag", FOLLOWER, { readOnly: null })).untilClosed();
        const reader = await c.at("R", FOLLOWER, { readOnly: true });
        for (const request of readOnlyRequests) await reader.call(request);
        await reader.call(closeSession);
        await reader.untilClosed();
        const resumed = await c.at("B", FOLLOWER, {
          sessionId: before.sessionId,
          password: before.password,
          readOnly: true,
        });
        await resumed.untilClosed();
      },
    }],
  },
  {
    name: "frames_read_only_global",
    properties: READ_ONLY_MODE,
    scenarios: [{
      name: "without local sessions nobody gets a session from a read-only member",
      run: async (c) => {
        const before = await c.at("A", FOLLOWER);
        await before.call(create("/kept"));
        await leaveAlone(c.ensemble);
        await before.untilClosed();
        await c.ensemble.waitForMode(FOLLOWER, "read-only");
        await c.at("R", FOLLOWER, { readOnly: true });
        c.note("the header of a reply, and the connection stays");
        const resumed = await c.at("B", FOLLOWER, {
          sessionId: before.sessionId,
          password: before.password,
          readOnly: true,
        });
        await resumed.untilClosed();
      },
    }],
  },
  {
    name: "frames_local_sessions",
    isOfAnyMix: true,
    config: { localSessionsEnabled: true, localSessionsUpgradingEnabled: true },
    scenarios: [{
      name: "a local session becomes a global one with its first ephemeral",
      run: async (c) => {
        for (const [name, id] of ROLES) {
          const peer = await c.at(name, id);
          await peer.call(create(`/${name}`));
          c.note("nobody else knows it");
          const elsewhere = id === LEADER ? OTHER_FOLLOWER : LEADER;
          await (await c.moved(`${name}2`, elsewhere, peer)).untilClosed();
          await peer.call(create(`/${name}/e`, { flags: Flags.ephemeral }));
          await peer.call(exists(`/${name}/e`));
          c.note("now they do");
          const moved = await c.moved(`${name}3`, elsewhere, peer);
          await moved.call(ofPath(Op.sync, "/"));
          await moved.call(exists(`/${name}/e`));
          await moved.call(closeSession);
        }
      },
    }, {
      name: "a local session ends with the role of its server, one that became global does not",
      run: async (c) => {
        const { ensemble } = c;
        const local = await c.at("A", FOLLOWER);
        await local.call(create("/A"));
        const global = await c.at("B", FOLLOWER);
        await global.call(create("/B", { flags: Flags.ephemeral }));
        await ensemble.kill(LEADER);
        await local.untilClosed();
        await global.untilClosed();
        await ensemble.waitUntilServing([FOLLOWER, OTHER_FOLLOWER]);
        await (await c.moved("A2", FOLLOWER, local)).untilClosed();
        const after = await c.moved("B2", FOLLOWER, global);
        await after.client.must(exists("/B"));
        c.note("it has its ephemeral");
      },
    }],
  },
  {
    name: "frames_local_sessions_only",
    isOfAnyMix: true,
    config: { localSessionsEnabled: true },
    scenarios: [{
      name: "a local session that may not become a global one has no ephemerals",
      run: async (c) => {
        for (const [name, id] of ROLES) {
          const peer = await c.at(name, id);
          await peer.call(create(`/${name}`));
          await peer.call(create(`/${name}/e`, { flags: Flags.ephemeral }));
          await peer.call(multi([create(`/${name}/e`, { flags: Flags.ephemeral })]));
          await peer.call(closeSession);
          await peer.untilClosed();
        }
      },
    }],
  },
];

for (const { name, scenarios, isOfAnyMix = false, ...options } of groups) {
  for (const { target } of chosen(UNIFORM, (row) => [row.target])) {
    testWith(ENSEMBLE_NEEDS, `ensemble: ${name} as recorded from Java's (${target})`, async (t) => {
      const members = membersOf(target);
      await withEnsemble({ members, ...options }, async (ensemble) => {
        await compareWithGolden(t, { name, target, transcript: await play(ensemble, scenarios) });
      });
    });
  }
  if (!isOfAnyMix) continue;
  testMixes(MIXES, `${name} as recorded from Java's`, options, async (ensemble, t) => {
    const transcript = await play(ensemble, scenarios);
    await compareWithGolden(t, { name, target: "denkeeper", transcript });
  });
}

/** Returns the transcript. */
async function play(ensemble: Ensemble, scenarios: readonly Scenario[]): Promise<string> {
  await startWithLeader(ensemble);
  let transcript = "";
  for (const { name, run } of scenarios) {
    const conversation = new EnsembleConversation(ensemble);
    await run(conversation).catch((error) => {
      throw new Error(`after\n${conversation.lines.join("\n")}`, { cause: error });
    });
    await conversation.end();
    transcript += `== ${name}\n${transcriptOf(conversation)}`;
  }
  return transcript;
}

function membersOf(target: Target) {
  return [
    { id: FOLLOWER, target },
    { id: OTHER_FOLLOWER, target },
    { id: LEADER, target },
    { id: OBSERVER, target, role: "observer" } as const,
  ];
}

/** Requests are left without their bytes, which may hold session ids; events without their zxid. */
function transcriptOf({ ensemble, lines }: EnsembleConversation): string {
  return lines.map((line) =>
    ensemble.normalized(line)
      .replace(/^(\w+ > xid=\S+ op=\S+) .*$/, "$1")
      .replace(/( < event xid=-1 zxid=)\S+/, "$1N") + "\n"
  ).join("");
}
