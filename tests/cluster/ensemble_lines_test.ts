import assert from "node:assert/strict";
import {
  formatServerLine,
  isEnsembleLine,
  parseEnsembleLines,
  serverWithoutGroup,
  splitLines,
} from "../../cluster/ensemble_lines.ts";

function parse(lines: Record<string, string>) {
  const complaints: string[] = [];
  const settings = Object.entries(lines).map(([key, value]) => ({
    key,
    value,
    origin: "zoo.cfg:1",
  }));
  const ensemble = parseEnsembleLines(settings, ({ key }, expected) => {
    complaints.push(`${key}: ${expected}`);
  });
  return { ...ensemble, complaints };
}

Deno.test("parseEnsembleLines() reads every form of a server line", () => {
  const cases: [value: string, normal: string][] = [
    ["h:2888:3888", "h:2888:3888 participant"],
    ["h:2888:3888:observer", "h:2888:3888 observer"],
    ["h:2888:3888:PARTICIPANT", "h:2888:3888 participant"],
    ["h:2888:3888;2181", "h:2888:3888 participant;0.0.0.0:2181"],
    ["h:2888:3888:participant;10.0.0.1:2181", "h:2888:3888 participant;10.0.0.1:2181"],
    ["h1:2888:3888|h2:2889:3889;2181", "h1:2888:3888|h2:2889:3889 participant;0.0.0.0:2181"],
    ["h:2888:3888;2181;2281", "h:2888:3888 participant;0.0.0.0:2181;0.0.0.0:2281"],
    ["h:2888:3888;;2281", "h:2888:3888 participant;-;0.0.0.0:2281"],
    ["[2001:db8::1]:2888:3888;[::]:2181", "2001:db8::1:2888:3888 participant;:::2181"],
  ];
  for (const [value, normal] of cases) {
    const { servers: [server], complaints } = parse({ "server.3": value });
    assert.deepEqual(complaints, [], value);
    assert.ok(server !== undefined);
    assert.equal(server.serverId, 3);
    const addresses = server.addresses.map((a) => `${a.host}:${a.quorumPort}:${a.electionPort}`);
    let ours = `${addresses.join("|")} ${server.role}`;
    if (server.clientPort !== null) ours += `;${server.clientHost}:${server.clientPort}`;
    else if (server.secureClientPort !== null) ours += ";-";
    if (server.secureClientPort !== null) {
      ours += `;${server.secureClientHost}:${server.secureClientPort}`;
    }
    assert.equal(ours, normal);
  }
});

Deno.test("parseEnsembleLines() says what would have been allowed", () => {
  const cases: [key: string, value: string, complaint: RegExp][] = [
    ["server.1", "h", /host:quorumPort/],
    ["server.1", "h:2888", /host:quorumPort/],
    ["server.1", "h:2888:99999", /host:quorumPort/],
    ["server.1", ":2888:3888", /host:quorumPort/],
    ["server.1", "h:2888:3888;x", /host:quorumPort/],
    ["server.1", "h:2888:3888;1;2;3", /host:quorumPort/],
    ["server.1", "h:2888:2888", /not the election port/],
    ["server.1", "h:2888:3888:leader", /participant or observer/],
    ["server.1", "a:1:2:participant|b:1:2:observer", /same role/],
    ["server.x", "h:2888:3888", /whole number/],
    ["weight.1", "heavy", /whole number/],
    ["group.1", "1:x", /colons between/],
  ];
  for (const [key, value, complaint] of cases) {
    const { complaints } = parse({ [key]: value });
    assert.equal(complaints.length, 1, value);
    assert.match(complaints[0]!, complaint, value);
  }
});

Deno.test("parseEnsembleLines() refuses a server in two groups", () => {
  const { complaints } = parse({ "group.1": "1:2", "group.2": "2:3", "group.3": "5:5" });
  assert.deepEqual(complaints, [
    "group.2: no server of another group (2 is in two)",
    "group.3: no server of another group (5 is in two)",
  ]);
});

