import assert from "node:assert/strict";
import { isQuorumInBoth, QuorumConfig } from "../../cluster/quorum_config.ts";
import { DecodeError } from "../../core/errors.ts";

const CAPTURES_DIR = new URL("../testdata/quorum-captures/", import.meta.url);

Deno.test("QuorumConfig.toText() gives back every text that ZooKeeper servers told each other", () => {
  const texts = new Set<string>();
  for (
    const name of [
      "10-reconfig-boot.json",
      "11-reconfig-remove-follower.json",
      "22-hello-v2-multiaddress.json",
    ]
  ) {
    const { messages } = JSON.parse(Deno.readTextFileSync(new URL(name, CAPTURES_DIR)));
    for (const { hex } of messages) {
      const latin1 = hex.replace(/../g, (byte: string) => String.fromCharCode(parseInt(byte, 16)));
      for (const [text] of latin1.matchAll(/server\.1=[\n -~]*?version=[0-9a-f]+/g)) {
        texts.add(text);
      }
    }
  }
  assert.ok(texts.size >= 4);
  for (const text of texts) assert.equal(QuorumConfig.parse(text).toText(), text);
});

Deno.test("QuorumConfig.parse() reads roles, version and order as ZooKeeper 3.8.0 does", () => {
  const config = QuorumConfig.parse(
    "server.3=h:1:2:observer\nserver.02=h:1:3\n\n#\nserver.1=h:1:4\nversion=10000000A\n",
  );
  assert.equal(config.version, 0x10000000a);
  assert.deepEqual([...config.members.keys()], [1, 2, 3]);
  assert.deepEqual([...config.voters], [1, 2]);
  assert.deepEqual([...config.observers], [3]);
  assert.equal(QuorumConfig.parse("server.1=h:1:2").version, 0);
});

Deno.test("QuorumConfig.toText() lists all weights of groups, as ZooKeeper 3.8.0 does", () => {
  const servers = "server.1=h:1:2:participant\nserver.2=h:1:3:participant\n";
  const cases: [given: string, printed: string][] = [
    ["group.1=1:2\nweight.1=3", "group.1=1:2\nweight.1=3\nweight.2=1"],
    ["group.2=2\ngroup.1=1", "group.1=1\ngroup.2=2\nweight.1=1\nweight.2=1"],
    ["group.1=2:1\nweight.9=4", "group.1=1:2\nweight.1=1\nweight.2=1\nweight.9=4"],
  ];
  for (const [given, printed] of cases) {
    assert.equal(
      QuorumConfig.parse(`${servers}${given}\nversion=5`).toText(),
      `${servers}${printed}\nversion=5`,
    );
  }
});

Deno.test("QuorumConfig.parse() refuses what ZooKeeper cannot read", () => {
  const texts = [
    "server.1=h:1:2\nfoo=3",
    "server.1=h:1:2\nnonsense",
    "server.1=h:1:2\nversion=xyz",
    "server.1=h:1:2\nversion=",
    "server.1=h:1:2\nversion=-5",
    "server.1=h:1:2\nversion=ffffffffffffffff", // no zxid that a number holds
    "server.1=h:1:1",
    "server.1=h:1:70000",
    "server.1=h:1:2:leader",
    "server.1=",
    "server.x=h:1:2",
    "server.1=h:1:2\nserver.2=h:1:3\ngroup.1=1",
    "server.1=h:1:2\nserver.2=h:1:3\ngroup.1=1:2\ngroup.2=2",
    "server.1=h:1:2\nweight.1=1",
    "server.1=h:1:2\ngroup.1=1\nweight.1=x",
  ];
  for (const text of texts) {
    assert.throws(() => QuorumConfig.parse(text), DecodeError, text);
  }
});

