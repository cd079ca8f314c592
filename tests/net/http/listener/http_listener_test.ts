import "../../../../net/http/listener/fetch_classes.ts";
import assert from "node:assert/strict";
import type { RequestHandler } from "../../../../net/http/listener/http_connection.ts";
import { HttpListener, type ListenerOptions } from "../../../../net/http/listener/http_listener.ts";
import { Reply } from "../../../../net/http/listener/reply.ts";
import { eventually } from "../../../support/eventually.ts";

/** Tells what the handler got. */
const tell: RequestHandler = async (request) => {
  const { method, url } = request;
  return new Reply(`${method} ${url} ${await request.text()}`);
};

interface Listening extends AsyncDisposable {
  readonly listener: HttpListener;
  readonly problems: string[];
}

function listen(handler: RequestHandler, options: Partial<ListenerOptions> = {}): Listening {
  const problems: string[] = [];
  const listener = new HttpListener({
    address: "127.0.0.1",
    port: 0,
    handler,
    crowded: () => new Reply("crowded", { status: 503 }),
    connectionCountMax: 100,
    idleTimeoutMs: 60_000,
    stallTimeoutMs: 60_000,
    tooMany: (problem) => void problems.push(problem),
    failed: (error) => void problems.push(String(error)),
    ...options,
  });
  return {
    listener,
    problems,
    async [Symbol.asyncDispose]() {
      listener.abort();
      await listener.shutdown();
    },
  };
}

/** One connection, spoken to by hand. */
class Peer implements Disposable {
  readonly #connection: Deno.TcpConn;
  #text = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect({ listener }: Listening): Promise<Peer> {
    return new Peer(await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }));
  }

  async send(text: string): Promise<void> {
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  /** What comes until it ends so; without an end, until the other side closes. */
  async read(end: string | null = null): Promise<string> {
    const buffer = new Uint8Array(65536);
    for (;;) {
      const found = end === null ? -1 : this.#text.indexOf(end);
      if (found >= 0) return this.#take(found + end!.length);
      const count = await this.#connection.read(buffer).catch(() => null);
      if (count === null) return this.#take(this.#text.length);
      this.#text += new TextDecoder("latin1").decode(buffer.subarray(0, count));
    }
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // closed by the test
    }
  }

  #take(length: number): string {
    const text = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return text;
  }
}

/** Sends a text and reads until the other side closes, without the `Date`. */
async function exchange(listening: Listening, text: string): Promise<string> {
  using peer = await Peer.connect(listening);
  await peer.send(text);
  return (await peer.read()).replaceAll(/date: .*\r\n/g, "");
}

const LAST = "Connection: close\r\n";

Deno.test("HttpListener answers requests of one connection in order, pipelined or not", async () => {
  await using listening = listen(tell);
  const requests = Array.from(
    { length: 100 },
    (_, i) => `PUT /${i} HTTP/1.1\r\nHost: x\r\nContent-Length: ${String(i).length}\r\n\r\n${i}`,
  );
  using peer = await Peer.connect(listening);
  void peer.send(requests.join(""));
  for (let i = 0; i < 100; i++) {
    assert.match(await peer.read(`PUT http://x/${i} ${i}`), /^HTTP\/1\.1 200 OK\r\n/);
  }
  await peer.send(`GET /last HTTP/1.1\r\nHost: x\r\n${LAST}\r\n`);
  assert.match(await peer.read(), /connection: close\r\n[^]*GET http:\/\/x\/last $/);
});

Deno.test("HttpListener reads requests that come a byte at a time, of every framing", async () => {
  await using listening = listen(tell);
  const texts = [
    "\r\nPUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: x\r\n\r\n",
    `GET /c HTTP/1.1\r\nHost: y\r\n${LAST}\r\n`,
  ];
  using peer = await Peer.connect(listening);
  for (const letter of texts.join("")) await peer.send(letter);
  const answers = (await peer.read()).split("HTTP/1.1 200 OK").slice(1).map((answer) =>
    answer.split("\r\n\r\n")[1]
  );
  assert.deepEqual(answers, [
    "PUT http://x/a hello",
    "PUT http://x/b hello",
    "GET http://y/c ",
  ]);
});

