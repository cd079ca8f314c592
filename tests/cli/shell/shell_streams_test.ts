/**
 * `denkeeper cli` where stdin and stdout are not what a command would like them to be.
 *
 * @module
 */
import assert from "node:assert/strict";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;

/** With nobody at the port: none of this takes a server. */
async function runShell(redirections: string): Promise<{ code: number; err: string }> {
  const script = `"$0" run -A --no-check "$1" cli -server 127.0.0.1:1 ${redirections}`;
  const { code, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", script, Deno.execPath(), MAIN],
    stdout: "null",
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

Deno.test("cli: data cannot come from the stdin that the commands come from", async () => {
  const { code, err } = await runShell("<<'END'\ncreate /a --file -\nEND");
  const message = "Cannot read data from stdin, where the commands come from: name a file\n";
  assert.deepEqual([code, err], [1, message]);
});

Deno.test("cli: a full disk behind stdout is told in a line", async () => {
  const { code, err } = await runShell("ls / >/dev/full </dev/null");
  assert.equal(code, 1);
  assert.match(err, /^Cannot write to stdout: No space left on device.*\n$/);
});
