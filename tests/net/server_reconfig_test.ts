/**
 * An ensemble of one that a reconfig moves to other ports, and that shall live on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { create, reconfig } from "../support/requests.ts";
import { makeTempDir } from "../support/temp_dir.ts";

Deno.test("a reconfig moves the client and election ports, and clients stay connected", async () => {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/myid`, "1\n");
  const [quorumPort, clientPort, movedClientPort] = [freePort(), freePort(), freePort()];
  const [electionPort, movedElectionPort] = [freePort(), freePort()];
  await using server = await InProcessServer.start({
    dataDir: dir.path,
    config: {
      clientPort,
      initLimit: 10,
      syncLimit: 5,
      reconfigEnabled: true,
      standaloneEnabled: false,
      skipACL: "yes",
      "server.1": `127.0.0.1:${quorumPort}:${electionPort};127.0.0.1:${clientPort}`,
    },
  });
  let client: RawClient | null = null;
  await eventually("it leads itself", async () => {
    client = await RawClient.session(clientPort).catch(() => null);
    return client !== null;
  });
  using stays = client!;
  const joining = `server.1=127.0.0.1:${quorumPort}:${movedElectionPort};${movedClientPort}`;
  assert.equal((await stays.call(reconfig({ joining }))).err, 0);
  for (const port of [movedClientPort, movedElectionPort]) {
    await eventually(`it listens on ${port}`, async () => !await isRefused(port));
  }
  for (const port of [clientPort, electionPort]) {
    await eventually(`it listens on ${port} no more`, () => isRefused(port));
  }
  using moved = await RawClient.session(movedClientPort);
  assert.equal((await moved.call(create("/moved"))).err, 0);
  assert.equal((await stays.call(create("/still"))).err, 0);
  assert.equal(server.clientPort, movedClientPort);
});

function isRefused(port: number): Promise<boolean> {
  return Deno.connect({ hostname: "127.0.0.1", port }).then((conn) => {
    conn.close();
    return false;
  }, (error) => error instanceof Deno.errors.ConnectionRefused);
}
