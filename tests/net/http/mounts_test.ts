/**
 * Health and metrics at the HTTP ports of real servers.
 */
import assert from "node:assert/strict";
import { openDataDir } from "../../../net/data_dir.ts";
import type { Gateway } from "../../../net/http/gateway.ts";
import { type HttpHost, HttpPorts } from "../../../net/http/http_ports.ts";
import { ServerProbe } from "../../../net/server_probe.ts";
import { systemClock } from "../../../net/system_clock.ts";
import { makeConfig, ServerFixture } from "../../fuzz/server_fixture.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const PROVIDER = {
  "metricsProvider.className": "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
  "metricsProvider.httpHost": "127.0.0.1",
  "metricsProvider.httpPort": 0,
};

async function textAt(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(url, { headers });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}

/** The body and all else is taken too: the connection can be used again. */
async function statusAt(url: string, method = "GET"): Promise<number> {
  const response = await fetch(url, { method });
  await response.body?.cancel();
  return response.status;
}

/** The status line of a request that `fetch` does not make. */
async function statusLineOf(port: number, request: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(request));
  let text = "";
  for await (const bytes of conn.readable) {
    text += new TextDecoder().decode(bytes);
    if (text.includes("\r\n")) break;
  }
  return text.split("\r\n")[0]!;
}

Deno.test("/metrics is answered at the HTTP port, in the format that is asked for", async () => {
  await using server = await InProcessServer.start({ http: true });
  const url = `${server.httpUrl}/metrics`;
  assert.match(await textAt(url), /^znode_count \d+$/m);
  assert.ok(!(await textAt(url)).includes("# EOF"));
  assert.ok((await textAt(url, { accept: "application/openmetrics-text" })).endsWith("# EOF\n"));
  assert.match(
    await textAt(url),
    /^denkeeper_http_requests_total\{operation="getMetrics",method="GET",status="200"\} 3$/m,
  );
  const port = Number(new URL(url).port);
  const trace = `TRACE /metrics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;
  assert.match(await statusLineOf(port, trace), /^HTTP\/1\.1 405 /);
});

Deno.test("the port of ZooKeeper's metrics provider has the metrics, and nothing of the API", async () => {
  await using server = await InProcessServer.start({ http: true, config: PROVIDER });
  const url = `http://127.0.0.1:${server.metricsPort}`;
  const text = await textAt(`${url}/metrics`);
  assert.match(text, /^znode_count \d+$/m);
  assert.match(text, /^process_cpu_seconds_total \d/m);
  assert.equal(await statusAt(`${url}/api/v1/data/zookeeper`), 404);
});

Deno.test("metricsProvider.exportJvmInfo=false leaves out the metrics of the process", async () => {
  const config = { ...PROVIDER, "metricsProvider.exportJvmInfo": false };
  await using server = await InProcessServer.start({ config });
  const text = await textAt(`http://127.0.0.1:${server.metricsPort}/metrics`);
  assert.match(text, /^znode_count \d+$/m);
  assert.doesNotMatch(text, /^(process_|jvm_memory|jvm_info)/m);
});

Deno.test("health is answered at the HTTP port of a server that stands alone", async () => {
  await using server = await InProcessServer.start({ http: true });
  for (const name of ["livez", "readyz", "startupz", "readyz?strict", "livez?verbose"]) {
    assert.equal(await statusAt(`${server.httpUrl}/${name}`), 200, name);
  }
  assert.equal(await statusAt(`${server.httpUrl}/readyz`, "HEAD"), 200);
  assert.equal(await statusAt(`${server.httpUrl}/readyz`, "POST"), 405);
});

