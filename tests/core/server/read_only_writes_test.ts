import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import { ReadOnlyWrites } from "../../../core/server/read_only_writes.ts";
import { sessionPassword } from "../../../core/session/session_id.ts";
import { SessionTracker } from "../../../core/session/session_tracker.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { CoreServer, sessionIdOf } from "../../support/core_server.ts";
import {
  closeSession,
  create,
  exists,
  getData,
  multi,
  ofPath,
  Op,
  remove,
  request,
  setData,
  whoAmI,
} from "../../support/requests.ts";

const GLOBAL = sessionIdOf(3);

function readOnlyServer({ localSessionsEnabled = true } = {}) {
  const config = makeConfig({ settings: { tickTime: 1000 } });
  const sessions = new SessionTracker({ tickMs: 1000, nowMs: 1_000_000 });
  const server = new CoreServer(config, sessions, (context) =>
    new ReadOnlyWrites({
      ...context,
      sessions,
      globalSessions: context.applier.sessions,
      localSessionsEnabled,
      firstSessionId: sessionIdOf(1),
    }));
  server.sessionTable.set(GLOBAL, 4000);
  return { server, sessions };
}

Deno.test("ReadOnlyWrites serves only clients that agree to read", () => {
  const { server } = readOnlyServer();
  for (const readOnly of [false, null]) {
    const client = server.connect({ readOnly });
    assert.deepEqual([client.frames(), client.isClosing], [[], true], `${readOnly}`);
  }
  const { readOnly, sessionId } = server.connect({ readOnly: true }).connectResponse()!;
  assert.deepEqual([readOnly, sessionId], [true, sessionIdOf(1)]);
});

Deno.test("ReadOnlyWrites answers reads, and refuses what changes something", () => {
  const { server } = readOnlyServer();
  const client = server.connect({ readOnly: true });
  client.frames();
  const refused = [
    create("/a"),
    setData("/", "x"),
    remove("/a"),
    multi([create("/a")]),
    ofPath(Op.sync, "/"),
    request(Op.check),
    request(Op.reconfig),
  ];
  for (const each of refused) client.send(each);
  for (const { err } of client.replies()) assert.equal(err, ErrorCode.NotReadOnly);
  for (const each of [exists("/"), getData("/"), whoAmI]) client.send(each);
  assert.deepEqual(client.outcomes(), ["8:0", "9:0", "10:0"]);
  assert.equal(server.tree.lastProcessedZxid, 0);
  client.send(closeSession);
  assert.deepEqual([client.outcomes(), client.isClosing], [["11:0"], true]);
});

Deno.test("ReadOnlyWrites renews its own sessions, and lets nobody believe that a global one is gone", () => {
  const { server, sessions } = readOnlyServer();
  const client = server.connect({ readOnly: true });
  const { sessionId } = client;
  const renew = (id: bigint) =>
    server.connect({ readOnly: true, sessionId: id, password: sessionPassword(id) });
  const back = renew(sessionId);
  assert.equal(back.connectResponse()!.sessionId, sessionId);
  assert.deepEqual([client.isClosing, back.isClosing], [true, false]);
  const global = renew(GLOBAL);
  assert.deepEqual([global.frames(), global.isClosing], [[], true]);
  const unknown = renew(5n);
  assert.deepEqual([unknown.connectResponse()!.sessionId, unknown.isClosing], [0n, true]);
  server.advance(40_000);
  assert.deepEqual([back.isClosing, sessions.count], [true, 0]);
});

Deno.test("ReadOnlyWrites without local sessions refuses a session by the header of a reply", () => {
  const { server } = readOnlyServer({ localSessionsEnabled: false });
  const client = server.connect({ readOnly: true });
  const [reply] = client.replies();
  assert.deepEqual(reply, { xid: 0, zxid: 0n, err: ErrorCode.NotReadOnly, body: new Uint8Array() });
  assert.equal(client.isClosing, false);
  client.send(exists("/"));
  assert.deepEqual([client.frames(), client.isClosing], [[], true], "it has no session");
});
