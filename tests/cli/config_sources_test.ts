import assert from "node:assert/strict";
import {
  canonicalKey,
  gatherSystemProperties,
  isForeignProperty,
  mergeSettings,
  splitShellWords,
} from "../../cli/config_sources.ts";

Deno.test("splitShellWords() splits as a shell does", () => {
  const cases: [line: string, words: string[]][] = [
    ["", []],
    ["  -Da=1\t-Xmx1g\n", ["-Da=1", "-Xmx1g"]],
    [`-Da="two words" -Db='it''s'`, ["-Da=two words", "-Db=its"]],
    [`"-Da=1" ''`, ["-Da=1", ""]],
    [`-Da=a\\ b`, ["-Da=a b"]],
    [`-Da="\\"q\\" \\n"`, ['-Da="q" \\n']],
    [`-Da='\\'`, ["-Da=\\"]],
    [`-Da="open end`, ["-Da=open end"]],
    [`-Da='open end`, ["-Da=open end"]],
  ];
  for (const [line, words] of cases) assert.deepEqual(splitShellWords(line), words, line);
});

Deno.test("gatherSystemProperties() lets the command line win over JVMFLAGS over SERVER_JVMFLAGS", () => {
  const variables: Record<string, string> = {
    SERVER_JVMFLAGS: "-Xmx1g -Da=server -Db=server -Dc=server",
    JVMFLAGS: "-Db=jvm -Dc=jvm -Dempty",
  };
  const { properties, ignoredFlags } = gatherSystemProperties(
    ["c=command=line"],
    (name) => variables[name],
  );
  const values = Object.fromEntries([...properties].map(([name, { value }]) => [name, value]));
  assert.deepEqual(values, { a: "server", b: "jvm", c: "command=line", empty: "" });
  assert.equal(properties.get("b")?.origin, "-Db of JVMFLAGS");
  assert.deepEqual(ignoredFlags, ["-Xmx1g"]);
});

Deno.test("mergeSettings() follows ZooKeeper in which of two values wins", () => {
  const cases = [
    { note: "the file wins", defines: ["zookeeper.snapCount=1"], file: "snapCount", wins: "file" },
    { note: "a property", defines: ["zookeeper.snapCount=1"], file: null, wins: "1" },
    { note: "without its prefix", defines: ["snapCount=1"], file: null, wins: "1" },
    {
      note: "prefix first",
      defines: ["snapCount=1", "zookeeper.snapCount=2"],
      file: null,
      wins: "2",
    },
    {
      note: "prefix last",
      defines: ["zookeeper.snapCount=2", "snapCount=1"],
      file: null,
      wins: "2",
    },
    { note: "JVM property", defines: ["jute.maxbuffer=1"], file: "jute.maxbuffer", wins: "1" },
    { note: "JVM property in the file", defines: [], file: "jute.maxbuffer", wins: "file" },
    {
      note: "JVM property with a prefix",
      defines: ["zookeeper.jute.maxbuffer=2", "jute.maxbuffer=1"],
      file: null,
      wins: "1",
    },
  ];
  for (const { note, defines, file, wins } of cases) {
    const { properties } = gatherSystemProperties(defines, () => undefined);
    const lines = file === null ? [] : [{ key: file, value: "file", origin: "zoo.cfg:1" }];
    const { settings } = mergeSettings(lines, properties);
    assert.deepEqual([...settings.values()].map(({ value }) => value), [wins], note);
  }
});

Deno.test("mergeSettings() tells of repeated keys, aliases too, and lets the last one win", () => {
  const { settings, repeated } = mergeSettings([
    { key: "connectionMaxTokens", value: "1", origin: "zoo.cfg:1" },
    { key: "connection_throttle_tokens", value: "2", origin: "zoo.cfg:2" },
  ], new Map());
  assert.equal(settings.get("connection_throttle_tokens")?.value, "2");
  assert.deepEqual(repeated, [
    { key: "connection_throttle_tokens", origins: ["zoo.cfg:1", "zoo.cfg:2"] },
  ]);
});

Deno.test("mergeSettings() finds keys of the file that were given as properties", () => {
  const { properties } = gatherSystemProperties(
    ["zookeeper.tickTime=1", "zookeeper.multiAddress.enabled=true"],
    () => undefined,
  );
  const { settings, misplaced } = mergeSettings([], properties);
  assert.deepEqual(misplaced.map(({ name }) => name), ["zookeeper.tickTime"]);
  assert.deepEqual([...settings.keys()], ["multiAddress.enabled"]);
});

Deno.test("isForeignProperty() leaves Java's own properties alone, but for the JAAS file", () => {
  assert.ok(isForeignProperty("java.io.tmpdir"));
  assert.ok(isForeignProperty("com.sun.management.jmxremote"));
  assert.ok(isForeignProperty("log4j.configuration"));
  assert.ok(!isForeignProperty("java.security.auth.login.config"));
  assert.ok(!isForeignProperty("zookeeper.snapCount"));
});

Deno.test("canonicalKey() drops the prefix and knows the documented names", () => {
  assert.equal(canonicalKey("zookeeper.requestThrottleLimit"), "request_throttle_max_requests");
  assert.equal(canonicalKey("zookeeper.skipACL"), "skipACL");
  assert.equal(canonicalKey("jute.maxbuffer"), "jute.maxbuffer");
});
