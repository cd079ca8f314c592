/**
 * Compares the transcripts of client programs, which come in sections headed `== name`.
 *
 * @module
 */
import assert from "node:assert/strict";

/** One step a section of the reference's transcript: the other's section of that name is the same. */
export async function compareSections(
  t: Deno.TestContext,
  reference: string,
  candidate: string,
): Promise<void> {
  const [expected, actual] = [sectionsOf(reference), sectionsOf(candidate)];
  assert(expected.size > 0, `The reference's transcript has no section: ${reference}`);
  for (const [name, text] of expected) {
    await t.step(name, () => assert.equal(actual.get(name) ?? "nothing", text));
  }
  assert.deepEqual([...actual.keys()], [...expected.keys()]);
}

/** @returns texts by heading, in order; what stands before the first heading is left out */
export function sectionsOf(transcript: string): Map<string, string> {
  const sections = new Map<string, string>();
  for (const section of transcript.split(/^== /m).slice(1)) {
    const [name = "", ...lines] = section.split("\n");
    assert(!sections.has(name), `two sections are headed ${name}: one would not be compared`);
    sections.set(name, lines.join("\n"));
  }
  return sections;
}