Deno.test("QuorumConfig.isQuorum() agrees with ZooKeeper 3.8.0 on every set of servers", () => {
  // Of each set, in binary order of the ids named and 99, an outsider: T a quorum, f none. ZooKeeper
  // counts voters only, before it asks.
  const cases: [lines: string, observers: number[], ids: number[], sets: string][] = [
    ["", [], [1, 99], "fTfT"],
    ["", [], [1, 2, 99], "fffTfffT"],
    ["", [4], [1, 2, 3, 4], "fffTfTTTfffTfTTT"],
    ["group.1=1\ngroup.2=2\ngroup.3=3\nweight.4=3", [4], [1, 2, 3, 4], "fffTfTTTfffTfTTT"],
    // The group's weight is that of a stranger and of an observer too, who never count.
    ["group.1=1:2:3:5\nweight.5=3", [], [1, 2, 3], "ffffffff"],
    ["group.1=1:2:3:4\nweight.4=2", [4], [1, 2, 3, 4], "fffffffTfffffffT"],
    ["group.1=1\ngroup.2=2\ngroup.3=3\nweight.3=0", [], [1, 2, 3], "fffTfffT"],
    ["group.1=1:2\ngroup.2=3:4\nweight.1=2", [], [1, 2, 3, 4], "fffffffffffffTfT"],
    ["group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0", [], [1, 2, 3], "ffffffff"],
    ["group.1=1:2:3\nweight.1=5", [], [1, 2, 3], "fTfTfTfT"],
    ["group.1=1:2:3\ngroup.2=7\nweight.7=5", [], [1, 2, 3], "ffffffff"],
    ["group.1=1:2:3\ngroup.2=7\nweight.7=0", [], [1, 2, 3], "fffTfTTT"],
  ];
  for (const [lines, observers, ids, sets] of cases) {
    const servers = ids.filter((id) => id !== 99).map((id) =>
      `server.${id}=h:1:${id + 1}:${observers.includes(id) ? "observer" : "participant"}`
    );
    const config = QuorumConfig.parse([...servers, lines].join("\n"));
    const ours = Array.from(sets, (_, bits) => {
      const set = new Set(ids.filter((_, at) => (bits >> at & 1) === 1));
      return config.isQuorum(set) ? "T" : "f";
    });
    assert.equal(ours.join(""), sets, `${lines} of ${ids}`);
  }
});

Deno.test("QuorumConfig.hasSameMembers() looks at everything but the version", () => {
  const base = "server.1=[::1]:1:2;3\nserver.2=h:1:3\nserver.3=b:1:2|a:1:2:observer";
  const grouped = `${base}\ngroup.1=1:2`;
  const cases: [a: string, b: string, same: boolean][] = [
    [base, `${base}\nversion=77`, true],
    [base, base.split("\n").reverse().join("\n"), true],
    [base, base.replace("[::1]:1:2;3", "[0:0:0::1]:1:2:participant;0.0.0.0:3"), true],
    [base, base.replace("b:1:2|a:1:2", "a:1:2|b:1:2"), true],
    [base, base.replace(";3", ";4"), false],
    [base, base.replace(";3", ""), false],
    [base, base.replace("h:1:3", "h:2:3"), false],
    [base, base.replace("h:1:3", "h:1:3:observer"), false],
    [base, grouped, false],
    [grouped, `${grouped}\nweight.1=1`, true],
    [grouped, `${grouped}\nweight.1=2`, false],
  ];
  for (const [a, b, same] of cases) {
    assert.equal(QuorumConfig.parse(a).hasSameMembers(QuorumConfig.parse(b)), same, `${a} / ${b}`);
  }
});

Deno.test("QuorumConfig.withVersion() changes the version only", () => {
  const config = QuorumConfig.parse("server.1=h:1:2\nserver.2=h:1:3\ngroup.1=1:2\nweight.2=4");
  const later = config.withVersion(0x200000007);
  assert.equal(later.version, 0x200000007);
  assert.equal(later.weightOf(2), 4);
  assert.ok(later.hasSameMembers(config));
  assert.equal(config.version, 0);
});

Deno.test("isQuorumInBoth() asks the last seen configuration while its version is higher", () => {
  const three = QuorumConfig.parse("server.1=h:1:2\nserver.2=h:1:3\nserver.3=h:1:4\nversion=5");
  const other = QuorumConfig.parse("server.3=h:1:2\nserver.4=h:1:3\nserver.5=h:1:4\nversion=6");
  const cases: [servers: number[], lastSeen: QuorumConfig, isQuorum: boolean][] = [
    [[1, 2], three, true],
    [[1, 2], other, false],
    [[1, 3, 4], other, true],
    [[3, 4, 5], other, false],
    [[1, 2], other.withVersion(5), true],
    [[1, 2], other.withVersion(4), true],
  ];
  for (const [servers, lastSeen, isQuorum] of cases) {
    assert.equal(isQuorumInBoth(three, lastSeen, new Set(servers)), isQuorum, `${servers}`);
  }
});
