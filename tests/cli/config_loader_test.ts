import assert from "node:assert/strict";
import { ConfigError } from "../../cli/config_error.ts";
import { loadConfig, type LoadedConfig } from "../../cli/config_loader.ts";
import { canonicalKey } from "../../cli/config_sources.ts";
import { makeTempDir } from "../support/temp_dir.ts";

interface Given {
  /** Lines of zoo.cfg, beside dataDir and clientPort. */
  readonly lines?: readonly string[];
  readonly defines?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly myid?: string;
  /** All of zoo.cfg, in place of `lines`. */
  readonly text?: string;
}

/** Loads a zoo.cfg in a directory of its own, whose path messages have as DIR. */
function load({ lines = [], defines = [], variables = {}, myid, text }: Given): LoadedConfig {
  using dir = makeTempDir();
  const file = `${dir.path}/zoo.cfg`;
  if (myid !== undefined) Deno.writeTextFileSync(`${dir.path}/myid`, myid);
  const own = [`dataDir=${dir.path}`, "clientPort=2181"];
  Deno.writeFileSync(file, latin1(text ?? [...own, ...lines].join("\n")));
  const environment = (name: string) => variables[name];
  try {
    return renamed(loadConfig({ file, defines, environment }), dir.path) as LoadedConfig;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((line) => line.replaceAll(dir.path, "DIR")));
  }
}

/** A copy with DIR for the directory in every string. */
function renamed(value: unknown, dir: string): unknown {
  const copy = (part: unknown) => renamed(part, dir);
  if (typeof value === "string") return value.replaceAll(dir, "DIR");
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key, copy(part)]));
  if (value instanceof Set) return new Set([...value].map(copy));
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copy(part)]));
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
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

/** Warnings as `message key`. */
function warningsOf(given: Given): string[] {
  return load(given).notices.filter(({ level }) => level === "warn")
    .map(({ message, fields }) => `${message}: ${fields?.["key"] ?? fields?.["keys"]}`);
}

Deno.test("loadConfig() gives ZooKeeper's defaults to a file of two lines", () => {
  const { config, notices } = load({});
  assert.equal(config.configPath, "DIR/zoo.cfg");
  assert.equal(config.tickTimeMs, 3000);
  assert.equal(config.minSessionTimeoutMs, 6000);
  assert.equal(config.maxSessionTimeoutMs, 60_000);
  assert.equal(config.dataLogDir, "DIR");
  assert.equal(config.clientPortAddress, null);
  assert.equal(config.maxClientCnxns, 60);
  assert.equal(config.juteMaxBufferBytes, 1_048_575);
  assert.equal(config.juteExtraSizeBytes, 1_048_575);
  assert.equal(config.preAllocSizeBytes, 64 * 1024 * 1024);
  assert.deepEqual(config.fourLetterWords, new Set(["srvr"]));
  assert.deepEqual(config.autopurge, {
    snapRetainCount: 3,
    purgeIntervalMs: 86_400_000,
    isConfigured: false,
  });
  assert.equal(config.serverId, 0);
  assert.equal(config.sessionServerId, 1);
  assert.equal(config.myid, null);
  assert.deepEqual(notices.map(({ message }) => message), ["reading configuration"]);
});

Deno.test("loadConfig() puts units into what it gives", () => {
  const { config } = load({
    lines: [
      "tickTime=2000",
      "snapSizeLimitInKb=10",
      "preAllocSize=0x10",
      "jute.maxbuffer=0x400000",
      "autopurge.purgeInterval=0",
      "flushDelay=10",
      "snapshot.compression.method=gz",
      "forceSync=no",
      "4lw.commands.whitelist=ruok, stat",
      "readonlymode.enabled=true",
      "maxSessionTimeout=90000",
      "clientPortAddress=[::1]",
    ],
  });
  assert.equal(config.minSessionTimeoutMs, 4000);
  assert.equal(config.maxSessionTimeoutMs, 90_000);
  assert.equal(config.snapSizeLimitBytes, 10_240);
  assert.equal(config.preAllocSizeBytes, 16_384);
  assert.equal(config.juteExtraSizeBytes, 0x400000);
  assert.deepEqual(config.autopurge.purgeIntervalMs, 0);
  assert.equal(config.autopurge.isConfigured, true);
  assert.equal(config.maxWriteQueuePollTimeMs, 3);
  assert.equal(config.snapshotCompression, "gz");
  assert.equal(config.forceSync, false);
  assert.deepEqual(config.fourLetterWords, new Set(["srvr", "ruok", "stat", "isro"]));
  assert.equal(config.clientPortAddress, "::1");
});

