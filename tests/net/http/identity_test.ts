import assert from "node:assert/strict";
import { makeAuthProviders } from "../../../core/auth/auth_providers.ts";
import { digestIdOf } from "../../../core/auth/digest_provider.ts";
import { nodeHashing } from "../../../net/hashing.ts";
import { Identities } from "../../../net/http/identity.ts";
import { Problem } from "../../../net/http/problem.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { silentLogger } from "../../support/silent_logger.ts";

function identitiesOf(settings: Record<string, string | number | boolean> = {}) {
  const config = makeConfig({ settings });
  const failed = { count: 0 };
  const identities = new Identities({
    config,
    providers: makeAuthProviders(config, nodeHashing),
    logger: silentLogger,
    onFailed: () => void failed.count++,
  });
  return { identities, failed };
}

function idsOf(
  identities: Identities,
  { authorization, forwarded, peer = "10.0.0.1" }: {
    authorization?: string;
    forwarded?: string;
    peer?: string;
  },
): string[] {
  const headers = new Headers();
  if (authorization !== undefined) headers.set("authorization", authorization);
  if (forwarded !== undefined) headers.set("x-forwarded-for", forwarded);
  const { caller } = identities.of(new Request("http://h/", { headers }), peer);
  return caller.ids.map(({ scheme, id }) => `${scheme}:${id}`);
}

const basic = (text: string) => `Basic ${new TextEncoder().encode(text).toBase64()}`;
const digest = (text: string) => `digest:${digestIdOf(text, { hashing: nodeHashing })}`;

Deno.test("Identities.of() takes the address, and user and password in either form", () => {
  const { identities } = identitiesOf();
  const cases = [
    [{}, ["ip:10.0.0.1"]],
    [{ peer: "::1" }, ["ip:0:0:0:0:0:0:0:1"]],
    [{ peer: "::ffff:10.0.0.2" }, ["ip:10.0.0.2"]],
    [{ authorization: basic("bob:pw") }, ["ip:10.0.0.1", digest("bob:pw")]],
    [{ authorization: basic("bob:pw:with:colons") }, ["ip:10.0.0.1", digest("bob:pw:with:colons")]],
    [{ authorization: basic("bób:pẅ") }, ["ip:10.0.0.1", digest("bób:pẅ")]],
    [{ authorization: "digest bob:pw" }, ["ip:10.0.0.1", digest("bob:pw")]],
    [{ authorization: "BASIC " + basic("a:").slice(6) }, ["ip:10.0.0.1", digest("a:")]],
  ] as const;
  for (const [given, ids] of cases) assert.deepEqual(idsOf(identities, given), ids);
});

Deno.test("Identities.of() knows the super user", () => {
  const { identities } = identitiesOf({
    "DigestAuthenticationProvider.superDigest": digestIdOf("super:secret", {
      hashing: nodeHashing,
    }),
  });
  assert.deepEqual(idsOf(identities, { authorization: basic("super:secret") }), [
    "ip:10.0.0.1",
    "super:",
    digest("super:secret"),
  ]);
});

Deno.test("Identities.of() refuses credentials that it cannot read, and counts them", () => {
  const { identities, failed } = identitiesOf();
  const wrong = [
    ...["Basic", "Basic !!!", basic("no colon"), "Bearer abc", "digest nocolon", "nonsense"],
    ...['Digest username="bob", uri="http://x"', `digest a:${"x".repeat(9000)}`, ""],
  ];
  for (const authorization of wrong) {
    assert.throws(() => idsOf(identities, { authorization }), (error) => {
      assert.equal((error as Problem).problem, "auth-failed", authorization);
      assert.doesNotMatch((error as Problem).message, /no colon|abc|xxx/, "it repeats no secret");
      return true;
    });
  }
  assert.equal(failed.count, wrong.length);
  const off = identitiesOf({ "DigestAuthenticationProvider.enabled": false });
  assert.throws(() => idsOf(off.identities, { authorization: basic("bob:pw") }), /digest is off/);
});

Deno.test("Identities.of() honours what the configuration demands of everyone", () => {
  const enforced = { "enforce.auth.enabled": true, "enforce.auth.schemes": "digest" };
  const { identities } = identitiesOf(enforced);
  assert.throws(() => idsOf(identities, {}), (error) => {
    assert.equal((error as Problem).problem, "session-requires-auth");
    return true;
  });
  assert.equal(idsOf(identities, { authorization: basic("bob:pw") }).length, 2);
  const sasl = identitiesOf({ sessionRequireClientSASLAuth: true });
  const authorization = basic("bob:pw");
  assert.throws(() => idsOf(sasl.identities, { authorization }), /identity of sasl/);
});

Deno.test("Identities.of() believes X-Forwarded-For of trusted proxies only, from the right", () => {
  const trusting = identitiesOf({ "http.trustedProxies": "10.0.0.0/8, ::1" }).identities;
  const cases = [
    { peer: "192.168.0.1", forwarded: "1.2.3.4", expected: "192.168.0.1" }, // not a proxy
    { peer: "10.0.0.1", forwarded: "1.2.3.4", expected: "1.2.3.4" },
    { peer: "::1", forwarded: "1.2.3.4", expected: "1.2.3.4" },
    { peer: "::ffff:10.0.0.1", forwarded: "1.2.3.4", expected: "1.2.3.4" },
    { peer: "10.0.0.1", forwarded: "6.6.6.6, 1.2.3.4, 10.0.0.2", expected: "1.2.3.4" },
    { peer: "10.0.0.1", forwarded: "10.0.0.3, 10.0.0.2", expected: "10.0.0.3" },
    { peer: "10.0.0.1", forwarded: "1.2.3.4:5678", expected: "1.2.3.4" },
    { peer: "10.0.0.1", forwarded: "[2001:db8::1]:99", expected: "2001:db8:0:0:0:0:0:1" },
    { peer: "10.0.0.1", forwarded: "6.6.6.6, unknown", expected: "10.0.0.1" },
    { peer: "10.0.0.1", expected: "10.0.0.1" },
  ];
  for (const { expected, ...given } of cases) {
    assert.deepEqual(idsOf(trusting, given), [`ip:${expected}`], JSON.stringify(given));
  }
  const { identities } = identitiesOf();
  assert.deepEqual(idsOf(identities, { forwarded: "1.2.3.4" }), ["ip:10.0.0.1"]);
});

Deno.test("Identities.of() keeps some identities ready, each for who it is", () => {
  const { identities } = identitiesOf();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 600; i++) { // more than are kept
      const ids = idsOf(identities, { authorization: basic(`user${i}:pw`) });
      assert.ok(ids[1]!.startsWith(`digest:user${i}:`), ids[1]);
    }
  }
});
