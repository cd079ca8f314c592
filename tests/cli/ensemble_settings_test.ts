import assert from "node:assert/strict";
import { ConfigError } from "../../cli/config_error.ts";
import { loadConfig, type LoadedConfig } from "../../cli/config_loader.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const THREE = ["server.1=a:1:2;2181", "server.2=b:1:2;2181", "server.3=c:1:2;2181"];
const LIMITS = ["initLimit=10", "syncLimit=5"];

interface Given {
  /** Lines of zoo.cfg, beside dataDir. */
  readonly lines: readonly string[];
  /** null: no such file. */
  readonly myid?: string | null;
  readonly defines?: readonly string[];
  /** Further files beside zoo.cfg. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Loads a zoo.cfg in a directory of its own, whose path is DIR in `lines` and in messages. */
function load({ lines, myid = "1", defines = [], files = {} }: Given): LoadedConfig {
  using dir = makeTempDir();
  const write = (name: string, text: string) =>
    Deno.writeTextFileSync(`${dir.path}/${name}`, text.replaceAll("DIR", dir.path));
  if (myid !== null) write("myid", myid);
  write("zoo.cfg", ["dataDir=DIR", ...lines].join("\n"));
  for (const [name, text] of Object.entries(files)) write(name, text);
  try {
    return loadConfig({ file: `${dir.path}/zoo.cfg`, defines, environment: () => undefined });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((line) => line.replaceAll(dir.path, "DIR")));
  }
}

function problemsOf(given: Given): readonly string[] {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  assert.fail("the config was accepted");
}

function warningsOf(given: Given): string[] {
  return load(given).notices.filter(({ level }) => level === "warn").map(({ message }) => message);
}

Deno.test("loadConfig() decides as ZooKeeper does between an ensemble and one server", () => {
  const one = THREE[0]!;
  const cases: [lines: string[], isMember: boolean][] = [
    [["clientPort=2181"], false],
    [[one], false],
    [[...THREE, ...LIMITS], true],
    [[...THREE.slice(0, 2), ...LIMITS], true],
    [[one, "standaloneEnabled=false", ...LIMITS], true],
    [[one, "server.2=b:1:2:observer", "standaloneEnabled=false", ...LIMITS], true],
    [[...THREE.slice(0, 2), "server.3=c:1:2:observer", ...LIMITS], true],
  ];
  for (const [lines, isMember] of cases) {
    const { config } = load({ lines });
    assert.equal(config.ensemble.isMember, isMember, `${lines}`);
    assert.equal(config.serverId, isMember ? 1 : 0);
    assert.equal(config.sessionServerId, 1);
    assert.equal(config.clientPort, 2181);
  }
  const third = load({ lines: [...THREE, ...LIMITS], myid: "3" }).config;
  assert.equal(third.serverId, 3);
  assert.equal(third.sessionServerId, 3);
});