Deno.test("loadConfig() tells every wrong value with file, line, key, value and range", () => {
  assert.deepEqual(problemsOf({ lines: ["tickTime=0", "", "skipACL=true", "forceSync="] }), [
    'DIR/zoo.cfg:3: tickTime cannot be "0": expected an integer from 1 to 2147483647 (ms)',
    'DIR/zoo.cfg:5: skipACL cannot be "true": expected yes or no',
    'DIR/zoo.cfg:6: forceSync cannot be "": expected yes or no',
  ]);
  assert.deepEqual(problemsOf({ defines: ["zookeeper.snapCount=x"] }), [
    '-Dzookeeper.snapCount of the command line: snapCount cannot be "x": expected an integer from -2147483648 to 2147483647, decimal, 0x hexadecimal or 0 octal',
  ]);
  assert.deepEqual(problemsOf({ lines: ["minSessionTimeout=9", "maxSessionTimeout=5"] }), [
    "DIR/zoo.cfg:3: minSessionTimeout (9 ms) cannot be more than maxSessionTimeout (5 ms)",
  ]);
  assert.deepEqual(problemsOf({ text: "clientPort=1\n" }), ["DIR/zoo.cfg: dataDir is not set"]);
  assert.deepEqual(problemsOf({ text: "datadir=/x\nclientPort=1\n" }), [
    "DIR/zoo.cfg: dataDir is not set; did you mean it at DIR/zoo.cfg:1 (datadir)",
  ]);
  assert.deepEqual(problemsOf({ text: "dataDir=/nowhere\n" }), [
    "DIR/zoo.cfg: clientPort is not set",
  ]);
  assert.deepEqual(problemsOf({ text: "dataDir=/nowhere\nclientport=1\n" }), [
    "DIR/zoo.cfg: clientPort is not set; did you mean it at DIR/zoo.cfg:2 (clientport)",
  ]);
  assert.deepEqual(problemsOf({ text: "dataDir=/nowhere\nsecureClientPort=1\n" }), [
    "DIR/zoo.cfg: clientPort is not set; secureClientPort is not available in this version",
  ]);
  assert.deepEqual(problemsOf({ lines: ["x=\\u12"] }), [
    'DIR/zoo.cfg:3: Malformed \\uXXXX escape: "\\u12" is not followed by four hex digits; write "\\\\" for a backslash',
  ]);
});

Deno.test("loadConfig() knows every key of ZooKeeper, and warns once of those without effect", () => {
  const path = new URL("../testdata/config/zookeeper_keys.txt", import.meta.url);
  const keys = Deno.readTextFileSync(path).trim().split("\n");
  const special: Record<string, string> = {
    "server.1": "h:1:2;2181",
    "group.1": "1",
    "weight.1": "1",
    "4lw.commands.whitelist": "ruok",
    "peerType": "observer",
    "electionAlg": "3",
    "authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    "DigestAuthenticationProvider.digestAlg": "SHA-256",
    "snapshot.compression.method": "gz",
    "auditlog.threshold": "ERROR",
    "admin.commandURL": "/commands",
  };
  const values = ["5000", "6000", "true", "yes", "0.5", "text"];
  for (const key of keys) {
    if (["dataDir", "clientPort", "dynamicConfigFile"].includes(key)) continue; // have their own
    const value = special[key] ?? values.find((text) => isAccepted(key, text));
    assert.ok(value !== undefined, `no value of ${key} is accepted`);
    const warnings = warningsOf({ lines: [`${key}=${value}`] });
    assert.ok(warnings.length <= 1, warnings.join("\n"));
    for (const warning of warnings) {
      assert.match(warning, /^(setting has no effect: |running standalone, )/);
      assert.ok(warning.includes(canonicalKey(key)), `${warning} does not name ${key}`);
    }
  }
});

function isAccepted(key: string, value: string): boolean {
  try {
    load({ lines: [`${key}=${value}`] });
    return true;
  } catch {
    return false;
  }
}

