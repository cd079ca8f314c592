import assert from "node:assert/strict";
import type { RequestHandler } from "../../../net/http/listener/http_connection.ts";
import { HttpServer, type HttpServerOptions } from "../../../net/http/http_server.ts";

const SETTINGS = { address: "some.address", port: "some.port", off: "some.enabled=false" };

function optionsOf(
  { handler, ...rest }: Partial<HttpServerOptions> & { handler: RequestHandler },
): HttpServerOptions & { lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return {
    what: "test port",
    address: "127.0.0.1",
    port: 0,
    settings: SETTINGS,
    idleTimeoutMs: 60_000,
    stallTimeoutMs: 60_000,
    connectionCountMax: 100,
    logger: {
      isDebug: false,
      debug: keep("debug"),
      info: keep("info"),
      warn: keep("warn"),
      error: keep("error"),
    },
    load: () => Promise.resolve(handler),
    lines,
    ...rest,
  };
}

/** Sends bytes, and reads until the other side closes. */
async function exchange(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text().catch(() => "(reset)");
}

Deno.test("HttpServer.open() answers, also what comes before its handler is loaded", async () => {
  const loaded = Promise.withResolvers<RequestHandler>();
  const options = optionsOf({ handler: () => new Response(), load: () => loaded.promise });
  const server = HttpServer.open(options)!;
  const early = fetch(`http://127.0.0.1:${server.port}/`).then((response) => response.text());
  loaded.resolve(() => new Response("here"));
  assert.equal(await early, "here");
  assert.deepEqual(options.lines, ["info test port listens"]);
  await server.close();
});

Deno.test("HttpServer.open() tells in one warning what to do when the port cannot be had", async () => {
  const first = HttpServer.open(optionsOf({ handler: () => new Response() }))!;
  const cases = [
    { port: first.port, address: "127.0.0.1", expected: /in use .* another some\.port/ },
    { port: 0, address: "192.0.2.1", expected: /check some\.address and some\.port/ },
  ];
  for (const { port, address, expected } of cases) {
    const options = optionsOf({ handler: () => new Response(), port, address });
    assert.equal(HttpServer.open(options), null);
    assert.equal(options.lines.length, 1);
    assert.match(options.lines[0]!, /^warn no test port: .*turn it off with some\.enabled=false$/);
    assert.match(options.lines[0]!, expected);
  }
  await first.close();
});

Deno.test("HttpServer.close() lets a request end, and tells those that wait", async () => {
  const arrived = Promise.withResolvers<void>();
  const server = HttpServer.open(optionsOf({
    handler: () => new Response(),
    load: ({ stopping }) =>
      Promise.resolve(async () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        stopping.addEventListener("abort", () => resolve());
        arrived.resolve();
        await promise;
        return new Response("the end");
      }),
  }))!;
  const answer = exchange(server.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await arrived.promise;
  await server.close();
  assert.match(await answer, /200 OK[^]*the end\r\n0\r\n\r\n$/);
});

Deno.test("HttpServer.close() ends requests that do not end by themselves", async () => {
  const begun = Promise.withResolvers<void>();
  const forever = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("one\n")),
    pull: () => begun.resolve(),
  });
  const server = HttpServer.open(optionsOf({
    handler: () => new Response(),
    load: () => Promise.resolve(() => new Response(forever)),
  }))!;
  const answer = exchange(server.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await begun.promise;
  await server.close();
  assert.doesNotMatch(await answer, /\r\n0\r\n\r\n$/);
});

Deno.test("HttpServer tells nothing of an unexpected error but in the log", async () => {
  const options = optionsOf({
    handler: () => {
      throw new Error("a secret");
    },
  });
  const server = HttpServer.open(options)!;
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /secret/);
  assert.ok(options.lines.includes("error test port failed on a request"));
  await server.close();
});
