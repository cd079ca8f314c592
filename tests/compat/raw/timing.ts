/**
 * Conversations in which the server acts by itself: sessions expire, containers and TTL nodes go.
 *
 * @module
 */
import { RawClient } from "../../support/raw_client.ts";
import {
  addWatchRecursive,
  create,
  exists,
  Flags,
  getChildren,
  getEphemerals,
  Op,
  ping,
  remove,
  setData,
} from "../../support/requests.ts";
import type { ServerOptions } from "../../support/server_process.ts";
import type { Peer, Scenario } from "./conversation.ts";

interface Group {
  readonly name: string;
  readonly options: ServerOptions;
  readonly scenarios: readonly Scenario[];
}

/** What a session lives that is to end: longer than this process may be held up. */
const SHORT_MS = 4000;
/** What a session lives that waits for that. */
const LONG_MS = 120_000;

/** Waits for a number of events, however long the server takes. */
async function waitForEvents(peer: Peer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) if (await peer.receive(LONG_MS) === null) return;
}

export const timingGroups: readonly Group[] = [
  {
    name: "short ticks",
    options: { config: { tickTime: 200, maxSessionTimeout: LONG_MS } },
    scenarios: [
      {
        name: "expiry: a silent session ends with its ephemerals, in one txn",
        run: async (c) => {
          const [watcher, keeper] = [
            await c.session("watcher", { timeoutMs: LONG_MS }),
            await c.session("keeper", { timeoutMs: SHORT_MS }),
          ];
          await watcher.call(create("/x"));
          const silent = await c.session("silent", { timeoutMs: SHORT_MS });
          await silent.call(create("/x/1", { flags: Flags.ephemeral }));
          await silent.call(create("/x/2", { flags: Flags.ephemeral }));
          await silent.call(create("/x/3", { flags: Flags.ephemeral }));
          await watcher.call(getChildren("/x", true));
          await watcher.call(addWatchRecursive("/x/2"));
          const pings = setInterval(() => keeper.client.send(ping, -2).catch(() => {}), 100);
          await waitForEvents(watcher, 2);
          clearInterval(pings);
          c.sortLast(2); // the order of the removals is open
          await silent.untilClosed();
          await watcher.call(getChildren("/x"));
          c.note("who pings is still there");
          const again = await c.open("again");
          await again.connect({ sessionId: keeper.sessionId, password: keeper.password });
          const late = await c.open("late");
          await late.connect({ sessionId: silent.sessionId, password: silent.password });
          await late.untilClosed();
        },
      },
      {
        name: "expiry: a dropped connection's session ends as well",
        run: async (c) => {
          const watcher = await c.session("watcher", { timeoutMs: LONG_MS });
          const gone = await c.session("gone", { timeoutMs: LONG_MS });
          await gone.call(create("/gone", { flags: Flags.ephemeral }));
          await watcher.call(exists("/gone", true));
          const { sessionId, password } = gone;
          const last = await c.open("last");
          await last.connect({ sessionId, password, timeoutMs: 400 });
          last.client.close();
          await waitForEvents(watcher, 1);
          await watcher.call(getEphemerals(null));
        },
      },
    ],
  },
  {
    name: "a quick reaper",
    options: {
      config: { extendedTypesEnabled: true },
      properties: { "znode.container.checkIntervalMs": "200" },
    },
    scenarios: [
      {
        name: "reaper: containers that lost their last child",
        run: async (c) => {
          const [peer, watcher] = [await c.session("A"), await c.session("watcher")];
          await peer.call(create("/r", { type: Op.createContainer, flags: 4 }));
          await peer.call(create("/r/box", { type: Op.createContainer, flags: 4 }));
          await peer.call(create("/r/unused", { type: Op.createContainer, flags: 4 }));
          await peer.call(create("/r/box/kid"));
          await peer.call(getChildren("/r", true));
          await watcher.call(addWatchRecursive("/r"));
          await peer.call(remove("/r/box/kid"));
          await waitForEvents(watcher, 2);
          await waitForEvents(peer, 1);
          await peer.call(exists("/r/box"));
          await peer.call(getChildren("/r"));
        },
      },
      {
        name: "reaper: TTL nodes",
        run: async (c) => {
          const [peer, watcher] = [await c.session("A"), await c.session("watcher")];
          await peer.call(create("/t"));
          await watcher.call(addWatchRecursive("/t"));
          await peer.call(create("/t/long", { flags: Flags.ttl, ttl: 1_000_000n }));
          await peer.call(create("/t/short", { flags: Flags.ttl, ttl: 300n }));
          await waitForEvents(watcher, 3);
          await peer.call(getChildren("/t"));
          await peer.call(setData("/t/long", "kept"));
        },
      },
    ],
  },
  {
    name: "two connections at most",
    options: { config: { maxClientCnxns: 2 } },
    scenarios: [{
      name: "limits: one connection too many is closed",
      run: async (c) => {
        // Until the server has seen the end of an earlier connection, that one counts as well.
        const held: RawClient[] = [];
        while (held.length < 2) {
          await RawClient.session(c.port).then((client) => held.push(client)).catch(() => {});
        }
        // It may be closed so soon that already connecting fails.
        const third = RawClient.open(c.port).then(async (client) => {
          using open = client;
          return await open.receiveFrame();
        });
        c.note(`the third: ${await third.catch(() => "closed")}`);
        for (const client of held) {
          c.note(`still served: ${(await client.call(ping)).err}`);
          await client.endSession();
        }
      },
    }],
  },
];