Deno.test("serverWithoutGroup() finds the voter that ZooKeeper misses in the groups", () => {
  const servers = { "server.1": "h:1:2", "server.2": "h:1:3", "server.3": "h:1:4:observer" };
  const cases: [lines: Record<string, string>, missing: number | undefined][] = [
    [{}, undefined],
    [{ "group.1": "1:2" }, undefined], // observers need none
    [{ "group.1": "1" }, 2],
    [{ "weight.2": "0" }, 1], // weights alone make it hierarchical too
    [{ "group.1": "1", "group.2": "2:3" }, undefined],
  ];
  for (const [lines, missing] of cases) {
    assert.equal(serverWithoutGroup(parse({ ...servers, ...lines })), missing);
  }
});

Deno.test("formatServerLine() prints what ZooKeeper 3.8.0 prints", () => {
  const cases: [value: string, printed: string][] = [
    ["127.0.0.1:1:2;3", "127.0.0.1:1:2:participant;0.0.0.0:3"],
    ["nosuch.invalid:1:2:observer;0.0.0.0:5", "nosuch.invalid:1:2:observer;0.0.0.0:5"],
    ["h:1:2", "h:1:2:participant"],
    ["h:1:2;", "h:1:2:participant"],
    ["b:1:2|a:3:4;3", "a:3:4|b:1:2:participant;0.0.0.0:3"],
    ["b:1:2|A:3:4|a:1:2|B:3:4", "A:3:4|B:3:4|a:1:2|b:1:2:participant"],
    ["h:2:3|h:1:2|h:2:3", "h:1:2|h:2:3:participant"],
    ["a:1:2:observer|b:1:2", "a:1:2|b:1:2:observer"], // one role counts for all
    ["a:1:2|b:1:2:observer", "a:1:2|b:1:2:observer"],
    ["127.0.0.10:1:2|127.0.0.9:3:4", "127.0.0.10:1:2|127.0.0.9:3:4:participant"],
    ["127.0.0.1:3:4|[::1]:3:4", "[0:0:0:0:0:0:0:1]:3:4|127.0.0.1:3:4:participant"],
    ["[2001:DB8::1]:1:2;[::]:5", "[2001:db8:0:0:0:0:0:1]:1:2:participant;[0:0:0:0:0:0:0:0]:5"],
    ["[::ffff:1.2.3.4]:1:2", "1.2.3.4:1:2:participant"],
    // As 3.10 prints secure ports; 3.8.0 knows none.
    ["h:1:2;5;k:9", "h:1:2:participant;0.0.0.0:5;k:9"],
    ["h:1:2;;9", "h:1:2:participant;;0.0.0.0:9"],
  ];
  for (const [value, printed] of cases) {
    const { servers: [server], complaints } = parse({ "server.1": value });
    assert.deepEqual(complaints, []);
    assert.equal(formatServerLine(server!), `server.1=${printed}`);
  }
});

Deno.test("parseEnsembleLines() keeps groups and weights, and servers by number", () => {
  const { servers, groups, weights } = parse({
    "server.2": "b:1:2",
    "server.1": "a:1:2",
    "group.7": "1:2",
    "weight.1": "3",
  });
  assert.deepEqual(servers.map(({ serverId }) => serverId), [1, 2]);
  assert.deepEqual([...groups], [[7, [1, 2]]]);
  assert.deepEqual([...weights], [[1, 3]]);
});

Deno.test("isEnsembleLine() takes server.1, not server.principal nor serverCnxnFactory", () => {
  assert.ok(isEnsembleLine("server.1"));
  assert.ok(!isEnsembleLine("serverCnxnFactory"));
  assert.ok(!isEnsembleLine("server.principal"));
  assert.ok(!isEnsembleLine("weighty.1"));
});

Deno.test("splitLines() reads lines as Java reads properties", () => {
  const cases: [text: string, lines: [string, string][]][] = [
    ["a=b\nc=d", [["a", "b"], ["c", "d"]]],
    ["a=b\r\n\n  c  :  d = e \n", [["a", "b"], ["c", "d = e "]]],
    ["# a=b\n  !c\nd", [["d", ""]]],
    ["server.1=[::1]:1:2", [["server.1", "[::1]:1:2"]]],
    ["", []],
  ];
  for (const [text, lines] of cases) {
    assert.deepEqual(splitLines(text).map(({ key, value }) => [key, value]), lines);
  }
});
