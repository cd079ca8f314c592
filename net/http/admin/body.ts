/**
 * Reading what a request carries, never more than is wanted.
 *
 * @module
 */

/** The body as text; null when it is longer than `bytesMax`. */
export async function readText(request: Request, bytesMax: number): Promise<string | null> {
  if (request.body === null) return "";
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request.body) {
    bytes += piece.length;
    if (bytes > bytesMax) return null; // leaving the loop cancels the rest
    pieces.push(piece);
  }
  const decoder = new TextDecoder();
  return pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
}
