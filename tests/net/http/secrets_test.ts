import assert from "node:assert/strict";
import { isSecret, textWithoutSecrets } from "../../../net/http/secrets.ts";

Deno.test("isSecret() knows the settings that hold a password", () => {
  const cases = {
    "ssl.keyStore.password": true,
    "zookeeper.ssl.quorum.trustStore.password": true,
    "DigestAuthenticationProvider.superDigest": true,
    "zookeeper.SASLAuthenticationProvider.superPassword": true,
    "db.passwd": true,
    "accessToken": true,
    "connection_throttle_tokens": false,
    "ssl.keyStore.passwordPath": false, // where it is, which is no secret
    "dataDir": false,
  };
  for (const [name, expected] of Object.entries(cases)) {
    assert.equal(isSecret(name), expected, name);
  }
});

Deno.test("textWithoutSecrets() leaves nothing of a password, and all else as it is", () => {
  const text = [
    "# ssl.keyStore.password=kept in a comment",
    "tickTime=2000",
    "ssl.keyStore.password=one",
    "  ssl.trustStore.password : two words ",
    "ssl.quorum.keyStore.password three \\",
    "    and its next line",
    "DigestAuthenticationProvider.superDigest=super:abc=",
    "dataDir=/password",
    "",
  ].join("\n");
  assert.equal(
    textWithoutSecrets(text),
    [
      "# ssl.keyStore.password=kept in a comment",
      "tickTime=2000",
      "ssl.keyStore.password=(withheld)",
      "  ssl.trustStore.password : (withheld)",
      "ssl.quorum.keyStore.password (withheld)",
      "DigestAuthenticationProvider.superDigest=(withheld)",
      "dataDir=/password",
      "",
    ].join("\n"),
  );
});
