/**
 * Asks a server, from outside, by a four-letter word or by HTTP. One question a connection, within a time.
 *
 * By sockets rather than `fetch`, which would ask the proxy of HTTP_PROXY even for this machine's own ports.
 *
 * @module
 */

/** Nobody answered in time, or nobody listens. */
export class NoAnswerError extends Error {
  override name = "NoAnswerError";
  /** Somebody listens there, and did not answer in time. */
  readonly isTimeout: boolean;

  constructor(message: string, { isTimeout }: { isTimeout: boolean }) {
    super(message);
    this.isTimeout = isTimeout;
  }
}

/** In UTF-16 code units, which is as many bytes or fewer. No answer to a question of ours is larger. */
const ANSWER_BYTES_MAX = 1 << 20;

/**
 * @returns the answer, up to the end of the connection
 * @throws {NoAnswerError}
 */
export async function askWord(
  place: { host: string; port: number },
  { word, timeoutMs }: { word: string; timeoutMs: number },
): Promise<string> {
  const { host, port } = place;
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return await exchange(place, word, {
    timeoutMs,
    timedOut: `Cannot get an answer to ${word} from ${where}: none within ${timeoutMs} ms`,
    failed: `Cannot connect to ${where}`,
  });
}

/**
 * Speaks HTTP/1.0, whose answers end with the connection.
 *
 * @throws {NoAnswerError}
 */
export async function askHttp(
  url: URL,
  { timeoutMs, headers = {} }: { timeoutMs: number; headers?: Readonly<Record<string, string>> },
): Promise<{ status: number; date: string | null; text: string }> {
  const isTls = url.protocol === "https:";
  const place = {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
    isTls,
  };
  const lines = Object.entries({ host: url.host, connection: "close", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${url.pathname}${url.search} HTTP/1.0\r\n${lines.join("")}\r\n`;
  const answer = await exchange(place, request, {
    timeoutMs,
    timedOut: `Cannot get ${url}: no answer within ${timeoutMs} ms`,
    failed: `Cannot get ${url}`,
  });
  const [, status, fields, text] =
    /^HTTP\/1\.\d (\d{3})[^\r\n]*\r?\n((?:[^\r\n]+\r?\n)*)\r?\n([\s\S]*)$/.exec(answer) ?? [];
  if (status === undefined) {
    throw new NoAnswerError(`Cannot get ${url}: the answer is not HTTP`, { isTimeout: false });
  }
  const date = /^date: *(.*)$/im.exec(fields!)?.[1]?.trim() ?? null;
  return { status: Number(status), date, text: text! };
}

/** Sends a text; @returns all that comes back, up to the end of the connection */
async function exchange(
  { host, port, isTls = false }: { host: string; port: number; isTls?: boolean },
  request: string,
  { timeoutMs, timedOut, failed }: { timeoutMs: number; timedOut: string; failed: string },
): Promise<string> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    timeout.reject(new NoAnswerError(timedOut, { isTimeout: true }));
  }, timeoutMs);
  const options = { hostname: host, port };
  const connecting: Promise<Deno.Conn> = isTls ? Deno.connectTls(options) : Deno.connect(options);
  try {
    return await Promise.race([
      connecting.then((conn) => converse(conn, request)),
      timeout.promise,
    ]);
  } catch (error) {
    if (error instanceof NoAnswerError) throw error;
    throw new NoAnswerError(`${failed}: ${reasonOf(error)}`, { isTimeout: false });
  } finally {
    clearTimeout(timer);
    connecting.then((conn) => conn.close(), () => {}); // also one that is made too late
  }
}

async function converse(conn: Deno.Conn, request: string): Promise<string> {
  const bytes = new TextEncoder().encode(request);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16 * 1024);
  let answer = "";
  while (answer.length <= ANSWER_BYTES_MAX) {
    const count = await conn.read(buffer);
    if (count === null) return answer + decoder.decode();
    answer += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  throw new Error(`the answer has more than ${ANSWER_BYTES_MAX} bytes`);
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "nobody listens there";
  const message = error instanceof Error ? error.message : String(error);
  return /lookup address/.test(message) ? "the name is not known" : message;
}
