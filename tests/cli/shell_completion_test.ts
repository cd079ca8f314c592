/**
 * The script for bash, in a bash that has nothing else to complete with: what Tab offers, and that nothing typed is run.
 */
import assert from "node:assert/strict";
import { runProcess } from "../support/run_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

Deno.test("complete bash: commands, options, the shell's commands, and files where there is nothing else", async () => {
  using dir = makeTempDir();
  Deno.writeTextFileSync(
    `${dir.path}/denkeeper`,
    `#!/bin/sh\nexec '${Deno.execPath()}' run -A '${MAIN}' "$@"\n`,
    { mode: 0o755 },
  );
  const lines = [
    ["stat"],
    ["backup", "cr"],
    ["stop", "--tim"],
    ["cli", "lis"],
    ["start", "$(touch run)"],
  ];
  const script = `cd '${dir.path}'; . <(./denkeeper complete bash); complete -p denkeeper
    offer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); __denkeeper_complete; echo "\${COMPREPLY[*]}"; }
    ${lines.map((words) => `offer ./denkeeper ${words.map((w) => `'${w}'`).join(" ")}`).join("\n")}
    [[ -e run ]] && echo "it was run"; true`;
  const { output } = await runProcess(["/bin/bash", "--norc", "-c", script]);
  assert.deepEqual(output.split("\n"), [
    "complete -o default -F __denkeeper_complete denkeeper",
    "status",
    "create",
    "--timeout",
    "listquota",
    "", // bash itself offers files then
    "",
  ]);
});
