import assert from "node:assert/strict";
import { parseSessionToken, sessionTokenOf } from "../../../net/http/session_token.ts";

const KEY = { id: 0x1000_0000_0000_0001n, password: Uint8Array.from({ length: 16 }, (_, i) => i) };

Deno.test("parseSessionToken() gives what sessionTokenOf() was made from", () => {
  for (const id of [KEY.id, 0n, -1n, 2n ** 63n - 1n]) {
    const token = sessionTokenOf({ ...KEY, id });
    assert.match(token, /^zks_[A-Za-z0-9_-]{38}$/);
    assert.deepEqual(parseSessionToken(token), { ...KEY, id });
  }
});

Deno.test("parseSessionToken() tells slips from tokens", () => {
  const token = sessionTokenOf(KEY);
  const slips = ["", "zks_", token.slice(1), `${token}A`, token.slice(0, -1), token.toLowerCase()];
  for (const slip of slips) assert.equal(parseSessionToken(slip), null, slip);
  for (let i = 4; i < token.length; i++) {
    const other = token[i] === "A" ? "B" : "A";
    const slip = token.slice(0, i) + other + token.slice(i + 1);
    assert.equal(parseSessionToken(slip), null, slip);
  }
});
