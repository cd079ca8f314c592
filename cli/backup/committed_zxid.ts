/**
 * Asks a running server which txn it has committed last, by the word `srvr`.
 *
 * @module
 */
import type { Zxid } from "../../core/zxid.ts";

/** Far beyond what an answer takes; a server that needs longer is taken for one that does not answer. */
const TIMEOUT_MS = 5000;

export interface CommittedZxid {
  /** Null: the server stands alone, and what it has logged is committed. */
  readonly throughZxid: Zxid | null;
}

/** @throws when nothing, or no ZooKeeper server that serves, answers */
export async function committedZxidOf(
  { hostname, port }: { hostname: string; port: number },
): Promise<CommittedZxid> {
  const answer = await ask({ hostname, port });
  const zxid = /^Zxid: 0x([0-9a-f]+)$/m.exec(answer)?.[1];
  const mode = /^Mode: (.+)$/m.exec(answer)?.[1];
  if (zxid === undefined || mode === undefined) {
    throw new Error(`it answers "${answer.trim().split("\n")[0]}" to the word srvr`);
  }
  return { throughZxid: mode === "standalone" ? null : parseInt(zxid, 16) };
}

async function ask(address: { hostname: string; port: number }): Promise<string> {
  const connection = await connect(address);
  let isOpen = true;
  const close = () => {
    if (isOpen) connection.close();
    isOpen = false;
  };
  const timer = setTimeout(close, TIMEOUT_MS);
  try {
    await connection.write(new TextEncoder().encode("srvr"));
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4096);
    let answer = "";
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return answer;
      answer += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
  } finally {
    clearTimeout(timer);
    close();
  }
}

/** A host that drops what is sent to it is not waited for. */
async function connect(address: { hostname: string; port: number }): Promise<Deno.TcpConn> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), TIMEOUT_MS);
  try {
    return await Deno.connect({ ...address, signal: late.signal });
  } finally {
    clearTimeout(timer);
  }
}
