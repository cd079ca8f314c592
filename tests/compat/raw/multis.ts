/**
 * Conversations about multi and multiRead.
 *
 * @module
 */
import { JuteEncoder } from "../../support/jute.ts";
import {
  type AclEntry,
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
  remove,
  type Request,
  request,
  setAcl,
  setData,
} from "../../support/requests.ts";
import type { Scenario } from "./conversation.ts";

const NO_READ: readonly AclEntry[] = [{ perms: 31 - 1, scheme: "world", id: "anyone" }];

export const multiScenarios: readonly Scenario[] = [
  {
    name: "multi: every sub-op",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/m1"));
      await peer.call(multi([
        create("/m1/a", { data: "1" }),
        create("/m1/box", { type: Op.createContainer, flags: 4 }),
        create("/m1/ttl", { flags: Flags.ttl, ttl: 60000n }),
        create("/m1/s-", { flags: Flags.sequential }),
        create("/m1/e", { flags: Flags.ephemeral }),
        check("/m1/a", 0),
        setData("/m1/a", "2", 0),
        check("/m1/a", 1),
        create("/m1/a/kid"),
        remove("/m1/a/kid"),
        remove("/m1/e", 0),
      ]));
      await peer.call(getChildren2("/m1"));
      await peer.call(getData("/m1/a"));
      c.note("none at all");
      await peer.call(multi([]));
      await peer.call(exists("/m1"));
    },
  },
  {
    name: "multi: create2 keeps its kind",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(multi([create("/m2", { type: Op.create2, data: "1" })]));
    },
    differences: [{
      java: 'xid=1 zxid=z+1 err=0 [1/0/0 path="/m2"] end=-1/1/-1',
      denkeeper: 'xid=1 zxid=z+1 err=0 [15/0/0 path="/m2" stat[c=z+1 m=z+1 p=z+1 ctime=now ' +
        "mtime=now v=0 cv=0 av=0 owner=0 len=1 kids=0]] end=-1/1/-1",
      why: "since 3.9.0 the result says what was asked; clients read the result by its own type",
    }],
  },
  {
    name: "multi: the flags of a create say what it makes, not its op code",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/kinds"));
      for (const flags of [0, 1, 2, 3, 4, 5, 6, 7]) {
        const [path, ttl] = [`/kinds/${flags}`, flags === 5 || flags === 6 ? 60000n : 0n];
        await peer.call(multi([create(`${path}-21`, { flags, ttl })]));
        if (ttl !== 0n) continue; // only createTTL may ask for it
        await peer.call(multi([create(`${path}-1`, { flags })]));
        await peer.call(multi([create(`${path}-19`, { flags, type: Op.createContainer })]));
      }
      await peer.call(getChildren2("/kinds"));
      await peer.call(getEphemerals(null));
      c.note("a container under each op code");
      await peer.call(multi([create("/kinds/4-15", { flags: 4, type: Op.create2 })]));
    },
  },
  {
    name: "multi: the first failure is told, nothing is done",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/m3"));
      await peer.call(create("/m3/full"));
      await peer.call(create("/m3/full/kid"));
      await peer.call(create("/m3/eph", { flags: Flags.ephemeral }));
      await peer.call(create("/m3/shut", { acl: NO_READ }));
      const failing: Request[] = [
        create("/m3/full"),
        create("/m3/no/x"),
        create("/m3/eph/x"),
        create("bad"),
        create("/m3/acl", { acl: [] }),
        create("/m3/ttl", { flags: Flags.ttl, ttl: 0n }),
        create("/m3/box", { type: Op.createContainer, acl: null }),
        remove("/m3/no"),
        remove("/m3/full"),
        remove("/m3/full/kid", 9),
        remove("/"),
        setData("/m3/no", ""),
        setData("/m3/full", "", 9),
        setData("bad/", ""),
        check("/m3/no"),
        check("/m3/full", 9),
        check("/m3/shut", 0),
        check("", 0),
      ];
      for (const op of failing) {
        await peer.call(multi([create("/m3/first"), op, create("/m3/last"), remove("/nope")]));
        await peer.call(multi([op]));
        await peer.call(multi([create("/m3/first"), remove("/m3/first"), op]));
      }
      await peer.call(getChildren2("/m3"));
      c.note("sub-ops see what earlier ones did, and only those");
      await peer.call(multi([remove("/m3/full/kid"), remove("/m3/full"), create("/m3/full")]));
      await peer.call(multi([create("/m3/x"), create("/m3/x/y"), remove("/m3/x")]));
      await peer.call(multi([remove("/m3/eph"), create("/m3/eph"), create("/m3/eph/kid")]));
      await peer.call(getChildren2("/m3"));
      await peer.call(exists("/m3/eph"));
    },
  },
  {
    name: "multi: create flags that do not exist",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/m4"));
      for (const flags of [5, 6, 7, -1, 9]) {
        await peer.call(multi([create("/m4/a"), create("/m4/b", { flags })]));
      }
    },
  },
  {
    name: "multi: what it cannot hold is answered -5",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/m5"));
      const foreign = [
        getData("/m5"),
        exists("/m5"),
        getChildren("/m5"),
        getChildren2("/m5"),
        setAcl("/m5", NO_READ),
        ofPath(Op.sync, "/m5"),
        ofPath(Op.getAcl, "/m5"),
        request(Op.closeSession),
        request(0),
        request(99),
        multi([]),
      ];
      for (const op of foreign) {
        await peer.call(multi([op]));
        await peer.call(multi([create("/m5/a"), op]));
      }
      c.note("cut short");
      const whole = multi([create("/m5/a"), setData("/m5/a", "x")]);
      for (const byteCount of [1, 5, 9, 20, 40, whole.body.length - 9, whole.body.length - 1]) {
        await peer.call({ ...whole, body: whole.body.slice(0, byteCount) });
      }
      c.note("an end with another type, an error number in a header");
      const op = create("/m5/odd");
      await peer.call(request(
        Op.multi,
        new JuteEncoder().int(op.type).boolean(false).int(77).raw(op.body).int(5).boolean(true).int(
          3,
        ),
      ));
      await peer.call(getChildren2("/m5"));
    },
  },
  {
    name: "multiRead: each read for itself",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/m6", { data: "d" }));
      await peer.call(create("/m6/kid"));
      await peer.call(create("/m6/shut", { acl: NO_READ }));
      const reads = [
        getData("/m6", true),
        getChildren("/m6", true),
        getData("/m6/none", true),
        getChildren("/m6/none"),
        getData("/m6/shut"),
        getChildren("/m6/shut"),
        getData(""),
        getData("/m6/kid"),
      ];
      await peer.call(multi(reads, Op.multiRead));
      await peer.call(multi([], Op.multiRead));
      for (const op of reads) await peer.call(multi([op], Op.multiRead));
      c.note("no watch was left");
      await peer.call(setData("/m6", "x"));
      c.note("what it cannot hold");
      const foreign = [exists("/m6"), getChildren2("/m6"), create("/m6/x"), check("/m6", 0)];
      for (const op of foreign) {
        await peer.call(multi([op], Op.multiRead));
        await peer.call(multi([getData("/m6"), op], Op.multiRead));
      }
      await peer.call(multi([create("/m6/x"), getData("/m6")]));
      await peer.call(exists("/m6/x"));
    },
    differences: ["19", "21"].map((xid) => ({
      java: `xid=${xid} zxid=z+4 err=-5 [] end=-1/1/-1`,
      denkeeper: `xid=${xid} zxid=z+4 err=-5`,
      why: "3.8.0 leaves an empty result behind the error, which no client reads",
    })),
  },
];