Deno.test("loadConfig() says what keeps an ensemble's member from starting", () => {
  const cases: (Given & { problem: string })[] = [
    {
      lines: [...THREE, ...LIMITS],
      myid: null,
      problem: "DIR/zoo.cfg: clientPort is not set; server.1 has one, but is not this server: " +
        "myid is missing",
    },
    {
      lines: [...THREE, ...LIMITS, "clientPort=2181"],
      myid: null,
      problem: "DIR/myid: the file is missing; it must hold the number of this server: " +
        "the N of its line server.N",
    },
    {
      lines: [...THREE, ...LIMITS, "clientPort=2181"],
      myid: "9",
      problem: "DIR/myid: this server is 9, but there is no line server.9, only 1, 2, 3",
    },
    {
      lines: [...THREE, ...LIMITS],
      myid: "one",
      problem: 'DIR/myid:1: myid cannot be "one": expected a whole number',
    },
    {
      lines: [...THREE, "server.255=d:1:2;2181", ...LIMITS, "extendedTypesEnabled=true"],
      myid: "255",
      problem: "DIR/myid: myid cannot be 255 with extendedTypesEnabled=true: " +
        "expected a number up to 254",
    },
    {
      lines: [...THREE, "syncLimit=5"],
      problem:
        "DIR/zoo.cfg:2: initLimit is not set: an ensemble needs a number of ticks, 1 or more",
    },
    {
      lines: [...THREE, "syncLimit=0", "initLimit=5"],
      problem:
        "DIR/zoo.cfg:5: syncLimit is not set: an ensemble needs a number of ticks, 1 or more",
    },
    {
      lines: [...THREE, ...LIMITS, "electionAlg=2"],
      problem: 'DIR/zoo.cfg:7: electionAlg cannot be "2": expected 3',
    },
    {
      lines: [...THREE, ...LIMITS, "peerType=leader"],
      problem: 'DIR/zoo.cfg:7: peerType cannot be "leader": expected one of: participant, observer',
    },
    {
      lines: [...THREE, ...LIMITS, "leaderServes=maybe"],
      problem: 'DIR/zoo.cfg:7: leaderServes cannot be "maybe": expected yes or no',
    },
    {
      lines: [...THREE, ...LIMITS, "group.1=1:2"],
      problem: "DIR/zoo.cfg:4: server.3 is in no group, and there are group or weight lines: " +
        "each voting server must be in one",
    },
    {
      lines: [...THREE, ...LIMITS, "group.1=1:2", "group.2=2:3"],
      problem: 'DIR/zoo.cfg:8: group.2 cannot be "2:3": expected no server of another group ' +
        "(2 is in two)",
    },
    {
      lines: [...THREE, ...LIMITS, "group.1=1:2:3:4"],
      problem: "DIR/zoo.cfg:2: server 4 is in a group, but has neither a vote nor a line weight.4",
    },
    {
      lines: ["server.1=a:1:2|b:1:2;2181", ...THREE.slice(1), ...LIMITS],
      problem: "DIR/zoo.cfg:2: server.1 cannot have several addresses unless " +
        "multiAddress.enabled=true",
    },
    {
      lines: [...THREE, ...LIMITS, "quorum.auth.learnerRequireSasl=true"],
      problem: "DIR/zoo.cfg:7: quorum.auth.learnerRequireSasl=true cannot be without " +
        "quorum.auth.enableSasl=true",
    },
    {
      lines: [
        ...[...THREE, ...LIMITS],
        ...["quorum.auth.enableSasl=true", "quorum.auth.serverRequireSasl=true"],
      ],
      problem: "DIR/zoo.cfg:8: quorum.auth.serverRequireSasl=true cannot be without " +
        "quorum.auth.learnerRequireSasl=true",
    },
    {
      lines: [...THREE, ...LIMITS, "sslQuorum=true"],
      problem: "DIR/zoo.cfg:7: sslQuorum=true cannot be: TLS is not available in this version",
    },
    {
      lines: [THREE[0]!, "server.2=b:1:2:observer"],
      problem: "DIR/zoo.cfg:2: observers cannot be without a quorum of voting servers to observe",
    },
    {
      lines: ["clientPort=1", "standaloneEnabled=false"],
      problem: "DIR/zoo.cfg:3: standaloneEnabled=false asks for an ensemble, and there are no " +
        "server lines: set standaloneEnabled=true",
    },
    {
      lines: ["server.1=a:1", ...THREE.slice(1), ...LIMITS],
      problem: 'DIR/zoo.cfg:2: server.1 cannot be "a:1": expected host:quorumPort:electionPort' +
        "[:participant|observer][;[host:]clientPort[;[host:]securePort]]",
    },
  ];
  for (const { problem, ...given } of cases) {
    assert.equal(problemsOf(given)[0], problem);
  }
});

