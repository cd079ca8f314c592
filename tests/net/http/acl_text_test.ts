import assert from "node:assert/strict";
import { aclJson, aclOfJson, aclText, parseAclText } from "../../../net/http/acl_text.ts";
import { Problem } from "../../../net/http/problem.ts";

Deno.test("parseAclText() takes what ZooKeeper's shell takes, with commas and colons in ids", () => {
  const cases: { text: string; expected: [scheme: string, id: string, perms: number][] }[] = [
    { text: "world:anyone:cdrwa", expected: [["world", "anyone", 31]] },
    { text: "world:anyone:r", expected: [["world", "anyone", 1]] },
    { text: "auth::rw", expected: [["auth", "", 3]] },
    { text: "digest:app:h+/a=:cd", expected: [["digest", "app:h+/a=", 12]] },
    { text: "ip:::1:a", expected: [["ip", "::1", 16]] },
    { text: "ip:fe80::a:r", expected: [["ip", "fe80::a", 1]] },
    {
      text: "x509:CN=a,O=b:r, ip:10.0.0.0/8:w",
      expected: [["x509", "CN=a,O=b", 1], ["ip", "10.0.0.0/8", 2]],
    },
    {
      text: "sasl:me@REALM:cdrwa,world:anyone:r",
      expected: [["sasl", "me@REALM", 31], ["world", "anyone", 1]],
    },
  ];
  for (const { text, expected } of cases) {
    const entries = parseAclText(text);
    assert.deepEqual(entries.map(({ id, perms }) => [id.scheme, id.id, perms]), expected, text);
  }
});

Deno.test("parseAclText() refuses what is no list of scheme:id:perms", () => {
  const cases = ["", "world", "world:anyone", "world:anyone:", "world:anyone:x", ":anyone:r"];
  for (
    const text of [...cases, "world:anyone:r,,", "world:anyone:r,oops", "world:anyone:r extra"]
  ) {
    assert.throws(
      () => parseAclText(text),
      (error) => error instanceof Problem && error.problem === "invalid-acl",
      text,
    );
  }
});

Deno.test("aclText() and aclJson() write what is read back", () => {
  const text = "world:anyone:r,digest:app:h=:cdrwa,ip:::1:cw";
  const entries = parseAclText(text);
  assert.equal(aclText(entries), text);
  assert.deepEqual(aclOfJson(aclJson(entries)), entries);
});
