/**
 * How a server process ends: told to, refused at the start, or when it can no longer be trusted.
 */
import assert from "node:assert/strict";
import { eventually, pause } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient, requestFrame } from "../support/raw_client.ts";
import { create, exists, ping, setData } from "../support/requests.ts";
import { runProcess } from "../support/run_process.ts";
import { ServerProcess } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";

/** Creates znodes, many at a time, until the connection is gone; notes what was acknowledged. */
async function createUntilGone(
  client: RawClient,
  prefix: string,
  acknowledged: string[],
): Promise<void> {
  try {
    for (let i = 0;; i += 50) {
      const paths = Array.from({ length: 50 }, (_, k) => `${prefix}${i + k}`);
      for (const path of paths) await client.send(create(path), 1);
      for (const path of paths) if ((await client.reply()).err === 0) acknowledged.push(path);
    }
  } catch { /* the server is gone */ }
}

async function assertExist(port: number, paths: readonly string[]): Promise<void> {
  using client = await RawClient.session(port);
  for (const path of paths) assert.equal((await client.call(exists(path))).err, 0, path);
}

Deno.test("SIGTERM under load stops the server, and what it acknowledged is there again", async () => {
  using dir = makeTempDir();
  const dataDir = `${dir.path}/data`;
  const acknowledged: string[][] = [[], [], [], []];
  {
    await using server = await ServerProcess.start("denkeeper", { dataDir });
    const clients = await Promise.all(
      acknowledged.map(() => RawClient.session(server.clientPort)),
    );
    const loads = clients.map((client, i) => createUntilGone(client, `/w${i}-`, acknowledged[i]!));
    await eventually("all write", () => acknowledged.every(({ length }) => length >= 100));
    await server.stop();
    for (const load of loads) await load;
    for (const client of clients) client.close();
    assert.match(server.log(), /stopped\n$/);
  }
  await using server = await ServerProcess.start("denkeeper", { dataDir });
  await assertExist(server.clientPort, acknowledged.flat());
});

/** Sends writes without waiting for replies, and reads what comes, until the connection is gone. */
async function setWithoutEnd(
  client: RawClient,
  path: string,
  onReply: () => void,
): Promise<void> {
  const frame = requestFrame(setData(path, "y".repeat(100), -1), 7);
  const frames = new Uint8Array(frame.length * 64);
  for (let i = 0; i < 64; i++) frames.set(frame, i * frame.length);
  const sent = (async () => {
    try {
      for (;;) await client.sendBytes(frames);
    } catch { /* the server is gone */ }
  })();
  try {
    while (typeof await client.receiveFrame() !== "string") onReply();
  } catch { /* the same */ }
  await sent;
}

Deno.test("SIGTERM stops a server that always has a next batch", async () => {
  await using server = await ServerProcess.start("denkeeper");
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => RawClient.session(server.clientPort)),
  );
  for (const [i, client] of clients.entries()) await client.must(create(`/w${i}`));
  const replyCounts = clients.map(() => 0);
  const loads = clients.map((client, i) =>
    setWithoutEnd(client, `/w${i}`, () => void replyCounts[i]!++)
  );
  await eventually("all write", () => replyCounts.every((count) => count >= 200));
  await server.stop();
  for (const load of loads) await load;
  for (const client of clients) client.close();
  assert.match(server.log(), /stopped\n$/); // and not: the txn log could not be synced
});

Deno.test("a server that was suspended for long does not expire who pinged meanwhile", async () => {
  await using server = await ServerProcess.start("denkeeper", {
    config: { tickTime: 200, maxSessionTimeout: 60_000 },
  });
  const timeoutMs = 5000; // as long as this process may be held up itself
  using pinging = await RawClient.session(server.clientPort, { timeoutMs });
  using silent = await RawClient.session(server.clientPort, { timeoutMs });
  await pinging.must(create("/pinging", { flags: 1 }));
  await silent.must(create("/silent", { flags: 1 }));
  Deno.kill(server.pid, "SIGSTOP");
  await pause(timeoutMs + 1500);
  await pinging.send(ping, -2);
  Deno.kill(server.pid, "SIGCONT");
  assert.equal((await pinging.reply()).err, 0);
  await eventually("the silent session expires", async () => {
    return (await pinging.call(exists("/silent"))).err === -101;
  });
  assert.equal((await pinging.call(exists("/pinging"))).err, 0);
});

Deno.test("a second server on the same dataDir is refused, and the first is not disturbed", async () => {
  await using server = await ServerProcess.start("denkeeper");
  const { code, log } = await ServerProcess.refusal("denkeeper", { dataDir: server.dataDir });
  assert.equal(code, 3);
  assert.ok(log.includes(server.dataDir), log);
  assert.ok(log.includes(`the server with process id ${server.pid} is using it`), log);
  using client = await RawClient.session(server.clientPort);
  assert.equal((await client.call(create("/a"))).err, 0);
});

Deno.test("a port that is taken is named with its setting", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const clientPort = taken.addr.port;
  using dir = makeTempDir();
  const { code, log } = await ServerProcess.refusal("denkeeper", {
    clientPort,
    dataDir: dir.path,
  });
  assert.notEqual(code, 0);
  assert.match(log, new RegExp(`in use.*127\\.0\\.0\\.1:${clientPort}`));
  assert.match(log, /clientPort/);
  await using server = await ServerProcess.start("denkeeper", { dataDir: dir.path }); // not locked
  assert.ok(server.clientPort > 0);
});

