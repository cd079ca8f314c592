import assert from "node:assert/strict";
import {
  addIds,
  handleAuthPacket,
  initialIds,
  saslIds,
  whoAmI,
} from "../../../core/auth/auth_packet.ts";
import {
  type AuthOptions,
  DEFAULT_AUTH_OPTIONS,
  makeAuthProviders,
} from "../../../core/auth/auth_providers.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { nodeHashing } from "../../../net/hashing.ts";

const OPTIONS: AuthOptions = {
  ...DEFAULT_AUTH_OPTIONS,
  superDigest: "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
  authProviders: [
    "SASLAuthenticationProvider",
    "EnsembleAuthenticationProvider",
    "X509AuthenticationProvider",
  ],
  ensembleAuthNames: ["ens1", "ens2"],
  x509SuperUser: "CN=root",
};
const PEER = { remoteAddress: "127.0.0.1" };
const IP = "ip:127.0.0.1";

function authenticate(
  scheme: string | null,
  auth: Uint8Array | string | null,
  { options = {}, certificateSubject }: {
    options?: Partial<AuthOptions>;
    certificateSubject?: string;
  } = {},
): string | string[] {
  const peer = certificateSubject === undefined ? PEER : { ...PEER, certificateSubject };
  const result = handleAuthPacket(makeAuthProviders({ ...OPTIONS, ...options }, nodeHashing), {
    scheme,
    auth: typeof auth === "string" ? encodeUtf8(auth) : auth,
    peer,
    ids: initialIds(PEER),
  });
  return result.kind === "ok" ? result.ids.map(({ scheme, id }) => `${scheme}:${id}`) : result.kind;
}

Deno.test("handleAuthPacket() answers digest as ZooKeeper 3.8.0 does", () => {
  const cases: [auth: Uint8Array | string, id: string][] = [
    ["bob:pw", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="],
    ["", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="],
    [":", ":BaefBs8/Z/cm2uaNGKIpD2yaUMk="],
    ["::", ":9i4Opu28Qoj/hMjaJPQQ7PmGIp0="],
    [":p", ":LlDE5iroUDDm9zdvmLsfjkUvn0k="],
    ["a:", "a:faqErSBWcv9/lZW1ERCcDsnNQLg="],
    ["nocolon", "nocolon:Ra+cHr2ZoHvBjtNArFGNGlVie4g="],
    ["é:ü", "é:Ztqg8TrMmzkSFpOaDBO87lu10+c="],
    ["a:b:c", "a:cLzgnoJ6mP5qz3w+mwvPE2vDgu0="],
    // malformed UTF-8: the hash is of the text with U+FFFD in it
    [Uint8Array.of(0xff, 0xfe, 0x3a, 0x78), "\ufffd\ufffd:sgm2wdkksskeePf9Lr02TkUKDiU="],
    [Uint8Array.of(0x61, 0xe2, 0x82), "a\ufffd:/1cKdtpG4H3pnIzMq12HKslg8z0="],
  ];
  for (const [auth, id] of cases) {
    assert.deepEqual(authenticate("digest", auth), [IP, `digest:${id}`], `${auth}`);
  }
  assert.equal(authenticate("digest", null), "failed");
});

Deno.test("handleAuthPacket() gives the super id for the super digest only", () => {
  assert.deepEqual(authenticate("digest", "super:secret"), [
    IP,
    "super:",
    "digest:super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
  ]);
  assert.equal(authenticate("digest", "super:guess").length, 2);
  const none = authenticate("digest", "super:secret", { options: { superDigest: null } });
  assert.equal(none.length, 2);
});

Deno.test("handleAuthPacket() uses the configured digest algorithm", () => {
  const hash = "lXdkgIa9O1CDDWAryQ0pe9wUYi2LkG6M7Uocn/Vyn2g=";
  const options = { digestAlgorithm: "SHA-256" };
  assert.deepEqual(authenticate("digest", "bob:pw", { options }), [IP, `digest:bob:${hash}`]);
});

Deno.test("handleAuthPacket() answers the other schemes as ZooKeeper 3.8.0 does", () => {
  const cases: [scheme: string | null, auth: string | null, expected: string | string[]][] = [
    ["ip", null, [IP]],
    ["ip", "zz", [IP]], // the bytes are ignored
    ["sasl", "x", "failed"],
    ["world", "anyone", "failed"],
    ["auth", "", "failed"],
    ["super", "", "failed"],
    ["", "", "failed"],
    ["nope", "", "failed"],
    [null, "", "failed"],
    ["x509", "x", "failed"], // no certificate on this connection
    ["x509", null, "failed"],
    ["ensemble", null, [IP]],
    ["ensemble", "", [IP]],
    ["ensemble", "ens1", [IP]],
    ["ensemble", "ens2", [IP]],
    ["ensemble", "nope", "close"],
  ];
  for (const [scheme, auth, expected] of cases) {
    assert.deepEqual(authenticate(scheme, auth), expected, `${scheme} ${auth}`);
  }
  const options = { digestProviderEnabled: false, ensembleAuthNames: [] };
  assert.equal(authenticate("digest", "bob:pw", { options }), "failed");
  assert.deepEqual(authenticate("ensemble", "nope", { options }), [IP]);
});

Deno.test("handleAuthPacket() takes the subject of a client certificate", () => {
  const bob = authenticate("x509", null, { certificateSubject: "CN=bob" });
  assert.deepEqual(bob, [IP, "x509:CN=bob"]);
  const root = authenticate("x509", null, { certificateSubject: "CN=root" });
  assert.deepEqual(root, [IP, "super:CN=root", "x509:CN=root"]);
});

Deno.test("addIds() keeps a set", () => {
  const held = initialIds(PEER);
  assert.equal(addIds(held, [{ scheme: "ip", id: "127.0.0.1" }]), held);
  const more = addIds(held, [{ scheme: "digest", id: "127.0.0.1" }]);
  assert.equal(more.length, 2);
  assert.equal(held.length, 1);
});

Deno.test("saslIds() adds super for super users", () => {
  const superUsers = new Set(["kim", "zed"]);
  assert.deepEqual(saslIds("bob", superUsers), [{ scheme: "sasl", id: "bob" }]);
  assert.deepEqual(saslIds("kim", superUsers), [
    { scheme: "sasl", id: "kim" },
    { scheme: "super", id: "" },
  ]);
  assert.equal(saslIds("super", superUsers).length, 1); // the name alone means nothing here
});

Deno.test("whoAmI() names users, empty where no provider can tell", () => {
  const providers = makeAuthProviders(OPTIONS, nodeHashing);
  const ids = [
    { scheme: "ip", id: "127.0.0.1" },
    { scheme: "digest", id: "bob:hash" },
    { scheme: "digest", id: ":hash" },
    { scheme: "super", id: "CN=root" },
    { scheme: "sasl", id: "kim" },
  ];
  assert.deepEqual(whoAmI(providers, ids).map(({ authScheme, user }) => `${authScheme}=${user}`), [
    "ip=127.0.0.1",
    "digest=bob",
    "digest=",
    "super=",
    "sasl=kim",
  ]);
  const withoutSasl = makeAuthProviders(DEFAULT_AUTH_OPTIONS, nodeHashing);
  assert.deepEqual(whoAmI(withoutSasl, [{ scheme: "sasl", id: "kim" }]), [
    { authScheme: "sasl", user: "" },
  ]);
});
