/**
 * Members of a mix whose own ones speak HTTP: Java's do not speak ours.
 *
 * @module
 */
import type { MemberOptions } from "../../support/ensemble.ts";
import { membersOf, type Mix } from "./mixes.ts";

export function httpMembersOf(mix: Mix): MemberOptions[] {
  return membersOf(mix).map((member) =>
    member.target === "denkeeper" ? { ...member, http: true } : member
  );
}
