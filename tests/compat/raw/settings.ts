/**
 * Conversations with servers whose configuration changes what is answered.
 *
 * @module
 */
import {
  auth,
  check,
  create,
  exists,
  Flags,
  getChildren2,
  getData,
  multi,
  ofPath,
  Op,
  reconfig,
  remove,
  setAcl,
  setData,
  whoAmI,
} from "../../support/requests.ts";
import type { ServerOptions } from "../../support/server_process.ts";
import type { Conversation, Peer, Scenario } from "./conversation.ts";

interface Group {
  readonly name: string;
  readonly options: ServerOptions;
  readonly scenarios: readonly Scenario[];
}

const NOTHING = [{ perms: 0, scheme: "world", id: "anyone" }];

/** What zkCli's setquota does: the two nodes below /zookeeper/quota. */
async function makeQuota(peer: Peer, path: string, limits: string): Promise<void> {
  let parent = "/zookeeper/quota";
  for (const name of path.split("/").slice(1)) {
    parent += `/${name}`;
    await peer.call(create(parent, { data: null }));
  }
  await peer.call(create(`${parent}/zookeeper_limits`, { data: limits }));
  await peer.call(create(`${parent}/zookeeper_stats`, { data: "count=0,bytes=0" }));
}

async function quotaConversation(c: Conversation): Promise<void> {
  const peer = await c.session("A");
  const stats = () => peer.call(getData("/zookeeper/quota/q/zookeeper_stats"));
  await peer.call(create("/q", { data: "12345" }));
  await peer.call(create("/q/a", { data: "678" }));
  await makeQuota(peer, "/q", "count=3,bytes=12=;byteHardLimit=20;countHardLimit=4");
  await stats();
  await peer.call(create("/q/b", { data: "1" }));
  await stats();
  await peer.call(create("/q/c", { data: "1" }));
  await peer.call(create("/q/d", { data: "1" }));
  await stats();
  await peer.call(setData("/q/a", "0123456789012345678901234"));
  await stats();
  await peer.call(setData("/q/a", "01234567890"));
  await peer.call(setData("/q/a", "01234567890123"));
  await peer.call(setData("/q/a", null));
  await stats();
  await peer.call(multi([create("/q/b/x"), create("/q/b/y")]));
  await peer.call(multi([remove("/q/c"), create("/q/b/x", { data: "1" })]));
  await stats();
  await peer.call(create("/q/e", { flags: Flags.ephemeral, data: "99" }));
  await peer.call(remove("/q/b/x"));
  await peer.call(remove("/q/b"));
  await stats();
  c.note("limits taken away");
  await peer.call(setData("/zookeeper/quota/q/zookeeper_limits", "count=-1,bytes=-1"));
  await peer.call(setData("/q/a", "x".repeat(50)));
  await peer.call(create("/q/f"));
  await peer.call(create("/q/g"));
  await peer.call(create("/q/h"));
  await stats();
  await peer.call(remove("/zookeeper/quota/q/zookeeper_limits"));
  await peer.call(remove("/zookeeper/quota/q/zookeeper_stats"));
  await peer.call(create("/q/i"));
  await peer.call(getChildren2("/zookeeper/quota/q"));
  c.note("odd limits");
  await peer.call(create("/r"));
  await makeQuota(peer, "/r", "bytes=2,count=1");
  await peer.call(create("/r/x", { data: "too much" }));
  await peer.call(getData("/zookeeper/quota/r/zookeeper_stats"));
  await peer.call(exists("/zookeeper/quota/r/zookeeper_stats"));
}

