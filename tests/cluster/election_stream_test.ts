import assert from "node:assert/strict";
import { ElectionStream, encodeFrame } from "../../cluster/election_stream.ts";
import { encodeHello } from "../../cluster/hello.ts";
import { DecodeError } from "../../core/errors.ts";

const HELLO = encodeHello({
  serverId: 2,
  addresses: [{ host: "h", port: 1 }],
  isMultiAddress: false,
});

Deno.test("ElectionStream gives a hello and frames however the bytes come in", () => {
  const frames = [new Uint8Array([1]), new Uint8Array(3000).fill(2), new Uint8Array([3, 4])];
  const all = [HELLO, ...frames.map(encodeFrame)].flatMap((bytes) => [...bytes]);
  for (const chunkSize of [1, 2, 3, 7, 500, all.length]) {
    const stream = new ElectionStream();
    let helloId: number | null = null;
    const got: number[][] = [];
    for (let at = 0; at < all.length; at += chunkSize) {
      stream.push(new Uint8Array(all.slice(at, at + chunkSize)));
      helloId ??= stream.takeHello()?.serverId ?? null;
      if (helloId === null) continue;
      for (let frame = stream.takeFrame(); frame !== null; frame = stream.takeFrame()) {
        got.push([...frame]);
      }
    }
    assert.equal(helloId, 2);
    assert.deepEqual(got, frames.map((frame) => [...frame]), `in chunks of ${chunkSize}`);
  }
});

Deno.test("ElectionStream.takeFrame() refuses unreasonable lengths", () => {
  const cases = [
    { length: 0, refused: true },
    { length: -1, refused: true },
    { length: 524289, refused: true },
    { length: 524288, refused: false },
  ];
  for (const { length, refused } of cases) {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setInt32(0, length);
    const stream = new ElectionStream();
    stream.push(head);
    if (refused) assert.throws(() => stream.takeFrame(), DecodeError, `${length}`);
    else assert.equal(stream.takeFrame(), null);
  }
});