Deno.test("members say that they are not ready while there is no quorum, and ready when there is", async () => {
  const members = [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const, http: true }));
  await withEnsemble({ members }, async (ensemble) => {
    const at = (id: number, path: string) => `${ensemble.process(id).httpUrl}/${path}`;
    ensemble.start(1);
    await eventually("it answers", async () => {
      try {
        return await statusAt(at(1, "livez")) === 200;
      } catch (error) {
        if (error instanceof TypeError) return false; // it does not listen yet
        throw error;
      }
    });
    await eventually("the data are loaded", async () => {
      const { checks } = await (await fetch(at(1, "startupz"))).json();
      return checks[0].ok;
    });
    for (const path of ["readyz", "startupz"]) {
      const response = await fetch(at(1, path));
      assert.equal(response.status, 503, path);
      assert.match(await response.text(), /there is no leader: 1 of 3 voters/);
    }
    for (const id of [2, 3]) ensemble.start(id);
    for (const id of [1, 2, 3]) {
      for (const path of ["startupz", "readyz?strict", "livez"]) {
        await eventually(`${path} of ${id}`, async () => await statusAt(at(id, path)) === 200);
      }
    }
    const leader = await ensemble.waitForLeader();
    const text = await textAt(at(leader, "metrics"));
    for (const id of [1, 2, 3]) {
      assert.match(text, new RegExp(`^denkeeper_member_connected\\{server="${id}"\\} 1$`, "m"));
      const leads = id === leader ? 1 : 0;
      assert.match(text, new RegExp(`^denkeeper_member_leads\\{server="${id}"\\} ${leads}$`, "m"));
      if (id === leader) continue;
      assert.match(text, new RegExp(`^denkeeper_member_synced\\{server="${id}"\\} 1$`, "m"));
      assert.match(
        text,
        new RegExp(`^denkeeper_member_unacked_proposals\\{server="${id}"\\} \\d+$`, "m"),
      );
    }
    assert.match(text, /^denkeeper_mode\{mode="leader"\} 1$/m);
    assert.match(text, /^denkeeper_epoch 1$/m);
    // with the permissions of a real server
    assert.match(text, /^process_resident_memory_bytes \d{7,}$/m);
    assert.match(text, /^denkeeper_disk_free_bytes\{use="log",directory="[^"]+"\} \d+$/m);

    const others = [1, 2, 3].filter((id) => id !== leader);
    for (const id of others) await ensemble.kill(id);
    await eventually("the last one is not ready", async () => {
      return await statusAt(at(leader, "readyz")) === 503;
    });
    assert.equal(await statusAt(at(leader, "livez")), 200);
    assert.equal(await statusAt(at(leader, "startupz")), 200);
    ensemble.start(others[0]!);
    await eventually("it is ready", async () => await statusAt(at(leader, "readyz")) === 200);
  });
});

Deno.test("HttpPorts tells health while the data are loaded, and refuses all else", async () => {
  const started = Promise.withResolvers<void>();
  using dir = makeTempDir();
  const config = makeConfig({
    dataDir: dir.path,
    settings: { ...PROVIDER, "admin.serverAddress": "127.0.0.1", "admin.serverPort": 0 },
  });
  const { processor, tree } = new ServerFixture(config);
  const probe = new ServerProbe({
    serverId: 1,
    dirs: openDataDir({ dataDir: dir.path, dataLogDir: dir.path, autoCreate: true }),
    tree,
    metrics: processor.stats.metrics,
    clock: systemClock,
    tickMs: 250,
    syncLimitMs: 1000,
  });
  // the rest of a server is not there yet
  const host: Partial<HttpHost> = {
    gateway: { config } as Gateway,
    logger: silentLogger,
    probe,
    started: started.promise,
  };
  const ports = new HttpPorts(host as HttpHost);
  for (const port of [ports.apiPort, ports.metricsPort]) {
    const url = `http://127.0.0.1:${port}`;
    const statuses = [["livez", 200], ["startupz", 503], ["readyz", 503]] as const;
    for (const [name, status] of statuses) assert.equal(await statusAt(`${url}/${name}`), status);
    for (const path of ["metrics", "api/v1/data/", "nothing"]) {
      const response = await fetch(`${url}/${path}`);
      assert.equal(response.status, 503, path);
      const isProblem = response.headers.get("content-type") === "application/problem+json";
      assert.equal(isProblem, path.startsWith("api/"), path);
      assert.match(await response.text(), /still loading its data/);
    }
  }
  await ports.close();
});
