import assert from "node:assert/strict";
import { addressText, decodeHello, encodeHello, isConnectable } from "../../cluster/hello.ts";
import { DecodeError } from "../../core/errors.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { captured } from "../support/quorum_captures.ts";

Deno.test("decodeHello() and encodeHello() agree with Java's bytes, one address and several", () => {
  const cases = [
    { name: "01-boot-election-empty-sync", isMultiAddress: false },
    { name: "22-hello-v2-multiaddress", isMultiAddress: true },
  ];
  for (const { name, isMultiAddress } of cases) {
    const messages = captured(name).filter((message) => message.name === "HELLO");
    assert(messages.length > 0);
    for (const { bytes, decoded } of messages) {
      const { hello, byteCount } = decodeHello(bytes)!;
      assert.equal(byteCount, bytes.length);
      assert.equal(hello.serverId, decoded.sid);
      assert.equal(hello.addresses.map(addressText).join("|"), decoded.electionAddr);
      const { serverId, addresses } = hello;
      assert.deepEqual(encodeHello({ serverId: serverId!, addresses, isMultiAddress }), bytes);
    }
  }
});

Deno.test("encodeHello() tells one address only, unless multi-address is on", () => {
  const addresses = [{ host: "::1", port: 3888 }, { host: "b", port: 3889 }];
  const hello = (isMultiAddress: boolean) =>
    decodeHello(encodeHello({ serverId: 1, addresses, isMultiAddress }))!.hello;
  assert.deepEqual(hello(false).addresses, addresses.slice(0, 1));
  assert.deepEqual(hello(true).addresses, addresses);
});

Deno.test("decodeHello() waits for the whole of it and leaves the rest", () => {
  const bytes = hello({ text: "a:1" });
  for (let size = 0; size < bytes.length; size++) {
    assert.equal(decodeHello(bytes.subarray(0, size)), null, `${size} bytes`);
  }
  assert.equal(decodeHello(new Uint8Array([...bytes, 1, 2, 3]))!.byteCount, bytes.length);
});

Deno.test("decodeHello() reads every form of who it is", () => {
  const id = (value: bigint) => {
    const writer = new JuteWriter();
    writer.long(value);
    return writer.written();
  };
  assert.deepEqual(decodeHello(id(3n)), { hello: { serverId: 3, addresses: [] }, byteCount: 8 });
  assert.equal(decodeHello(id(2n ** 63n - 1n))!.hello.serverId, null); // an observer without an id
  assert.equal(decodeHello(hello({ serverId: 2n ** 63n - 1n }))!.hello.serverId, null);
  const v6 = decodeHello(hello({ text: "[fe80::1]:3888|[::]:1" }))!.hello;
  assert.deepEqual(v6.addresses, [{ host: "fe80::1", port: 3888 }, { host: "::", port: 1 }]);
  assert.equal(addressText(v6.addresses[0]!), "[fe80::1]:3888");
});

Deno.test("decodeHello() refuses nonsense", () => {
  const cases = [
    { version: -1n },
    { version: -65534n },
    { version: -65537n },
    { serverId: -1n },
    { serverId: 2n ** 62n },
    { length: 0 },
    { length: -1 },
    { length: 2049 },
    { text: "nohost" },
    { text: "host:" },
    { text: "host:65536" },
    { text: "a:1|" },
    { text: "fe80::1:3888" },
  ];
  for (const fields of cases) {
    assert.throws(() => decodeHello(hello(fields)), DecodeError, Object.values(fields).join());
  }
});

Deno.test("isConnectable() is false for what means every address", () => {
  for (const host of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]) {
    assert(!isConnectable({ host, port: 1 }), host);
  }
  assert(isConnectable({ host: "10.0.0.0", port: 1 }));
});

function hello({ version = -65536n, serverId = 1n, text = "a:1", length = text.length }: {
  version?: bigint;
  serverId?: bigint;
  text?: string;
  length?: number;
}): Uint8Array {
  const writer = new JuteWriter();
  writer.long(version);
  writer.long(serverId);
  writer.int(length);
  writer.raw(new TextEncoder().encode(text));
  return writer.written();
}
