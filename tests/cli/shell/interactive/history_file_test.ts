import assert from "node:assert/strict";
import {
  HISTORY_LINE_COUNT_MAX,
  HistoryFile,
  historyFileOf,
} from "../../../../cli/shell/interactive/history_file.ts";
import { makeTempDir } from "../../../support/temp_dir.ts";

Deno.test("historyFileOf() follows DENKEEPER_HISTORY, then the XDG state folder, then HOME", () => {
  const cases: [Record<string, string>, string | null][] = [
    [{ DENKEEPER_HISTORY: "/x/y", XDG_STATE_HOME: "/s", HOME: "/h" }, "/x/y"],
    [{ DENKEEPER_HISTORY: "", HOME: "/h" }, null],
    [{ XDG_STATE_HOME: "/s", HOME: "/h" }, "/s/denkeeper/history"],
    [{ XDG_STATE_HOME: "relative", HOME: "/h" }, "/h/.local/state/denkeeper/history"],
    [{ HOME: "/h" }, "/h/.local/state/denkeeper/history"],
    [{}, null],
  ];
  for (const [variables, path] of cases) {
    assert.equal(historyFileOf((name) => variables[name]), path, JSON.stringify(variables));
  }
});

Deno.test("HistoryFile keeps the lines of shells that run at once, and no passwords", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/state/denkeeper/history`;
  const [one, other] = [new HistoryFile(path), new HistoryFile(path)];
  assert.deepEqual(one.load(), []);
  for (const line of ["ls /", "addauth digest me:secret", " 'addauth' digest me:secret", " "]) {
    one.append(line);
  }
  other.append("get /日本");
  one.append("quit");
  assert.deepEqual(other.load(), ["ls /", "get /日本", "quit"]);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
});

Deno.test("HistoryFile is cut to the newest lines", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/history`;
  const lines = Array.from({ length: 2 * HISTORY_LINE_COUNT_MAX }, (_, i) => `get /${i}`);
  Deno.writeTextFileSync(path, `${lines.join("\n")}\n`);
  const history = new HistoryFile(path);
  assert.deepEqual(history.load(), lines.slice(-HISTORY_LINE_COUNT_MAX));
  assert.equal(Deno.readTextFileSync(path).split("\n").length, lines.length + 1, "not yet");
  history.append("ls /");
  assert.deepEqual(history.load(), [...lines, "ls /"].slice(-HISTORY_LINE_COUNT_MAX));
  const kept = [...lines, "ls /"].slice(-HISTORY_LINE_COUNT_MAX);
  assert.equal(Deno.readTextFileSync(path), `${kept.join("\n")}\n`);
});

Deno.test("HistoryFile without a place to write is a shell without a memory", () => {
  for (const path of [null, "/dev/null", "/dev/null/history", "/proc/denkeeper/history"]) {
    const history = new HistoryFile(path);
    history.append("ls /");
    assert.deepEqual(history.load(), [], `${path}`);
  }
});
