/**
 * The client beside a server that says what it is told to, byte by byte: what no real server does, and orders that
 * real ones leave to chance.
 *
 * @module
 */
import assert from "node:assert/strict";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { openClient } from "../../../net/client/open_client.ts";
import { KeeperError } from "../../../net/client/client_errors.ts";

/** Takes a session; answers each request, or a few at a time, in one write. */
class ScriptedServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #answersOf: (xids: readonly number[]) => Uint8Array;
  readonly #batch: number;

  /** @param batch so many requests are read before they are answered */
  constructor(batch: number, answersOf: (xids: readonly number[]) => Uint8Array) {
    this.#batch = batch;
    this.#answersOf = answersOf;
    void this.#serve();
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }

  async #serve(): Promise<void> {
    for await (const conn of this.#listener) {
      void this.#serveOne(conn).catch(() => {});
    }
  }

  async #serveOne(conn: Deno.Conn): Promise<void> {
    using _ = conn;
    const next = framesOf(conn);
    await next();
    const session = frame((writer) => {
      writer.int(0);
      writer.int(20_000);
      writer.long(7n);
      writer.bytes(new Uint8Array(16));
      writer.boolean(false);
    });
    await conn.write(session);
    for (;;) {
      const xids: number[] = [];
      while (xids.length < this.#batch) {
        const view = await next();
        if (view === null) return;
        if (view.getInt32(4) !== PING) xids.push(view.getInt32(0));
      }
      await conn.write(this.#answersOf(xids));
    }
  }
}

const PING = 11;
const DATA_CHANGED = 3;

function framesOf(conn: Deno.Conn): () => Promise<DataView | null> {
  let bytes = new Uint8Array(0);
  return async () => {
    for (;;) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const end = bytes.length < 4 ? Infinity : 4 + view.getInt32(0);
      if (end <= bytes.length) {
        bytes = bytes.slice(end);
        return new DataView(view.buffer, view.byteOffset + 4, end - 4);
      }
      const more = new Uint8Array(4096);
      const count = await conn.read(more);
      if (count === null) return null;
      bytes = new Uint8Array([...bytes, ...more.subarray(0, count)]);
    }
  };
}

function frame(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter(256);
  writer.int(0);
  write(writer);
  writer.view.setInt32(0, writer.position - 4);
  return writer.written().slice();
}

function answer(xid: number, data: string): Uint8Array {
  return frame((writer) => {
    writer.int(xid);
    writer.zxid(1);
    writer.int(0);
    writer.bytes(new TextEncoder().encode(data));
    for (let i = 0; i < 68; i++) writer.boolean(false); // a stat
  });
}

function event(path: string): Uint8Array {
  return frame((writer) => {
    writer.int(-1);
    writer.zxid(-1);
    writer.int(0);
    writer.int(DATA_CHANGED);
    writer.int(3);
    writer.string(path);
  });
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

Deno.test("client wire: answers and events that come together are told in the order of the wire", async () => {
  using server = new ScriptedServer(
    3,
    ([a, b, c]) =>
      joined(answer(a!, "a"), event("/a"), answer(b!, "b"), answer(c!, "c"), event("/c")),
  );
  await using client = openClient(server.address);
  await client.connected();
  const told: string[] = [];
  const read = async (path: string) => {
    await client.get(path, { watch: (event) => told.push(`event ${event.path}`) });
    told.push(`answer ${path}`);
  };
  await Promise.all([read("/a"), read("/b"), read("/c")]);
  assert.deepEqual(told, ["answer /a", "event /a", "answer /b", "answer /c", "event /c"]);
});

Deno.test("client wire: answers in another order fail all requests, and leave none waiting", async () => {
  using server = new ScriptedServer(
    3,
    ([a, b, c]) => joined(answer(a!, "a"), answer(c!, "c"), answer(b!, "b")),
  );
  await using client = openClient(server.address);
  await client.connected();
  const outcomes = await Promise.allSettled(["/a", "/b", "/c"].map((path) => client.get(path)));
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
  for (const outcome of outcomes.slice(1)) {
    const { reason } = outcome as PromiseRejectedResult;
    assert.ok(reason instanceof KeeperError);
    assert.match(reason.message, /the server answered request \d+ in place of \d+/);
  }
});
