import assert from "node:assert/strict";
import {
  type AuthStep,
  beginsWithAuth,
  decodeAuthRecord,
  encodeAuthRecord,
  QuorumAuth,
} from "../../cluster/quorum_auth.ts";
import { DecodeError } from "../../core/errors.ts";
import type { Hashing } from "../../core/ports.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { captured } from "../support/quorum_captures.ts";

const CREDENTIALS = { username: "test", password: "mypassword" };

Deno.test("QuorumAuth says byte for byte what Java says, on either side", () => {
  const messages = captured("23-quorum-sasl-digest-md5").filter(({ name }) =>
    name === "QUORUM-AUTH"
  );
  assert.equal(messages.length, 8); // an election connection and a quorum connection
  for (const start of [0, 4]) {
    const [first, challenge, response, last] = messages.slice(start, start + 4).map(({ bytes }) =>
      bytes
    );
    const cnonce = /cnonce="([^"]*)"/.exec(new TextDecoder().decode(response))![1]!;
    const connecting = auth({ hashing: hashingWith(cnonce) }).connect()!;
    assert.deepEqual(connecting.bytes, first);
    assert.deepEqual(take(connecting.exchange, challenge!), { kind: "continue", bytes: response });
    assert.equal(take(connecting.exchange, last!).kind, "done");

    const nonce = /nonce="([^"]*)"/.exec(new TextDecoder().decode(challenge))![1]!;
    const accepting = auth({ hashing: hashingWith(nonce) }).accept();
    assert.deepEqual(take(accepting, first!), { kind: "continue", bytes: challenge });
    assert.deepEqual(take(accepting, response!), { kind: "done", bytes: last });
    assert.equal(take(accepting, response!).kind, "failed"); // an exchange is over once
  }
});

Deno.test("QuorumAuth refuses a wrong password on both sides", () => {
  const wrong = auth({ credentials: { username: "test", password: "other" } }).connect()!;
  const accepting = auth({}).accept();
  const response = take(wrong.exchange, take(accepting, wrong.bytes).bytes);
  const refusal = take(accepting, response.bytes);
  assert.equal(refusal.kind, "failed");
  assert.deepEqual(refusal.bytes, encodeAuthRecord({ status: -1, token: new Uint8Array() }));
  assert.equal(take(wrong.exchange, refusal.bytes).kind, "failed");

  // who accepts must know the password as well
  const impostor = auth({ users: new Map([["test", "guessed"]]) }).accept();
  const connecting = auth({}).connect()!;
  take(connecting.exchange, take(impostor, connecting.bytes).bytes);
  const claim = encodeAuthRecord({ status: 1, token: new TextEncoder().encode("rspauth=00") });
  assert.equal(take(connecting.exchange, claim).kind, "failed");
});

Deno.test("QuorumAuth ends an exchange that goes on and on, or begins with its end", () => {
  const connecting = auth({}).connect()!;
  const accepting = auth({}).accept();
  const { bytes } = take(accepting, connecting.bytes);
  assert.equal(take(connecting.exchange, bytes).kind, "continue");
  assert.equal(take(connecting.exchange, bytes).kind, "failed");
  const early = encodeAuthRecord({ status: 1, token: new Uint8Array() });
  assert.equal(take(auth({}).connect()!.exchange, early).kind, "failed");
  assert.equal(take(auth({}).accept(), early).kind, "failed");
  const nonsense = encodeAuthRecord({ status: 0, token: new Uint8Array([1, 2]) });
  assert.equal(take(auth({}).connect()!.exchange, nonsense).kind, "failed");
});

Deno.test("QuorumAuth.connect() begins without SASL when there are no credentials", () => {
  assert.equal(auth({ credentials: null }).connect(), null);
});

Deno.test("decodeAuthRecord() waits for the whole, and refuses what is none", () => {
  const token = new Uint8Array([1, 2, 3]);
  const bytes = encodeAuthRecord({ status: 0, token });
  for (let size = 0; size < bytes.length; size++) {
    assert.equal(decodeAuthRecord(bytes.subarray(0, size)), null, `${size} bytes`);
    assert.equal(beginsWithAuth(bytes.subarray(0, size)), size < 8 ? null : true);
  }
  assert.deepEqual(decodeAuthRecord(new Uint8Array([...bytes, 9])), {
    record: { status: 0, token },
    byteCount: bytes.length,
  });
  assert.equal(beginsWithAuth(new Uint8Array([0x5f, 0x25])), false);
  assert.throws(() => decodeAuthRecord(new Uint8Array([0, 0, 0, 44])), DecodeError);
  const long = bytes.slice();
  new DataView(long.buffer).setInt32(12, 4097);
  assert.throws(() => decodeAuthRecord(long), DecodeError);
});

function auth(
  {
    users = new Map([["test", "mypassword"]]),
    credentials = CREDENTIALS,
    hashing = nodeHashing,
  }: {
    users?: ReadonlyMap<string, string>;
    credentials?: { username: string; password: string } | null;
    hashing?: Hashing;
  },
): QuorumAuth {
  return new QuorumAuth({ users, credentials, isRequired: true, hashing });
}

function take(exchange: ReturnType<QuorumAuth["accept"]>, bytes: Uint8Array): AuthStep {
  return exchange.take(decodeAuthRecord(bytes)!.record);
}

/** Its random bytes are those of `nonce`, in base64. */
function hashingWith(nonce: string): Hashing {
  return {
    digest: nodeHashing.digest,
    randomBytes: () => Uint8Array.from(atob(nonce), (c) => c.charCodeAt(0)),
  };
}
