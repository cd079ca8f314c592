/**
 * Steps of `smoke` that try sessions and watches: ephemerals, events, going on with a session.
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";
import { KeeperError } from "../../net/client/client_errors.ts";
import { bytes, Events, expect, expectEqual, expectRefusal, orSkip } from "./smoke_step.ts";
import type { SmokeStep } from "./smoke_step.ts";

const WATCHES_NEED = "needs ZooKeeper 3.6";

export const SESSION_STEPS: readonly SmokeStep[] = [
  {
    name: "watch data, children and existence",
    async run({ client, base, open }) {
      const path = `${base}/watched`;
      await client.create(path, bytes("0"));
      const other = await open();
      const [data, children, existence] = [new Events(), new Events(), new Events()];
      await client.get(path, { watch: data.listener });
      await client.getChildren(path, { watch: children.listener });
      await client.exists(`${path}/child`, { watch: existence.listener });
      await other.set(path, bytes("1"));
      await other.set(path, bytes("2")); // the watch is used up
      await other.create(`${path}/child`, null);
      await Promise.all([data.count(1), children.count(1), existence.count(1)]);
      await client.sync(path);
      expectEqual(data.text, `NodeDataChanged ${path}`, "the events of the data");
      expectEqual(children.text, `NodeChildrenChanged ${path}`, "the events of the children");
      expectEqual(existence.text, `NodeCreated ${path}/child`, "the events of existence");
    },
  },
  {
    name: "watch a subtree for good",
    async run({ client, base }) {
      const path = `${base}/recursive`;
      await client.create(path, null);
      const events = new Events();
      const added = client.addWatch(path, "persistentRecursive", events.listener);
      await orSkip(added, WATCHES_NEED);
      await client.create(`${path}/a`, null);
      await client.set(`${path}/a`, bytes("1"));
      await client.set(`${path}/a`, bytes("2"));
      await client.delete(`${path}/a`);
      await events.count(4);
      expectEqual(
        events.text,
        [
          `NodeCreated ${path}/a`,
          `NodeDataChanged ${path}/a`,
          `NodeDataChanged ${path}/a`,
          `NodeDeleted ${path}/a`,
        ].join(", "),
        "the events",
      );
    },
  },
  {
    name: "remove a watch",
    async run({ client, base }) {
      const path = `${base}/unwatched`;
      await client.create(path, bytes("0"));
      const events = new Events();
      await client.get(path, { watch: events.listener });
      try {
        await client.removeWatches(path, "data");
      } catch (error) {
        const isUnknown = error instanceof KeeperError && error.code === ErrorCode.Unimplemented;
        if (isUnknown) return await orSkip(Promise.reject(error), "needs ZooKeeper 3.5");
        throw error;
      }
      await client.set(path, bytes("1"));
      await client.sync(path);
      const changes = events.seen.filter(({ kind }) => kind === "NodeDataChanged");
      expectEqual(changes.length, 0, "the number of events behind the removal");
      const again = client.removeWatches(path, "data");
      await expectRefusal(ErrorCode.NoWatcher, again, "removing it again");
    },
  },
  {
    name: "delete ephemerals with their session",
    async run({ client, base, open }) {
      const path = `${base}/ephemeral`;
      const owner = await open();
      await owner.create(path, null, { mode: "ephemeral" });
      await client.sync(path);
      const stat = await client.exists(path);
      expect(stat !== null, "another session does not see it");
      expectEqual(stat.ephemeralOwner, owner.sessionId, "ephemeralOwner");
      const child = client.create(`${path}/child`, null);
      await expectRefusal(ErrorCode.NoChildrenForEphemerals, child, "creating a child of it");
      const events = new Events();
      await client.exists(path, { watch: events.listener });
      await owner.close();
      await events.count(1);
      expectEqual(events.text, `NodeDeleted ${path}`, "the events");
      expect(await client.exists(path) === null, "it outlived its session");
    },
  },
  {
    name: "list the ephemerals of a session",
    async run({ base, open }) {
      const owner = await open();
      await owner.create(`${base}/mine`, null, { mode: "ephemeral" });
      const listed = await orSkip(owner.getEphemerals(base), WATCHES_NEED);
      expectEqual(listed.join(), `${base}/mine`, "the ephemerals");
    },
  },
  {
    name: "go on with a session on a new connection",
    async run({ base, open }) {
      const before = await open();
      await before.create(`${base}/kept`, null, { mode: "ephemeral" });
      const session = { id: before.sessionId, password: before.password };
      before.abandon();
      const after = await open(undefined, { session });
      expectEqual(after.sessionId, session.id, "the session");
      await after.sync(`${base}/kept`); // it may be at another server
      expect(await after.exists(`${base}/kept`) !== null, "its ephemeral is gone");
    },
  },
  {
    name: "tell who a session is",
    async run({ client }) {
      const identities = await orSkip(client.whoAmI(), "needs ZooKeeper 3.7");
      expect(identities.some(({ scheme }) => scheme === "ip"), "the address is not among them");
    },
  },
];
