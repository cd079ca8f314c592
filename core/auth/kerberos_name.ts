/**
 * Kerberos names, `service/host@REALM`, as ZooKeeper recognises them: any part may be empty.
 *
 * @module
 */

const KERBEROS_NAME = /^[^/@]*(\/[^/@]*)?@[^/@]*$/;

/** Whether a text is a Kerberos name, or none at all: without an `@`. */
export function isKerberosNameOrPlain(text: string): boolean {
  return !text.includes("@") || KERBEROS_NAME.test(text);
}
