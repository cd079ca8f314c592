/**
 * A restore on a disk that is too small for it. Needs a disk to fill, see `tests/support/small_disk.ts`.
 */
import assert from "node:assert/strict";
import { RawClient } from "../../../support/raw_client.ts";
import { create, exists, setData } from "../../../support/requests.ts";
import { canMountDisks, SmallDisk } from "../../../support/small_disk.ts";
import { AdminFixture, SUPER } from "./admin_fixture.ts";

const hasDisks = await canMountDisks();
const MB = 1 << 20;

/** Of 2 MB. */
async function largeSnapshot(): Promise<Uint8Array<ArrayBuffer>> {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort);
  for (let i = 0; i < 100; i++) {
    await client.must(create(`/large${i}`, { data: new Uint8Array(20_000) }));
  }
  return await (await admin.fetch("/snapshot", { headers: SUPER })).bytes();
}

Deno.test({
  name: "restore leaves everything as it was when the disk is too full, however far it came" +
    (hasDisks ? "" : " (skipped: no tmpfs can be mounted)"),
  ignore: !hasDisks,
  fn: async () => {
    const body = await largeSnapshot();
    for (const freeBytes of [1 * MB, 3 * MB]) { // for not one copy of it, and for one
      await using disk = await SmallDisk.mount(8);
      await using admin = await AdminFixture.start({ dataDir: `${disk.path}/data` });
      const port = admin.server.clientPort;
      using client = await RawClient.session(port);
      await client.must(create("/mine", { data: "1" }));
      disk.fill("filler", freeBytes);
      const response = await admin.fetch("/restore", { method: "POST", headers: SUPER, body });
      assert.equal(response.status, 500);
      assert.match((await response.json()).error, /the disk is full/);
      const names = [...Deno.readDirSync(`${disk.path}/data/version-2`)].map(({ name }) => name);
      assert.deepEqual(names.filter((name) => /restore|\.tmp/.test(name)), []);
      const { sessionId, password } = client;
      using again = await RawClient.session(port, { sessionId, password });
      await again.must(setData("/mine", "2"));
      assert.equal((await again.call(exists("/large0"))).err, -101);
      Deno.removeSync(`${disk.path}/filler`);
      const second = await admin.fetch("/restore", { method: "POST", headers: SUPER, body });
      assert.equal((await second.json()).error, null);
      using after = await RawClient.session(port);
      assert.equal((await after.call(exists("/large0"))).err, 0);
      assert.equal((await after.call(exists("/mine"))).err, -101);
    }
  },
});
