/**
 * How ZooKeeper's own tools write strings, ACLs, numbers and dates: jute's text form (`'/a`, `v{...}`, `s{...}`)
 * and Java's dates in the language and time zone of the environment.
 *
 * @module
 */
import type { AclEntry } from "../../core/tree/acl_list.ts";
import { javaZoneName, localTimeZone } from "../../net/java_date.ts";
import type { Environment } from "../config_sources.ts";

const ESCAPED = /[\0\n\r%,}]/g;

/** A string in jute's text form. */
export function juteText(text: string): string {
  return "'" + text.replace(
    ESCAPED,
    (letter) => "%" + letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"),
  );
}

/** `31,s{'world,'anyone}` */
export function juteAcl({ perms, id }: AclEntry): string {
  return `${perms},s{${juteText(id.scheme)},${juteText(id.id)}}`;
}

/** `0x` and 14 digits, as SnapshotFormatter writes. */
export function paddedHex(hex: string): string {
  return `0x${hex.padStart(14, "0")}`;
}

type DateForm = "shortLong" | "medium";
const DATE_FORMS: Record<DateForm, Intl.DateTimeFormatOptions> = {
  /** `11/22/26, 10:02:59 PM UTC` */
  shortLong: { dateStyle: "short", timeStyle: "long" },
  /** `Nov 22, 2026, 10:02:59 PM` */
  medium: { dateStyle: "medium", timeStyle: "medium" },
};
/** Spaces that newer tables have, and Java 17's not. */
const NARROW_SPACES = /[\u202f\u2009]/g;
/** A zone that the runtime has no short name of. */
const OFFSET_NAME = /(?:GMT|UTC)[+\u2212-]\d+(?::\d+)?$/;

/** What a calendar has. */
const TIME_MS_MAX = 8.64e15;

/** Dates as Java's DateFormat writes them. */
export class JavaDates {
  readonly #format: Intl.DateTimeFormat;
  readonly #timeZone = localTimeZone();
  #second = NaN;
  #text = "";

  constructor(environment: Environment, form: DateForm) {
    this.#format = new Intl.DateTimeFormat(languageOf(environment), DATE_FORMS[form]);
  }

  text(wallMs: number): string {
    const second = Math.floor(wallMs / 1000);
    if (second === this.#second) return this.#text; // many txns share a second
    if (Math.abs(wallMs) > TIME_MS_MAX) return `${wallMs} ms`; // a damaged record's
    const text = this.#format.format(second * 1000).replace(NARROW_SPACES, " ");
    this.#second = second;
    this.#text = text.replace(OFFSET_NAME, () => javaZoneName(second * 1000, this.#timeZone));
    return this.#text;
  }
}

/** As Java takes it from the environment: `de_DE.UTF-8` is de-DE. */
function languageOf(environment: Environment): string {
  const name = environment("LC_ALL") || environment("LC_CTYPE") || environment("LANG") || "C";
  const [language = ""] = name.split(/[.@]/);
  const tag = language.replace("_", "-");
  return /^[a-z]{2,3}(-[A-Z]{2})?$/.test(tag) ? tag : "en-US";
}
