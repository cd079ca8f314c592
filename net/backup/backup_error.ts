/**
 * Why something cannot be done with backups: a sentence for whoever asked for it.
 *
 * @module
 */

/** What those who ask may tell apart. */
export type BackupErrorKind =
  | "failed"
  /** Another process, or another request, changes the repository. */
  | "busy"
  /** There is no backup of that id. */
  | "unknown";

export class BackupError extends Error {
  override name = "BackupError";
  readonly kind: BackupErrorKind;

  constructor(
    message: string,
    { kind = "failed", cause }: { kind?: BackupErrorKind; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.kind = kind;
  }
}
