/**
 * gzip for answers that are worth it, when the client asks for it.
 *
 * @module
 */
import { Reply } from "./listener/reply.ts";

/** Smaller answers cost more time than they save. */
const GZIP_BYTES_MIN = 64 * 1024;

const GZIP = /(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?=,|$)/i;

/** Whether `Accept-Encoding` allows gzip. */
function acceptsGzip(request: Request): boolean {
  const header = request.headers.get("accept-encoding");
  return header !== null && GZIP.test(header);
}

/** An answer whose body may be packed. @param bytes null: a stream of unknown length, which is worth it */
export function packedResponse(
  request: Request,
  { body, bytes, headers, status = 200 }: {
    body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null;
    bytes: number | null;
    headers: Record<string, string>;
    status?: number;
  },
): Response {
  const isWorthIt = body !== null && (bytes === null || bytes > GZIP_BYTES_MIN);
  const isStream = body instanceof ReadableStream;
  if (!isWorthIt && !isStream) return new Reply(body, { status, headers });
  headers["vary"] = "accept-encoding";
  if (!isWorthIt || !acceptsGzip(request)) {
    return isStream
      ? new Response(body, { status, headers })
      : new Reply(body, { status, headers });
  }
  headers["content-encoding"] = "gzip";
  const packed = new Response(body).body!.pipeThrough(new CompressionStream("gzip"));
  return new Response(packed, { status, headers });
}

/** JSON with a newline at its end, for shells; packed when it is long. */
export function jsonResponse(
  request: Request,
  value: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): Response {
  const body = `${JSON.stringify(value)}\n`;
  headers["content-type"] = "application/json";
  return packedResponse(request, { body, bytes: body.length, headers, status });
}
