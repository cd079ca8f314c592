/**
 * Steps of `smoke` that try znodes: creating, reading, changing, deleting, versions, ACLs, transactions.
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";
import { Permission } from "../../core/tree/acl_list.ts";
import { MultiError } from "../../net/client/client_errors.ts";
import { bytes, expect, expectEqual, expectRefusal, orSkip, Skip } from "./smoke_step.ts";
import { type SmokeStep, text } from "./smoke_step.ts";

const LARGE_BYTES = 512 * 1024;

export const ZNODE_STEPS: readonly SmokeStep[] = [
  {
    name: "create a znode and read its data",
    async run({ client, base }) {
      const data = Uint8Array.from({ length: 256 }, (_, i) => i);
      const { path } = await client.create(`${base}/data`, data);
      expectEqual(path, `${base}/data`, "the path of the created znode");
      const read = await client.get(path);
      expect(read.data !== null && read.data.every((byte, i) => byte === i), "the data differ");
      expectEqual(read.stat.dataLength, data.length, "dataLength");
      expectEqual(read.stat.version, 0, "version");
      expectEqual(read.stat.czxid, read.stat.mzxid, "mzxid of a new znode");
      await expectRefusal(ErrorCode.NodeExists, client.create(path, null), "creating it again");
      const orphan = client.create(`${base}/none/child`, null);
      await expectRefusal(ErrorCode.NoNode, orphan, "creating below nothing");
    },
  },
  {
    name: "set data, with and without a version",
    async run({ client, base }) {
      const path = `${base}/set`;
      await client.create(path, bytes("a"));
      expectEqual((await client.set(path, bytes("b"))).version, 1, "version");
      expectEqual((await client.set(path, bytes("c"), { version: 1 })).version, 2, "version");
      const stale = client.set(path, bytes("d"), { version: 1 });
      await expectRefusal(ErrorCode.BadVersion, stale, "setting with an old version");
      expectEqual(text((await client.get(path)).data), "c", "the data");
      await client.set(path, new Uint8Array());
      expectEqual((await client.get(path)).stat.dataLength, 0, "dataLength of empty data");
    },
  },
  {
    name: "delete, with and without a version",
    async run({ client, base }) {
      const path = `${base}/delete`;
      await client.create(path, null);
      await client.create(`${path}/child`, null);
      await expectRefusal(ErrorCode.NotEmpty, client.delete(path), "deleting a parent");
      const stale = client.delete(`${path}/child`, { version: 7 });
      await expectRefusal(ErrorCode.BadVersion, stale, "deleting with a wrong version");
      await client.delete(`${path}/child`, { version: 0 });
      await client.delete(path);
      expect(await client.exists(path) === null, "the znode is still there");
      await expectRefusal(ErrorCode.NoNode, client.get(path), "reading what was deleted");
    },
  },
  {
    name: "list children",
    async run({ client, base }) {
      const path = `${base}/children`;
      await client.create(path, null);
      for (const name of ["a", "b", "c"]) await client.create(`${path}/${name}`, null);
      const { children, stat } = await client.getChildren(path);
      expectEqual([...children].sort().join(), "a,b,c", "the children");
      expectEqual(stat.numChildren, 3, "numChildren");
      expectEqual(stat.cversion, 3, "cversion");
    },
  },
  {
    name: "count all descendants",
    async run({ client, base }) {
      const path = `${base}/descendants`;
      await client.create(path, null);
      await client.create(`${path}/a`, null);
      await client.create(`${path}/a/b`, null);
      const why = "needs ZooKeeper 3.6";
      expectEqual(await orSkip(client.getAllChildrenNumber(path), why), 2, "the number");
    },
  },
  {
    name: "number sequential znodes",
    async run({ client, base }) {
      const path = `${base}/sequence`;
      await client.create(path, null);
      const mode = "persistentSequential";
      const first = await client.create(`${path}/n-`, null, { mode });
      const second = await client.create(`${path}/n-`, null, { mode });
      expect(/\/n-\d{10}$/.test(first.path), `"${first.path}" does not end in ten digits`);
      expect(first.path < second.path, `"${second.path}" does not follow "${first.path}"`);
    },
  },
  {
    name: "keep large data",
    async run({ client, base }) {
      const path = `${base}/large`;
      const data = Uint8Array.from({ length: LARGE_BYTES }, (_, i) => i % 251);
      await client.create(path, data);
      const read = await client.get(path);
      expect(
        read.data?.length === data.length && read.data.every((byte, i) => byte === data[i]),
        "the data differ",
      );
    },
  },
  {
    name: "make containers",
    async run({ client, base }) {
      const path = `${base}/container`;
      const made = client.create(path, null, { mode: "container" });
      await orSkip(made, "needs ZooKeeper 3.5");
      await client.create(`${path}/child`, null);
      expect(await client.exists(path) !== null, "the container is not there");
    },
  },
  {
    name: "make znodes with a time to live",
    async run({ client, base }) {
      const path = `${base}/ttl`;
      const options = { mode: "persistentWithTtl", ttlMs: 3_600_000 } as const;
      const why = "needs ZooKeeper 3.5 and extendedTypesEnabled=true";
      await orSkip(client.create(path, bytes("x"), options), why);
      expectEqual(text((await client.get(path)).data), "x", "the data");
    },
  },
  {
    name: "keep ACLs",
    async run({ client, base, open }) {
      const path = `${base}/acl`;
      await client.create(path, bytes("secret"));
      const { acl } = await client.getAcl(path);
      expectEqual(acl.length, 1, "the number of entries of an open ACL");
      const other = await open();
      const password = crypto.randomUUID();
      await other.addAuth({ scheme: "digest", auth: bytes(`smoke:${password}`) });
      const creator = { permissions: Permission.All, scheme: "auth", id: "" };
      const closed = `${base}/closed`;
      await other.create(closed, bytes("secret"), { acl: [creator] });
      await client.sync(closed); // it may be at another server
      await expectRefusal(ErrorCode.NoAuth, client.get(closed), "reading without permission");
      const set = client.set(closed, null);
      await expectRefusal(ErrorCode.NoAuth, set, "writing without permission");
      expectEqual(text((await other.get(closed)).data), "secret", "the data");
      const readOnly = { permissions: Permission.Read, scheme: "world", id: "anyone" };
      const { aversion } = await client.setAcl(path, [readOnly], { version: 0 });
      expectEqual(aversion, 1, "aversion");
      const write = client.set(path, null);
      await expectRefusal(ErrorCode.NoAuth, write, "writing what is read-only");
    },
  },
  {
    name: "change several znodes as one",
    async run({ client, base }) {
      const path = `${base}/multi`;
      await client.create(path, bytes("0"));
      await client.multi([
        { kind: "check", path, version: 0 },
        { kind: "create", path: `${path}/a`, data: bytes("1") },
        { kind: "set", path, data: bytes("2") },
        { kind: "create", path: `${path}/b`, data: null },
        { kind: "delete", path: `${path}/b` },
      ]);
      expectEqual(text((await client.get(path)).data), "2", "the data");
      expectEqual((await client.getChildren(path)).children.join(), "a", "the children");
      try {
        await client.multi([
          { kind: "create", path: `${path}/c`, data: null },
          { kind: "check", path, version: 99 },
        ]);
      } catch (error) {
        if (!(error instanceof MultiError)) throw error;
        expectEqual(error.index, 1, "the operation that failed");
        expectEqual(error.code, ErrorCode.BadVersion, "its code");
        expect(await client.exists(`${path}/c`) === null, "half of a multi was done");
        return;
      }
      expect(false, "a multi with a wrong version was done");
    },
  },
  {
    name: "read several znodes at once",
    async run({ client, base }) {
      const path = `${base}/reads`;
      await client.create(path, bytes("x"));
      const read = client.multiRead([
        { kind: "get", path },
        { kind: "getChildren", path },
        { kind: "get", path: `${path}/none` },
      ]);
      const [get, children, none] = await orSkip(read, "needs ZooKeeper 3.6");
      expect(get?.kind === "get" && text(get.data) === "x", "the data differ");
      expect(children?.kind === "getChildren", "there is no list of children");
      expect(none?.kind === "error" && none.code === ErrorCode.NoNode, "there is no NoNode");
    },
  },
  {
    name: "keep count of a quota",
    async run({ client, base }) {
      const path = `${base}/quota`;
      await client.create(path, null);
      const quota = `/zookeeper/quota${path}`;
      if (await client.exists("/zookeeper/quota") === null) {
        throw new Skip("the connect string has a chroot: quotas are outside");
      }
      const made: string[] = [];
      try {
        for (const part of quotaParents(quota)) {
          if (await client.exists(part) !== null) continue;
          await client.create(part, null);
          made.unshift(part);
        }
        const limits = [`${quota}/zookeeper_limits`, `${quota}/zookeeper_stats`] as const;
        for (const file of limits) {
          await client.create(file, bytes("count=100,bytes=-1"));
          made.unshift(file);
        }
        await client.create(`${path}/child`, bytes("12345"));
        const stats = text((await client.get(limits[1])).data) ?? "";
        expect(/count=2\b/.test(stats), `the statistics are "${stats}", expected a count of 2`);
      } finally {
        for (const part of made) await client.delete(part);
      }
    },
  },
];

/** `/zookeeper/quota/a`, `/zookeeper/quota/a/b`, ... */
function quotaParents(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/")).slice(3);
}