Deno.test("loadConfig() warns once of each key that is not ZooKeeper's, with what was meant", () => {
  assert.deepEqual(
    warningsOf({
      lines: ["maxClientCnxn=5", "snapcount=7", "foo.bar=1", "admin.httpVersion=20"],
      defines: ["zookeeper.jute.maxbufer=1", "java.io.tmpdir=/tmp", "tickTime=1"],
    }),
    [
      "setting has no effect as a system property, give it in the config file: tickTime",
      "setting is not known and has no effect, did you mean jute.maxbuffer: jute.maxbufer",
      "setting is not known and has no effect, did you mean maxClientCnxns: maxClientCnxn",
      "setting is not known and has no effect, did you mean snapCount: snapcount",
      "setting is not known and has no effect: foo.bar",
      "setting has no effect: admin.httpVersion",
    ],
  );
});

Deno.test("loadConfig() is silent on values that ask for what is so anyway", () => {
  const lines = [
    "admin.portUnification=false",
    "admin.httpVersion=11",
    "metricsProvider.className=org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
    "audit.impl.class=org.apache.zookeeper.audit.Slf4jAuditLogger",
    "request_throttle_drop_stale=true",
    "request_stale_connection_check=true",
    "request_stale_latency_check=false",
    "maxBatchSize=1000",
    "throttled_op_wait_time=0",
  ];
  assert.deepEqual(warningsOf({ lines }), []);
});

Deno.test("loadConfig() says which settings another one would have to bring to life", () => {
  const lines = ["throttled_op_wait_time=50", "maxWriteQueuePollTime=5", "maxBatchSize=10"];
  const { notices } = load({ lines });
  assert.deepEqual(notices.filter(({ level }) => level === "warn").map(({ fields }) => fields), [
    {
      key: "throttled_op_wait_time",
      at: "DIR/zoo.cfg:3",
      reason: "nothing waits while request_throttle_max_requests is 0",
    },
    {
      key: "maxWriteQueuePollTime",
      at: "DIR/zoo.cfg:4",
      reason: "batches do not wait while flushDelay is 0",
    },
    {
      key: "maxBatchSize",
      at: "DIR/zoo.cfg:5",
      reason: "batches do not wait while flushDelay is 0",
    },
  ]);
  const awake = [...lines, "flushDelay=15", "request_throttle_max_requests=100"];
  assert.deepEqual(warningsOf({ lines: awake }), []);
  assert.equal(load({ lines: ["flushDelay=15"] }).config.maxWriteQueuePollTimeMs, 5);
});

Deno.test("loadConfig() says that TLS and Java classes are not to be had", () => {
  const { notices } = load({
    lines: ["secureClientPort=2281", "authProvider.1=com.example.Mine", "ssl.clientAuth=none"],
  });
  assert.deepEqual(notices.slice(1).map(({ fields }) => fields), [
    {
      key: "secureClientPort",
      at: "DIR/zoo.cfg:3",
      reason: "TLS is not available in this version",
    },
    { key: "authProvider.1", at: "DIR/zoo.cfg:4", reason: "Java classes cannot be loaded" },
    {
      key: "ssl.clientAuth",
      at: "DIR/zoo.cfg:5",
      reason: "TLS is not available in this version",
    },
  ]);
});

Deno.test("loadConfig() corrects what ZooKeeper corrects", () => {
  const given = {
    lines: ["snapCount=1", "autopurge.snapRetainCount=1", "4lw.commands.whitelist=ruok,rouk"],
  };
  const { config } = load(given);
  assert.equal(config.snapCount, 2);
  assert.equal(config.autopurge.snapRetainCount, 3);
  assert.deepEqual(warningsOf(given), [
    "setting is too small and was raised: snapCount",
    "setting is too small and was raised: autopurge.snapRetainCount",
    "there are no such four-letter words to enable: 4lw.commands.whitelist",
  ]);
});

