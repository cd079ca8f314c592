/**
 * Who a request's sender is taken for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { InProcessServer } from "../../support/in_process_server.ts";
import { callApi } from "../../support/json_api.ts";

const IP = { scheme: "ip", user: "127.0.0.1" };
const SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="; // of super:test

Deno.test("GET /whoami lists the identities without their secrets", async () => {
  await using server = await InProcessServer.start({
    http: true,
    config: { "DigestAuthenticationProvider.superDigest": SUPER_DIGEST },
  });
  const basic = (text: string) => ({ "Authorization": `Basic ${btoa(text)}` });
  const cases = [
    { headers: {}, identities: [IP], super: false },
    {
      headers: basic("bob:secret"),
      identities: [IP, { scheme: "digest", user: "bob" }],
      super: false,
    },
    {
      headers: basic("super:test"),
      identities: [IP, { scheme: "digest", user: "super" }, { scheme: "super", user: "" }],
      super: true,
    },
  ];
  for (const { headers, ...expected } of cases) {
    const { status, body } = await callApi(server.httpUrl, "GET", "/whoami", { headers });
    assert.equal(status, 200);
    const byScheme = (a: { scheme: string }, b: { scheme: string }) => a.scheme < b.scheme ? -1 : 1;
    assert.deepEqual(
      { ...body, identities: body.identities.toSorted(byScheme) },
      {
        ...expected,
        identities: expected.identities.toSorted(byScheme),
        remoteAddress: "127.0.0.1",
        session: null,
      },
    );
  }
});

Deno.test("GET /whoami names the session, not its token", async () => {
  await using server = await InProcessServer.start({ http: true });
  const { body: { id, token } } = await callApi(server.httpUrl, "POST", "/sessions");
  const { body } = await callApi(server.httpUrl, "GET", "/whoami", { session: token });
  assert.equal(body.session, id);
});
