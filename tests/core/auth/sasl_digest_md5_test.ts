import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { digestMd5Values } from "../../../core/auth/digest_md5_values.ts";
import { SaslDigestMd5Server, type SaslStep } from "../../../core/auth/sasl_digest_md5.ts";
import type { Hashing } from "../../../core/ports.ts";
import { nodeHashing } from "../../../net/hashing.ts";

interface Exchange {
  name: string;
  protocol: string;
  serverName: string;
  username: string;
  password: string;
  challenge: string;
  response: string;
  final: string;
}

const EXCHANGES: Exchange[] = JSON.parse(
  readFileSync(new URL("../../testdata/sasl/digest_md5_exchanges.json", import.meta.url), "utf8"),
).exchanges;

const USERS = new Map([
  ["bob", "bobsecret"],
  ["kim/host.example@EX.ORG", "kimsecret"],
  ["a@b@c", "x"],
  ["slash/only", "slashsecret"],
  ["empty", ""],
  ["rené", "café"],
  ["日本", "日本"],
]);
const NONCE = "bm9uY2Ugbm9uY2Ugbm9uY2Ugbm9uY2Ugbm9uY2Ug"; // base64 of "nonce " five times

function hashingWithNonce(nonce: string): Hashing {
  return {
    digest: nodeHashing.digest,
    randomBytes: (byteCount) => {
      const bytes = Buffer.from(nonce, "base64");
      assert.equal(bytes.length, byteCount);
      return bytes;
    },
  };
}

function challenged(): SaslDigestMd5Server {
  const server = new SaslDigestMd5Server({ users: USERS, hashing: hashingWithNonce(NONCE) });
  assert.equal(server.step(new Uint8Array()).kind, "challenge");
  return server;
}

