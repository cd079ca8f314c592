/**
 * `watch` of `denkeeper cli`: events as they come, until somebody ends it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { ShellRunner } from "../../support/shell_runner.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const WORDS = { "4lw.commands.whitelist": "wchs" };
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z /gm;

Deno.test("watch -r prints what changes below, with the data, and ends after so many", async () => {
  await using server = await InProcessServer.start({ config: WORDS });
  await using shell = await ShellRunner.open(`127.0.0.1:${server.clientPort}`);
  await using other = await ShellRunner.open(`127.0.0.1:${server.clientPort}`);
  await other.client.create("/w", null);
  await other.client.create("/other", null);
  const watched = shell.run("watch", "-r", "-d", "-n", "4", "/w");
  await untilWatched(server);
  await other.client.create("/w/ä", bytes("one"));
  await eventually("the creation is printed", () => shell.out.includes("NodeCreated"));
  await other.client.set("/other", bytes("not seen"));
  await other.client.set("/w/ä", new Uint8Array([0, 255]));
  await eventually("the change is printed", () => shell.out.includes("NodeDataChanged"));
  await other.client.delete("/w/ä");
  await other.client.set("/w", bytes("top"));
  const { code, out, err } = await watched;
  assert.equal(
    out.replaceAll(TIME, ""),
    'NodeCreated /w/ä = "one"\nNodeDataChanged /w/ä = 0x00ff (2 bytes)\n' +
      'NodeDeleted /w/ä\nNodeDataChanged /w = "top"\n',
  );
  assert.deepEqual([code, err], [0, ""]);
  await eventually("the watch is taken away", async () => await watchCount(server) === 0);
});

Deno.test("watch without -r tells of children, and Ctrl-C ends it", async () => {
  await using server = await InProcessServer.start({ config: WORDS });
  await using shell = await ShellRunner.open(`127.0.0.1:${server.clientPort}`);
  await using other = await ShellRunner.open(`127.0.0.1:${server.clientPort}`);
  await other.client.create("/w", null);
  const watched = shell.run("watch", "--json", "/w");
  await untilWatched(server);
  await other.client.create("/w/a", null);
  await other.client.create("/w/a/b", null);
  await other.client.set("/w", null);
  await eventually("both are printed", () => shell.out.split("\n").length === 3);
  shell.interrupt();
  const { code, out } = await watched;
  assert.equal(code, 130);
  const events = out.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(events.map(({ event, path }) => [event, path]), [
    ["NodeChildrenChanged", "/w"],
    ["NodeDataChanged", "/w"],
  ]);
});

Deno.test("watch says that it was cut off, and goes on at the server that is there then", async () => {
  using dir = makeTempDir();
  const config = { ...WORDS, clientPort: freePort() };
  const first = await InProcessServer.start({ dataDir: dir.path, config });
  await using shell = await ShellRunner.open(`127.0.0.1:${config.clientPort}`);
  await shell.client.create("/w", null);
  const watched = shell.run("watch", "-n", "1", "/w");
  await untilWatched(first);
  await first[Symbol.asyncDispose]();
  await eventually("the loss is told", () => shell.err.includes("the connection was lost"));
  await using second = await InProcessServer.start({ dataDir: dir.path, config });
  await eventually("the return is told", () => shell.err.includes("what changed between"));
  await using other = await ShellRunner.open(`127.0.0.1:${second.clientPort}`);
  await untilWatched(second);
  await other.client.set("/w", bytes("again"));
  const { code, out } = await watched;
  assert.deepEqual([code, out.replaceAll(TIME, "")], [0, "NodeDataChanged /w\n"]);
});

/** The server has the watch: what changes from now on is told. */
async function untilWatched(server: InProcessServer): Promise<void> {
  await eventually("there is a watch", async () => await watchCount(server) > 0);
}

async function watchCount(server: InProcessServer): Promise<number> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.clientPort });
  await conn.write(bytes("wchs"));
  const text = await new Response(conn.readable).text();
  return Number(/Total watches:(\d+)/.exec(text)![1]);
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
