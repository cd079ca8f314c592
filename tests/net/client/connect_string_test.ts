/**
 * Connect strings, as Java reads them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ClientArgumentError } from "../../../net/client/client_errors.ts";
import { parseConnectString, serverText } from "../../../net/client/connect_string.ts";

Deno.test("connect string: hosts, ports and a chroot", () => {
  const cases: [text: string, servers: string, chroot: string][] = [
    ["zk", "zk:2181", ""],
    ["zk:2182", "zk:2182", ""],
    ["a:1,b:2,c:3", "a:1,b:2,c:3", ""],
    ["a, b:7 ,", "a:2181,b:7", ""],
    ["a:", "a:2181", ""],
    ["a:1,b:2/app", "a:1,b:2", "/app"],
    ["a/app/one", "a:2181", "/app/one"],
    ["a/", "a:2181", ""],
    ["[::1]:2182", "[::1]:2182", ""],
    ["[::1],10.0.0.1:5/x", "[::1]:2181,10.0.0.1:5", "/x"],
    ["2001:db8::7", "[2001:db8::7]:2181", ""],
    ["::1:2182", "[::1]:2182", ""],
  ];
  for (const [text, servers, chroot] of cases) {
    const parsed = parseConnectString(text);
    assert.equal(parsed.servers.map(serverText).join(","), servers, text);
    assert.equal(parsed.chroot, chroot, text);
  }
});

Deno.test("connect string: what cannot be read is named", () => {
  const cases: [text: string, message: RegExp][] = [
    ["", /names no server/],
    ["/app", /names no server/],
    [",", /names no server/],
    [":2181", /":2181" names no host/],
    ["a,b:port", /the port of "b:port" is not a number from 1 to 65535/],
    ["a:0", /the port of "a:0"/],
    ["a:65536", /the port of "a:65536"/],
    ["a:-1", /the port of "a:-1"/],
    ["[::1:2181", /no matching "\]"/],
    ["a/app/", /Path must not end with \/ character/],
    ["dns-srv://zk.example/app", /SRV records are not looked up/],
    ["a//app", /empty node name specified @1/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseConnectString(text), (error) => {
      assert(error instanceof ClientArgumentError);
      assert.match(error.message, message);
      return true;
    }, text);
  }
});
