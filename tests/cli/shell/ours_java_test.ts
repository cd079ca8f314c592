/**
 * The commands of ours against Java's server: they do and print what they do and print with ours.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ZooKeeperClient } from "../../../net/client/client_types.ts";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { testWith } from "../../support/prerequisites.ts";
import { ServerProcess, word } from "../../support/server_process.ts";
import { ShellRunner } from "../../support/shell_runner.ts";

const CONFIG = { "4lw.commands.whitelist": "srvr,wchs" };
const YAML = `/y:
  data: top
  acl: digest:app:hash=:r,world:anyone:cdrwa
  children: {new: n, gone: g, "ü": {dataBase64: AAE=}}
`;
const YAML_CHANGED = YAML.replace("top", "changed").replace(", gone: g", "")
  .replace("cdrwa", "rdwca").replace("digest:app:hash=:r,", "");

const TOUR: readonly (readonly [words: string, input?: string])[] = [
  ["tree /t"],
  ["tree -d -L 1 /t"],
  ["tree --json /t/a"],
  ["du -d 2 /t"],
  ["du -n 3 -d 9 /t"],
  ["find /t"],
  ["find /t -type ephemeral"],
  ["find /t -size +4 -not -name top"],
  ["find /t -newer /t/a"],
  ["grep -n o /t"],
  ["grep -il ONE /t"],
  ["export /t"],
  ["export -e /t/eph"],
  ["import --at /i", '{"path":"/"}\n{"path":"/b","data":{"encoding":"base64","data":"AP8="}}\n'],
  ["import --at /i -v --conflict replace", '{"path":"/","data":"x"}\n{"path":"/b/c"}\n'],
  ["import --at /i", '{"path":"/"}\n'],
  ["import --at /none/such", '{"path":"/"}\n'],
  ["import --parents --at /none/such", '{"path":"/"}\n'],
  ["diff /t /t"],
  ["diff /t /i"],
  ["diff --stat /i /t"],
  ["diff /t /nope"],
  ["apply -f - --plan", YAML],
  ["apply -f -", YAML],
  ["apply -f -", YAML],
  ["apply -f - --prune", YAML_CHANGED],
  ["apply -f - --prune --detailed-exitcode", YAML_CHANGED],
  ["tree -d /y"],
  ["tree /secret"],
  ["grep x /secret"],
  ["export /secret"],
  ["find /nope"],
];

testWith(["java"], "commands of ours print the same with Java's server", async () => {
  await using ours = await InProcessServer.start({ config: CONFIG });
  await using java = await ServerProcess.start("java", { config: CONFIG });
  const transcripts = await Promise.all([
    transcriptOf(ours.clientPort),
    transcriptOf(java.clientPort),
  ]);
  assert.ok(transcripts[0]!.length > TOUR.length);
  for (const [at, step] of transcripts[0]!.entries()) {
    assert.deepEqual(transcripts[1]![at], step, step.words);
  }
});

async function transcriptOf(port: number) {
  await using shell = await ShellRunner.open(`127.0.0.1:${port}`);
  await using other = await ShellRunner.open(`127.0.0.1:${port}`);
  await makeTree(shell.client, other.client);
  const transcript: { words: string; code: number; out: string; err: string }[] = [];
  const owner = shell.client.sessionId.toString(16);
  const note = (words: string, result: { code: number; out: string; err: string }) => {
    const plain = (text: string) =>
      text.replaceAll(owner, "OWNER")
        .replace(/"(czxid|mzxid|pzxid)":"0x[0-9a-f]+"/g, '"$1":"Z"')
        .replace(/"(ctime|mtime)":\d+/g, '"$1":0')
        .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /gm, "");
    transcript.push({ words, code: result.code, out: plain(result.out), err: plain(result.err) });
  };
  for (const [words, input = ""] of TOUR) {
    note(words, await shell.runWith(input, ...words.split(" ")));
  }
  for (const words of ["watch -r -d -n 3 /t", "watch -n 1 /t"]) {
    const watched = shell.run(...words.split(" "));
    await eventually("it is watched", async () => await watchCount(port) > 0);
    await other.client.create("/t/new", null);
    await other.client.set("/t/a", encoder.encode("set"));
    await other.client.delete("/t/new");
    note(words, await watched);
    await eventually("it is watched no more", async () => await watchCount(port) === 0);
  }
  return transcript;
}

async function watchCount(port: number): Promise<number> {
  return Number(/Total watches:(\d+)/.exec(await word(port, "wchs"))![1]);
}

const encoder = new TextEncoder();

async function makeTree(owner: ZooKeeperClient, client: ZooKeeperClient): Promise<void> {
  await client.create("/t", null);
  await client.create("/t/a", encoder.encode("first"));
  await client.create("/t/a/top", encoder.encode("one\ntwo\nOne\n"));
  await client.create("/t/a/bin", Uint8Array.fromHex("0001ff6f6e6500c3286f6e"));
  await client.create("/t/ünïcødé 名前", encoder.encode("ü"));
  await client.create("/t/container", null, { mode: "container" });
  await owner.create("/t/eph", encoder.encode("e"), { mode: "ephemeral" });
  await client.create("/secret", null);
  await client.create("/secret/below", null);
  await client.setAcl("/secret", [{ permissions: 31, scheme: "digest", id: "nobody:hash=" }]);
}
