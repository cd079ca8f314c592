/**
 * Conversations about authentication and ACLs.
 *
 * @module
 */
import { JuteEncoder } from "../../support/jute.ts";
import {
  type AclEntry,
  auth,
  check,
  create,
  exists,
  getChildren2,
  getData,
  multi,
  ofPath,
  Op,
  ping,
  reconfig,
  remove,
  request,
  setAcl,
  setData,
  type Text,
  whoAmI,
} from "../../support/requests.ts";
import type { Scenario } from "./conversation.ts";

/** Password of the user `super` in the servers' superDigest. */
export const SUPER_PASSWORD = "secret";
const BOB = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="; // digest of bob:pw

function entry(scheme: string | null, id: string | null, perms = 31): AclEntry {
  return { perms, scheme, id };
}

export const authScenarios: readonly Scenario[] = [
  {
    name: "auth: schemes and what they add",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(whoAmI);
      const accepted: [string, Text][] = [
        ["digest", "bob:pw"],
        ["digest", "bob:pw"],
        ["digest", "no colon"],
        ["digest", "a:b:c"],
        ["digest", ":x"],
        ["digest", "x:"],
        ["digest", ""],
        ["digest", "\u00e4:\u00f6"],
        ["digest", new Uint8Array([0xff, 0x3a, 0xfe])],
        ["ip", "10.0.0.1"],
        ["ip", null],
      ];
      for (const [scheme, credentials] of accepted) {
        await peer.call(auth(scheme, credentials), -4);
        await peer.call(whoAmI);
      }
      await peer.call(auth("digest", "u:v"), 77);
      await peer.call(auth("digest", `super:${SUPER_PASSWORD}`), -4);
      await peer.call(whoAmI);
    },
  },
  {
    name: "auth: schemes that fail close the connection",
    run: async (c) => {
      await c.session("first");
      const refused: [string | null, Text][] = [
        ["digest", null],
        ["world", "anyone"],
        ["auth", ""],
        ["super", ""],
        ["sasl", "bob"],
        ["x509", ""],
        ["", ""],
        ["Digest", "bob:pw"],
        ["nonesuch", "x"],
        [null, "x"],
      ];
      for (const [scheme, credentials] of refused) {
        const peer = await c.session("A");
        await peer.call(auth(scheme, credentials), -4);
        await peer.untilClosed();
      }
      c.note("undecodable");
      for (const body of [new Uint8Array(), new Uint8Array(3), new Uint8Array([0, 0, 0, 0, 0])]) {
        const peer = await c.session("A");
        await peer.call({ type: Op.auth, body }, -4);
        await peer.untilClosed();
      }
    },
  },
  {
    name: "auth: SASL while no login is configured",
    run: async (c) => {
      const peer = await c.session("A");
      for (const token of [new Uint8Array(), new Uint8Array([1, 2])]) {
        await peer.call(request(Op.sasl, new JuteEncoder().buffer(token)));
      }
      await peer.settle();
      for (const body of [new JuteEncoder().buffer(null).finish(), new Uint8Array(2)]) {
        const other = await c.session("B");
        await other.call({ type: Op.sasl, body });
        await other.untilClosed();
      }
    },
  },
  {
    name: "acl: which lists are accepted, and how they are stored",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/acl"));
      const world = entry("world", "anyone");
      const lists: [string, readonly AclEntry[] | null][] = [
        ["null", null],
        ["empty", []],
        ["world", [world]],
        ["world, other id", [entry("world", "anybody")]],
        ["world, null id", [entry("world", null)]],
        ["null scheme", [entry(null, "anyone")]],
        ["empty scheme", [entry("", "anyone")]],
        ["duplicates", [world, world, entry("digest", BOB, 1), entry("digest", BOB, 1)]],
        ["same id, other perms", [entry("digest", BOB, 1), entry("digest", BOB, 2)]],
        ["auth without identity", [entry("auth", "")]],
        ["auth with a null id, without identity", [entry("auth", null)]],
        ["auth behind another", [world, entry("auth", "")]],
        ["digest, null id", [entry("digest", null)]],
        ["ip, null id", [entry("ip", null)]],
        ["super", [entry("super", "")]],
        ["super, null id", [entry("super", null)]],
        ["sasl, not registered, null id", [entry("sasl", null)]],
        ["no such scheme, null id", [entry("nonesuch", null)]],
        ["digest without colon", [entry("digest", "bob")]],
        ["digest with empty hash", [entry("digest", "bob:")]],
        ["digest with three parts", [entry("digest", "a:b:c")]],
        ["digest with empty user", [entry("digest", ":x")]],
        ["digest empty", [entry("digest", "")]],
        ["digest only colons", [entry("digest", "::")]],
        ["digest trailing colons", [entry("digest", "a:b::")]],
        ["ip", [entry("ip", "127.0.0.1")]],
        ["ip/8", [entry("ip", "127.0.0.1/8")]],
        ["ip/0", [entry("ip", "127.0.0.1/0")]],
        ["ip/32", [entry("ip", "127.0.0.1/32")]],
        ["ip/33", [entry("ip", "127.0.0.1/33")]],
        ["ip/-1", [entry("ip", "127.0.0.1/-1")]],
        ["ip/x", [entry("ip", "127.0.0.1/x")]],
        ["ip/", [entry("ip", "127.0.0.1/")]],
        ["ip short", [entry("ip", "127.0.0")]],
        ["ip 256", [entry("ip", "127.0.0.256")]],
        ["ip word", [entry("ip", "localhost")]],
        ["ip empty", [entry("ip", "")]],
        ["ip five parts", [entry("ip", "1.2.3.4.5")]],
        ["ip two slashes", [entry("ip", "1.2.3.4/8/8")]],
        ["sasl, not registered", [entry("sasl", "bob")]],
        ["x509, not registered", [entry("x509", "CN=bob")]],
        ["no such scheme", [entry("nonesuch", "x")]],
        ["a good one and a bad one", [world, entry("nonesuch", "x")]],
        ["perms 0", [entry("world", "anyone", 0)]],
        ["perms -1", [entry("world", "anyone", -1)]],
        ["perms 0xffff", [entry("world", "anyone", 0xffff)]],
      ];
      for (const [i, [what, acl]] of lists.entries()) {
        c.note(what);
        const reply = await peer.call(create(`/acl/${i}`, { acl }));
        await peer.call(setAcl("/acl", acl, 999));
        if (reply?.err === 0) await peer.call(ofPath(Op.getAcl, `/acl/${i}`));
      }
      c.note("auth becomes what the connection is");
      await peer.call(auth("digest", "bob:pw"), -4);
      await peer.call(auth("digest", "eve:pw"), -4);
      await peer.call(auth("digest", `super:${SUPER_PASSWORD}`), -4);
      await peer.call(create("/acl/auth", { acl: [entry("auth", "ignored", 5)] }));
      await peer.call(exists("/acl/auth"));
    },
  },
  {
    name: "acl: one auth identity",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(auth("digest", "bob:pw"), -4);
      await peer.call(create("/auth1", { acl: [entry("auth", "whatever", 5)] }));
      await peer.call(ofPath(Op.getAcl, "/auth1"));
      await peer.call(create("/auth2", {
        acl: [entry("auth", "", 5), entry("digest", BOB, 5), entry("world", "anyone", 1)],
      }));
      await peer.call(ofPath(Op.getAcl, "/auth2"));
      c.note("kazoo sends an empty id as null");
      await peer.call(create("/auth3", { acl: [entry("auth", null)] }));
      await peer.call(ofPath(Op.getAcl, "/auth3"));
      await peer.call(setAcl("/auth3", [entry("auth", null, 7)]));
      await peer.call(ofPath(Op.getAcl, "/auth3"));
      await peer.call(setAcl("/auth2", [entry("auth", "")]));
      await peer.call(ofPath(Op.getAcl, "/auth2"));
    },
  },
  {
    name: "acl: every permission alone",
    run: async (c) => {
      const admin = await c.session("admin");
      await admin.call(auth("digest", "bob:pw"), -4);
      const peer = await c.session("A");
      await admin.call(create("/perm"));
      for (const perms of [0, 1, 2, 4, 8, 16, 31]) {
        c.note(`permission ${perms}`);
        const path = `/perm/${perms}`;
        const acl = [entry("world", "anyone", perms), entry("digest", BOB)];
        await admin.call(create(path, { acl, data: "x" }));
        await admin.call(create(`${path}/kid`));
        if ((perms & 1) === 1) await peer.call(exists(path));
        await peer.call(getData(path));
        await peer.call(getChildren2(path));
        await peer.call(ofPath(Op.getAcl, path));
        await peer.call(ofPath(Op.getAllChildrenNumber, path));
        await peer.call(setData(path, "y"));
        await peer.call(create(`${path}/new`));
        await peer.call(create(`${path}/kid`));
        await peer.call(remove(`${path}/kid`));
        await peer.call(multi([check(path, 0)]));
        await peer.call(multi([getData(path), getData("/perm")], Op.multiRead));
        await peer.call(setAcl(path, acl, 77));
        await admin.call(ofPath(Op.getAcl, path));
      }
    },
  },
  {
    name: "acl: identities that match",
    run: async (c) => {
      const [admin, peer] = [await c.session("admin"), await c.session("A")];
      await admin.call(create("/match"));
      const rows: [string, string][] = [
        ["ip", "127.0.0.1"],
        ["ip", "127.0.0.2"],
        ["ip", "127.0.0.0/8"],
        ["ip", "127.0.0.2/31"],
        ["ip", "127.0.0.2/30"],
        ["ip", "10.0.0.0/0"],
        ["digest", BOB],
      ];
      for (const [i, [scheme, id]] of rows.entries()) {
        await admin.call(create(`/match/${i}`, { acl: [entry(scheme, id)], data: "x" }));
        await peer.call(getData(`/match/${i}`));
      }
      c.note("with the digest, after it");
      await peer.sendTogether([getData("/match/6")]);
      await peer.receive();
      await peer.call(auth("digest", "bob:wrong"), -4);
      await peer.call(getData("/match/6"));
      await peer.call(auth("digest", "bob:pw"), -4);
      await peer.call(getData("/match/6"));
      await peer.call(ofPath(Op.getAcl, "/match/6"));
      c.note("an identity belongs to the connection");
      const again = await c.open("again");
      await again.connect({ sessionId: peer.sessionId, password: peer.password });
      await again.call(whoAmI);
      await again.call(getData("/match/6"));
    },
  },
  {
    name: "acl: super may do everything",
    run: async (c) => {
      const [peer, boss] = [await c.session("A"), await c.session("boss")];
      await boss.call(auth("digest", `super:${SUPER_PASSWORD}`), -4);
      await peer.call(create("/closed", { acl: [entry("digest", BOB, 0)], data: "x" }));
      for (const who of [peer, boss]) {
        await who.call(getData("/closed"));
        await who.call(ofPath(Op.getAcl, "/closed"));
        await who.call(setData("/closed", "y"));
        await who.call(create("/closed/kid"));
        await who.call(remove("/closed/kid"));
        await who.call(setAcl("/closed", [entry("digest", BOB, 1)]));
        await who.call(setData("/zookeeper/config", ""));
        await who.call(remove("/zookeeper/config"));
        await who.call(reconfig({ leaving: "9" }));
      }
      await boss.call(create("/supers", { acl: [entry("auth", "")] }));
      await boss.call(ofPath(Op.getAcl, "/supers"));
      c.note("a wrong password");
      const other = await c.session("other");
      await other.call(auth("digest", "super:wrong"), -4);
      await other.call(whoAmI);
      await other.call(setData("/closed", "z"));
    },
  },
  {
    name: "acl: digests are masked for who may not administer",
    run: async (c) => {
      const peer = await c.session("A");
      const digests = [entry("digest", BOB, 31), entry("digest", ":x", 2)];
      await peer.call(create("/mask1", { acl: [entry("world", "anyone", 1), ...digests] }));
      await peer.call(create("/mask2", { acl: [entry("world", "anyone", 16), ...digests] }));
      await peer.call(create("/mask3", { acl: [entry("world", "anyone", 14), ...digests] }));
      await peer.call(create("/mask4", { acl: [entry("world", "anyone", 17), ...digests] }));
      for (const i of [1, 2, 3, 4]) await peer.call(ofPath(Op.getAcl, `/mask${i}`));
      await peer.call(auth("digest", "bob:pw"), -4);
      for (const i of [1, 2, 3, 4]) await peer.call(ofPath(Op.getAcl, `/mask${i}`));
    },
  },
];

/** For servers started with enforce.auth.enabled=true and enforce.auth.schemes=digest. */
export const enforcedAuthScenarios: readonly Scenario[] = [
  {
    name: "enforced auth: the first request without an identity is the last",
    run: async (c) => {
      for (const op of [ping, whoAmI, create("/x"), exists("/"), request(Op.closeSession)]) {
        const peer = await c.open("A");
        await peer.connect();
        await peer.call(op);
        await peer.untilClosed();
      }
      const peer = await c.open("A");
      await peer.connect();
      await peer.call(auth("digest", "bob:pw"), -4);
      await peer.call(whoAmI);
      const reply = await peer.client.call(create("/allowed"));
      c.note(`create answered ${reply.err}`);
    },
  },
];
