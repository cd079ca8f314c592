/**
 * What a session's token keeps, what is none, and that none gets into a log.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  parseSessionToken,
  sessionTokenOf,
  withoutTokens,
} from "../../../net/http/session_token.ts";

const PASSWORD = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);

Deno.test("parseSessionToken() gives what sessionTokenOf() was given, in letters for URLs", () => {
  for (const id of [0x100000000000001n, -1n, -(2n ** 63n) + 1n]) {
    const token = sessionTokenOf({ id, password: PASSWORD });
    assert.match(token, /^[\w-]+$/);
    assert.deepEqual(parseSessionToken(token), { id, password: PASSWORD });
  }
});

Deno.test("parseSessionToken() gives null for what is no token", () => {
  const token = sessionTokenOf({ id: 1n, password: PASSWORD });
  const cases = [
    "",
    "0x100000000000001", // an id
    token.slice(0, -1),
    token.slice(1),
    `${token}A`,
    `${token} `,
    token.replace(/.$/, (last) => last === "A" ? "B" : "A"),
    token.replace(/(?<=^.{8})./, (letter) => letter === "A" ? "B" : "A"),
  ];
  for (const text of cases) assert.equal(parseSessionToken(text), null, text);
});

Deno.test("withoutTokens() leaves no token in a text, whole or cut", () => {
  const token = sessionTokenOf({ id: 1n, password: PASSWORD });
  const text = `/api/v1/sessions/${token}/events ${token.slice(0, 20)} zks_`;
  assert.equal(withoutTokens(text), "/api/v1/sessions/zks_.../events zks_... zks_");
});