Deno.test("loadConfig() collects super users and providers in the order of their keys", () => {
  const { config } = load({
    lines: [
      "superUser.2=b",
      "superUser=a",
      "authProvider.2=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider",
      "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    ],
    defines: ["java.security.auth.login.config=file:/etc/jaas.conf"],
  });
  assert.deepEqual(config.superUsers, ["a", "b"]);
  assert.deepEqual(config.authProviders, [
    "SASLAuthenticationProvider",
    "EnsembleAuthenticationProvider",
  ]);
  assert.equal(config.jaasConfigPath, "/etc/jaas.conf");
});

Deno.test("loadConfig() keeps the file's keys, and makes system properties of the others", () => {
  const { config } = load({
    lines: ["snapCount=5", "foo=bar", "jute.maxbuffer=1000"],
    defines: ["zookeeper.foo=property", "a.b=c"],
  });
  assert.equal(config.raw.get("foo"), "bar");
  assert.equal(config.raw.get("clientPort"), "2181");
  assert.deepEqual(
    config.systemProperties,
    new Map([
      ["zookeeper.foo", "bar"],
      ["a.b", "c"],
      ["zookeeper.snapCount", "5"],
      ["jute.maxbuffer", "1000"],
    ]),
  );
});

Deno.test("loadConfig() reads letters beyond ASCII as Java does, and says so", () => {
  const { config, notices } = load({ text: "dataDir=/tmp/d\xc3\xa9\nclientPort=1\n" });
  assert.equal(config.dataDir, "/tmp/d\xc3\xa9");
  assert.equal(notices[0]?.level, "warn");
  assert.deepEqual(notices[0]?.fields, { key: "dataDir", at: "DIR/zoo.cfg:1" });
});

Deno.test("loadConfig() passes over a byte order mark", () => {
  const { config } = load({ text: "\xef\xbb\xbfdataDir=/tmp/x\nclientPort=1\n" });
  assert.equal(config.dataDir, "/tmp/x");
});

Deno.test("loadConfig() reads myid for the log, and refuses one that is no number", () => {
  assert.equal(load({ myid: "7\n" }).config.myid, 7);
  assert.deepEqual(problemsOf({ myid: "seven\n" }), [
    'DIR/myid:1: myid cannot be "seven": expected a whole number',
  ]);
  assert.deepEqual(problemsOf({ myid: "99999999999999999999\n" }), [ // no long, for Java
    'DIR/myid:1: myid cannot be "99999999999999999999": expected a whole number',
  ]);
});

Deno.test("loadConfig() runs standalone with one server line, as ZooKeeper does", () => {
  const given = { lines: ["server.1=h:2888:3888", "initLimit=10"], myid: "1" };
  assert.equal(load(given).config.ensemble.servers.length, 1);
  assert.deepEqual(warningsOf(given), [
    "running standalone, settings of ensembles have no effect: server.1 (DIR/zoo.cfg:3), initLimit (DIR/zoo.cfg:4)",
  ]);
});

Deno.test("loadConfig() takes the client port of our own server line", () => {
  const cases = [
    { note: "myid names it", line: "h:1:2;127.0.0.1:2181", myid: "1", address: "127.0.0.1" },
    { note: "without myid", line: "h:1:2;2181", address: null },
  ];
  for (const { note, line, myid, address } of cases) {
    using dir = makeTempDir();
    if (myid !== undefined) Deno.writeTextFileSync(`${dir.path}/myid`, myid);
    const { config } = load({ text: `dataDir=${dir.path}\nserver.1=${line}\n` });
    assert.equal(config.clientPort, 2181, note);
    assert.equal(config.clientPortAddress, address, note);
  }
  assert.deepEqual(problemsOf({ lines: ["server.1=h:1:2;2182"], myid: "1" }), [
    "clientPort is 0.0.0.0:2181, but server.1 says 0.0.0.0:2182: make them the same",
  ]);
  assert.deepEqual(problemsOf({ text: "dataDir=/nowhere\nserver.1=h:1:2\n" }), [
    "DIR/zoo.cfg: clientPort is not set",
  ]);
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/myid`, "3");
  assert.match(
    problemsOf({ text: `dataDir=${dir.path}\nserver.1=h:1:2;2181\n` })[0]!,
    /: clientPort is not set; server.1 has one, but is not this server: myid is 3$/,
  );
});

Deno.test("loadConfig() reads the members from dynamicConfigFile, and from it alone", () => {
  using dir = makeTempDir();
  const dynamic = `${dir.path}/zoo.cfg.dynamic.1`;
  const lines = [`dynamicConfigFile=${dynamic}`];
  Deno.writeTextFileSync(dynamic, "server.1=h:1:2:participant;2181");
  assert.equal(load({ lines, myid: "1" }).config.ensemble.servers.length, 1);
  assert.match(problemsOf({ lines: [...lines, "server.1=h:1:2"] })[0]!, /dynamicConfigFile is set/);
  Deno.writeTextFileSync(dynamic, "tickTime=1");
  assert.match(problemsOf({ lines })[0]!, /tickTime cannot be in a dynamic config file/);
  Deno.removeSync(dynamic);
  assert.match(problemsOf({ lines })[0]!, /Cannot read/);
});

Deno.test("loadConfig() finds the file as zkServer.sh does", () => {
  using dir = makeTempDir();
  const write = (path: string, port: number) => {
    Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(path, `dataDir=${dir.path}/data\nclientPort=${port}\n`);
  };
  write(`${dir.path}/conf/zoo.cfg`, 1);
  write(`${dir.path}/conf/other.cfg`, 2);
  write(`${dir.path}/image/zoo.cfg`, 3);
  const conf = `${dir.path}/conf`;
  const cases: [
    port: number,
    options: Record<string, string>,
    variables: Record<string, string>,
  ][] = [
    [1, {}, { ZOOCFGDIR: conf }],
    [2, {}, { ZOOCFGDIR: conf, ZOOCFG: "other.cfg" }],
    [2, { file: "other.cfg" }, { ZOOCFGDIR: conf }],
    [1, { file: "zoo.cfg", configDir: conf }, { ZOOCFGDIR: `${dir.path}/image` }],
    [2, { file: `${conf}/other.cfg` }, {}],
    [3, {}, { ZOO_CONF_DIR: `${dir.path}/image` }],
    [1, {}, { ZOOCFGDIR: conf, ZOO_CONF_DIR: `${dir.path}/image` }],
  ];
  for (const [port, options, variables] of cases) {
    const { config } = loadConfig({ ...options, environment: (name) => variables[name] });
    assert.equal(config.clientPort, port, JSON.stringify([options, variables]));
  }
  const missing = () => loadConfig({ file: "no-such.cfg", environment: () => undefined });
  assert.throws(missing, /Cannot find config file "conf\/no-such.cfg" or "no-such.cfg"/);
});

Deno.test("loadConfig() takes the container image's variables when there is no file", () => {
  using dir = makeTempDir();
  const variables: Record<string, string> = {
    ZOOCFGDIR: dir.path,
    ZOO_DATA_DIR: `${dir.path}/data`,
    ZOO_TICK_TIME: "1000",
    ZOO_4LW_COMMANDS_WHITELIST: "*",
    ZOO_ADMINSERVER_ENABLED: "false",
    ZOO_CFG_EXTRA: "snapCount=50 maxCnxns=7\nforceSync=no",
    JVMFLAGS: "-Dzookeeper.skipACL=yes",
  };
  const environment = (name: string) => variables[name];
  const { config } = loadConfig({ environment });
  assert.equal(config.configPath, null);
  assert.equal(config.dataDir, `${dir.path}/data`);
  assert.equal(config.dataLogDir, `${dir.path}/data`);
  assert.equal(config.clientPort, 2181); // of the image's server.1=localhost:2888:3888;2181
  assert.equal(config.myid, 1);
  assert.equal(config.tickTimeMs, 1000);
  assert.equal(config.fourLetterWords, "*");
  assert.equal(config.snapCount, 50);
  assert.equal(config.maxCnxns, 7);
  assert.equal(config.forceSync, false);
  assert.equal(config.skipAcl, true);
  assert.equal(config.autopurge.isConfigured, false);
  variables["ZOO_TICK_TIME"] = "soon";
  variables["ZOO_SERVERS"] = "server.1=a:1:2;2181 server.2=b:1:2;2181";
  assert.throws(() => loadConfig({ environment }), (error: ConfigError) => {
    assert.match(error.problems[0]!, /^ZOO_TICK_TIME: tickTime cannot be "soon"/);
    return true;
  });
  variables["ZOO_TICK_TIME"] = "1000";
  variables["ZOO_INIT_LIMIT"] = "0";
  assert.throws(
    () => loadConfig({ environment }),
    /^ConfigError: ZOO_INIT_LIMIT: initLimit is not/,
  );
  delete variables["ZOO_INIT_LIMIT"];
  assert.equal(loadConfig({ environment }).config.ensemble.isMember, true);
});

Deno.test("loadConfig() tells which of the image's variables a config file puts out of effect", () => {
  const variables = { ZOO_TICK_TIME: "5000", ZOO_MY_ID: "3", ZOO_LOG_DIR: "/logs" };
  const { config, notices } = load({ variables });
  assert.equal(config.tickTimeMs, 3000);
  assert.equal(config.myid, null);
  const told = notices.filter(({ message }) => message.startsWith("variables have no effect"));
  assert.deepEqual(told.map(({ fields }) => fields?.["variables"]), ["ZOO_TICK_TIME, ZOO_MY_ID"]);
});

Deno.test("loadConfig() says what is missing when there is neither file nor variable", () => {
  using dir = makeTempDir();
  const variables: Record<string, string> = { ZOOCFGDIR: dir.path, ZOO_LOG_DIR: "/logs" };
  assert.throws(
    () => loadConfig({ environment: (name) => variables[name] }),
    /Cannot find a config file: there is no ".*\/zoo.cfg"; .*denkeeper init/,
  );
});

Deno.test("loadConfig() opens the HTTP port where ZooKeeper has its admin server", () => {
  const { config } = load({});
  assert.deepEqual(config.http, {
    enabled: true,
    address: "0.0.0.0",
    port: 8080,
    idleTimeoutMs: 30_000,
    requestTimeoutMs: 15_000,
    connectionCountMax: 10_000,
    commandUrl: "/commands",
    rateLimiterIntervalMs: 300_000,
    snapshotEnabled: true,
    restoreEnabled: true,
    readOnly: false,
    trustedProxies: [],
    allowedHosts: [],
    adminPath: null,
    maxSessionTimeoutMs: 60_000,
    metrics: null,
  });
  for (const line of ["http.enabled=false", "admin.enableServer=false"]) {
    assert.equal(load({ lines: [line] }).config.http.enabled, false, line);
  }
  const { http } = load({
    lines: [
      "http.trustedProxies=10.0.0.0/8, ::1",
      "http.maxSessionTimeout=600000",
      "admin.commandURL=/commands/",
      "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
    ],
    defines: ["zookeeper.admin.serverPort=9000"],
  }).config;
  assert.equal(http.port, 9000);
  assert.equal(http.commandUrl, "/commands");
  assert.equal(http.maxSessionTimeoutMs, 600_000);
  assert.deepEqual(http.trustedProxies, ["10.0.0.0/8", "::1"]);
  assert.deepEqual(http.metrics, { address: "0.0.0.0", port: 7000, exportJvmInfo: true });
  assert.deepEqual(problemsOf({ lines: ["http.trustedProxies=10.0.0.0/33"] }), [
    'DIR/zoo.cfg:3: http.trustedProxies cannot be "10.0.0.0/33": expected addresses or ranges such as 10.0.0.0/8, with commas between',
  ]);
});

Deno.test("loadConfig() believes X-Forwarded-For of named proxies only, and says so", () => {
  const line = "IPAuthenticationProvider.usexforwardedfor=true";
  assert.deepEqual(warningsOf({ lines: [line] }), [
    "setting has no effect: IPAuthenticationProvider.usexforwardedfor",
  ]);
  assert.deepEqual(warningsOf({ lines: [line, "http.trustedProxies=::1"] }), []);
});

Deno.test("loadConfig() leaves a port that is given twice to clients, then to the admin's", () => {
  const metrics = [
    "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
    "metricsProvider.httpPort=8080",
  ];
  const cases: [lines: string[], enabled: boolean, metricsPort: number | null, warned: RegExp[]][] =
    [
      [["admin.serverPort=2181"], false, null, [/admin\.serverPort .*clientPort too, 2181/]],
      [["admin.serverPort=2181", "http.enabled=false"], false, null, []],
      [["admin.serverPort=2181", "admin.serverAddress=::1"], false, null, [/clientPort too/]],
      [
        [
          "admin.serverPort=2181",
          "admin.serverAddress=127.0.0.1",
          "clientPortAddress=10.0.0.1",
        ],
        true,
        null,
        [],
      ],
      [metrics, true, null, [/metricsProvider\.httpPort .*admin\.serverPort too, 8080/]],
      [[...metrics, "http.enabled=false"], false, 8080, []],
      [[...metrics, "admin.serverPort=0"], true, 8080, []],
      [
        [
          metrics[0]!,
          "admin.serverPort=9000",
          "metricsProvider.httpPort=2181",
        ],
        true,
        null,
        [/metricsProvider\.httpPort .*clientPort too/],
      ],
    ];
  for (const [lines, enabled, metricsPort, warned] of cases) {
    const { config, notices } = load({ lines });
    assert.equal(config.http.enabled, enabled, lines.join());
    assert.equal(config.http.metrics?.port ?? null, metricsPort, lines.join());
    const told = notices.filter(({ level }) => level === "warn")
      .map(({ fields }) => `${fields?.key} ${fields?.reason}`);
    assert.equal(told.length, warned.length, told.join());
    for (const [i, line] of told.entries()) assert.match(line, warned[i]!);
  }
});

Deno.test("loadConfig() warns of a metrics provider that is not ZooKeeper's own", () => {
  const warned = warningsOf({ lines: ["metricsProvider.className=com.example.Mine"] });
  assert.deepEqual(warned, ["setting has no effect: metricsProvider.className"]);
});
