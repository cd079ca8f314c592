import assert from "node:assert/strict";
import { posix } from "node:path";
import * as ours from "../../net/file_path.ts";
import { SeededRandom } from "../support/seeded_random.ts";

Deno.test("file paths are those of node:path", () => {
  const random = new SeededRandom(1);
  const parts = ["/", "//", "a", "b.c", "..", ".", "a b", "\\", "...", ""];
  const path = () => {
    let text = "";
    for (let i = random.below(7); i > 0; i--) text += parts[random.below(parts.length)];
    return text;
  };
  for (let i = 0; i < 20_000; i++) {
    const [one, two, three] = [path(), path(), path()];
    assert.equal(ours.isAbsolute(one), posix.isAbsolute(one), one);
    assert.equal(ours.dirname(one), posix.dirname(one), `dirname ${JSON.stringify(one)}`);
    assert.equal(ours.basename(one), posix.basename(one), `basename ${JSON.stringify(one)}`);
    const said = JSON.stringify([one, two, three]);
    assert.equal(ours.join(one, two, three), posix.join(one, two, three), `join ${said}`);
    assert.equal(ours.resolve(one, two, three), posix.resolve(one, two, three), `resolve ${said}`);
  }
});
