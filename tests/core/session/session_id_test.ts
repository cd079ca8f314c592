import assert from "node:assert/strict";
import {
  firstSessionId,
  isSessionPassword,
  sessionPassword,
} from "../../../core/session/session_id.ts";

const { pairs } = JSON.parse(
  Deno.readTextFileSync(new URL("../../testdata/session-passwords.json", import.meta.url)),
) as { pairs: Record<string, string> };

Deno.test("sessionPassword() gives the passwords that a Java server gave", () => {
  assert(Object.keys(pairs).length > 5);
  for (const [id, password] of Object.entries(pairs)) {
    const sessionId = BigInt.asIntN(64, BigInt(id));
    assert.equal(sessionPassword(sessionId).toHex(), password, id);
    assert(isSessionPassword(sessionId, Uint8Array.fromHex(password)), id);
  }
  assert.equal(sessionPassword(0x0100000db1fd0000n).toHex(), "59b8edb972a578aa5fa91b030bc02848");
});

Deno.test("isSessionPassword() accepts the 16 bytes of that session and nothing else", () => {
  const id = 0x100001ba2890000n;
  const right = sessionPassword(id);
  const oneOff = right.slice();
  oneOff[15]! ^= 1;
  const cases: [sessionId: bigint, password: Uint8Array | null, passes: boolean][] = [
    [id, right, true],
    [id, oneOff, false],
    [id, right.slice(0, 15), false],
    [id, new Uint8Array(17), false],
    [id, new Uint8Array(), false],
    [id, null, false],
    [id + 1n, right, false],
    [0n, sessionPassword(0n), false], // 0 asks for a new session
    [-1n, sessionPassword(-1n), true],
    [-(2n ** 63n) + 1n, sessionPassword(-(2n ** 63n) + 1n), true],
  ];
  for (const [sessionId, password, passes] of cases) {
    assert.equal(isSessionPassword(sessionId, password), passes, `${sessionId}`);
  }
});

Deno.test("firstSessionId() puts the server's id over 40 bits of the clock", () => {
  const cases: [serverId: number, nowMs: number, id: bigint][] = [
    [1, 0, 0x0100000000000000n],
    [1, 0x1234, 0x0100000012340000n],
    [1, 0xffffffffff, 0x01ffffffffff0000n], // the low 40 bits of the clock
    [1, 0x123456789abc, 0x013456789abc0000n],
    [2, 1.9, 0x0200000000010000n],
    [255, 1, BigInt.asIntN(64, 0xff00000000010000n)],
    [128, 0, -(2n ** 63n) + 1n], // 0x8000000000000000 marks containers
  ];
  for (const [serverId, nowMs, id] of cases) {
    assert.equal(firstSessionId({ serverId, nowMs }), id, `${serverId} ${nowMs}`);
  }
});

Deno.test("firstSessionId() is above the ids that are taken, whatever the clock says", () => {
  const nowMs = 1_700_000_000_000;
  const first = firstSessionId({ serverId: 3, nowMs });
  const later = firstSessionId({ serverId: 3, nowMs: nowMs + 3_600_000 });
  const cases = [
    { taken: [], expected: first },
    { taken: [first - 1n], expected: first },
    { taken: [first], expected: first + 1n },
    { taken: [first + 5n, first, later, first + 6n], expected: later + 1n },
    { taken: [firstSessionId({ serverId: 4, nowMs }), -5n], expected: first },
  ];
  for (const { taken, expected } of cases) {
    assert.equal(firstSessionId({ serverId: 3, nowMs, taken }), expected);
  }
});
