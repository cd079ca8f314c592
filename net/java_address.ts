/**
 * Client addresses as Java prints them: `/127.0.0.1:44224`, `/[0:0:0:0:0:0:0:1]:44224`.
 *
 * @module
 */
import { javaIpText } from "../core/auth/ip_address.ts";

/** @param address as the operating system gives it, IPv4 or IPv6 in any spelling */
export function formatSocketAddress(address: string, port: number): string {
  const text = javaIpText(address);
  return text.includes(":") ? `/[${text}]:${port}` : `/${text}:${port}`;
}