Deno.test("HttpListener takes the host of a URL that is whole for that of the request", async () => {
  await using listening = listen(({ url, headers }) => new Reply(`${url} ${headers.get("host")}`));
  const target = "http://other:1/a?b";
  const answer = await exchange(listening, `GET ${target} HTTP/1.1\r\nHost: x\r\n${LAST}\r\n`);
  assert.match(answer, /http:\/\/other:1\/a\?b other:1$/);
});

Deno.test("HttpListener refuses what it cannot read, says why, and closes", async () => {
  await using listening = listen(tell);
  const cases: [text: string, status: number][] = [
    ["GET / HTTP/1.1\r\n\r\n", 400],
    ["nonsense\r\n\r\n", 400],
    ["GET / HTTP/1.1\nHost: x\n\r\n\r\n", 400],
    ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400],
    ["PRI * HTTP/2.0\r\n\r\n", 505],
    ["GET http://a@b/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    [
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
      400,
    ],
    [`GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(40_000)}\r\n\r\n`, 431],
    // nothing of these has an end that could be waited for
    ["GET /\r\n", 400],
    ["GET / HTTP/1.1\nHost: x\n\n", 400],
    ["\x16\x03\x01\x02\x00\x01", 400],
    // what looks like a host, and has no URL
    ["GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: 1.2.3.4.5\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400],
  ];
  for (const [text, status] of cases) {
    const answer = await exchange(listening, text);
    assert.match(
      answer,
      new RegExp(`^HTTP/1\\.1 ${status} [^]*connection: close\r\n`),
      text.slice(0, 99),
    );
    assert.equal(answer.split("HTTP/1.1 ").length, 2, "nothing behind it is answered");
  }
});

Deno.test("HttpListener reads a body in order that comes while it looks whether the client hung up", async () => {
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  await using listening = listen(async (request, info) => {
    if (!request.url.endsWith("/wait")) return await tell(request, info);
    void request.signal; // from now on the connection is read, to see its end
    arrived.resolve();
    await gate.promise;
    return new Reply("waited");
  });
  using peer = await Peer.connect(listening);
  await peer.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  await arrived.promise;
  await peer.send("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01");
  await new Promise((resolve) => setTimeout(resolve, 20)); // the connection has it, and reads on
  gate.resolve();
  await peer.read("waited");
  await peer.send("2345");
  await peer.send("6789");
  assert.match(await peer.read("89"), / 0123456789$/);
});

Deno.test("HttpListener hands chunks of a byte on together, as they came", async () => {
  await using listening = listen(async (request) => {
    const sizes: number[] = [];
    for await (const part of request.body!) sizes.push(part.length);
    return new Reply(`${sizes.reduce((sum, size) => sum + size, 0)} in ${sizes.length}`);
  });
  const head = `PUT / HTTP/1.1\r\nHost: x\r\n${LAST}Transfer-Encoding: chunked\r\n\r\n`;
  const answer = await exchange(listening, `${head}${"1\r\na\r\n".repeat(10_000)}0\r\n\r\n`);
  const [, sum, count] = /(\d+) in (\d+)$/.exec(answer)!;
  assert.equal(sum, "10000");
  assert(Number(count) < 1000, count);
});

