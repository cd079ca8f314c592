import assert from "node:assert/strict";
import { checkAcl, fixUpAcl, maskDigests } from "../../../core/auth/acl_check.ts";
import { DEFAULT_AUTH_OPTIONS, makeAuthProviders } from "../../../core/auth/auth_providers.ts";
import {
  type AclList,
  type Id,
  makeAclList,
  OPEN_ACL,
  Permission,
} from "../../../core/tree/acl_list.ts";
import { nodeHashing } from "../../../net/hashing.ts";

const OPTIONS = {
  ...DEFAULT_AUTH_OPTIONS,
  authProviders: [
    "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    "EnsembleAuthenticationProvider",
    "X509AuthenticationProvider",
  ],
  letAnySaslUserDoX: "anyone-with-sasl",
  x509SuperUser: "CN=root",
};
const PROVIDERS = makeAuthProviders(OPTIONS, nodeHashing);

/** `perms:scheme:id`, the id may hold colons. */
function acl(...entries: string[]): AclList {
  return makeAclList(entries.map((entry) => {
    const [perms, scheme, ...id] = entry.split(":");
    return { perms: Number(perms), id: { scheme: scheme!, id: id.join(":") } };
  }));
}

function id(text: string): Id {
  const colonAt = text.indexOf(":");
  return { scheme: text.slice(0, colonAt), id: text.slice(colonAt + 1) };
}

function texts(list: AclList | null): string[] | null {
  return list === null
    ? null
    : list.entries.map((entry) => `${entry.perms}:${entry.id.scheme}:${entry.id.id}`);
}

Deno.test("checkAcl() grants what an entry with the bit grants to one of the ids", () => {
  const { Read, Write, Admin } = Permission;
  const cases = [
    { acl: ["1:world:anyone"], perm: Read, ids: [], granted: true },
    { acl: ["1:world:anyone"], perm: Write, ids: [], granted: false },
    { acl: [], perm: Write, ids: [], granted: true }, // an empty list protects nothing
    { acl: ["31:digest:a:x"], perm: Read, ids: ["ip:1.1.1.1", "digest:a:x"], granted: true },
    { acl: ["31:digest:a:x"], perm: Read, ids: ["digest:a:y"], granted: false },
    { acl: ["31:digest:a:x"], perm: Read, ids: ["sasl:a:x"], granted: false }, // schemes differ
    { acl: ["1:digest:a:x", "2:digest:b:y"], perm: Write, ids: ["digest:a:x"], granted: false },
    { acl: ["16:digest:a:x"], perm: Read | Admin, ids: ["digest:a:x"], granted: true },
    { acl: ["0:digest:a:x"], perm: Write, ids: ["super:"], granted: true },
    { acl: ["31:ip:10.0.0.0/8"], perm: Write, ids: ["ip:10.1.2.3"], granted: true },
    { acl: ["31:ip:10.0.0.0/8"], perm: Write, ids: ["ip:11.1.2.3"], granted: false },
    { acl: ["31:sasl:bob"], perm: Write, ids: ["sasl:bob"], granted: true },
    { acl: ["31:sasl:bob"], perm: Write, ids: ["sasl:super"], granted: true },
    { acl: ["31:sasl:anyone-with-sasl"], perm: Write, ids: ["sasl:kim"], granted: true },
    { acl: ["31:x509:CN=bob"], perm: Write, ids: ["x509:CN=bob"], granted: true },
    { acl: ["31:x509:CN=bob"], perm: Write, ids: ["x509:CN=eve"], granted: false },
    { acl: ["31:x509:CN=bob"], perm: Write, ids: ["x509:CN=root"], granted: true },
    { acl: ["31:gone:x"], perm: Write, ids: ["gone:x"], granted: false }, // no such provider
    { acl: ["31:world:x"], perm: Write, ids: ["ip:1.1.1.1"], granted: false },
  ];
  for (const { acl: entries, perm, ids, granted } of cases) {
    const asked = { acl: acl(...entries), perm, ids: ids.map(id) };
    assert.equal(checkAcl(PROVIDERS, asked), granted, `${entries} ${perm} ${ids}`);
  }
  assert.equal(checkAcl(PROVIDERS, { acl: OPEN_ACL, perm: Write, ids: [] }), true);
});

