/**
 * What `doctor` finds: kinds of findings, each with a code that never changes its meaning, and findings.
 *
 * @module
 */

/** error: it does not work, or data are in danger; warning: it will not work some day, or not well. */
export type Severity = "error" | "warning" | "info";

export interface FindingKind {
  readonly severity: Severity;
  /** One line, without what was found. */
  readonly title: string;
  /** What happens because of it. */
  readonly meaning: string;
  readonly action: string;
}

export interface Finding extends FindingKind {
  readonly code: string;
  /** What it is about, with the value and the limit. */
  readonly found: string;
}

/** By code. */
export type FindingKinds = Readonly<Record<string, FindingKind>>;

/** Takes what a check found. */
export type Report<Kinds extends FindingKinds> = (
  code: keyof Kinds & string,
  found: string,
) => void;

/** So that a check can report its own codes only. */
export function findingKinds<const Kinds extends FindingKinds>(kinds: Kinds): Kinds {
  return kinds;
}