Deno.test("HttpListener says 100 Continue when the body is asked for, and not before", async () => {
  await using listening = listen((request) =>
    request.url.endsWith("/no") ? new Reply("refused", { status: 413 }) : tell(request, INFO)
  );
  const head = (path: string) =>
    `PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`;
  using peer = await Peer.connect(listening);
  await peer.send(head("/yes"));
  assert.equal(await peer.read("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  await peer.send("hello");
  assert.match(await peer.read("hello"), /^HTTP\/1\.1 200 OK\r\n[^]* hello$/);
  await peer.send(head("/no"));
  assert.match(await peer.read(), /^HTTP\/1\.1 413 [^]*connection: close\r\n[^]*refused$/);
});

const INFO = {
  remoteAddr: { hostname: "", port: 0, transport: "tcp" },
  completed: Promise.resolve(),
} as const;

Deno.test("HttpListener goes on behind a short body that nobody read, and closes behind a long one", async () => {
  await using listening = listen(() => new Reply("done"));
  using peer = await Peer.connect(listening);
  await peer.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /");
  assert.match(await peer.read("done"), /^HTTP\/1\.1 200 OK\r\n/);
  await peer.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n");
  assert.match(await peer.read("done"), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n/);
  await peer.send("x".repeat(70_000)); // taken, so that the answer is not lost
  assert.equal(await peer.read(), "");
});

Deno.test("HttpListener speaks HTTP/1.0: closes, unless the client asks to go on", async () => {
  await using listening = listen(({ url }) =>
    url.endsWith("/stream") ? new Response(new Response("stream").body) : new Reply("reply")
  );
  const head = "HTTP/1.1 200 OK\r\n";
  assert.equal(
    await exchange(listening, "GET / HTTP/1.0\r\n\r\n"),
    `${head}content-length: 5\r\nconnection: close\r\n\r\nreply`,
  );
  assert.equal(
    await exchange(
      listening,
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ),
    `${head}content-length: 5\r\nconnection: keep-alive\r\n\r\nreply${head}connection: close\r\n\r\nstream`,
  );
});

Deno.test("HttpListener frames every kind of answer, and sends none to HEAD, 204 and 304", async () => {
  const large = "ä".repeat(10_000);
  const answers: Record<string, () => Response> = {
    "/text": () => new Reply("text"),
    "/bytes": () => new Reply(new TextEncoder().encode("bytes")),
    "/beyond": () => new Reply("ä"),
    "/large": () => new Reply(large),
    "/null": () => new Reply(null),
    "/204": () => new Reply(null, { status: 204 }),
    "/304": () => new Reply(null, { status: 304, headers: { etag: '"1"' } }),
    "/stream": () => new Response("stream"),
    "/known": () => new Response("known", { headers: { "Content-Length": "5" } }),
    "/empty": () => new Response(null),
    "/read": () => {
      const reply = new Reply("read");
      void reply.body;
      return reply;
    },
  };
  await using listening = listen(({ url }) => answers[new URL(url).pathname]!());
  const base = `http://127.0.0.1:${listening.listener.addr.port}`;
  const expected: [path: string, status: number, body: string, length: string | null][] = [
    ["/text", 200, "text", "4"],
    ["/bytes", 200, "bytes", "5"],
    ["/beyond", 200, "ä", "2"],
    ["/large", 200, large, "20000"],
    ["/null", 200, "", "0"],
    ["/204", 204, "", null],
    ["/304", 304, "", null],
    ["/stream", 200, "stream", null],
    ["/known", 200, "known", "5"],
    ["/empty", 200, "", "0"],
    ["/read", 200, "read", null],
  ];
  for (const [path, status, body, length] of expected) {
    const response = await fetch(base + path);
    assert.deepEqual(
      [path, response.status, await response.text(), response.headers.get("content-length")],
      [path, status, body, length],
    );
    const head = await fetch(base + path, { method: "HEAD" });
    const told = path === "/empty" ? null : length;
    assert.deepEqual([path, await head.text(), head.headers.get("content-length")], [
      path,
      "",
      told,
    ]);
  }
});

Deno.test("HttpListener closes an answer whose header could be read as two, and tells the log", async () => {
  await using listening = listen(() => new Reply("x", { headers: { "x-a": "b\r\nx-c: d" } }));
  assert.equal(await exchange(listening, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
  assert.match(listening.problems.join(), /Cannot send the header x-a/);
});

Deno.test("HttpListener tells the handler's signal and stream that the client hung up", async () => {
  const ended: string[] = [];
  const begun = Promise.withResolvers<void>();
  await using listening = listen((request, { completed }) => {
    completed.catch(() => void ended.push("completed"));
    if (request.url.endsWith("/signal")) {
      const { promise, resolve } = Promise.withResolvers<Response>();
      request.signal.addEventListener("abort", () => {
        ended.push("signal");
        resolve(new Reply(null));
      });
      begun.resolve();
      return promise;
    }
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
        cancel: () => void ended.push("stream"),
      }),
    );
  });
  {
    using peer = await Peer.connect(listening);
    await peer.send("GET /signal HTTP/1.1\r\nHost: x\r\n\r\n");
    await begun.promise;
  }
  await eventually("the signal is told", () => ended.includes("signal"));
  {
    using peer = await Peer.connect(listening);
    await peer.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(await peer.read("5\r\nfirst\r\n"), /transfer-encoding: chunked/);
  }
  await eventually(
    "the stream is told",
    () => ended.includes("stream") && ended.includes("completed"),
  );
});

Deno.test("HttpListener closes what is idle, and what stops in the middle, when its time is up", async () => {
  const texts = [
    "",
    "GET / HTTP/1.1\r\nHost:",
    "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
    "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
    "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
  ];
  const handler: RequestHandler = (request, info) =>
    request.url.endsWith("/echo") ? new Response(request.body) : tell(request, info);
  await using listening = listen(handler, { idleTimeoutMs: 1, stallTimeoutMs: 1 });
  const answers = await Promise.all(texts.map((text) => exchange(listening, text)));
  for (const answer of answers) assert.doesNotMatch(answer, /content-length|\r\n0\r\n/);
  assert.equal(listening.listener.connectionCount, 0);
});

Deno.test("HttpListener closes a client that does not read its answer", async () => {
  const cancelled = Promise.withResolvers<void>();
  const part = new Uint8Array(1 << 20);
  await using listening = listen(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(part),
        cancel: () => cancelled.resolve(),
      }),
    ), { stallTimeoutMs: 1 });
  using peer = await Peer.connect(listening);
  await peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await cancelled.promise;
});

