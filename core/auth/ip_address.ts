/**
 * IP addresses and ranges as text: what an `ip` ACL entry may hold, and how Java prints an address.
 *
 * Libraries are no help here: they take `01.2.3.4` for octal or refuse it, and accept `1.2.3`, where
 * ZooKeeper reads each part with Java's Integer.parseInt and wants four.
 *
 * @module
 */

/** 4 or 16 bytes, the significant bits first. */
export type IpBytes = Uint8Array;

export interface IpRange {
  readonly address: IpBytes;
  readonly prefixBits: number;
}

/**
 * Parses `address` or `address/bits`.
 *
 * @returns null when it is neither
 */
export function parseIpRange(text: string): IpRange | null {
  const slashAt = text.indexOf("/");
  const address = parseIp(slashAt < 0 ? text : text.slice(0, slashAt));
  if (address === null) return null;
  const bitsMax = address.length * 8;
  const prefixBits = slashAt < 0 ? bitsMax : parseJavaInt(text.slice(slashAt + 1), bitsMax);
  return prefixBits === null ? null : { address, prefixBits };
}

/** Parses a numeric address; zones (`%eth0`) are refused. */
export function parseIp(text: string): IpBytes | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Whether the leading bits are those of the range; addresses of the other family never are. */
export function isInRange(address: IpBytes, { address: base, prefixBits }: IpRange): boolean {
  if (address.length !== base.length) return false;
  const byteCount = prefixBits >> 3;
  for (let i = 0; i < byteCount; i++) if (address[i] !== base[i]) return false;
  const restBits = prefixBits & 7;
  return restBits === 0 || ((address[byteCount]! ^ base[byteCount]!) >> (8 - restBits)) === 0;
}

/**
 * An address as Java's InetAddress prints it: IPv6 in eight groups without `::`, an IPv4 address mapped
 * into IPv6 as IPv4. A zone is kept; what is no address is returned as it is.
 */
export function javaIpText(text: string): string {
  if (!text.includes(":")) return text;
  const zoneAt = text.indexOf("%");
  const bytes = parseIpv6(zoneAt < 0 ? text : text.slice(0, zoneAt));
  if (bytes === null) return text;
  const isMapped = bytes.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 0xff));
  if (isMapped) return bytes.subarray(12).join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return groups.join(":") + (zoneAt < 0 ? "" : text.slice(zoneAt));
}

function parseIpv4(text: string): IpBytes | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const value = parseJavaInt(parts[i]!, 255);
    if (value === null) return null;
    bytes[i] = value;
  }
  return bytes;
}

function parseIpv6(text: string): IpBytes | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const byteCount = head.length + tail.length;
  if (halves.length === 1 ? byteCount !== 16 : byteCount > 14) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** The bytes of groups joined by `:`; the last may be a dotted IPv4 address when `isEnd`. */
function parseGroups(text: string, isEnd: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else if (isEnd && i === groups.length - 1 && /^\d{1,3}(\.\d{1,3}){3}$/.test(group)) {
      const ipv4 = parseIpv4(group);
      if (ipv4 === null) return null;
      bytes.push(...ipv4);
    } else return null;
  }
  return bytes;
}

/**
 * A number in 0..max as Java's Integer.parseInt reads it: a sign and leading zeros are allowed. (Java
 * also takes the digits of other scripts; such entries are refused here.)
 */
function parseJavaInt(text: string, max: number): number | null {
  if (!/^[+-]?[0-9]+$/.test(text)) return null;
  const value = Number(text);
  return value >= 0 && value <= max ? Math.abs(value) : null;
}
