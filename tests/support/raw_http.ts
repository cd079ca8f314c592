/**
 * HTTP as it stands on the wire, for what `fetch` would tidy up or refuse to send.
 *
 * @module
 */

export interface RawResponse {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One request on a connection of its own. `headers` are whole lines, Host is added unless it is among them. */
export async function rawRequest(
  url: string,
  { target, method = "GET", headers = [], body = "" }: {
    /** What stands in the request line. */
    target: string;
    method?: string;
    headers?: readonly string[];
    body?: string;
  },
): Promise<RawResponse> {
  const hasHost = headers.some((line) => /^host:/i.test(line));
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(hasHost ? [] : [`Host: ${new URL(url).host}`]),
    "Connection: close",
    ...headers,
  ];
  const answer = await exchange(url, `${lines.join("\r\n")}\r\n\r\n${body}`);
  const endAt = answer.indexOf("\r\n\r\n");
  const [statusLine = "", ...headerLines] = answer.slice(0, endAt).split("\r\n");
  return {
    status: Number(statusLine.split(" ")[1]),
    headers: new Map(headerLines.map((line) => {
      const colonAt = line.indexOf(":");
      return [line.slice(0, colonAt).toLowerCase(), line.slice(colonAt + 1).trim()];
    })),
    body: answer.slice(endAt + 4),
  };
}

/** Sends bytes, and reads one answer: to the length it tells, or to the end of the connection. */
async function exchange(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  const decoder = new TextDecoder("latin1"); // a letter a byte
  const buffer = new Uint8Array(16_384);
  let answer = "";
  while (!isWhole(answer)) {
    const byteCount = await connection.read(buffer).catch(() => null); // a reset is an end too
    if (byteCount === null) break;
    answer += decoder.decode(buffer.subarray(0, byteCount));
  }
  return answer;
}

function isWhole(answer: string): boolean {
  const endAt = answer.indexOf("\r\n\r\n");
  if (endAt < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, endAt))?.[1];
  return length !== undefined && answer.length >= endAt + 4 + Number(length);
}
