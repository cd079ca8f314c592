/**
 * The audit log against ZooKeeper's: `testdata/audit` holds what a Java server 3.8.0 wrote for the same
 * scenario, through log4j with the pattern `%p %c{2}: %m%n`.
 */
import assert from "node:assert/strict";
import { userName } from "../../net/host_environment.ts";
import { playAuditScenario } from "../support/audit_scenario.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { auth, create, remove, setAcl, setData } from "../support/requests.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const JAVA_LINES = Deno.readTextFileSync(
  new URL("../testdata/audit/zookeeper-3.8.0.txt", import.meta.url),
).trimEnd().split("\n");

/** Sessions by number, users in order, the server's own user by name; a session's end in any order. */
function normalised(lines: readonly string[], serverUser: string): string[] {
  const sessions: string[] = [];
  const plain = lines.map((line) =>
    line.replace(/session=(0x[0-9a-f]+)/, (_, id: string) => {
      if (!sessions.includes(id)) sessions.push(id);
      return `session=${sessions.indexOf(id)}`;
    }).replace(/user=([^\t]*)/, (_, users: string) => {
      return `user=${users === serverUser ? "SERVER" : users.split(",").sort().join(",")}`;
    })
  );
  for (let start = 0; start < plain.length; start++) {
    let end = start;
    while (plain[end]?.includes("ephemeralZNodeDeletion")) end++;
    plain.splice(start, end - start, ...plain.slice(start, end).sort());
    if (end > start) start = end - 1;
  }
  return plain;
}

const WHO = "session=0\tuser=127.0.0.1\tip=127.0.0.1\toperation=";
const WHO_ELSE = "session=0\tuser=127.0.0.1,alice,bob\tip=127.0.0.1\toperation=";
const SUCCESS = "INFO audit.Slf4jAuditLogger: ";
const FAILURE = "ERROR audit.Slf4jAuditLogger: ";

/** What Java leaves out, by the line that it comes behind here. */
const ONLY_OURS: readonly [behind: string, line: string][] = [
  [
    "znode=/c\t",
    `${SUCCESS}${WHO}create\tznode=/t\tznode_type=persistent_with_ttl\tresult=success`,
  ],
  [
    "znode=/t\t",
    `${SUCCESS}${WHO}create\tznode=/ts-0000000006\tznode_type=persistent_sequential_with_ttl\tresult=success`,
  ],
  ["znode=no-slash\t", `${FAILURE}${WHO}create\tznode=/flags\tresult=failure`],
  [
    "znode=/acl\t",
    `${FAILURE}${WHO}create\tznode=/ttl\tznode_type=persistent_with_ttl\tresult=failure`,
  ],
  ["acl=\t", `${FAILURE}${WHO}setAcl\tznode=/p\tresult=failure`],
  ["operation=reconfig\t", `${FAILURE}${WHO_ELSE}create\tresult=failure`],
  ["operation=create\tresult", `${FAILURE}${WHO_ELSE}setData\tresult=failure`],
  ["operation=setData\tresult", `${FAILURE}${WHO_ELSE}delete\tresult=failure`],
];

/** What Java says less of. */
const SAID_MORE: readonly [java: string, ours: string][] = [
  ["/m/s-0000000001\t", "/m/s-0000000001\tznode_type=persistent_sequential\t"],
  ["/m/t\t", "/m/t\tznode_type=persistent_with_ttl\t"],
  [
    "acl=auth::cdrwaip:10.0.0.0/8:cdrdigest:bob:bCxjbUVWs2XHKl4n3z0/Y9xFpZ0=:wa",
    "acl=auth::cdrwa,ip:10.0.0.0/8:cdr,digest:bob:x:wa",
  ],
];