Deno.test("loadConfig() gives an ensemble's settings ZooKeeper's defaults", () => {
  const { config, notices } = load({ lines: ["tickTime=2000", ...THREE, ...LIMITS] });
  const { servers, ...rest } = config.ensemble;
  assert.deepEqual(servers.map(({ serverId }) => serverId), [1, 2, 3]);
  assert.deepEqual(rest, {
    isMember: true,
    groups: new Map(),
    weights: new Map(),
    configVersion: 0,
    nextConfigText: null,
    peerType: "participant",
    standaloneEnabled: true,
    reconfigEnabled: false,
    dynamicConfigPath: null,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    connectToLearnerMasterLimitTicks: 0,
    leaderConnectDelayDuringRetryMs: 100,
    cnxTimeoutMs: 5000,
    quorumCnxnTimeoutMs: 10_000,
    electionPortBindRetryCount: 3,
    quorumListenOnAllIps: false,
    minNotificationIntervalMs: 200,
    maxNotificationIntervalMs: 60_000,
    multiAddressEnabled: false,
    leaderServes: true,
    commitLogCount: 500,
    snapshotSizeFactor: 0.33,
    forceSnapshotSync: false,
    maxConcurrentSnapSyncs: 10,
    maxConcurrentDiffSyncs: 100,
    maxTimeToWaitForEpochMs: -1,
    syncEnabled: true,
    observerMasterPort: 0,
    observerReconnectDelayMs: 0,
    observerElectionDelayMs: 200,
    quorumAuth: {
      enabled: false,
      learnerRequireSasl: false,
      serverRequireSasl: false,
      learnerSection: "QuorumLearner",
      serverSection: "QuorumServer",
    },
  });
  assert.deepEqual(notices.filter(({ level }) => level === "warn"), []);
});

Deno.test("loadConfig() takes most settings of an ensemble as system properties too", () => {
  const { config, notices } = load({
    lines: [...THREE, ...LIMITS, "cnxTimeout=700"],
    defines: [
      "zookeeper.leaderServes=no",
      "zookeeper.multiAddress.enabled=true",
      "zookeeper.cnxTimeout=1",
      "zookeeper.observer.election.DelayMs=0x10",
      "readonlymode.enabled=true",
      "zookeeper.syncLimit=9",
    ],
  });
  assert.equal(config.ensemble.leaderServes, false);
  assert.equal(config.ensemble.multiAddressEnabled, true);
  assert.equal(config.ensemble.cnxTimeoutMs, 700); // the file wins
  assert.equal(config.ensemble.observerElectionDelayMs, 16);
  assert.equal(config.readOnlyModeEnabled, true);
  assert.equal(config.ensemble.syncLimitTicks, 5);
  assert.deepEqual(
    notices.filter(({ level }) => level === "warn").map(({ fields }) => fields?.["key"]),
    ["zookeeper.syncLimit"],
  );
});

Deno.test("loadConfig() puts right what ZooKeeper puts right", () => {
  const lines = [...THREE, ...LIMITS, "commitLogCount=7", "snapshotSizeFactor=1.5"];
  const { ensemble } = load({ lines }).config;
  assert.equal(ensemble.commitLogCount, 500);
  assert.equal(ensemble.snapshotSizeFactor, 0.33);
  assert.deepEqual(warningsOf({ lines }), [
    "setting is out of its range and was changed",
    "setting is out of its range and was changed",
  ]);
  const allowed = [...THREE, ...LIMITS, "commitLogCount=501", "snapshotSizeFactor=-1"];
  assert.deepEqual(warningsOf({ lines: allowed }), []);
});

Deno.test("loadConfig() lets the server line win over peerType, and says so", () => {
  const observed = [...THREE, "server.4=d:1:2:observer;2181", ...LIMITS];
  const cases = [
    { lines: observed, myid: "4", role: "observer", warned: false },
    { lines: [...observed, "peerType=observer"], myid: "4", role: "observer", warned: false },
    { lines: [...observed, "peerType=observer"], myid: "1", role: "participant", warned: true },
    { lines: [...observed, "peerType=participant"], myid: "4", role: "observer", warned: true },
  ];
  for (const { lines, myid, role, warned } of cases) {
    assert.equal(load({ lines, myid }).config.ensemble.peerType, role);
    const expected = warned ? ["peerType is not what the server line says"] : [];
    assert.deepEqual(warningsOf({ lines, myid }), expected);
  }
});

