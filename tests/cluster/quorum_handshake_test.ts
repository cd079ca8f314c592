import assert from "node:assert/strict";
import { QuorumHandshake, type QuorumHandshakeStep } from "../../cluster/quorum_handshake.ts";
import { DecodeError } from "../../core/errors.ts";
import { memberAuth } from "../support/member_auth.ts";

const FOLLOWER_INFO = new Uint8Array([0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0]);

Deno.test("QuorumHandshake lets in who proves the password, however the bytes come", () => {
  for (const chunkBytes of [1, 7, 4096]) {
    const { handshake: us, bytes } = QuorumHandshake.connect(memberAuth({}))!;
    const them = QuorumHandshake.accept(memberAuth({}));
    const challenge = feed(them, bytes, chunkBytes);
    const response = feed(us, challenge.bytes, chunkBytes);
    const proof = feed(them, response.bytes, chunkBytes);
    assert.deepEqual([challenge.kind, response.kind, proof.kind], ["continue", "continue", "done"]);
    assert.equal(feed(us, proof.bytes, chunkBytes).kind, "done");
  }
});

Deno.test("QuorumHandshake hands out what came behind it", () => {
  const { handshake: us, bytes } = QuorumHandshake.connect(memberAuth({}))!;
  const them = QuorumHandshake.accept(memberAuth({}));
  const proof = them.take(us.take(them.take(bytes).bytes).bytes);
  const step = us.take(new Uint8Array([...proof.bytes, ...FOLLOWER_INFO]));
  assert(step.kind === "done");
  assert.deepEqual(step.rest, FOLLOWER_INFO);
});

Deno.test("QuorumHandshake peeks at who does not begin with it, unless SASL is required", () => {
  const open = QuorumHandshake.accept(memberAuth({ isRequired: false })).take(FOLLOWER_INFO);
  assert.deepEqual(open, { kind: "done", bytes: new Uint8Array(), rest: FOLLOWER_INFO });
  const closed = QuorumHandshake.accept(memberAuth({})).take(FOLLOWER_INFO);
  assert.equal(closed.kind, "failed");
  const few = QuorumHandshake.accept(memberAuth({ isRequired: false }));
  assert.equal(few.take(new Uint8Array([0x5f])).kind, "continue");
  const step = few.take(new Uint8Array([0]));
  assert(step.kind === "done");
  assert.deepEqual(step.rest, new Uint8Array([0x5f, 0]));
});

Deno.test("QuorumHandshake refuses a wrong password though SASL is not required", () => {
  const them = QuorumHandshake.accept(memberAuth({ isRequired: false }));
  const { handshake: us, bytes } = QuorumHandshake.connect(memberAuth({ password: "wrong" }))!;
  const refusal = them.take(us.take(them.take(bytes).bytes).bytes);
  assert.equal(refusal.kind, "failed");
  const told = us.take(refusal.bytes);
  assert(told.kind === "failed");
  assert.equal(told.reason, "the other server refuses us");
});

Deno.test("QuorumHandshake refuses what is no exchange", () => {
  const { handshake: us } = QuorumHandshake.connect(memberAuth({}))!;
  assert.throws(() => us.take(FOLLOWER_INFO), DecodeError);
  const them = QuorumHandshake.accept(memberAuth({}));
  const { bytes } = QuorumHandshake.connect(memberAuth({}))!;
  assert.equal(them.take(new Uint8Array([...bytes, ...bytes])).kind, "failed");
  assert.equal(QuorumHandshake.connect(memberAuth({ password: null })), null);
});

/** The last step of all bytes in chunks. */
function feed(
  handshake: QuorumHandshake,
  bytes: Uint8Array,
  chunkBytes: number,
): QuorumHandshakeStep {
  let step: QuorumHandshakeStep = { kind: "continue", bytes: new Uint8Array() };
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    assert.equal(step.kind, "continue");
    assert.equal(step.bytes.length, 0);
    step = handshake.take(bytes.slice(at, at + chunkBytes));
  }
  return step;
}
