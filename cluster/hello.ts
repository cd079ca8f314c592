/**
 * What a server says first on an election connection it opened: who it is, and where it listens
 * (quorum protocol section 2.1). There is no answer.
 *
 * @module
 */
import { DecodeError } from "../core/errors.ts";
import { decodeUtf8, encodeUtf8, JuteWriter } from "../core/wire/jute.ts";
import type { ServerId } from "./server_id.ts";

const VERSION_ONE_ADDRESS = -65536n;
/** ZooKeeper 3.6 and later, with `multiAddress.enabled`. */
const VERSION_ADDRESSES = -65535n;
const ADDRESS_BYTES_MAX = 2048;
/** Observers that have no id of their own call themselves so. */
const ANONYMOUS = 2n ** 63n - 1n;
const ANY_HOSTS = new Set(["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]);

export interface ElectionAddress {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface Hello {
  /** null: an observer without an id. */
  readonly serverId: ServerId | null;
  /** None from a 3.4 server. */
  readonly addresses: readonly ElectionAddress[];
}

/** @param isMultiAddress all addresses are told, which ZooKeeper 3.5 and before do not understand */
export function encodeHello({ serverId, addresses, isMultiAddress }: {
  serverId: ServerId;
  addresses: readonly ElectionAddress[];
  isMultiAddress: boolean;
}): Uint8Array<ArrayBuffer> {
  const told = isMultiAddress ? addresses : addresses.slice(0, 1);
  const writer = new JuteWriter(64);
  writer.long(isMultiAddress ? VERSION_ADDRESSES : VERSION_ONE_ADDRESS);
  writer.longFromNumber(serverId);
  writer.bytes(encodeUtf8(told.map(addressText).join("|")));
  return writer.written();
}

/**
 * Reads a hello from the beginning of what came in.
 *
 * @returns null: more bytes are needed
 * @throws {DecodeError}
 */
export function decodeHello(bytes: Uint8Array): { hello: Hello; byteCount: number } | null {
  if (bytes.length < 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = view.getBigInt64(0);
  if (version >= 0n) { // 3.4: the id itself, and nothing else
    return { hello: { serverId: serverIdOf(version), addresses: [] }, byteCount: 8 };
  }
  if (version !== VERSION_ONE_ADDRESS && version !== VERSION_ADDRESSES) {
    throw new DecodeError(`Unknown election protocol version ${version}`);
  }
  if (bytes.length < 20) return null;
  const serverId = serverIdOf(view.getBigInt64(8));
  const length = view.getInt32(16);
  if (length < 1 || length > ADDRESS_BYTES_MAX) {
    throw new DecodeError(`Unreasonable length of an election address: ${length}`);
  }
  if (bytes.length < 20 + length) return null;
  const texts = decodeUtf8(bytes.subarray(20, 20 + length)).split("|");
  return { hello: { serverId, addresses: texts.map(parseAddress) }, byteCount: 20 + length };
}

/** Whether one can connect to it; not so for the addresses that mean "every one of mine". */
export function isConnectable({ host }: ElectionAddress): boolean {
  return !ANY_HOSTS.has(host);
}

/** `host:port`, with brackets around an IPv6 address. */
export function addressText({ host, port }: ElectionAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function serverIdOf(value: bigint): ServerId | null {
  if (value === ANONYMOUS) return null;
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new DecodeError(`Unreasonable server id ${value}`);
  }
  return Number(value);
}

function parseAddress(text: string): ElectionAddress {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65535) {
    throw new DecodeError(`Unreasonable election address "${text}"`);
  }
  return { host, port: Number(port) };
}
