import assert from "node:assert/strict";
import {
  type AuthOptions,
  DEFAULT_AUTH_OPTIONS,
  makeAuthProviders,
} from "../../../core/auth/auth_providers.ts";
import { hashName } from "../../../core/auth/digest_provider.ts";
import { nodeHashing } from "../../../net/hashing.ts";

function make(options: Partial<AuthOptions> = {}) {
  return makeAuthProviders({ ...DEFAULT_AUTH_OPTIONS, ...options }, nodeHashing);
}

Deno.test("makeAuthProviders() registers ip, digest and what is configured", () => {
  const sasl = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
  const cases: { options: Partial<AuthOptions>; schemes: string[] }[] = [
    { options: {}, schemes: ["ip", "digest"] },
    { options: { digestProviderEnabled: false }, schemes: ["ip"] },
    { options: { authProviders: [sasl, sasl] }, schemes: ["ip", "digest", "sasl"] },
    {
      options: { authProviders: ["EnsembleAuthenticationProvider"] },
      schemes: ["ip", "digest", "ensemble"],
    },
    {
      options: { digestProviderEnabled: false, authProviders: ["x.DigestAuthenticationProvider"] },
      schemes: ["ip", "digest"],
    },
  ];
  for (const { options, schemes } of cases) assert.deepEqual(make(options).schemes(), schemes);
  const { unknownProviders } = make({ authProviders: ["com.example.Mine", sasl] });
  assert.deepEqual(unknownProviders, ["com.example.Mine"]);
});

Deno.test("makeAuthProviders() refuses a digest algorithm that cannot be computed", () => {
  assert.throws(() => make({ digestAlgorithm: "SHA-7" }), {
    name: "RangeError",
    message: /"SHA-7"/,
  });
});

Deno.test("hashName() translates Java's names of hashes", () => {
  const cases = [
    ["SHA1", "sha1"],
    ["SHA", "sha1"],
    ["SHA-1", "sha1"],
    ["SHA-256", "sha256"],
    ["SHA-512/256", "sha512-256"],
    ["SHA3-256", "sha3-256"],
    ["MD5", "md5"],
  ];
  for (const [java, node] of cases) {
    assert.equal(hashName(java!), node);
    assert.ok(nodeHashing.digest(node!, new Uint8Array()).length >= 16);
  }
});

// What the schemes accept as id of an ACL entry, as ZooKeeper 3.8.0 answered; ids it refuses are
// those it answered with -114.

Deno.test("ip isValid() accepts what ZooKeeper accepts, and IPv6", () => {
  const valid = [
    "1.2.3.4",
    "01.2.3.4",
    "0001.2.3.4",
    "+1.2.3.4",
    "-0.2.3.4",
    "255.255.255.255",
    "1.2.3.4/32",
    "1.2.3.4/0",
    "1.2.3.4/+8",
    "1.2.3.4/08",
    "::1",
    "::",
    "fe80::1/64",
    "1:2:3:4:5:6:7:8/128",
    "1::8/0",
    "::ffff:1.2.3.4",
  ];
  const invalid = [
    "",
    "/8",
    "/",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    "1.2.3.4.",
    ".1.2.3.4",
    "1..3.4",
    "1.2.3/8",
    "1.2.3.4/33",
    "1.2.3.4/-1",
    "1.2.3.4/",
    "1.2.3.4//",
    "1.2.3.4/8/8",
    "1.2.3.4/8/",
    "1.2.3.4/ 8",
    "1.2.3.4/8 ",
    "1.2.3.4/99999999999",
    " 1.2.3.4",
    "1.2.3.4 ",
    "256.1.1.1",
    "-1.2.3.4",
    "a.b.c.d",
    "0x1.2.3.4",
    "1.2.3.4:22",
    "localhost",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8:9",
    "12345::",
    "g::",
    "::1/129",
    "::1%eth0",
    "[::1]",
    "1.2.3.4::",
    "::256.1.1.1",
  ];
  check("ip", { valid, invalid });
});

Deno.test("digest isValid() wants a user and a hash", () => {
  const valid = [":x", "a:b", "a:b:", "a:b::", "x:y:"];
  const invalid = ["bob", "bob:", "a:b:c", "::a", ":::", "a::b", "", "a::", "::", ":"];
  check("digest", { valid, invalid });
});

Deno.test("sasl isValid() wants a Kerberos name", () => {
  const valid = ["bob", "", "bob@X", "bob/h@X", "bob/h", "@", "@X", "/@", "a@", "a/b", "a/b/c"];
  check("sasl", {
    valid: [...valid, "super", "bob bob", "a/@b", "/h@X", "a b@c d", "a\nb@c", "é@x"],
    invalid: ["a@b@c", "a/b/c@d"],
  });
});

