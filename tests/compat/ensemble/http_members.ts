/**
 * Ensembles whose members of our own speak HTTP: Java's do not speak ours.
 *
 * @module
 */
import { type Ensemble, type MemberOptions, withEnsemble } from "../../support/ensemble.ts";
import { type PrerequisiteName, testWith } from "../../support/prerequisites.ts";
import { chosen, membersOf, type Mix, mixText, startWithLeader, targetsOf } from "./mixes.ts";

const JAVA: readonly PrerequisiteName[] = ["java", "javaServer"];

/** Our followers are asked, and our leader with them. Under Java's leader it takes another minute and a half. */
export const HTTP_MIXES: readonly Mix[] = [
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], inCi: true },
  { leader: "java", followers: ["denkeeper", "denkeeper"] },
];
export const OBSERVED_HTTP_MIXES: readonly Mix[] = HTTP_MIXES.map((mix) => ({
  ...mix,
  observer: "denkeeper",
}));

/** 1.5 s until members find that one of them is silent. */
export const QUICK_TO_NOTICE = { tickTime: 300, syncLimit: 5, initLimit: 50 } as const;

export function httpMembersOf(mix: Mix): MemberOptions[] {
  return membersOf(mix).map((member) =>
    member.target === "denkeeper" ? { ...member, http: true } : member
  );
}

/** Those that speak HTTP. */
export function httpIdsOf(ensemble: Ensemble): number[] {
  return ensemble.ids.filter((id) => ensemble.target(id) === "denkeeper");
}

/** Registers a test for each chosen mix, named after it, with an ensemble that has a leader. */
export function testHttpMixes(
  mixes: readonly Mix[],
  name: string,
  { config, run }: {
    config: Readonly<Record<string, string | number | boolean>>;
    run: (ensemble: Ensemble) => Promise<void>;
  },
): void {
  for (const mix of chosen(mixes, targetsOf)) {
    const needs = targetsOf(mix).includes("java") ? JAVA : [];
    testWith(needs, `ensemble: ${name} (${mixText(mix)})`, async () => {
      await withEnsemble({ members: httpMembersOf(mix), config }, async (ensemble) => {
        await startWithLeader(ensemble);
        await run(ensemble);
      });
    });
  }
}
