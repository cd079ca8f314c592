/**
 * Which settings nobody is told: ZooKeeper's commands that list them ask for no password, and print them there. Not
 * admins either, since what is shown ends up in tickets.
 *
 * @module
 */

/** Stands for the value. */
export const WITHHELD = "(withheld)";

/** Of a key of zoo.cfg, or of the system property that it is. A `passwordPath` names a file only. */
const SECRET = /secret|credential|(passw(or)?d|superDigest|token)$/i;
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
