/**
 * Requests that are cut, mixed up and sent in pieces: whatever comes, each connection ends, and the port serves on.
 */
import assert from "node:assert/strict";
import type { RequestHandler } from "../../../../net/http/listener/http_connection.ts";
import { HttpListener } from "../../../../net/http/listener/http_listener.ts";
import { Reply } from "../../../../net/http/listener/reply.ts";
import { eventually } from "../../../support/eventually.ts";
import { SeededRandom } from "../../../support/seeded_random.ts";

const SEED = 8123;
const CONNECTION_COUNT = 1000;
const AT_ONCE = 20;

const REQUESTS = [
  "GET /0 HTTP/1.1\r\nHost: x\r\n\r\n",
  "PUT /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
  "PUT /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "PUT /3 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
  "HEAD /3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
];
const FRAGMENTS = [
  ...["", "\r\n", "\n", "\r", "0", " ", ":", "\x00", "ffff\r\n", "HTTP/1.1"],
  ...["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n"],
];

/** Answers in every way, and takes bodies in every way. */
const handler: RequestHandler = async (request) => {
  switch (request.url.at(-1)) {
    case "0":
      return new Reply("answer");
    case "1":
      return await request.bytes().then(
        (bytes) => new Reply(bytes),
        () => new Reply("broken off", { status: 400 }),
      );
    case "2":
      await new Promise<void>((resolve) => {
        request.signal.addEventListener("abort", () => resolve());
        queueMicrotask(resolve);
      });
      return new Response(new Blob(["stream"]).stream());
    default:
      return new Response(request.body);
  }
};

Deno.test("HttpListener ends every connection, whatever is sent over it", async () => {
  const random = new SeededRandom(SEED);
  const failures: unknown[] = [];
  const listener = new HttpListener({
    address: "127.0.0.1",
    port: 0,
    handler,
    crowded: () => new Reply("crowded", { status: 503 }),
    connectionCountMax: AT_ONCE * 2,
    idleTimeoutMs: 100,
    stallTimeoutMs: 100,
    tooMany: () => {},
    failed: (error) => void failures.push(error),
  });
  let leftCount = CONNECTION_COUNT;
  const talk = async () => {
    while (leftCount-- > 0) await exchange(listener.addr.port, garbage(random), random);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, talk));
  await eventually("all have ended", () => listener.connectionCount === 0);
  const response = await fetch(`http://127.0.0.1:${listener.addr.port}/long/0`);
  assert.equal(response.status, 200);
  await response.body?.cancel();
  listener.abort();
  await listener.shutdown();
  assert.deepEqual(failures, []);
});

function garbage(random: SeededRandom): Uint8Array {
  let text = "";
  for (let count = random.between(1, 6); count > 0; count--) text += random.pick(REQUESTS);
  for (let count = random.below(4); count > 0; count--) {
    const at = random.below(text.length);
    const cut = random.chance(1, 3) ? random.below(20) : 0;
    text = text.slice(0, at) + random.pick(FRAGMENTS) + text.slice(at + cut);
  }
  return new TextEncoder().encode(text);
}

/** Sends bytes in pieces, and reads as long as it likes, or until the other side closes. */
async function exchange(
  port: number,
  bytes: Uint8Array,
  random: SeededRandom,
): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const isPatient = random.chance(2, 3);
  const read = async () => {
    const buffer = new Uint8Array(1000);
    while ((isPatient || random.chance(4, 5)) && await connection.read(buffer) !== null);
  };
  const send = async () => {
    const pieceBytes = random.chance(1, 2) ? 3 : 200;
    for (let at = 0; at < bytes.length;) {
      at += await connection.write(bytes.subarray(at, at + random.between(1, pieceBytes)));
    }
    if (random.chance(1, 2)) await connection.closeWrite();
  };
  await Promise.allSettled([send(), read()]);
}
