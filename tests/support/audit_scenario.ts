/**
 * One client that does every kind of write, well and badly, so that two servers' audit logs can be
 * compared line by line.
 *
 * @module
 */
import { RawClient } from "./raw_client.ts";
import {
  auth,
  check,
  create,
  exists,
  multi,
  Op,
  reconfig,
  remove,
  type Request,
  setAcl,
  setData,
} from "./requests.ts";

const READ_ONLY = [{ perms: 1, scheme: "world", id: "anyone" }];
const MIXED = [
  { perms: 31, scheme: "auth", id: "" },
  { perms: 1 | 4 | 8, scheme: "ip", id: "10.0.0.0/8" },
  { perms: 2 | 16, scheme: "digest", id: "bob:bCxjbUVWs2XHKl4n3z0/Y9xFpZ0=" },
];

/** Plays the whole script on a fresh database with TTL nodes on; @returns the sessions, in order */
export async function playAuditScenario(port: number): Promise<bigint[]> {
  const sessions: bigint[] = [];
  using client = await RawClient.session(port);
  sessions.push(client.sessionId);
  const all = async (...requests: Request[]) => {
    for (const request of requests) await client.call(request);
  };
  await all(
    // the seven modes, by both op codes that make plain znodes
    create("/p"),
    create("/e", { flags: 1 }),
    create("/ps-", { flags: 2 }),
    create("/es-", { flags: 3 }),
    create("/c", { flags: 4, type: Op.createContainer }),
    create("/t", { flags: 5, ttl: 100_000n }),
    create("/ts-", { flags: 6, ttl: 100_000n }),
    create("/p2", { type: Op.create2 }),
    create("/e2", { type: Op.create2, flags: 1 }),
    create("/odd", { flags: 4 }), // a container's flags, in a plain create
    create("/odd2", { flags: 0, type: Op.createContainer }),
    // creates that fail
    create("/p"),
    create("/none/child"),
    create("/e/child"),
    create("/bad//path"),
    create("no-slash"),
    create("/flags", { flags: 9 }),
    create("/acl", { acl: [] }),
    create("/acl", { acl: [{ perms: 31, scheme: "nobody", id: "x" }] }),
    create("/ttl", { flags: 5, ttl: 0n }),
    create("/s-", { flags: 2, acl: [] }),
    // data and ACLs
    setData("/p", "1"),
    setData("/p", "1", 7),
    setData("/none", "1"),
    setAcl("/p", [{ perms: 31, scheme: "world", id: "anyone" }]),
    setAcl("/p", READ_ONLY, 9),
    setAcl("/none", READ_ONLY),
    setAcl("/p", []),
    setAcl("/p", null),
    // identities
    auth("digest", "alice:secret"),
    create("/mixed", { acl: MIXED }),
    setAcl("/mixed", MIXED),
    setAcl("/mixed", [{ perms: 0, scheme: "world", id: "anyone" }]),
    setAcl("/mixed", READ_ONLY),
    setData("/mixed", "denied"),
    auth("digest", "bob:other"),
    create("/ro", { acl: READ_ONLY }),
    create("/ro/denied"),
    setData("/ro", "denied"),
    remove("/ro/none"),
    remove("/none"),
    remove("/p2", 4),
    remove("/p2"),
    remove("/"),
    create("/p/child"),
    remove("/p"),
    // reads are not logged
    exists("/p"),
    // multis
    multi([
      create("/m"),
      create("/m/e", { flags: 1 }),
      create("/m/s-", { flags: 2, type: Op.create2 }),
      create("/m/c", { flags: 4, type: Op.createContainer }),
      create("/m/t", { flags: 5, ttl: 5000n }),
      setData("/m", "x"),
      check("/m", 1),
      remove("/m/e"),
    ]),
    multi([create("/n"), setData("/none", "x"), remove("/p")]),
    multi([check("/none")]),
    multi([check("/p")]),
    multi([]),
    // and the rest
    reconfig({ joining: "server.1=127.0.0.1:1:2;3" }),
    { type: Op.createContainer, body: new Uint8Array([0, 0, 0, 3, 0x2f, 0x61]) }, // ends early
    { type: Op.setData, body: new Uint8Array(2) },
    { type: 20, body: new Uint8Array([0, 0, 0, 2, 0x2f, 0x63]) }, // deleteContainer of a client
  );
  using other = await RawClient.session(port);
  sessions.push(other.sessionId);
  await other.call(create("/other", { flags: 1 }));
  await other.call(setData("/p", "2"));
  await client.endSession();
  using expiring = await RawClient.session(port);
  const { sessionId, password } = expiring;
  sessions.push(sessionId);
  await expiring.call(create("/x1", { flags: 1 }));
  await expiring.call(create("/x2-", { flags: 3 }));
  (await RawClient.session(port, { sessionId, password, timeoutMs: 1000 })).close();
  // its session is over when its ephemerals are gone
  while ((await other.call(exists("/x1"))).err === 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await other.endSession();
  return sessions;
}
