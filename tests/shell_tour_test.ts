/**
 * What following a tour notices, so that a tour which passes says something.
 *
 * @module
 */
import assert from "node:assert/strict";
import { testWith } from "./support/prerequisites.ts";
import { followTour, tourOf } from "./support/shell_tour.ts";
import { makeTempDir } from "./support/temp_dir.ts";

const DOCUMENT = `
## Tour
### One
\`\`\`sh
X=1; echo "a b c"
# -> a ... c
printf '%s\\n' \\
  two
# -> two
\`\`\`
\`\`\`sh second
echo ready; sleep 1000
# -> ready
\`\`\`
\`\`\`sh
echo $X
# -> 1
\`\`\`
### Two
\`\`\`sh second
echo again
# -> again
\`\`\`
## Other
`;

testWith(
  ["pkill"],
  "followTour() runs commands in two shells, checks what they print, and ends what goes on",
  async () => {
    using dir = makeTempDir();
    const sections = tourOf(DOCUMENT, "## Tour");
    assert.deepEqual(sections.map(({ title, blocks }) => [title, blocks.length]), [["One", 3], [
      "Two",
      1,
    ]]);
    const begun: number[] = [];
    await followTour(sections, {
      dir: dir.path,
      before: (_, index) => Promise.resolve(void begun.push(index)),
    });
    assert.deepEqual(begun, [0, 1]);
  },
);

testWith(
  ["pkill"],
  "followTour() fails where a command does not print what the document says",
  async () => {
    using dir = makeTempDir();
    const wrong = DOCUMENT.replace("# -> 1", "# -> 2");
    const walk = followTour(tourOf(wrong, "## Tour"), {
      dir: dir.path,
      before: () => Promise.resolve(),
    });
    await assert.rejects(walk, /expected: 2/);
  },
);
