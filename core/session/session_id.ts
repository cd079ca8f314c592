/**
 * Session ids and their passwords, as ZooKeeper makes them, so that a client can move between our
 * servers and Java ones (client protocol sections 4.4 and 4.5).
 *
 * @module
 */

/**
 * The first id that a server started at `nowMs` hands out; each further session adds 1.
 *
 * @param taken ids of sessions that are there: all of this server's are below the result, also after
 * its clock went back
 */
export function firstSessionId({ serverId, nowMs, taken = [] }: {
  serverId: number;
  nowMs: number;
  taken?: Iterable<bigint>;
}): bigint {
  const clock = BigInt.asUintN(64, BigInt(Math.floor(nowMs)) << 24n) >> 8n;
  let id = BigInt.asIntN(64, clock | (BigInt(serverId) << 56n));
  if (id === -(2n ** 63n)) id += 1n; // that value marks containers
  for (const other of taken) if (other >= id && other >> 56n === id >> 56n) id = other + 1n;
  return id;
}

const PASSWORD_SECRET = 0xb3415c00n;
const MULTIPLIER = 0x5deece66dn;
const MASK_48 = (1n << 48n) - 1n;

/** The 16 bytes that prove a client created the session: java.util.Random seeded by the id. */
export function sessionPassword(sessionId: bigint): Uint8Array {
  const password = new Uint8Array(16);
  let seed = (BigInt.asUintN(64, sessionId ^ PASSWORD_SECRET) ^ MULTIPLIER) & MASK_48;
  for (let i = 0; i < 16; i += 4) {
    seed = (seed * MULTIPLIER + 0xbn) & MASK_48;
    let word = Number(seed >> 16n);
    for (let k = 0; k < 4; k++) {
      password[i + k] = word & 0xff;
      word >>>= 8;
    }
  }
  return password;
}

/** Compares all 16 bytes, wherever they differ. */
export function isSessionPassword(sessionId: bigint, password: Uint8Array | null): boolean {
  if (sessionId === 0n || password === null || password.length !== 16) return false;
  const expected = sessionPassword(sessionId);
  let difference = 0;
  for (let i = 0; i < 16; i++) difference |= expected[i]! ^ password[i]!;
  return difference === 0;
}
