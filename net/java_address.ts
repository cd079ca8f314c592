/**
 * Client addresses as Java prints them: `/127.0.0.1:44224`, `/[0:0:0:0:0:0:0:1]:44224`.
 *
 * @module
 */

/** @param address as the operating system gives it, IPv4 or IPv6 in any spelling */
export function formatSocketAddress(address: string, port: number): string {
  if (!address.includes(":")) return `/${address}:${port}`;
  const [host = address, zone] = address.split("%");
  const groups = ipv6Groups(host);
  if (groups === null) return `/[${address}]:${port}`;
  const ipv4 = mappedIpv4(groups);
  if (ipv4 !== null) return `/${ipv4}:${port}`;
  const text = groups.map((group) => group.toString(16)).join(":");
  return `/[${text}${zone === undefined ? "" : `%${zone}`}]:${port}`;
}

/** The eight groups of an IPv6 address; null when it is not one. */
function ipv6Groups(address: string): number[] | null {
  const halves = address.split("::");
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0]!);
  const tail = halves.length === 2 ? groupsOf(halves[1]!) : [];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.every((group) => group >= 0 && group <= 0xffff) ? groups : null;
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    const bytes = group.split(".").map(Number);
    if (bytes.length === 4) return [bytes[0]! * 256 + bytes[1]!, bytes[2]! * 256 + bytes[3]!];
    return [/^[0-9a-f]{1,4}$/i.test(group) ? parseInt(group, 16) : -1];
  });
}

/** Java takes `::ffff:1.2.3.4` for the IPv4 address it stands for. */
function mappedIpv4(groups: readonly number[]): string | null {
  if (groups[5] !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return null;
  return groups.slice(6).map((group) => `${group >> 8}.${group & 0xff}`).join(".");
}
