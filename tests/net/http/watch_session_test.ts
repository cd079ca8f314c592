import assert from "node:assert/strict";
import { sessionTokenOf } from "../../../net/http/session_token.ts";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { RawClient } from "../../support/raw_client.ts";
import { create, exists, Flags } from "../../support/requests.ts";
import { SseReader } from "../../support/sse_reader.ts";

const TICK_MS = 100;

interface Owned {
  token: string;
  client: RawClient;
}

/** A session with an ephemeral, of which only requests over HTTP give signs of life from now on. */
async function makeSession(port: number, path: string): Promise<Owned> {
  const client = await RawClient.session(port, { timeoutMs: 2 * TICK_MS });
  await client.must(create(path, { flags: Flags.ephemeral }));
  const { sessionId: id, password } = client;
  return { token: sessionTokenOf({ id, password }), client };
}

function startServer(): Promise<InProcessServer> {
  return InProcessServer.start({ http: true, config: { tickTime: TICK_MS } });
}

Deno.test("A stream keeps its session alive as long as it is open, and its ephemerals", async () => {
  await using server = await startServer();
  using observer = await RawClient.session(server.clientPort, { timeoutMs: 20 * TICK_MS });
  const api = `${server.httpUrl}/api/v1`;
  const opens: [path: string, open: (token: string) => Promise<SseReader>][] = [
    ["/in-url", (token) => SseReader.open(`${api}/sessions/${token}/events`)],
    [
      "/in-header",
      (token) => SseReader.open(`${api}/sessions/current/events`, { "X-Zk-Session": token }),
    ],
    ["/watch", (token) => SseReader.open(`${api}/watch?path=/x`, { "X-Zk-Session": token })],
  ];
  const isThere = async (path: string) => (await observer.call(exists(path))).err === 0;
  const streams: SseReader[] = [];
  for (const [path, open] of opens) {
    const { token, client } = await makeSession(server.clientPort, path);
    const stream = await open(token);
    client.close();
    assert.match((await stream.must("open")).data.session, /^0x/);
    streams.push(stream);
  }
  // one that nobody keeps alive tells when all would have ended
  const { client } = await makeSession(server.clientPort, "/nobody");
  client.close();
  for (const name of ["/nobody", "/nobody-2"]) {
    if (name !== "/nobody") (await makeSession(server.clientPort, name)).client.close();
    await eventually(`${name} ends`, async () => !await isThere(name));
  }
  for (const [path] of opens) assert.equal(await isThere(path), true, path);
  for (const stream of streams) await stream.close();
  for (const [path] of opens) await eventually(`${path} ends`, async () => !await isThere(path));
});

Deno.test("A stream says that its session has ended, and ends", async () => {
  await using server = await startServer();
  const api = `${server.httpUrl}/api/v1`;
  const { token, client } = await makeSession(server.clientPort, "/e");
  await using stream = await SseReader.open(`${api}/sessions/${token}/events?path=/e`);
  await using other = await SseReader.open(`${api}/sessions/${token}/events`);
  for (const reader of [stream, other]) await reader.must("open");
  await client.endSession();
  assert.equal((await stream.must("deleted")).data.path, "/e");
  for (const reader of [stream, other]) {
    assert.deepEqual((await reader.must("session")).data, { state: "ended" });
    assert.equal(await reader.next(), null);
  }
  const late = await fetch(`${api}/sessions/${token}/events`);
  assert.equal(late.status, 410);
  await late.body?.cancel();
});

Deno.test("A stream is refused for what is no path, no token, no id", async () => {
  await using server = await startServer();
  const api = `${server.httpUrl}/api/v1`;
  const cases: [url: string, status: number, headers?: Record<string, string>][] = [
    ["/watch", 400],
    ["/watch?path=a", 400],
    ["/watch?path=/a/", 400],
    ["/watch?path=/a//b", 400],
    ["/watch?path=/a&since=5", 400],
    ["/watch?path=/a&since=0xffffffffffffff", 400],
    ["/watch?path=/a&value=xml", 400],
    ["/watch?path=/a&other=1", 400],
    ["/watch?path=/a", 400, { "Last-Event-ID": "x" }],
    ["/sessions/current/events", 400],
    ["/sessions/abc/events", 400],
  ];
  for (const [url, status, headers = {}] of cases) {
    const response = await fetch(api + url, { headers });
    assert.equal(response.status, status, `${url} ${await response.text()}`);
  }
});
