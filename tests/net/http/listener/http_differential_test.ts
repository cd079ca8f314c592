/**
 * Another reader of HTTP, node:http, is sent the same bytes: what both take for a request is the same request. Where
 * they would differ, a proxy and we could see two requests in place of one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { HttpListener } from "../../../../net/http/listener/http_listener.ts";
import { Reply } from "../../../../net/http/listener/reply.ts";
import { ABUSES } from "../../../compat/bad_input/protocol_rows.ts";
import { drawRequests, sumOf } from "../../../fuzz/http_requests.ts";
import { joined, mutate } from "../../../fuzz/mutations.ts";
import { SeededRandom } from "../../../support/seeded_random.ts";

/** As many as are sent at once. */
const BATCH_COUNT = 100;
const SEED_COUNT = 150;
/** How long a reader that waits for more is given, and a busy machine: what it has not read then is not compared. */
const PATIENCE_MS = 400;

interface Reader extends AsyncDisposable {
  /** What it takes the bytes for: method, target and body of each request. */
  read(bytes: Uint8Array): Promise<string[]>;
}

/** The letters of a URL as both write them. */
function targetOf(url: string): string {
  const [, rest = url] = /^https?:\/\/[^/?#]*(.*)$/i.exec(url) ?? [];
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  return path.replaceAll(
    /[\x80-\xff]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Sends, waits until the other side closes or says nothing any more, and hangs up. */
async function send(port: number, bytes: Uint8Array): Promise<number> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const localPort = connection.localAddr.port;
  const timer = setTimeout(() => connection.close(), PATIENCE_MS);
  const buffer = new Uint8Array(65536);
  const writing = (async () => {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  })().catch(() => {});
  try {
    while (await connection.read(buffer) !== null);
    clearTimeout(timer);
    connection.close();
  } catch {
    clearTimeout(timer); // reset, or closed by the timer
    try {
      connection.close();
    } catch { /* it is */ }
  }
  await writing;
  return localPort;
}

function ours(): Reader {
  const seen = new Seen();
  const listener = new HttpListener({
    address: "127.0.0.1",
    port: 0,
    handler: async (request, { remoteAddr }) => {
      const read = seen.begun(remoteAddr.port);
      const body = await request.bytes();
      read(`${request.method} ${targetOf(request.url)} ${sumOf(body)}`);
      return new Reply("done");
    },
    crowded: () => new Reply("crowded", { status: 503 }),
    connectionCountMax: 1000,
    idleTimeoutMs: 60_000,
    stallTimeoutMs: 60_000,
    tooMany: () => {},
    failed: () => {}, // bodies that break off
  });
  return {
    read: async (bytes) => seen.whole(await send(listener.addr.port, bytes)),
    async [Symbol.asyncDispose]() {
      listener.abort();
      await listener.shutdown();
    },
  };
}

async function theirs(): Promise<Reader> {
  const seen = new Seen();
  const server = createServer((request: IncomingMessage, response) => {
    const read = seen.begun(request.socket.remotePort!);
    const parts: Uint8Array[] = [];
    request.on("data", (part: Uint8Array) => parts.push(part));
    request.on("end", () => {
      const target = targetOf(request.url ?? "");
      read(`${request.method} ${target} ${sumOf(joined(...parts))}`);
      response.end("done");
    });
    request.on("error", () => {});
  });
  server.on("clientError", (_: Error, socket: { destroy(): void }) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    read: async (bytes) => seen.whole(await send(port, bytes)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Requests in the order of their heads, by the port they came from: node:http begins the next one while the body of
 * the one before is on its way, and may end it first.
 */
class Seen {
  readonly #byPort = new Map<number, (string | null)[]>();

  /** Returns what is to be told when its body has come. */
  begun(port: number): (request: string) => void {
    let list = this.#byPort.get(port);
    if (list === undefined) this.#byPort.set(port, list = []);
    const own = list;
    const index = own.push(null) - 1;
    return (request) => own[index] = request;
  }

  /** Those that came whole, up to the first one that did not. */
  whole(port: number): string[] {
    const list = this.#byPort.get(port) ?? [];
    const end = list.indexOf(null);
    return (end < 0 ? list : list.slice(0, end)) as string[];
  }
}

function corpus(): { name: string; bytes: Uint8Array }[] {
  const texts = ABUSES.map(({ what, text }) => ({
    name: what,
    bytes: Uint8Array.from(text, (letter) => letter.charCodeAt(0)),
  }));
  const drawn = Array.from({ length: SEED_COUNT }, (_, seed) => {
    const random = new SeededRandom(seed);
    const requests = drawRequests(random, random.between(1, 4));
    const whole = joined(...requests.map(({ bytes }) => bytes));
    return { name: `seed ${seed}`, bytes: seed % 3 === 0 ? whole : mutate(random, whole) };
  });
  return [...texts, ...drawn];
}

Deno.test({
  name: "HttpListener takes for requests what node:http takes for the same ones",
  // node:http leaves sockets to the runtime
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using us = ours();
    await using them = await theirs();
    const all = corpus();
    let sameCount = 0;
    for (let at = 0; at < all.length; at += BATCH_COUNT) {
      await Promise.all(
        all.slice(at, at + BATCH_COUNT).map(async ({ name, bytes }) => {
          const [mine, other] = await Promise.all([us.read(bytes), them.read(bytes)]);
          const common = Math.min(mine.length, other.length);
          assert.deepEqual(mine.slice(0, common), other.slice(0, common), name);
          sameCount += common;
        }),
      );
    }
    assert(sameCount > 100, `only ${sameCount} requests were read by both`);
  },
});
