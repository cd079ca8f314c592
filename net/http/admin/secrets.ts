/**
 * Which settings nobody is told: the commands that list them ask for no password. ZooKeeper prints them.
 *
 * @module
 */

/** Stands for the value. */
export const WITHHELD = "(withheld)";

/** Of a key of zoo.cfg, or of the system property that it is. A `passwordPath` names a file only. */
const SECRET = /(password|superDigest)$/i;
const LINE = /^([ \t]*([^#!\s=:][^\s=:]*)[ \t]*[=: \t][ \t]*)(?:[^\r\n\\]|\\(?:\r\n|[^]))*/gm;

export function isSecret(name: string): boolean {
  return SECRET.test(name);
}

/** The text of a zoo.cfg with the values of such keys replaced; all else as it is. */
export function textWithoutSecrets(text: string): string {
  return text.replace(
    LINE,
    (line, before: string, name: string) => isSecret(name) ? `${before}${WITHHELD}` : line,
  );
}
