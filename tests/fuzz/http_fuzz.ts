/**
 * Feeds one connection of the HTTP port: requests in any pieces, pipelined or not, read and answered in every way
 * that handlers have, damaged or whole.
 *
 * Whole ones are answered in order, each as it was sent. Whatever comes, the connection neither fails nor waits
 * for ever, and what it writes is responses, each for one request that its handler saw, and at most one refusal,
 * which is its last word.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { HttpConnection } from "../../net/http/listener/http_connection.ts";
import { Reply } from "../../net/http/listener/reply.ts";
import { UnsentBytes } from "../../net/http/listener/unsent_bytes.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { FakeSocket } from "./connection_fuzz.ts";
import { drawRequests, sumOf, utf8, type Way } from "./http_requests.ts";
import { joined, mutate } from "./mutations.ts";

/** Turns of the event loop without any move, after which the client says that nothing more comes. */
const IDLE_TURN_COUNT_MAX = 60;
/** After that: a busy machine may be slow to turn blobs into bytes. */
const LAST_TURN_COUNT_MAX = 5000;
const ADDRESS = { hostname: "127.0.0.1", port: 1, transport: "tcp" } as const;

export interface HttpFuzzCounts {
  requests: number;
  refusals: number;
  bytes: number;
}

/** What a handler saw. */
interface Seen {
  readonly method: string;
  readonly target: string;
  /** Of those that read the whole body. */
  sum: string | null;
  /** The body could not be read. */
  problem: unknown;
}

/** @throws {assert.AssertionError} when it fails, hangs, or answers what nobody asked */
export async function runHttpFuzz(seed: number): Promise<HttpFuzzCounts> {
  const random = new SeededRandom(seed);
  const isDamaged = random.chance(1, 2);
  const planned = drawRequests(random, random.between(1, 12));
  const whole = joined(...planned.map(({ bytes }) => bytes));
  const sent = !isDamaged
    ? whole
    : random.chance(1, 8)
    ? random.bytes(random.below(4000))
    : mutate(random, whole);
  const socket = new FakeSocket();
  const seen: Seen[] = [];
  const failures: unknown[] = [];
  const gates: (() => void)[] = [];
  const connection = new HttpConnection(
    {
      handler: async (request) => {
        const url = request.url.slice("http://".length);
        const target = url.slice(url.indexOf("/"));
        const one: Seen = { method: request.method, target, sum: null, problem: null };
        seen.push(one);
        return await answer(request, { one, index: seen.length - 1, gates });
      },
      nowMs: 0,
      date: "now",
      isClosing: false,
      idleTimeoutMs: 1000,
      stallTimeoutMs: 1000,
      failed: (error) => void failures.push(error),
      closed: () => {},
      unsent: new UnsentBytes(1 << 20, () => {}),
    },
    socket as unknown as Deno.TcpConn,
    ADDRESS,
  );
  const ended = connection.run();

  const deliverMax = random.pick([1, 3, 50, 3000, 200_000]);
  const takeMax = random.pick([1, 50, 5000, 200_000]);
  const gateRarity = random.pick([2, 6, 60]);
  const slices = random.chance(1, 2) ? 1 : 4; // what is sent at once, so that more comes later
  for (let at = 0; at < sent.length;) {
    const end = Math.min(sent.length, at + Math.ceil(sent.length / slices));
    socket.send(sent.subarray(at, end));
    at = end;
  }
  let idleTurns = 0;
  let isEndSent = false;
  while (!socket.isClosed) {
    const moves: (() => void)[] = [];
    if (socket.canDeliver) moves.push(() => socket.deliver(1 + random.below(deliverMax)));
    if (socket.canTake) moves.push(() => socket.take(1 + random.below(takeMax)));
    const gate = gates[0];
    if (gate !== undefined && (moves.length === 0 || random.chance(1, gateRarity))) {
      moves.push(() => {
        gates.shift();
        gate();
      });
    }
    const idleTurnsMax = isEndSent ? LAST_TURN_COUNT_MAX : IDLE_TURN_COUNT_MAX;
    if (moves.length === 0 && ++idleTurns > idleTurnsMax) {
      assert(!isEndSent, `it waits for ever: ${seen.map(({ target }) => target)}`);
      socket.end(); // nothing more comes, and it has to see that
      isEndSent = true;
      idleTurns = 0;
    } else if (moves.length > 0) {
      random.pick(moves)();
      idleTurns = 0;
    }
    await turn(moves.length === 0 ? 1 : 0);
  }
  for (const gate of gates) gate();
  await ended;
  assert.deepEqual(failures, [], "no handler's response is refused");
  const text = new TextDecoder("latin1").decode(socket.received());
  const { count, refusal } = checkResponses(text, seen);
  if (!isDamaged) {
    assert.equal(refusal, null, "whole requests are not refused");
    for (const [index, { method, target, sum, problem }] of seen.entries()) {
      assert.equal(problem, null, `body of ${target}`);
      const { method: sentMethod, target: sentTarget, body } = planned[index]!;
      assert.deepEqual([method, target], [sentMethod, sentTarget]);
      if (sum !== null) assert.equal(sum, sumOf(body), `body of ${target}`);
    }
    const isLastClosing = /connection: close\r\n/.test(text);
    assert(count === planned.length || isLastClosing, `${count} of ${planned.length} are answered`);
  }
  return { requests: count, refusals: refusal === null ? 0 : 1, bytes: sent.length };
}