Deno.test("the audit log has the lines of ZooKeeper's, and those that are missing there", async () => {
  using dir = makeTempDir();
  const file = `${dir.path}/audit.log`;
  {
    await using server = await InProcessServer.start({
      config: { "audit.enable": true, "auditlog.file": file, extendedTypesEnabled: true },
    });
    await playAuditScenario(server.clientPort);
    assert.deepEqual(server.linesWith("operation="), [], "the ordinary log has none of them");
  }
  const written = Deno.readTextFileSync(file).trimEnd().split("\n");
  const ours = written.map((line) => {
    const [, text] = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (.*)$/.exec(line)!;
    return text!;
  });
  const expected = normalised(JAVA_LINES, "root").map((line) =>
    SAID_MORE.reduce((text, [java, more]) => text.replace(java, more), line)
  );
  for (const [behind, line] of ONLY_OURS) {
    expected.splice(expected.findLastIndex((other) => other.includes(behind)) + 1, 0, line);
  }
  assert.deepEqual(normalised(ours, userName()), expected);
});

Deno.test("without a file, audit lines stand among the others", async () => {
  await using server = await InProcessServer.start({ config: { "audit.enable": true } });
  using client = await RawClient.session(server.clientPort);
  await client.must(create("/a"));
  await client.call(remove("/none"));
  await server.close();
  const session = `session=0x${client.sessionId.toString(16)}`;
  assert.deepEqual(server.linesWith("\tresult="), [
    `info user=${userName()}\toperation=serverStart\tresult=success`,
    `info ${session}\tuser=127.0.0.1\tip=127.0.0.1\toperation=create\tznode=/a\tznode_type=persistent\tresult=success`,
    `warn ${session}\tuser=127.0.0.1\tip=127.0.0.1\toperation=delete\tznode=/none\tresult=failure`,
    `info user=${userName()}\toperation=serverStop\tresult=invoked`,
  ]);
});

Deno.test("auditlog.threshold=ERROR leaves failures only, OFF nothing", async () => {
  for (
    const { threshold, count } of [{ threshold: "ERROR", count: 1 }, { threshold: "OFF", count: 0 }]
  ) {
    await using server = await InProcessServer.start({
      config: { "audit.enable": true, "auditlog.threshold": threshold },
    });
    using client = await RawClient.session(server.clientPort);
    await client.must(create("/a"));
    await client.call(setData("/none", "x"));
    assert.equal(server.linesWith("\tresult=").length, count, threshold);
  }
});

Deno.test("no request can make up fields or lines of the audit log", async () => {
  using dir = makeTempDir();
  const file = `${dir.path}/audit.log`;
  await using server = await InProcessServer.start({
    config: { "audit.enable": true, "auditlog.file": file },
  });
  using client = await RawClient.session(server.clientPort);
  await client.must(auth("digest", "ro\tot\u2028:secret"));
  await client.call(create("/a\tresult=success\n2026-01-01 00:00:00,000 INFO x"));
  await client.call(setAcl("/b\u0085", [{ perms: 31, scheme: "ip\r", id: "1\n2" }]));
  const [, created, denied, ...rest] = Deno.readTextFileSync(file).trimEnd().split("\n");
  assert.deepEqual(rest, []);
  const fields = (line: string) => line.split("\t").slice(1);
  assert.deepEqual(fields(created!), [
    "user=127.0.0.1,ro\\u0009ot\\u2028",
    "ip=127.0.0.1",
    "operation=create",
    "znode=/a\\u0009result=success\\u000a2026-01-01 00:00:00,000 INFO x",
    "znode_type=persistent",
    "result=failure",
  ]);
  assert.equal(fields(denied!)[4], "acl=ip\\u000d:1\\u000a2:cdrwa");
});

Deno.test("closing a session without a list in its txn names its ephemerals all the same", async () => {
  await using server = await InProcessServer.start({
    config: { "audit.enable": true, "closeSessionTxn.enabled": false },
  });
  const client = await RawClient.session(server.clientPort);
  await client.must(create("/e", { flags: 1 }));
  await client.endSession();
  assert.match(
    server.linesWith("ephemeralZNodeDeletion").join("\n"),
    /^info session=0x[0-9a-f]+\tuser=[^\t]+\toperation=[^\t]+\tznode=\/e\tresult=success$/,
  );
});