Deno.test("HttpListener makes room by closing a connection without a request, else refuses", async () => {
  const gate = Promise.withResolvers<void>();
  let requestCount = 0;
  await using listening = listen(async () => {
    requestCount++;
    await gate.promise;
    return new Reply("done");
  }, { connectionCountMax: 2 });
  using idle = await Peer.connect(listening);
  using first = await Peer.connect(listening);
  const request = `GET / HTTP/1.1\r\nHost: x\r\n${LAST}\r\n`;
  await first.send(request);
  await eventually("the first is served", () => requestCount === 1);
  using second = await Peer.connect(listening);
  await second.send(request);
  assert.equal(await idle.read(), "");
  await eventually("the second is served", () => requestCount === 2);
  using third = await Peer.connect(listening);
  await third.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.match(await third.read(), /^HTTP\/1\.1 503 [^]*connection: close\r\n[^]*crowded$/);
  assert.deepEqual(listening.problems.map((problem) => problem.split(",", 1)[0]), [
    "one without a request was closed for a new one",
    "all have requests under way",
  ]);
  gate.resolve();
  assert.match(await first.read(), /done$/);
  assert.match(await second.read(), /done$/);
});

Deno.test("HttpListener.shutdown() lets requests end and closes the idle", async () => {
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  await using listening = listen(async () => {
    arrived.resolve();
    await gate.promise;
    return new Reply("done");
  });
  using idle = await Peer.connect(listening);
  using busy = await Peer.connect(listening);
  await busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await arrived.promise;
  const ended = listening.listener.shutdown();
  assert.equal(await idle.read(), "");
  gate.resolve();
  assert.match(await busy.read(), /connection: close\r\n[^]*done$/);
  await ended;
});

Deno.test("HttpListener answers 500 for a handler that throws, with nothing of the reason", async () => {
  await using listening = listen(() => {
    throw new Error("a secret");
  });
  const answer = await exchange(listening, `GET / HTTP/1.1\r\nHost: x\r\n${LAST}\r\n`);
  assert.match(answer, /^HTTP\/1\.1 500 /);
  assert.doesNotMatch(answer, /secret/);
  assert.deepEqual(listening.problems, ["Error: a secret"]);
});

Deno.test("a request that was received does what others do", async () => {
  await using listening = listen(async (request) => {
    assert(request instanceof Request);
    const { headers, method, redirect } = request;
    const copy = request.clone();
    const json = await request.json();
    const told = { accept: headers.get("Accept"), method, redirect, json };
    return new Reply(JSON.stringify({ ...told, copy: await copy.text() }));
  });
  const response = await fetch(`http://127.0.0.1:${listening.listener.addr.port}/`, {
    method: "POST",
    headers: { Accept: "x/y" },
    body: '{"a":1}',
  });
  assert.deepEqual(await response.json(), {
    ...{ accept: "x/y", method: "POST", redirect: "follow", json: { a: 1 }, copy: '{"a":1}' },
  });
});

Deno.test("HttpListener cuts off those that read nothing when too much waits for them", async () => {
  const handler: RequestHandler = () => new Reply(new Uint8Array(64 << 20));
  await using listening = listen(handler);
  const peers: Peer[] = [];
  for (let i = 0; i < 8; i++) {
    const peer = await Peer.connect(listening);
    peers.push(peer);
    await peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  await eventually("some are gone", () => listening.problems.length >= 4);
  assert.equal(listening.listener.connectionCount, 4, "others are left alone");
  assert.match(listening.problems[0]!, /too much waits to be read/);
  for (const peer of peers) peer[Symbol.dispose]();
});
