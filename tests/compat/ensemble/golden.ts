/**
 * Transcripts of the Java server's ensembles, to which every program is held.
 *
 *     GOLDEN=write deno test -A tests/compat/ensemble    records them anew from the Java server
 *
 * @module
 */
import type { Target } from "../../support/server_process.ts";
import { compareSections, sectionsOf } from "../sections.ts";

const DIR = new URL("../../testdata/ensemble/", import.meta.url);
const IS_WRITING = Deno.env.get("GOLDEN") === "write";

/** A transcript in sections headed `== name`, and who it is of. */
export interface Recording {
  /** Of the golden file. */
  readonly name: string;
  readonly target: Target;
  readonly transcript: string;
  /** Names of sections in which we may have lines that Java has not. */
  readonly mayHaveMore?: RegExp;
}

/** One step for each section of the golden file. */
export async function compareWithGolden(
  t: Deno.TestContext,
  { name, target, transcript, mayHaveMore }: Recording,
): Promise<void> {
  const file = new URL(`${name}.txt`, DIR);
  if (IS_WRITING && target === "java") Deno.writeTextFileSync(file, transcript);
  const golden = Deno.readTextFileSync(file);
  const isExact = mayHaveMore === undefined || target === "java";
  await compareSections(
    t,
    golden,
    isExact ? transcript : withoutMore(golden, transcript, mayHaveMore),
  );
}

function withoutMore(golden: string, transcript: string, mayHaveMore: RegExp): string {
  const expected = sectionsOf(golden);
  let kept = "";
  for (const [name, text] of sectionsOf(transcript)) {
    const lines = new Set(expected.get(name)?.split("\n"));
    const isKept = (line: string) => !mayHaveMore.test(name) || lines.has(line);
    kept += `== ${name}\n${text.split("\n").filter(isKept).join("\n")}`;
  }
  return kept;
}