Deno.test("checkAcl() grants everything with skipACL", () => {
  const providers = makeAuthProviders({ ...OPTIONS, skipAcl: true }, nodeHashing);
  assert.equal(
    checkAcl(providers, { acl: acl("1:digest:a:x"), perm: Permission.Write, ids: [] }),
    true,
  );
});

Deno.test("fixUpAcl() does as ZooKeeper 3.8.0 did with the same lists", () => {
  const two = ["ip:127.0.0.1", "digest:al:1", "digest:bo:2"];
  const cases: { given: string[]; ids?: string[]; fixed: string[] | null }[] = [
    { given: [], fixed: null },
    {
      given: ["31:world:anyone", "31:world:anyone", "1:world:anyone", "31:world:anyone"],
      fixed: ["31:world:anyone", "1:world:anyone"],
    },
    { given: ["31:world:x"], fixed: null },
    { given: ["31:world:"], fixed: null },
    { given: ["31:World:anyone"], fixed: null },
    { given: ["31:super:"], fixed: null },
    { given: ["31:super:x"], fixed: null },
    { given: ["31:nope:x"], fixed: null },
    { given: ["31::x"], fixed: null },
    { given: ["31:ensemble:x"], fixed: null },
    {
      given: ["-1:world:anyone", "65535:ip:1.2.3.4"],
      fixed: ["-1:world:anyone", "65535:ip:1.2.3.4"],
    },
    { given: ["31:auth:"], fixed: null }, // ip does not count
    { given: ["31:auth:"], ids: two, fixed: ["31:digest:al:1", "31:digest:bo:2"] },
    // what auth becomes is not compared again
    {
      given: ["31:auth:", "31:auth:x", "1:auth:", "31:world:anyone"],
      ids: two,
      fixed: [
        "31:digest:al:1",
        "31:digest:bo:2",
        "31:digest:al:1",
        "31:digest:bo:2",
        "1:digest:al:1",
        "1:digest:bo:2",
        "31:world:anyone",
      ],
    },
    {
      given: ["31:auth:", "31:digest:al:1"],
      ids: ["digest:al:1"],
      fixed: ["31:digest:al:1", "31:digest:al:1"],
    },
    { given: ["31:auth:"], ids: ["super:", "digest:super:x"], fixed: ["31:digest:super:x"] },
    { given: ["31:auth:"], ids: ["sasl:bob"], fixed: ["31:sasl:bob"] },
    { given: ["31:world:anyone", "31:digest:bob"], fixed: null },
  ];
  for (const { given, ids = ["ip:127.0.0.1"], fixed } of cases) {
    assert.deepEqual(texts(fixUpAcl(PROVIDERS, acl(...given), ids.map(id))), fixed, `${given}`);
  }
  assert.equal(fixUpAcl(PROVIDERS, null, []), null);
});

Deno.test("fixUpAcl() returns the list itself when nothing changes", () => {
  for (const list of [OPEN_ACL, acl("1:world:anyone", "31:digest:a:x")]) {
    assert.equal(fixUpAcl(PROVIDERS, list, []), list);
  }
});

Deno.test("maskDigests() hides the hash of digest ids only", () => {
  const cases = [
    { given: ["9:world:anyone", "31:digest::x"], masked: ["9:world:anyone", "31:digest::x"] },
    { given: ["31:digest:a:b::"], masked: ["31:digest:a:x"] },
    { given: ["31:digest:a:b", "1:sasl:c:d"], masked: ["31:digest:a:x", "1:sasl:c:d"] },
  ];
  for (const { given, masked } of cases) {
    assert.deepEqual(texts(maskDigests(acl(...given))), masked);
  }
  assert.equal(maskDigests(OPEN_ACL), OPEN_ACL);
});
