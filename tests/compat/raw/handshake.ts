/**
 * Conversations about the handshake: sessions made, resumed, refused and ended.
 *
 * @module
 */
import { JuteEncoder } from "../../support/jute.ts";
import { connectRequest, frame, requestFrame } from "../../support/raw_client.ts";
import {
  addWatchPersistent,
  closeSession,
  create,
  exists,
  Flags,
  getChildren,
  getData,
  getEphemerals,
  ping,
  whoAmI,
} from "../../support/requests.ts";
import type { Scenario } from "./conversation.ts";
import { expectedPassword } from "./frame_text.ts";

const NO_BYTES = new Uint8Array();

export const handshakeScenarios: readonly Scenario[] = [
  {
    name: "handshake: forms of the connect request",
    run: async (c) => {
      await c.session("plain");
      const forms = [
        ["readOnly left away", { readOnly: null }],
        ["readOnly true", { readOnly: true }],
        ["protocol 7", { protocolVersion: 7 }],
        ["protocol -1", { protocolVersion: -1 }],
        ["empty password", { password: NO_BYTES }],
        ["null password", { password: null }],
        ["short password", { password: new Uint8Array(5) }],
        ["long password", { password: new Uint8Array(40).fill(7) }],
        ["negative lastZxidSeen", { lastZxidSeen: -5n }],
        ["null password, readOnly left away", { password: null, readOnly: null }],
      ] as const;
      for (const [what, options] of forms) {
        c.note(what);
        const peer = await c.open("A");
        await peer.connect(options);
        await peer.settle();
      }
      c.note("trailing bytes");
      const trailing = await c.open("A");
      await trailing.connect({}, new Uint8Array([1, 2, 3]));
      await trailing.settle();
      c.note("readOnly byte 2");
      const odd = await c.open("A");
      const body = connectRequest({ readOnly: null });
      await odd.client.sendFrame(new Uint8Array([...body, 2]));
      await odd.connected();
      await odd.settle();
    },
  },
  {
    name: "handshake: session timeouts are kept within their bounds",
    run: async (c) => {
      await c.session("first");
      for (const timeoutMs of [0, 1, -5, 1999, 2000, 2001, 12345, 20000, 20001, 2 ** 31 - 1]) {
        await (await c.open("A")).connect({ timeoutMs });
      }
    },
  },
  {
    name: "handshake: a session is resumed with its password",
    run: async (c) => {
      const first = await c.session("first", { timeoutMs: 8000 });
      await first.call(create("/resumed", { flags: Flags.ephemeral }));
      const { sessionId, password } = first;
      first.client.close();
      const again = await c.open("again");
      await again.connect({ sessionId, password, timeoutMs: 15000 });
      await again.call(exists("/resumed"));
      await again.call(getEphemerals(null));
      c.note("another connection takes the session, the old one is closed");
      const thief = await c.open("thief");
      await thief.connect({ sessionId, password, timeoutMs: 9000, readOnly: null });
      await again.untilClosed();
      await thief.settle();
      await thief.call(closeSession);
      await thief.untilClosed();
      c.note("the session is gone");
      const late = await c.open("late");
      await late.connect({ sessionId, password });
      await late.untilClosed();
      const old = await c.open("old");
      await old.connect({ sessionId, password, readOnly: null });
      await old.untilClosed();
    },
  },
  {
    name: "handshake: a session is not resumed without its password",
    run: async (c) => {
      const owner = await c.session("owner");
      const { sessionId, password } = owner;
      owner.client.close();
      const wrong = password.slice();
      wrong[15]! ^= 1;
      const attempts = [wrong, password.slice(0, 8), new Uint8Array(16), NO_BYTES, null];
      for (const attempt of attempts) {
        const peer = await c.open("A");
        await peer.connect({ sessionId, password: attempt });
        await peer.untilClosed();
      }
      c.note("a session that never was, with the password it would have");
      for (const id of [1n, -1n, sessionId + 100_000n]) {
        const peer = await c.open("A");
        await peer.connect({ sessionId: id, password: expectedPassword(id) });
        await peer.untilClosed();
      }
      c.note("still there for who knows the password");
      const peer = await c.open("A");
      await peer.connect({ sessionId, password });
      await peer.settle();
    },
  },
  {
    name: "handshake: a wrong password and the owner's connection",
    run: async (c) => {
      const owner = await c.session("owner");
      const thief = await c.open("thief");
      await thief.connect({ sessionId: owner.sessionId, password: new Uint8Array(16) });
      await thief.untilClosed();
      await owner.settle();
    },
    differences: [{
      java: "closed",
      denkeeper: "xid=-2 zxid=z+0 err=0",
      why: "3.8.0 disconnects the owner before it looks at the password; we look first",
    }],
  },
  {
    name: "handshake: a client from the future is turned away",
    run: async (c) => {
      const peer = await c.session("first");
      await peer.call(create("/future"));
      const zxid = peer.client.lastZxid;
      const { lastZxid } = { lastZxid: zxid === 0n ? (await peer.client.call(ping)).zxid : zxid };
      for (const ahead of [0n, 1n, 1n << 40n]) {
        const other = await c.open("A");
        await other.connect({ lastZxidSeen: lastZxid + ahead });
      }
    },
  },
  {
    name: "handshake: what is not a connect request closes the connection",
    run: async (c) => {
      await c.session("first");
      const frames = [
        NO_BYTES,
        new Uint8Array(3),
        new Uint8Array(20),
        connectRequest({ readOnly: null }).slice(0, 43),
        new JuteEncoder().int(0).long(0n).int(5000).long(0n).int(1000).finish(),
        new JuteEncoder().int(0).long(0n).int(5000).long(0n).int(-2).finish(),
      ];
      for (const bytes of frames) {
        c.note(`${bytes.length} bytes`);
        const peer = await c.open("A");
        await peer.client.sendFrame(bytes);
        await peer.untilClosed();
      }
      for (const length of [-1, -2, -(2 ** 31), 0x100000, 2 ** 31 - 1]) {
        c.note(`frame length ${length}`);
        const peer = await c.open("A");
        await peer.client.sendBytes(new JuteEncoder().int(length).raw(new Uint8Array(60)).finish());
        await peer.untilClosed();
      }
    },
  },
  {
    name: "handshake: requests sent right behind it are answered",
    run: async (c) => {
      await c.session("first");
      const peer = await c.open("A");
      const requests = [create("/behind", { data: "x" }), getData("/behind"), ping, whoAmI];
      const bytes = [...frame(connectRequest())];
      requests.forEach((request, i) => {
        peer.asked(request, i + 1);
        bytes.push(...requestFrame(request, i + 1));
      });
      await peer.client.sendBytes(new Uint8Array(bytes));
      await peer.connected();
      await peer.receiveMany(4);
    },
  },
  {
    name: "sessions: closeSession removes the ephemerals, answers, closes",
    run: async (c) => {
      const watcher = await c.session("watcher");
      await watcher.call(create("/closing"));
      const owner = await c.session("owner");
      await owner.call(create("/closing/e", { flags: Flags.ephemeral, data: "1" }));
      await owner.call(addWatchPersistent("/closing/e"));
      await owner.call(getChildren("/closing", true));
      await watcher.call(exists("/closing/e", true));
      await watcher.call(getChildren("/closing", true));
      await owner.send(closeSession);
      await owner.untilClosed();
      await watcher.settle();
      await watcher.call(getChildren("/closing"));
      c.note("with an xid and a body of its own");
      const other = await c.session("other");
      await other.call({ ...closeSession, body: new Uint8Array([1, 2, 3]) }, -77);
      await other.untilClosed();
    },
  },
  {
    name: "sessions: a half closed connection is closed, the session stays",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/half", { flags: Flags.ephemeral }));
      await peer.client.closeWrite();
      await peer.untilClosed();
      const again = await c.open("again");
      await again.connect({ sessionId: peer.sessionId, password: peer.password });
      await again.call(exists("/half"));
    },
  },
];
