/**
 * Conversations about SASL DIGEST-MD5, with servers that have a JAAS file.
 *
 * @module
 */
import { JuteDecoder, JuteEncoder } from "../../support/jute.ts";
import {
  auth,
  bytesOf,
  create,
  exists,
  getData,
  ofPath,
  Op,
  request,
  setAcl,
  type Text,
  whoAmI,
} from "../../support/requests.ts";
import { digestMd5Response, type SaslUser } from "../../support/sasl_client.ts";
import type { Peer, Scenario } from "./conversation.ts";

export const JAAS_FILE = `Server {
  org.apache.zookeeper.server.auth.DigestLoginModule required
  user_super="adminsecret"
  user_bob="bobsecret";
};
`;

/** What makes a server use a JAAS file. */
export function saslOptions(jaasFile: string) {
  return {
    properties: {
      "java.security.auth.login.config": jaasFile,
      "zookeeper.authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    },
  };
}

const BOB: SaslUser = { name: "bob", password: "bobsecret" };

function token(bytes: Text) {
  return request(Op.sasl, new JuteEncoder().buffer(bytesOf(bytes)));
}

/** The whole exchange. */
async function login(peer: Peer, user: SaslUser): Promise<void> {
  const reply = await peer.call(token(""));
  const challenge = new JuteDecoder(reply?.body ?? new Uint8Array()).string() ?? "";
  await peer.call(token(digestMd5Response(challenge, user)));
}

export const saslScenarios: readonly Scenario[] = [
  {
    name: "sasl: the right password",
    run: async (c) => {
      const peer = await c.session("A");
      await login(peer, BOB);
      await peer.call(whoAmI);
      await peer.call(create("/sasl", { acl: [{ perms: 31, scheme: "sasl", id: "bob" }] }));
      await peer.call(getData("/sasl"));
      await peer.call(ofPath(Op.getAcl, "/sasl"));
      await peer.call(create("/auth", { acl: [{ perms: 31, scheme: "auth", id: "" }] }));
      await peer.call(ofPath(Op.getAcl, "/auth"));
      c.note("which ids the scheme accepts");
      const ids = ["alice", "alice/host", "alice/host@REALM", "alice@REALM", "", "a b", "@", "/"];
      for (const id of ids) {
        await peer.call(setAcl("/sasl", [{ perms: 31, scheme: "sasl", id }], 99));
      }
      const other = await c.session("B");
      await other.call(getData("/sasl"));
      await other.call(auth("digest", "bob:bobsecret"), -4);
      await other.call(getData("/sasl"));
      c.note("twice on one connection");
      await login(peer, BOB);
      await peer.settle();
    },
  },
  {
    name: "sasl: wrong passwords, unknown users, nonsense",
    run: async (c) => {
      await c.session("first");
      for (
        const user of [{ name: "bob", password: "wrong" }, { name: "eve", password: "x" }]
      ) {
        const peer = await c.session("A");
        await login(peer, user);
        await peer.untilClosed();
      }
      const peer = await c.session("A");
      await peer.call(token(""));
      await peer.call(token("nonsense"));
      await peer.untilClosed();
      c.note("a first token that is not empty, requests without a login");
      const other = await c.session("B");
      await other.call(exists("/"));
      await other.call(token("something"));
      await other.call(exists("/"));
    },
  },
];