/** Bytes of a text, one a character: `\xe9` stays one byte. */
function latin1(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

function tokenOf(step: SaslStep): string {
  assert.ok(step.kind === "challenge" || step.kind === "done", step.kind);
  return Buffer.from(step.token).toString();
}

/** What a client would send, with fields replaced, added, or left out when null. */
function responseOf({ fields = {}, hashed = {} }: {
  fields?: Record<string, string | null>;
  hashed?: Partial<Parameters<typeof digestMd5Values>[0]>;
} = {}): string {
  const input = {
    username: "bob",
    realm: "zk-sasl-md5",
    password: "bobsecret",
    nonce: NONCE,
    cnonce: "abcd",
    digestUri: "zookeeper/zk-sasl-md5",
    authzid: null,
    ...hashed,
  };
  const all: Record<string, string | null> = {
    charset: "utf-8",
    username: `"${input.username}"`,
    realm: `"${input.realm}"`,
    nonce: `"${input.nonce}"`,
    nc: "00000001",
    cnonce: `"${input.cnonce}"`,
    "digest-uri": `"${input.digestUri}"`,
    maxbuf: "65536",
    response: digestMd5Values(input, nodeHashing).response,
    qop: "auth",
    authzid: input.authzid === null ? null : `"${input.authzid}"`,
    ...fields,
  };
  return Object.entries(all).filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${value}`).join(",");
}

Deno.test("digestMd5Values() gives the values of the example in RFC 2831", () => {
  const values = digestMd5Values({
    username: "chris",
    realm: "elwood.innosoft.com",
    password: "secret",
    nonce: "OA6MG9tEQGm2hh",
    cnonce: "OA6MHXh6VqTrRk",
    digestUri: "imap/elwood.innosoft.com",
    authzid: null,
  }, nodeHashing);
  assert.deepEqual(values, {
    response: "d388dad90d4bbd760a152321f2143af7",
    rspauth: "ea40f60335c427b5527b84dbabcdfffd",
  });
});

Deno.test("SaslDigestMd5Server sends what the Java server sent to real clients", () => {
  assert.equal(EXCHANGES.length, 4);
  for (const exchange of EXCHANGES) {
    const { name, protocol, serverName, username, password, challenge, response, final } = exchange;
    const nonce = /nonce="([^"]*)"/.exec(challenge)![1]!;
    const server = new SaslDigestMd5Server({
      users: new Map([[username, password]]),
      hashing: hashingWithNonce(nonce),
      protocol,
      serverName,
    });
    assert.equal(tokenOf(server.step(new Uint8Array())), challenge, name);
    const done = server.step(utf8(response));
    assert.equal(tokenOf(done), final, name);
    assert.equal(done.kind === "done" && done.authorizationId, username, name);
  }
});

Deno.test("SaslDigestMd5Server accepts only what proves the password", () => {
  const cases: { note: string; token: string | Uint8Array; outcome: string }[] = [
    { note: "plain", token: responseOf(), outcome: "bob" },
    { note: "wrong password", token: responseOf({ hashed: { password: "x" } }), outcome: "failed" },
    { note: "unknown user", token: responseOf({ hashed: { username: "zzz" } }), outcome: "failed" },
    { note: "case of user", token: responseOf({ hashed: { username: "Bob" } }), outcome: "failed" },
    // an unknown user is not one with an empty password
    {
      note: "unknown user, no password",
      token: responseOf({ hashed: { username: "zzz", password: "" } }),
      outcome: "failed",
    },
    {
      note: "empty password",
      token: responseOf({ hashed: { username: "empty", password: "" } }),
      outcome: "empty",
    },
    {
      note: "Kerberos name",
      token: responseOf({ hashed: { username: "kim/host.example@EX.ORG", password: "kimsecret" } }),
      outcome: "kim/host.example@EX.ORG",
    },
    {
      note: "no realm in name",
      token: responseOf({ hashed: { username: "slash/only", password: "slashsecret" } }),
      outcome: "slash/only",
    },
    {
      note: "no Kerberos name",
      token: responseOf({ hashed: { username: "a@b@c", password: "x" } }),
      outcome: "close",
    },
    {
      note: "Latin-1 user and password are hashed as such",
      token: utf8(responseOf({ hashed: { username: "rené", password: "café" } })),
      outcome: "rené",
    },
    {
      note: "Latin-1 user sent as such",
      token: latin1(responseOf({ hashed: { username: "rené", password: "café" } })),
      outcome: "failed",
    },
    {
      note: "other characters are hashed as UTF-8",
      token: utf8(responseOf({ hashed: { username: "日本", password: "日本" } })),
      outcome: "日本",
    },
    {
      note: "authzid of the same",
      token: responseOf({ hashed: { authzid: "bob" } }),
      outcome: "bob",
    },
    {
      note: "authzid is no one else",
      token: responseOf({ hashed: { authzid: "super" } }),
      outcome: "bob",
    },
    { note: "empty authzid", token: responseOf({ hashed: { authzid: "" } }), outcome: "bob" },
    {
      note: "authzid not hashed",
      token: responseOf({ fields: { authzid: '"kim"' } }),
      outcome: "failed",
    },
    { note: "empty cnonce", token: responseOf({ hashed: { cnonce: "" } }), outcome: "bob" },
    {
      note: "case of digest-uri",
      token: responseOf({ hashed: { digestUri: "ZooKeeper/ZK-sasl-md5" } }),
      outcome: "bob",
    },
    {
      note: "other host",
      token: responseOf({ hashed: { digestUri: "zookeeper/other" } }),
      outcome: "failed",
    },
    {
      note: "other service",
      token: responseOf({ hashed: { digestUri: "zk/zk-sasl-md5" } }),
      outcome: "failed",
    },
    {
      note: "no service",
      token: responseOf({ hashed: { digestUri: "zookeeper" } }),
      outcome: "failed",
    },
    {
      note: "three parts",
      token: responseOf({ hashed: { digestUri: "zookeeper/zk-sasl-md5/x" } }),
      outcome: "failed",
    },
    { note: "other realm", token: responseOf({ hashed: { realm: "other" } }), outcome: "failed" },
    {
      note: "case of realm",
      token: responseOf({ hashed: { realm: "ZK-sasl-md5" } }),
      outcome: "failed",
    },
    { note: "empty realm", token: responseOf({ hashed: { realm: "" } }), outcome: "failed" },
    { note: "other nonce", token: responseOf({ hashed: { nonce: "abc" } }), outcome: "failed" },
    { note: "nothing", token: "", outcome: "failed" },
    { note: "no text", token: Uint8Array.of(0xff, 0xfe), outcome: "failed" },
  ];
  for (const { note, token, outcome } of cases) {
    const step = challenged().step(typeof token === "string" ? utf8(token) : token);
    assert.equal(step.kind === "done" ? step.authorizationId : step.kind, outcome, note);
  }
});

Deno.test("SaslDigestMd5Server checks each directive", () => {
  const cases: [name: string, value: string | null, outcome: "done" | "failed" | "close"][] = [
    ["username", null, "failed"],
    ["username", '""', "close"],
    ["username", "bob", "done"], // quotes are optional
    ["username", '"b\\ob"', "done"],
    ["realm", null, "failed"],
    ["nonce", null, "failed"],
    ["nonce", '"abc"', "failed"],
    ["cnonce", null, "failed"],
    ["cnonce", '""', "failed"],
    ["digest-uri", null, "failed"],
    ["digest-uri", "zookeeper/zk-sasl-md5", "done"],
    ["response", null, "failed"],
    ["response", "00000000000000000000000000000000", "failed"],
    ["response", responseOf().match(/response=(\w*)/)![1]!.toUpperCase(), "failed"],
    ["response", responseOf().match(/response=(\w*)/)![1]!.slice(1), "failed"],
    ["response", `"${responseOf().match(/response=(\w*)/)![1]}"`, "done"],
    ["nc", null, "done"],
    ["nc", "1", "done"],
    ["nc", '"00000001"', "done"],
    ["nc", "00000002", "failed"],
    ["nc", "0000000g", "failed"],
    ["qop", null, "done"],
    ["qop", '"auth"', "done"],
    ["qop", "auth-int", "failed"],
    ["qop", "AUTH", "failed"],
    ["qop", '""', "failed"],
    ["charset", null, "done"],
    ["charset", '"utf-8"', "done"],
    ["charset", "UTF-8", "failed"],
    ["charset", "iso-8859-1", "failed"],
    ["maxbuf", null, "done"],
    ["maxbuf", "1", "done"],
    ["maxbuf", "-1", "done"],
    ["maxbuf", "x", "close"],
    ["maxbuf", '""', "close"],
    ["cipher", "rc4", "done"],
    ["foo", '"b,ar"', "done"],
  ];
  for (const [name, value, outcome] of cases) {
    const step = challenged().step(utf8(responseOf({ fields: { [name]: value } })));
    assert.equal(step.kind, outcome, `${name}=${value}`);
  }
});

Deno.test("SaslDigestMd5Server is over after one response", () => {
  const good = utf8(responseOf());
  for (const first of [good, utf8("junk")]) {
    const server = challenged();
    server.step(first);
    assert.equal(server.step(good).kind, "failed"); // a replay, or a second guess
    assert.equal(server.step(new Uint8Array()).kind, "failed");
  }
});

Deno.test("SaslDigestMd5Server takes any first token but null, and a new nonce each time", () => {
  const make = () => new SaslDigestMd5Server({ users: USERS, hashing: nodeHashing });
  const form = /^realm="zk-sasl-md5",nonce="[A-Za-z0-9+/]{40}",charset=utf-8,algorithm=md5-sess$/;
  const challenges = [utf8(""), utf8("hello"), utf8(responseOf())].map((token) =>
    tokenOf(make().step(token))
  );
  for (const challenge of challenges) assert.match(challenge, form);
  assert.equal(new Set(challenges).size, 3);
  assert.equal(make().step(null).kind, "close");
});