Deno.test("x509 isValid() wants a distinguished name", () => {
  const valid = [
    "",
    "CN=bob",
    "cn=Bob,O=Acme",
    "CN=",
    "CN= ",
    "CN==",
    "CN=a=b",
    "CN=a+OU=b",
    "CN=a+O=b,L=c",
    'CN="a, b",O=c',
    'CN="a" ,O=b',
    'CN="a\\"b"',
    'CN=""',
    'CN="a\nb"',
    "1.2.3=x",
    "OID.1.2.3=x",
    "oid.1.2=x",
    "2.999=x",
    "CN=a\\,b",
    "CN=a\\+b",
    "CN=\\20a",
    "CN=\\ a",
    "CN=a\\ ",
    "CN=\\#a",
    "CN=a\\<",
    "CN=a\\=",
    "CN=x\\,",
    "CN=x\\\\,O=y",
    "CN=\\C3\\A9",
    "CN=#04024869",
    "CN=a#b",
    "CN = a , O = b",
    " CN=a ",
    "\nCN=a",
    "CN=a\nb",
    "CN=a;O=b",
    "cn=é",
    ..."UID DC C L S ST O OU T IP STREET DNQ dnQualifier SURNAME GIVENNAME INITIALS".split(" ")
      .concat("GENERATION EMAIL EMAILADDRESS SERIALNUMBER".split(" ")).map((key) => `${key}=x`),
  ];
  const invalid = [
    "bob",
    "  ",
    "=",
    "CN=bob,",
    "CN=a, ",
    "CN=a;",
    "CN=a+",
    "CN=a+b",
    "CN=a+,O=b",
    "+CN=a",
    ",CN=a",
    " ,CN=a",
    "CN=a,O",
    "CN=a,,O=b",
    "foo=bar",
    "E=a",
    "SN=a",
    "TITLE=a",
    "POSTALCODE=3",
    "3.2=x",
    "1=x",
    "OID.1=x",
    "OID. 1.2=x",
    "1.2.=x",
    "1..2=x",
    "0.40=x",
    "1.40=x",
    "C N=a",
    "CN=a<b",
    "CN=a>b",
    'CN=a"b',
    'CN="a"b',
    'CN="a',
    'CN="a,b',
    'C="',
    "CN=a\\",
    "CN=a\\zz",
    "CN=a\\b",
    "CN=a\\a",
    "CN=#xyz",
    "CN=#0",
    "CN=#",
    "CN=#ABCD",
  ];
  check("x509", { valid, invalid });
});

function check(scheme: string, { valid, invalid }: { valid: string[]; invalid: string[] }): void {
  const provider = make({
    authProviders: ["SASLAuthenticationProvider", "X509AuthenticationProvider"],
  }).get(scheme)!;
  for (const id of valid) assert.equal(provider.isValid(id), true, JSON.stringify(id));
  for (const id of invalid) assert.equal(provider.isValid(id), false, JSON.stringify(id));
}

Deno.test("ip matches() compares the leading bits, families apart", () => {
  const provider = make().get("ip")!;
  const cases: [own: string, aclId: string, matches: boolean][] = [
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.0/8", true],
    ["127.0.0.1", "127.0.0.2/31", false],
    ["127.0.0.1", "127.0.0.2/30", true],
    ["127.0.0.1", "10.0.0.0/0", true],
    ["127.0.0.1", "127.255.255.255/9", false],
    ["127.0.0.1", "127.0.0.1/+8", true],
    ["127.0.0.1", "127.-0.0.01", true],
    ["127.0.0.1", "126.0.0.0/7", true],
    ["127.0.0.1", "127.0.0.0/32", false],
    ["0:0:0:0:0:0:0:1", "::1", true],
    ["0:0:0:0:0:0:0:1", "::2", false],
    ["0:0:0:0:0:0:0:1", "::/0", true],
    ["0:0:0:0:0:0:0:1", "0.0.0.0/0", false],
    ["127.0.0.1", "::/0", false],
    ["fe80:0:0:0:1:2:3:4", "fe80::/10", true],
    ["fec0:0:0:0:1:2:3:4", "fe80::/10", false],
    ["127.0.0.1", "nonsense", false],
    ["unix", "0.0.0.0/0", false],
  ];
  for (const [own, aclId, matches] of cases) {
    assert.equal(provider.matches(own, aclId), matches, `${own} ${aclId}`);
    assert.equal(provider.matches(own, aclId), matches, `${own} ${aclId}, parsed before`);
  }
});