async function answer(
  request: Request,
  { one, index, gates }: { one: Seen; index: number; gates: (() => void)[] },
): Promise<Response> {
  const headers = { "x-index": String(index) };
  const way = /^\/(\w+)/.exec(one.target)?.[1] as Way | undefined;
  try {
    switch (way) {
      case "stream": {
        const parts: Uint8Array[] = [];
        for await (const part of request.body ?? []) parts.push(part);
        one.sum = sumOf(joined(...parts));
        return new Reply(one.sum, { headers });
      }
      case "part":
        await request.body?.getReader().read();
        return new Reply("part", { headers });
      case "none":
        return new Reply("none", { headers });
      case "watch":
        void request.signal;
        await new Promise<void>((resolve) => gates.push(resolve));
        break;
      case "large":
        one.sum = sumOf(await request.bytes());
        return new Reply("l".repeat(20_000), { headers });
      case "pieces":
        return new Response(pieces(), { headers });
    }
    one.sum = sumOf(await request.bytes());
    return new Reply(one.sum, { headers });
  } catch (error) { // the body broke off, or is no body
    one.problem = error;
    return new Reply("broken", { status: 400, headers });
  }
}

function pieces(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = 5;
  return new ReadableStream({
    pull(controller) {
      if (left-- === 0) controller.close();
      else controller.enqueue(utf8("piece".repeat(left * 300)));
    },
  });
}

/** Takes what was written apart, and compares it with what the handler saw. */
function checkResponses(
  text: string,
  seen: readonly Seen[],
): { count: number; refusal: number | null } {
  let count = 0;
  let at = 0;
  while (at < text.length) {
    const headEnd = text.indexOf("\r\n\r\n", at);
    if (headEnd < 0) break; // the connection ended in the middle
    const [first, ...lines] = text.slice(at, headEnd).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) [A-Za-z ]+$/.exec(first!)?.[1]);
    assert(status >= 100, `no first line of a response: ${JSON.stringify(first)}`);
    const fields = new Map(lines.map((line) => {
      const [, name, value] = /^([a-z-]+): ([\x20-\x7e]*)$/.exec(line) ?? [];
      assert(name !== undefined, `no field: ${JSON.stringify(line)}`);
      return [name, value!];
    }));
    at = headEnd + 4;
    if (status === 100) continue;
    const index = fields.get("x-index");
    if (index === undefined) {
      assert.equal(fields.get("connection"), "close");
      assert.equal(text.length - at, Number(fields.get("content-length")), "the last word");
      return { count, refusal: status };
    }
    assert.equal(index, String(count), "responses come in order");
    const { method } = seen[count++]!;
    if (method === "HEAD") continue;
    const length = fields.get("content-length");
    if (length !== undefined) at += Number(length);
    else if (fields.get("transfer-encoding") === "chunked") at = chunksEnd(text, at);
    else at = text.length; // HTTP/1.0
  }
  return { count, refusal: null };
}

/** Where the chunks that begin here end; the text's end when the connection ended first. */
function chunksEnd(text: string, from: number): number {
  for (let at = from;;) {
    const [line, size] = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 20)) ?? [];
    if (line === undefined) return text.length;
    const end = at + line.length + parseInt(size!, 16);
    if (end + 2 > text.length) return text.length;
    assert.equal(text.slice(end, end + 2), "\r\n", "a chunk's end");
    at = end + 2;
    if (size === "0") return at;
  }
}

/** Everything that can go on goes on, also what waits for the event loop. */
function turn(ms: number): Promise<void> {
  return new Promise((resolve) => ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms));
}
