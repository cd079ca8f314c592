/**
 * Asks a server a four-letter word.
 *
 * @module
 */

const ANSWER_BYTES_MAX = 1 << 20;

/**
 * @returns what it says until it closes the connection, or has said a megabyte
 * @throws when there is no connection, or no end of the answer, after `timeoutMs`
 */
export async function askWord(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  word: string,
  timeoutMs: number,
): Promise<string> {
  let conn: Deno.TcpConn | undefined;
  let isLate = false;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    isLate = true;
    reject(new Error(`no answer in ${timeoutMs} ms`));
    conn?.close();
  }, timeoutMs);
  const talk = async () => {
    const made = await Deno.connect({ hostname, port });
    if (isLate) {
      made.close();
      return "";
    }
    conn = made;
    try {
      await made.write(new TextEncoder().encode(word));
      return await readAll(made);
    } finally {
      if (!isLate) made.close();
    }
  };
  try {
    const talking = talk();
    talking.catch(() => {}); // it may fail after it was given up
    return await Promise.race([talking, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readAll(conn: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16 * 1024);
  let text = "";
  while (text.length < ANSWER_BYTES_MAX) {
    let count: number | null;
    try {
      count = await conn.read(buffer);
    } catch (error) {
      if (text === "") throw error;
      break; // reset after the answer
    }
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}
