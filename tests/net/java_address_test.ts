import assert from "node:assert/strict";
import { formatSocketAddress } from "../../net/java_address.ts";

Deno.test("formatSocketAddress() writes addresses as Java does", () => {
  const cases: [string, string][] = [
    ["127.0.0.1", "/127.0.0.1:44224"],
    ["::1", "/[0:0:0:0:0:0:0:1]:44224"],
    ["::", "/[0:0:0:0:0:0:0:0]:44224"],
    ["2001:db8::ff00:42", "/[2001:db8:0:0:0:0:ff00:42]:44224"],
    ["2001:0DB8:1:2:3:4:5:6", "/[2001:db8:1:2:3:4:5:6]:44224"],
    ["fe80::1%eth0", "/[fe80:0:0:0:0:0:0:1%eth0]:44224"],
    ["::ffff:10.1.2.3", "/10.1.2.3:44224"],
    ["::ffff:a01:203", "/10.1.2.3:44224"],
    ["64:ff9b::10.1.2.3", "/[64:ff9b:0:0:0:0:a01:203]:44224"],
    ["1::2::3", "/[1::2::3]:44224"], // not an address: printed as it is
  ];
  for (const [address, expected] of cases) {
    assert.equal(formatSocketAddress(address, 44224), expected);
  }
});