export const settingGroups: readonly Group[] = [
  {
    name: "everything at its default",
    options: {},
    scenarios: [
      {
        name: "TTL nodes are not implemented while they are off",
        run: async (c) => {
          const peer = await c.session("A");
          for (const flags of [0, 5, 6, 9]) {
            for (const ttl of [1000n, 0n]) await peer.call(create("/ttl", { flags, ttl }));
          }
          await peer.call(multi([create("/a"), create("/ttl", { flags: 5, ttl: 1000n })]));
          await peer.call(create("/bad", { flags: 5 }));
          await peer.settle();
        },
      },
      { name: "quota that is not enforced", run: quotaConversation },
      {
        name: "nobody is super",
        run: async (c) => {
          const peer = await c.session("A");
          await peer.call(auth("digest", "super:secret"), -4);
          await peer.call(whoAmI);
          await peer.call(setData("/zookeeper/config", "x"));
        },
      },
    ],
  },
  {
    name: "quota enforced",
    options: { config: { enforceQuota: true } },
    scenarios: [
      { name: "quota that is enforced", run: quotaConversation },
      {
        name: "limits that cannot be read",
        run: async (c) => {
          const peer = await c.session("A");
          await peer.call(create("/u"));
          await makeQuota(peer, "/u", "count=9,bytes=99");
          const limits = "/zookeeper/quota/u/zookeeper_limits";
          for (const text of [null, "", "nonsense", "count=x", "count=5"]) {
            await peer.call(setData(limits, text));
            await peer.call(create("/u/kid"));
            await peer.call(setData("/u", "12"));
            await peer.call(setData("/u", "34"));
            await peer.call(multi([create("/u/kid2"), remove("/u/kid2")]));
            await peer.call(multi([check("/u"), setData("/u", "5")]));
            await peer.call(remove("/u/kid"));
          }
          await peer.call(getData("/zookeeper/quota/u/zookeeper_stats"));
        },
      },
    ],
  },
  {
    name: "ACLs skipped",
    options: { config: { skipACL: "yes" } },
    scenarios: [{
      name: "ACLs are kept but not asked",
      run: async (c) => {
        const peer = await c.session("A");
        await peer.call(create("/skip", { acl: NOTHING, data: "x" }));
        await peer.call(getData("/skip"));
        await peer.call(setData("/skip", "y"));
        await peer.call(create("/skip/kid"));
        await peer.call(remove("/skip/kid"));
        await peer.call(ofPath(Op.getAcl, "/skip"));
        await peer.call(setAcl("/skip", []));
        await peer.call(setAcl("/skip", [{ perms: 1, scheme: "nonesuch", id: "x" }]));
        await peer.call(setAcl("/skip", [{ perms: 1, scheme: "digest", id: "u:x" }]));
        await peer.call(ofPath(Op.getAcl, "/skip"));
      },
    }],
  },
  {
    name: "reconfig on",
    options: { config: { reconfigEnabled: true } },
    scenarios: [{
      name: "a standalone server cannot be reconfigured",
      run: async (c) => {
        const peer = await c.session("A");
        await peer.call(reconfig({}));
        await peer.call(reconfig({ joining: "server.2=127.0.0.1:1:2;3" }));
        await peer.call(reconfig({ leaving: "x" }));
        await peer.settle();
      },
    }],
  },
  {
    name: "small frames",
    options: { properties: { "jute.maxbuffer": "4096" } },
    scenarios: [{
      name: "a frame beyond jute.maxbuffer closes the connection",
      run: async (c) => {
        const peer = await c.session("A");
        // Op header, "/s", length, the open ACL, flags: 49 bytes beside the data.
        await peer.call(create("/s", { data: new Uint8Array(4096 - 49) }));
        await peer.call(getData("/s"));
        await peer.send(create("/t", { data: new Uint8Array(4097 - 49) }));
        await peer.untilClosed();
      },
    }],
  },
  {
    name: "digest authentication off",
    options: { properties: { "zookeeper.DigestAuthenticationProvider.enabled": "false" } },
    scenarios: [{
      name: "digest is an unknown scheme",
      run: async (c) => {
        const peer = await c.session("A");
        await peer.call(create("/d", { acl: [{ perms: 31, scheme: "digest", id: "a:b" }] }));
        await peer.call(auth("digest", "bob:pw"), -4);
        await peer.untilClosed();
      },
    }],
  },
];