Deno.test("an address that is not ours is named with its setting", async () => {
  const cases = [
    { address: "192.0.2.1", reason: /reason="?Cannot assign requested address/ },
    { address: "no-such-host.invalid", reason: /reason="?failed to lookup address/ },
  ];
  for (const { address, reason } of cases) {
    const { code, log } = await ServerProcess.refusal("denkeeper", {
      config: { clientPortAddress: address },
    });
    assert.equal(code, 1);
    assert.match(log, /check clientPortAddress and clientPort/);
    assert.match(log, reason);
    assert.ok(log.includes(`address=${address}:`), log);
    assert.doesNotMatch(log, /stack=/);
  }
});

Deno.test("a txn log that cannot be written ends the server with code 10", async () => {
  using dir = makeTempDir();
  const dataDir = `${dir.path}/data`;
  let acknowledged = 0;
  {
    await using server = await ServerProcess.start("denkeeper", {
      dataDir,
      config: { preAllocSize: 0 },
      // files of at most 128 kB: a longer one fails with EFBIG, which is no full disk
      prelude: "trap '' XFSZ; ulimit -f 256",
    });
    using client = await RawClient.session(server.clientPort);
    await client.must(create("/a"));
    await assert.rejects(async () => {
      for (;; acknowledged++) await client.must(setData("/a", new Uint8Array(10_000)));
    });
    assert.equal(await server.exitCode(), 10);
    assert.match(server.log(), /the txn log could not be written: the server ends/);
  }
  await using again = await ServerProcess.start("denkeeper", { dataDir });
  using reader = await RawClient.session(again.clientPort);
  const stat = await reader.must(exists("/a"));
  const version = new DataView(stat.rest().buffer).getInt32(32);
  assert.ok(version >= acknowledged, `version ${version}, acknowledged ${acknowledged}`);
});

Deno.test("an error that nothing caught ends the server, and is in the log", async () => {
  const main = new URL("../../main.ts", import.meta.url).href;
  for (const thrown of ["throw new Error('odd')", "Promise.reject(new Error('odd'))"]) {
    using dir = makeTempDir();
    const script = `${dir.path}/main.ts`;
    const port = freePort();
    Deno.writeTextFileSync(
      script,
      `const fail = () => { ${thrown}; };
      const started = setInterval(async () => {
        try {
          (await Deno.connect({ port: ${port} })).close();
        } catch {
          return;
        }
        clearInterval(started);
        setTimeout(fail, 50);
      }, 50);
      await import(${JSON.stringify(main)});`,
    );
    const file = `${dir.path}/zoo.cfg`;
    Deno.writeTextFileSync(
      file,
      `dataDir=${dir.path}/data\nclientPort=${port}\nadmin.enableServer=false\n`,
    );
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { code, output } = await runProcess(
      [Deno.execPath(), "run", "-A", "--config", config, script, "start-foreground", file],
    );
    assert.equal(code, 1);
    assert.match(output, /server started/);
    assert.match(output, /unexpected error, exiting error=odd/);
  }
});

Deno.test("a server whose stdout nobody reads starts and stops all the same", async () => {
  using dir = makeTempDir();
  const file = `${dir.path}/zoo.cfg`;
  Deno.writeTextFileSync(
    file,
    `dataDir=${dir.path}/data\nclientPort=0\nadmin.enableServer=false\n`,
  );
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const script = `"$@" >/dev/full 2>"$0" & server=$!
    until grep -q 'server started' "$0" || ! kill -0 $server; do sleep 0.05; done
    sleep 0.3; kill $server; wait $server; code=$?; cat "$0"; exit $code`;
  const { code, output } = await runProcess(
    ["/bin/sh", "-c", script, `${dir.path}/log`]
      .concat([Deno.execPath(), "run", "-A", main, "start-foreground", file]),
  );
  assert.match(output, /stopped\n$/);
  assert.equal(code, 0);
});

Deno.test("SIGUSR1 does not open the runtime's debugger", async () => {
  await using server = await ServerProcess.start("denkeeper");
  Deno.kill(server.pid, "SIGUSR1");
  await pause(500);
  assert.doesNotMatch(server.log(), /debugger/i);
  using client = await RawClient.session(server.clientPort);
  assert.equal((await client.call(create("/a"))).err, 0);
});

Deno.test("a server that stops while it writes a snapshot leaves nothing half done", async () => {
  using dir = makeTempDir();
  const options = { dataDir: `${dir.path}/data`, config: { snapCount: 2 } };
  const data = new Uint8Array(500_000);
  {
    await using server = await InProcessServer.start(options);
    using client = await RawClient.session(server.clientPort);
    for (let i = 0; i < 20; i++) await client.must(create(`/n${i}`, { data }));
    for (let i = 0; i < 20; i++) await client.send(setData(`/n${i}`, data), 1);
    await client.reply();
    await server.close();
    const names = [...Deno.readDirSync(`${options.dataDir}/version-2`)].map(({ name }) => name);
    assert.deepEqual(names.filter((name) => !/^(log|snapshot)\.[0-9a-f]+$/.test(name)), []);
  }
  await using server = await InProcessServer.start(options);
  using client = await RawClient.session(server.clientPort);
  for (let i = 0; i < 20; i++) assert.equal((await client.call(exists(`/n${i}`))).err, 0);
});
