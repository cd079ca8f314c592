import assert from "node:assert/strict";
import { InProcessServer } from "../support/in_process_server.ts";
import { JuteEncoder } from "../support/jute.ts";
import { RawClient } from "../support/raw_client.ts";
import { Op, request } from "../support/requests.ts";
import { makeTempDir } from "../support/temp_dir.ts";

Deno.test("fips-mode=true turns DIGEST-MD5 off, and says so where a JAAS file is configured", async () => {
  using dir = makeTempDir();
  const jaas = `${dir.path}/jaas.conf`;
  Deno.writeTextFileSync(
    jaas,
    `Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="secret"; };`,
  );
  for (const isFips of [true, false]) {
    await using server = await InProcessServer.start({
      config: { "fips-mode": isFips },
      defines: [`java.security.auth.login.config=${jaas}`],
    });
    const said = server.linesWith("fips-mode is on");
    assert.equal(said.length, isFips ? 1 : 0);
    if (isFips) assert.match(said[0]!, new RegExp(`^warn .* file=${jaas}$`));
    using client = await RawClient.session(server.clientPort);
    const reply = await client.call(request(Op.sasl, new JuteEncoder().buffer(new Uint8Array())));
    assert.equal(reply.err, 0);
    // a challenge, or no token as from a server without SASL
    const isNull = reply.body.length === 4 && reply.body[0] === 0xff;
    assert.equal(isNull, isFips);
  }
});
