import assert from "node:assert/strict";
import { javaIpText } from "../../../core/auth/ip_address.ts";

Deno.test("javaIpText() writes addresses as Java's InetAddress does", () => {
  const cases = [
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["::", "0:0:0:0:0:0:0:0"],
    ["2001:db8::A:0b", "2001:db8:0:0:0:0:a:b"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::ffff:a01:203", "10.1.2.3"],
    ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0"],
    ["not:an:address", "not:an:address"],
  ];
  for (const [given, expected] of cases) assert.equal(javaIpText(given!), expected);
});