Deno.test("loadConfig() warns of an own address that others cannot connect to", () => {
  for (const host of ["0.0.0.0", "[::]"]) {
    const lines = [`server.1=${host}:1:2;2181`, ...THREE.slice(1), ...LIMITS];
    assert.match(warningsOf({ lines })[0]!, /own address is that of any host/);
    assert.deepEqual(warningsOf({ lines: [...lines, "clientPort=2181"], myid: "2" }), []);
  }
  const alone = ["server.1=0.0.0.0:1:2;2181", "standaloneEnabled=false", ...LIMITS];
  assert.deepEqual(warningsOf({ lines: alone }), []);
});

Deno.test("loadConfig() takes the version of the members from the dynamic file's name", () => {
  const cases: [name: string, version: number][] = [
    ["zoo.cfg.dynamic.500000003", 0x500000003],
    ["members.7", 7],
    ["members", 0],
    ["zoo.cfg.dynamic.xyz", 0],
    ["zoo.cfg.dynamic.ffffffffffffffff", 0], // no zxid
  ];
  for (const [name, version] of cases) {
    const lines = [`dynamicConfigFile=DIR/${name}`, ...LIMITS];
    const { ensemble } = load({ lines, files: { [name]: THREE.join("\n") } }).config;
    assert.equal(ensemble.configVersion, version, name);
    assert.equal(ensemble.servers.length, 3);
  }
});

Deno.test("loadConfig() reads the members that were proposed when the server stopped", () => {
  const name = "zoo.cfg.dynamic.500000001";
  const next = `${THREE.join("\n")}\nversion=700000001`;
  const reconfig = "reconfigEnabled=true";
  const ignored = ["proposed members are ignored"];
  const cases: [next: string, key: string, text: string | null, warnings: string[]][] = [
    [next, reconfig, next, []],
    [next, "reconfigEnabled=false", null, []],
    [`${THREE[0]}\nversion=500000001`, reconfig, null, ignored],
    [THREE[0]!, reconfig, null, ignored],
    ["", reconfig, null, ignored],
    ["nonsense\nversion=700000001", reconfig, null, ignored],
  ];
  for (const [text, key, expected, warnings] of cases) {
    const given = {
      lines: [`dynamicConfigFile=DIR/${name}`, ...LIMITS, key],
      files: { [name]: THREE.join("\n"), "zoo.cfg.dynamic.next": text },
    };
    assert.equal(load(given).config.ensemble.nextConfigText, expected);
    assert.deepEqual(warningsOf(given), warnings);
  }
  const none = { lines: [...THREE, ...LIMITS, reconfig] };
  assert.equal(load(none).config.ensemble.nextConfigText, null);
  assert.deepEqual(warningsOf(none), []);
});

Deno.test("loadConfig() tells a member which of its keys have no effect, key by key", () => {
  const lines = [...THREE, ...LIMITS, "learner.asyncSending=true", "portUnification=true"];
  lines.push("oraclePath=/o", "multiAddress.reachabilityCheckTimeoutMs=1");
  lines.push("tcpKeepAlive=true", "multiAddress.reachabilityCheckEnabled=false"); // so it is
  const fields = load({ lines }).notices.filter(({ level }) => level === "warn")
    .map(({ fields }) => [fields?.["key"], fields?.["reason"]]);
  assert.deepEqual(fields, [
    ["learner.asyncSending", "no socket is waited for, whether it is written or closed"],
    ["portUnification", "TLS is not available in this version"],
    ["oraclePath", "two voting servers go on only together, whatever the file says"],
    [
      "multiAddress.reachabilityCheckTimeoutMs",
      "the addresses of a server are tried one after the other",
    ],
  ]);
});
