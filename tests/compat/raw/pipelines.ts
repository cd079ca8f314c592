/**
 * Conversations in which many requests are under way at once: the order of what comes back.
 *
 * @module
 */
import {
  check,
  create,
  exists,
  Flags,
  getChildren,
  getChildren2,
  getData,
  getEphemerals,
  multi,
  ofPath,
  Op,
  ping,
  remove,
  type Request,
  setAcl,
  setData,
  whoAmI,
} from "../../support/requests.ts";
import type { Scenario } from "./conversation.ts";

/** Every kind of request, each result depending on the writes before it. */
function everything(path: string): Request[] {
  return [
    create(path, { data: "0" }),
    getData(path),
    create(path),
    setData(path, "1", 0),
    getData(path, true),
    setData(path, "2"),
    ping,
    create(`${path}/s-`, { flags: Flags.sequential, type: Op.create2 }),
    getChildren(path, true),
    create(`${path}/s-`, { flags: Flags.ephemeralSequential }),
    getChildren2(path),
    getEphemerals(path),
    multi([check(path, 2), setData(path, "3"), create(`${path}/m`)]),
    multi([create(`${path}/n`), check(path, 2)]),
    multi([getData(path), getChildren(path)], Op.multiRead),
    exists(`${path}/m`, true),
    remove(`${path}/m`),
    exists(`${path}/m`),
    ofPath(Op.sync, path),
    setAcl(path, [{ perms: 31, scheme: "ip", id: "127.0.0.1" }], 0),
    ofPath(Op.getAcl, path),
    whoAmI,
    { type: Op.setData, body: new Uint8Array(3) },
    ofPath(Op.getAllChildrenNumber, path),
    remove(path),
    exists(path),
  ];
}

export const pipelineScenarios: readonly Scenario[] = [
  {
    name: "pipelines: every kind of request, sent in one write",
    run: async (c) => {
      const peer = await c.session("A");
      const requests = [1, 2, 3, 4, 5].flatMap((i) => everything(`/pipe${i}`));
      await peer.sendTogether(requests);
      // Each round fires three watches: of the data, of the children and of what is removed.
      await peer.receiveMany(requests.length + 5 * 3);
      await peer.settle();
    },
  },
  {
    name: "pipelines: hundreds of writes, each read back",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/many"));
      const requests = Array.from({ length: 300 }, (_, i) => [
        create(`/many/${i}`, { data: `${i}` }),
        getData(`/many/${i}`),
        remove(`/many/${i - 7}`),
      ]).flat();
      await peer.sendTogether(requests);
      await peer.receiveMany(requests.length);
    },
  },
  {
    name: "pipelines: two connections, each in its own order",
    run: async (c) => {
      const [a, b] = [await c.session("A"), await c.session("B")];
      await a.call(create("/two"));
      const mine = (name: string) => [
        create(`/two/${name}`, { data: "1", flags: Flags.ephemeral }),
        getEphemerals("/two"),
        remove(`/two/${name}`, 5),
        remove(`/two/${name}`, 0),
        exists(`/two/${name}`),
      ];
      await a.sendTogether(mine("a"));
      await b.sendTogether(mine("b"));
      // The zxids depend on who came first: only codes and lists are compared.
      for (const peer of [a, b]) {
        for (let i = 0; i < 5; i++) {
          const reply = await peer.client.reply();
          c.note(`${peer.name} ${reply.xid} ${reply.err} ${reply.body.toHex().slice(0, 40)}`);
        }
      }
    },
  },
  {
    name: "pipelines: a reply larger than any request may be",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/wide"));
      const name = (i: number) => `/wide/${`${i}`.padStart(200, "n")}`;
      for (let batch = 0; batch < 6; batch++) {
        const creates = Array.from({ length: 1000 }, (_, i) => create(name(batch * 1000 + i)));
        const reply = await peer.client.call(multi(creates));
        c.note(`batch ${batch}: ${reply.err}, ${reply.body.length} bytes`);
      }
      const reply = await peer.client.call(getChildren("/wide"));
      c.note(`children: ${reply.err}, ${reply.body.length} bytes`);
    },
  },
];
