import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { type HttpHost, HttpPorts } from "../../../net/http/http_ports.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { rawRequest } from "../../support/raw_http.ts";
import { keepingLogger, type LogLine } from "../../support/silent_logger.ts";
import { word } from "../../support/server_process.ts";

Deno.test("a server has no HTTP port when either setting turns it off", async () => {
  for (const setting of ["admin.enableServer", "http.enabled"]) {
    await using server = await InProcessServer.start({ http: true, config: { [setting]: false } });
    assert.throws(() => server.httpUrl);
  }
});

Deno.test("a server goes on without the HTTP port when another process has it", async () => {
  await using first = await InProcessServer.start({ http: true });
  const port = Number(new URL(first.httpUrl).port);
  await using second = await InProcessServer.start({
    http: true,
    config: { "admin.serverPort": port },
  });
  const warnings = second.lines.filter((line) => line.startsWith("warn"));
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /^warn no HTTP API: the port is in use by another process, choose another admin\.serverPort, or turn it off with http\.enabled=false address=127\.0\.0\.1/,
  );
  assert.match(await word(second.clientPort, "srvr"), /Mode: standalone/);
});

Deno.test("a server's client port names its HTTP port to those who try HTTP there", async () => {
  await using server = await InProcessServer.start({ http: true });
  const { status, body } = await rawRequest(`http://127.0.0.1:${server.clientPort}`, {
    target: "/",
  });
  assert.equal(status, 400);
  assert.ok(body.includes(`http://<host>:${new URL(server.httpUrl).port}/api/v1`), body);
});

Deno.test("a server reads URLs as they come", async () => {
  await using server = await InProcessServer.start({ http: true });
  const cases = [
    ["/api/v1/data/a%2Fb", 400],
    ["/api/v1/data/a/../zookeeper", 400],
    ["/api/v1/data/./zookeeper", 400],
    ["/api/v1/data//zookeeper", 400],
    ["/api/v1/data/a%zz", 400],
    ["/api/v1/data/zookeeper", 200],
    ["/api/v1/data/%7Aookeeper", 200],
    ["/api/v1/data", 200],
    ["/api/v1/data/", 200],
    ["/api/v1/x/../data/zookeeper", 404],
    ["/api/v1/d%61ta/zookeeper", 404],
    ["//api/v1/data", 404],
    [`${server.httpUrl}/api/v1/data/zookeeper`, 200], // as to a proxy
  ] as const;
  for (const [target, status] of cases) {
    assert.equal((await rawRequest(server.httpUrl, { target })).status, status, target);
  }
});

Deno.test("a server refuses bodies that are too large, whether they say so or not", async () => {
  await using server = await InProcessServer.start({
    http: true,
    config: { "jute.maxbuffer": 100 },
  });
  const body = "x".repeat(101);
  const cases = [
    { headers: [`Content-Length: ${body.length}`], body },
    { headers: ["Content-Length: 1000000000000"], body: "" }, // and never sends it
    { headers: ["Transfer-Encoding: chunked"], body: `65\r\n${body}\r\n0\r\n\r\n` },
  ];
  for (const given of cases) {
    const target = "/api/v1/data/a";
    const answer = await rawRequest(server.httpUrl, { target, method: "PUT", ...given });
    assert.equal(answer.status, 413, given.headers[0]);
    const problem = JSON.parse(answer.body);
    assert.match(problem.detail, /limit is 100 bytes, jute\.maxbuffer/);
    assert.equal(problem.outcome, "not-applied");
  }
});

Deno.test("a server gives up on a body that is not sent to its end", async () => {
  await using server = await InProcessServer.start({
    http: true,
    config: { "http.requestTimeout": 50 },
  });
  const answer = await rawRequest(server.httpUrl, {
    target: "/api/v1/data/a",
    method: "PUT",
    headers: ["Content-Length: 10"],
    body: "half",
  });
  assert.equal(answer.status, 408);
  assert.match(JSON.parse(answer.body).detail, /within 50 ms, http\.requestTimeout/);
});

Deno.test("a server is not to be reached by another name over the loopback interface", async () => {
  await using server = await InProcessServer.start({ http: true });
  const target = "/api/v1/data/zookeeper";
  const evil = await rawRequest(server.httpUrl, { target, headers: ["Host: evil.example"] });
  assert.equal(evil.status, 421);
  const local = await rawRequest(server.httpUrl, { target, headers: ["Host: localhost:1"] });
  assert.equal(local.status, 200);
});

Deno.test("a server with ZooKeeper's Prometheus provider has a port for metrics alone", async () => {
  await using server = await InProcessServer.start({
    config: {
      "metricsProvider.className":
        "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
      "metricsProvider.httpHost": "127.0.0.1",
      "metricsProvider.httpPort": 0,
    },
  });
  const url = `http://127.0.0.1:${server.metricsPort}`;
  assert.match(await (await fetch(`${url}/metrics`)).text(), /^# HELP /);
  const other = await fetch(`${url}/api/v1/data`);
  await other.body?.cancel();
  assert.equal(other.status, 404);
});

Deno.test("HttpPorts tells health and nothing else while the data are loaded", async () => {
  const config = makeConfig({
    settings: { "admin.serverAddress": "127.0.0.1", "admin.serverPort": 0 },
  });
  const lines: LogLine[] = [];
  const host = {
    gateway: { config },
    logger: keepingLogger(lines),
    probe: {
      ...{ stage: "loading", nowMs: 0, tickedMs: null, syncingSinceMs: null, hasServed: false },
      znodeCount: 7,
    },
    started: new Promise<void>(() => {}),
  } as unknown as HttpHost;
  const ports = new HttpPorts(host);
  const url = `http://127.0.0.1:${ports.apiPort}`;
  const cases = [
    ["/livez", 200, /^ok/],
    ["/readyz", 503, /being loaded, 7 znodes so far/],
    ["/startupz", 503, /being loaded/],
    ["/api/v1/data", 503, /still loading its data/],
  ] as const;
  for (const [path, status, text] of cases) {
    const response = await fetch(`${url}${path}`);
    assert.equal(response.status, status, path);
    assert.match(await response.text(), text);
  }
  await ports.close();
});

Deno.test("a server counts its HTTP connections, and their descriptors as its own", async () => {
  await using server = await InProcessServer.start({ http: true });
  const { hostname, port } = new URL(server.httpUrl);
  const valueOf = (text: string, name: string) =>
    Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)![1]);
  const scrape = async () => await (await fetch(`${server.httpUrl}/metrics`)).text();
  const before = await scrape();
  const connections = await Promise.all(
    Array.from({ length: 20 }, () => Deno.connect({ hostname, port: Number(port) })),
  );
  for (const name of ["denkeeper_http_connections", "process_open_fds"]) {
    await eventually(
      `${name} has grown`,
      async () => valueOf(await scrape(), name) - valueOf(before, name) >= 20,
    );
  }
  for (const connection of connections) connection.close();
});
