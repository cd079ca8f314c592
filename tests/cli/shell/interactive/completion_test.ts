import assert from "node:assert/strict";
import { ALL_COMMANDS } from "../../../../cli/shell/all_commands.ts";
import { Completer } from "../../../../cli/shell/interactive/completion.ts";
import { openClient } from "../../../../net/client/open_client.ts";
import { InProcessServer } from "../../../support/in_process_server.ts";
import { makeTempDir } from "../../../support/temp_dir.ts";

/** What a Tab behind `line` makes of it, for each candidate. */
async function completed(completer: Completer, line: string): Promise<string[]> {
  const { from, candidates } = await completer.complete(line, new AbortController().signal);
  return candidates.map(({ text }) => line.slice(0, from) + text);
}

Deno.test("Completer completes commands, their options and the values of those", async () => {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/tree.yaml`, "");
  Deno.writeTextFileSync(`${dir.path}/.hidden`, "");
  Deno.mkdirSync(`${dir.path}/two words`);
  const completer = new Completer(ALL_COMMANDS, () => null);
  const cases: [string, string[]][] = [
    ["getAc", ["getAcl "]],
    ["getA", ["getAcl", "getAllChildrenNumber"]],
    ["nonsense", []],
    ["nonsense -", []],
    ["printwatches ", ["printwatches off", "printwatches on"]],
    ["reconfig -m", ["reconfig -members "]],
    ["setquota -n", ["setquota -n "]],
    ["addWatch -m", ["addWatch -m "]],
    ["ls ", ["ls /"]],
    ["quit ", []],
    ["import --at ", ["import --at /"]],
    ["import --conflict re", ["import --conflict replace "]],
    ["import --conflict=sk", ["import --conflict=skip "]],
    ["apply --pl", ["apply --plan "]],
    [`apply -f ${dir.path}/tr`, [`apply -f ${dir.path}/tree.yaml `]],
    [`reconfig -file ${dir.path}/tw`, [`reconfig -file "${dir.path}/two words/`]],
    [`export -o ${dir.path}/`, [
      `export -o "${dir.path}/tree.yaml`,
      `export -o "${dir.path}/two words/`,
    ]],
    [`export -o ${dir.path}/.`, [`export -o ${dir.path}/.hidden `]],
    ["export -o /no/such/folder/", []],
    // Nobody is connected.
    ["ls /", []],
  ];
  for (const [line, lines] of cases) {
    const found = await completed(completer, line);
    assert.deepEqual(found, lines, line);
  }
});

Deno.test("Completer completes paths of any depth from the server, and stops when it is gone", async () => {
  await using server = await InProcessServer.start();
  await using client = openClient(`127.0.0.1:${server.clientPort}`);
  const paths = ["/app", "/app/config", "/app/config/db", "/apple", "/b c", "/b c/d", "/日本"];
  for (const path of paths) await client.create(path, null);
  const completer = new Completer(ALL_COMMANDS, () => client);
  const cases: [string, string[]][] = [
    // One of them has a blank.
    ["ls /", ['ls "/app', 'ls "/apple', 'ls "/b c', 'ls "/zookeeper', 'ls "/日本']],
    ["ls /ap", ["ls /app", "ls /apple"]],
    ["ls /app/", ["ls /app/config"]],
    ["ls /app/config", ["ls /app/config/"]],
    ["ls -s /app/config/", ["ls -s /app/config/db "]],
    ["ls /app/config/db", ["ls /app/config/db "]],
    ["ls /b", ['ls "/b c']],
    ['get "/b c/', ['get "/b c/d" ']],
    ["get '/b c/", ["get '/b c/d' "]],
    ["get /日", ["get /日本 "]],
    ["get /nowhere/", []],
    ["get //", []],
    ["get //ap", []],
    ["get /app//", []],
    ["get /app/config/db/", []],
  ];
  for (const [line, lines] of cases) {
    assert.deepEqual(await completed(completer, line), lines, line);
  }
  await server.close();
  assert.deepEqual(await completed(completer, "ls /"), []);
});
