import assert from "node:assert/strict";
import { enforcedSchemes, isAuthSatisfied } from "../../../core/auth/enforced_auth.ts";
import { OpCode } from "../../../core/wire/op_code.ts";

const OFF = {
  enforceAuthEnabled: false,
  enforceAuthSchemes: [] as string[],
  sessionRequireClientSaslAuth: false,
};

Deno.test("enforcedSchemes() is null unless something is enforced", () => {
  assert.equal(enforcedSchemes(OFF), null);
  assert.equal(enforcedSchemes({ ...OFF, enforceAuthSchemes: ["digest"] }), null);
  const both = { ...OFF, enforceAuthEnabled: true, enforceAuthSchemes: ["digest", "ip"] };
  assert.deepEqual([...enforcedSchemes(both)!], ["digest", "ip"]);
  const sasl = enforcedSchemes({ ...OFF, sessionRequireClientSaslAuth: true });
  assert.deepEqual([...sasl!], ["sasl"]);
});

Deno.test("isAuthSatisfied() lets only authentication pass without an id of a scheme", () => {
  const ip = { scheme: "ip", id: "127.0.0.1" };
  const digest = { scheme: "digest", id: "a:b" };
  const sasl = { scheme: "sasl", id: "bob" };
  const cases = [
    { schemes: null, opCode: OpCode.GetData, ids: [ip], ok: true },
    { schemes: ["sasl"], opCode: OpCode.GetData, ids: [ip], ok: false },
    { schemes: ["sasl"], opCode: OpCode.GetData, ids: [ip, digest], ok: false },
    { schemes: ["sasl"], opCode: OpCode.GetData, ids: [ip, sasl], ok: true },
    { schemes: ["sasl"], opCode: OpCode.Ping, ids: [ip], ok: false },
    { schemes: ["sasl"], opCode: OpCode.CloseSession, ids: [ip], ok: false },
    { schemes: ["sasl"], opCode: OpCode.Auth, ids: [ip], ok: true },
    { schemes: ["sasl"], opCode: OpCode.Sasl, ids: [ip], ok: true },
    { schemes: ["sasl", "digest"], opCode: OpCode.GetData, ids: [ip, digest], ok: true },
    { schemes: ["ip"], opCode: OpCode.GetData, ids: [ip], ok: true },
  ];
  for (const { schemes, opCode, ids, ok } of cases) {
    const set = schemes === null ? null : new Set(schemes);
    assert.equal(isAuthSatisfied(set, { opCode, ids }), ok, `${schemes} ${opCode}`);
  }
});
