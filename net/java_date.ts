/**
 * Moments as Java's `Date.toString` writes them: `Sun Nov 22 21:56:41 UTC 2026`.
 *
 * The text is always English and in the local time zone, whose short name comes from a table: the
 * runtime knows the short names of few zones outside America. Others print as `GMT+03:00`.
 *
 * @module
 */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

/** Short names, standard and daylight, and the zones that have them. */
const ZONE_NAMES: readonly { standard: string; daylight: string; zones: string }[] = [
  {
    standard: "CET",
    daylight: "CEST",
    zones:
      "CET MET Africa/Algiers Africa/Ceuta Africa/Tunis Arctic/Longyearbyen Europe/Amsterdam " +
      "Europe/Andorra Europe/Belgrade Europe/Berlin Europe/Bratislava Europe/Brussels " +
      "Europe/Budapest Europe/Busingen Europe/Copenhagen Europe/Gibraltar Europe/Ljubljana " +
      "Europe/Luxembourg Europe/Madrid Europe/Malta Europe/Monaco Europe/Oslo Europe/Paris " +
      "Europe/Podgorica Europe/Prague Europe/Rome Europe/San_Marino Europe/Sarajevo " +
      "Europe/Skopje Europe/Stockholm Europe/Tirane Europe/Vaduz Europe/Vatican Europe/Vienna " +
      "Europe/Warsaw Europe/Zagreb Europe/Zurich",
  },
  {
    standard: "EET",
    daylight: "EEST",
    zones: "EET Africa/Cairo Africa/Tripoli Asia/Beirut Asia/Nicosia Europe/Athens " +
      "Europe/Bucharest Europe/Chisinau Europe/Helsinki Europe/Kaliningrad Europe/Kiev " +
      "Europe/Kyiv Europe/Mariehamn Europe/Riga Europe/Sofia Europe/Tallinn Europe/Vilnius",
  },
  {
    standard: "WET",
    daylight: "WEST",
    zones: "WET Atlantic/Canary Atlantic/Faroe Atlantic/Madeira Europe/Lisbon",
  },
  { standard: "GMT", daylight: "BST", zones: "Europe/London Europe/Belfast GB Europe/Jersey" },
  { standard: "GMT", daylight: "IST", zones: "Europe/Dublin" },
  { standard: "MSK", daylight: "MSD", zones: "Europe/Moscow Europe/Simferopol Europe/Minsk" },
  { standard: "TRT", daylight: "TRST", zones: "Europe/Istanbul Asia/Istanbul Turkey" },
  { standard: "IST", daylight: "IDT", zones: "Asia/Kolkata Asia/Calcutta Asia/Jerusalem Israel" },
  { standard: "GST", daylight: "GDT", zones: "Asia/Dubai Asia/Muscat" },
  { standard: "PKT", daylight: "PKST", zones: "Asia/Karachi" },
  { standard: "ICT", daylight: "ICST", zones: "Asia/Bangkok Asia/Ho_Chi_Minh Asia/Saigon" },
  { standard: "WIB", daylight: "WIB", zones: "Asia/Jakarta" },
  { standard: "SGT", daylight: "SGST", zones: "Asia/Singapore Singapore" },
  { standard: "MYT", daylight: "MYST", zones: "Asia/Kuala_Lumpur" },
  {
    standard: "CST",
    daylight: "CDT",
    zones: "Asia/Shanghai Asia/Chongqing Asia/Harbin Asia/Macau Asia/Taipei PRC",
  },
  { standard: "HKT", daylight: "HKST", zones: "Asia/Hong_Kong Hongkong" },
  { standard: "JST", daylight: "JDT", zones: "Asia/Tokyo Japan" },
  { standard: "KST", daylight: "KDT", zones: "Asia/Seoul ROK" },
  { standard: "AWST", daylight: "AWDT", zones: "Australia/Perth" },
  { standard: "ACST", daylight: "ACDT", zones: "Australia/Adelaide Australia/Darwin" },
  {
    standard: "AEST",
    daylight: "AEDT",
    zones: "Australia/Sydney Australia/Melbourne Australia/Brisbane Australia/Canberra " +
      "Australia/Hobart",
  },
  { standard: "NZST", daylight: "NZDT", zones: "Pacific/Auckland NZ" },
  { standard: "SAST", daylight: "SAST", zones: "Africa/Johannesburg" },
  { standard: "EAT", daylight: "EAT", zones: "Africa/Nairobi Africa/Addis_Ababa" },
  { standard: "WAT", daylight: "WAST", zones: "Africa/Lagos" },
  { standard: "BRT", daylight: "BRST", zones: "America/Sao_Paulo" },
  {
    standard: "ART",
    daylight: "ARST",
    zones: "America/Buenos_Aires America/Argentina/Buenos_Aires",
  },
  { standard: "COT", daylight: "COST", zones: "America/Bogota" },
];

