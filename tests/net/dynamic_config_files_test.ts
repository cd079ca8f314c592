/**
 * The golden file has what members of a ZooKeeper 3.8.0 ensemble had beside their config files after each
 * change, with DIR for the directory.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadConfig } from "../../cli/config_loader.ts";
import { QuorumConfig } from "../../cluster/quorum_config.ts";
import { escapeValue, parseJavaProperties } from "../../core/java_properties.ts";
import { DynamicConfigFiles } from "../../net/dynamic_config_files.ts";
import { systemFiles } from "../../net/file_system.ts";
import { DiskRecorder } from "../support/disk_recorder.ts";
import { makeTempDir, type TempDir } from "../support/temp_dir.ts";

interface GoldenCase {
  note: string;
  serverId: number;
  config: string;
  isBackedUp: boolean;
  steps: { do: "next" | "committed"; text: string; files?: Record<string, string> }[];
}

const GOLDEN = new URL("../testdata/dynamic_config/zookeeper_380.json", import.meta.url);
const MEMBERS = "server.1=a:1:2;2181\nserver.2=b:1:2;2181";

function filesIn(dir: TempDir): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { name } of Deno.readDirSync(dir.path)) {
    files[name] = Deno.readTextFileSync(`${dir.path}/${name}`).replaceAll(dir.path, "DIR");
  }
  return files;
}

function propertiesOf(text: string): Map<string, string> {
  return new Map(parseJavaProperties(text).map(({ key, value }) => [key, value]));
}

function make(dir: TempDir, config: string, serverId = 1): DynamicConfigFiles {
  const configPath = `${dir.path}/zoo.cfg`;
  Deno.writeTextFileSync(configPath, config.replaceAll("DIR", dir.path));
  return new DynamicConfigFiles({ configPath, serverId, fileSystem: systemFiles });
}

Deno.test("DynamicConfigFiles leaves the files that ZooKeeper 3.8.0 leaves", () => {
  const cases: GoldenCase[] = JSON.parse(Deno.readTextFileSync(GOLDEN));
  for (const { note, serverId, config, isBackedUp, steps } of cases) {
    using dir = makeTempDir();
    const files = make(dir, config, serverId);
    if (isBackedUp) files.backUp();
    for (const { do: what, text, files: expected } of steps) {
      if (what === "next") files.writeNext(QuorumConfig.parse(text));
      else files.writeCommitted(QuorumConfig.parse(text));
      if (expected === undefined) continue;
      const { "zoo.cfg": ours, ...others } = filesIn(dir);
      const { "zoo.cfg": golden, ...goldenOthers } = expected;
      assert.deepEqual(others, goldenOthers, note);
      // ZooKeeper's has no comments, and its lines in the order of a hash table.
      assert.deepEqual(propertiesOf(ours!), propertiesOf(golden!), note);
      assert.equal(ours!.split("\n").at(-2), golden!.split("\n").at(-2), note);
    }
  }
});

Deno.test("DynamicConfigFiles.writeCommitted() leaves all other lines of the config file alone", () => {
  using dir = makeTempDir();
  const files = make(
    dir,
    "# our members\r\nserver.1=a:1:2\\\r\n  ;2181\r\n\r\n tickTime = 2000\r\nfoo=x\\ty\\u00e9\xe9\r\n" +
      "group.1=1\r\nweight.1 : 1\r\npeerType=observer\r\nclientPort=2181\r\nclient.x=1\r\ninitLimit=5",
  );
  files.writeCommitted(QuorumConfig.parse(`${MEMBERS}\nversion=1a`));
  assert.equal(
    filesIn(dir)["zoo.cfg"],
    "# our members\r\n\r\n tickTime = 2000\r\nfoo=x\\ty\\u00e9\xe9\r\nclient.x=1\r\ninitLimit=5\n" +
      "dynamicConfigFile=DIR/zoo.cfg.dynamic.1a\n",
  );
});

Deno.test("DynamicConfigFiles.writeCommitted() drops a client port only that the members' lines have", () => {
  const config =
    "clientPort=1\nclientPortAddress=h\nsecureClientPort=2\nsecureClientPortAddress=h\n";
  const cases: [line: string, kept: string[]][] = [
    ["server.1=a:1:2", [
      "clientPort",
      "clientPortAddress",
      "secureClientPort",
      "secureClientPortAddress",
    ]],
    ["server.1=a:1:2;1", ["secureClientPort", "secureClientPortAddress"]],
    ["server.1=a:1:2;;2", ["clientPort", "clientPortAddress"]],
    ["server.1=a:1:2;1;2", []],
  ];
  for (const [line, kept] of cases) {
    using dir = makeTempDir();
    make(dir, config).writeCommitted(QuorumConfig.parse(`${line}\nserver.2=b:1:2;1;2\nversion=5`));
    const keys = [...propertiesOf(filesIn(dir)["zoo.cfg"]!).keys()];
    assert.deepEqual(keys, [...kept, "dynamicConfigFile"], line);
  }
});

Deno.test("DynamicConfigFiles.writeCommitted() forgets what was proposed, unless it is newer", () => {
  const cases: [next: string, isKept: boolean][] = [
    [`${MEMBERS}\nversion=5`, false],
    [`${MEMBERS}\nversion=4`, false],
    [`${MEMBERS}\nversion=6`, true],
    ["torn by hand", false],
  ];
  for (const [next, isKept] of cases) {
    using dir = makeTempDir();
    const files = make(dir, MEMBERS);
    Deno.writeTextFileSync(`${dir.path}/zoo.cfg.dynamic.next`, next);
    files.writeCommitted(QuorumConfig.parse(`${MEMBERS}\nversion=5`));
    assert.equal("zoo.cfg.dynamic.next" in filesIn(dir), isKept, next);
  }
});

Deno.test("DynamicConfigFiles is read back by the loader, whatever the directory is called", () => {
  using dir = makeTempDir();
  const odd = `${dir.path}/ da\\ta=\u00fc\u4e2d`;
  Deno.mkdirSync(odd);
  Deno.writeTextFileSync(`${odd}/myid`, "2");
  const configPath = `${odd}/zoo.cfg`;
  const lines = ["dataDir=.", "initLimit=5", "syncLimit=2", "reconfigEnabled=true"];
  Deno.writeTextFileSync(configPath, [...lines, MEMBERS].join("\n"));
  const files = new DynamicConfigFiles({ configPath, serverId: 2, fileSystem: systemFiles });
  files.writeCommitted(QuorumConfig.parse(`${MEMBERS}\nversion=500000001`));
  const next = `${MEMBERS.replace("b:", "c:")}\nversion=500000002`;
  files.writeNext(QuorumConfig.parse(next));
  // dataDir is relative to the working directory, which tests share.
  const text = Deno.readTextFileSync(configPath).replace(
    "dataDir=.",
    `dataDir=${escapeValue(odd)}`,
  );
  Deno.writeTextFileSync(configPath, text);
  const { ensemble, serverId } =
    loadConfig({ file: configPath, environment: () => undefined }).config;
  assert.equal(serverId, 2);
  assert.equal(ensemble.configVersion, 0x500000001);
  assert.equal(ensemble.dynamicConfigPath, `${configPath}.dynamic.500000001`);
  assert.deepEqual(ensemble.servers, [...QuorumConfig.parse(MEMBERS).members.values()]);
  assert.ok(QuorumConfig.parse(ensemble.nextConfigText!).hasSameMembers(QuorumConfig.parse(next)));
});

Deno.test("DynamicConfigFiles makes each file durable before the next one names it", () => {
  using dir = makeTempDir();
  const files = make(dir, MEMBERS);
  using recorder = new DiskRecorder(dir.path);
  files.writeNext(QuorumConfig.parse(`${MEMBERS}\nversion=5`));
  assert.deepEqual(recorder.take(), [
    "sync zoo.cfg.dynamic.next.tmp",
    "rename zoo.cfg.dynamic.next.tmp to zoo.cfg.dynamic.next",
    "sync .",
  ]);
  files.writeCommitted(QuorumConfig.parse(`${MEMBERS}\nversion=5`));
  assert.deepEqual(recorder.take(), [
    "sync zoo.cfg.dynamic.5.tmp",
    "rename zoo.cfg.dynamic.5.tmp to zoo.cfg.dynamic.5",
    "sync .",
    "sync zoo.cfg.tmp",
    "rename zoo.cfg.tmp to zoo.cfg",
    "sync .",
    "sync .", // .dynamic.next is gone
  ]);
});

Deno.test("DynamicConfigFiles shows secrets of the config file to nobody else", {
  ignore: Deno.build.os === "windows",
}, () => {
  using dir = makeTempDir();
  const files = make(dir, MEMBERS);
  Deno.chmodSync(`${dir.path}/zoo.cfg`, 0o600);
  files.backUp();
  files.writeNext(QuorumConfig.parse(`${MEMBERS}\nversion=6`));
  files.writeCommitted(QuorumConfig.parse(`${MEMBERS}\nversion=5`));
  for (const name of ["zoo.cfg", "zoo.cfg.bak", "zoo.cfg.dynamic.5"]) {
    assert.equal(Deno.statSync(`${dir.path}/${name}`).mode! & 0o777, 0o600, name);
  }
});

Deno.test("DynamicConfigFiles.removeNext() forgets what was proposed, if anything was", () => {
  using dir = makeTempDir();
  const files = make(dir, MEMBERS);
  files.writeNext(QuorumConfig.parse(`${MEMBERS}\nversion=7`));
  files.removeNext();
  files.removeNext();
  assert.deepEqual(Object.keys(filesIn(dir)), ["zoo.cfg"]);
});