/** @param timeZone an IANA name; the local zone unless given */
export function formatJavaDate(wallMs: number, timeZone: string = localTimeZone()): string {
  const fields = fieldsOf(wallMs, timeZone);
  const day = DAYS[new Date(wallMs + offsetMinutes(wallMs, timeZone) * 60_000).getUTCDay()]!;
  const time = `${fields.hour}:${fields.minute}:${fields.second}`;
  const zone = javaZoneName(wallMs, timeZone);
  return `${day} ${fields.month} ${fields.day} ${time} ${zone} ${fields.year}`;
}

export function localTimeZone(): string {
  return new Intl.DateTimeFormat("en-US").resolvedOptions().timeZone;
}

/** Its short name in English, as Java has it: `CET`, `GMT+03:00`. */
export function javaZoneName(wallMs: number, timeZone: string): string {
  const known = ZONE_NAMES.find(({ zones }) => zones.split(" ").includes(timeZone));
  if (known !== undefined) {
    return isDaylight(wallMs, timeZone) ? known.daylight : known.standard;
  }
  const name = fieldsOf(wallMs, timeZone).timeZoneName ?? timeZone;
  const offset = /^GMT([+-])(\d{1,2})(?::(\d{2}))?$/.exec(name);
  if (offset === null) return name;
  const [, sign = "+", hours = "0", minutes = "00"] = offset;
  return `GMT${sign}${hours.padStart(2, "0")}:${minutes}`;
}

function isDaylight(wallMs: number, timeZone: string): boolean {
  const year = new Date(wallMs).getUTCFullYear();
  const standard = Math.min(
    offsetMinutes(Date.UTC(year, 0, 1), timeZone),
    offsetMinutes(Date.UTC(year, 6, 1), timeZone),
  );
  return offsetMinutes(wallMs, timeZone) !== standard;
}

function offsetMinutes(wallMs: number, timeZone: string): number {
  const { year, monthNumber, day, hour, minute } = fieldsOf(wallMs, timeZone);
  const local = Date.UTC(
    Number(year),
    Number(monthNumber) - 1,
    Number(day),
    Number(hour),
    Number(minute),
  );
  return Math.floor((local - wallMs + 59_999) / 60_000);
}

type Fields = Record<string, string>;

const formats = new Map<string, { text: Intl.DateTimeFormat; number: Intl.DateTimeFormat }>();

function fieldsOf(wallMs: number, timeZone: string): Fields {
  let format = formats.get(timeZone);
  if (format === undefined) {
    const common = { timeZone, calendar: "gregory" } as const;
    format = {
      text: new Intl.DateTimeFormat("en-US", {
        ...common,
        hourCycle: "h23",
        year: "numeric",
        month: "short",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
        timeZoneName: "short",
      }),
      number: new Intl.DateTimeFormat("en-US", { ...common, month: "numeric" }),
    };
    formats.set(timeZone, format);
  }
  const fields: Fields = {};
  for (const { type, value } of format.text.formatToParts(wallMs)) fields[type] = value;
  fields["monthNumber"] = format.number.format(wallMs);
  return fields;
}
