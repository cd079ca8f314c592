/**
 * Conversations about the handshake, frames, headers and what closes a connection.
 *
 * @module
 */
import {
  addWatchPersistent,
  closeSession,
  create,
  exists,
  Flags,
  getChildren,
  getData,
  getEphemerals,
  Op,
  ping,
  request,
  setData,
  whoAmI,
} from "../../support/requests.ts";
import { connectRequest, frame, requestFrame } from "../../support/raw_client.ts";
import { JuteEncoder } from "../../support/jute.ts";
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
    name: "frames: bytes that come one at a time",
    run: async (c) => {
      await c.session("first");
      const peer = await c.open("A");
      for (const byte of frame(connectRequest())) {
        await peer.client.sendBytes(new Uint8Array([byte]));
      }
      await peer.connected();
      const slowly = create("/slowly", { data: "x" });
      peer.asked(slowly, 5);
      for (const byte of requestFrame(slowly, 5)) {
        await peer.client.sendBytes(new Uint8Array([byte]));
      }
      await peer.receive();
    },
  },
  {
    name: "frames: illegal lengths and short headers after the handshake",
    run: async (c) => {
      await c.session("first");
      for (const length of [-1, -(2 ** 31), 0x100000, 2 ** 31 - 1]) {
        c.note(`frame length ${length}`);
        const peer = await c.session("A");
        await peer.client.sendBytes(new JuteEncoder().int(length).raw(new Uint8Array(60)).finish());
        await peer.untilClosed();
      }
      for (const byteCount of [0, 1, 4, 7]) {
        c.note(`header of ${byteCount} bytes`);
        const peer = await c.session("A");
        await peer.client.sendFrame(new Uint8Array(byteCount));
        await peer.untilClosed();
      }
      for (const word of ["ruok", "stat", "srvr"]) {
        c.note(`${word} after the handshake`);
        const peer = await c.session("A");
        await peer.client.sendBytes(new TextEncoder().encode(word));
        await peer.untilClosed();
      }
    },
  },
  {
    name: "frames: the largest one",
    run: async (c) => {
      const peer = await c.session("A");
      // Path "/big1", the open ACL: 1048523 bytes of data make a frame of 1048575.
      await peer.call(create("/big1", { data: new Uint8Array(1048523).fill(97) }));
      await peer.call(getData("/big1"));
      await peer.call(setData("/big1", new Uint8Array(1000).fill(98)));
      await peer.send(create("/big2", { data: new Uint8Array(1048524).fill(97) }));
      await peer.untilClosed();
    },
  },
  {
    name: "headers: the xid is echoed, but for ping",
    run: async (c) => {
      const peer = await c.session("A");
      for (const xid of [0, 1, 1, 7, 3, -3, -1000, -4, -8, 2 ** 31 - 1, -(2 ** 31)]) {
        await peer.call(exists("/"), xid);
      }
      for (const xid of [-2, 0, 5, -7]) await peer.call(ping, xid);
      c.note("a ping with a body");
      await peer.call({ type: Op.ping, body: new Uint8Array([1, 2, 3]) });
      c.note("trailing bytes behind a body");
      await peer.call({ ...exists("/"), body: new Uint8Array([...exists("/").body, 9, 9]) });
      await peer.call({ ...whoAmI, body: new Uint8Array([9, 9]) });
    },
  },
  {
    name: "headers: unknown op codes are answered -6 and the connection closed",
    run: async (c) => {
      await c.session("first");
      for (const type of [0, 10, 23, 50, 99, 108, 1000, -1, -5, -12, 2 ** 31 - 1, -(2 ** 31)]) {
        const peer = await c.session("A");
        await peer.send(request(type));
        await peer.untilClosed();
      }
    },
  },
  {
    name: "headers: deleteContainer is not for clients",
    run: async (c) => {
      const peer = await c.session("A");
      await peer.call(create("/container", { type: Op.createContainer, flags: Flags.container }));
      await peer.call(request(Op.deleteContainer, new JuteEncoder().string("/container")));
      await peer.call(exists("/container"));
    },
  },
  {
    name: "headers: bodies that do not decode are answered -5",
    run: async (c) => {
      const peer = await c.session("A");
      const types = [
        Op.create,
        Op.create2,
        Op.createContainer,
        Op.createTtl,
        Op.delete,
        Op.exists,
        Op.getData,
        Op.setData,
        Op.getAcl,
        Op.setAcl,
        Op.getChildren,
        Op.getChildren2,
        Op.sync,
        Op.multi,
        Op.multiRead,
        Op.checkWatches,
        Op.removeWatches,
        Op.setWatches,
        Op.setWatches2,
        Op.getEphemerals,
        Op.getAllChildrenNumber,
        Op.addWatch,
      ];
      for (const type of types) {
        for (
          const body of [
            NO_BYTES,
            new JuteEncoder().int(3).raw(new Uint8Array([0x2f])).finish(),
            new JuteEncoder().int(-2).finish(),
            new JuteEncoder().int(2 ** 31 - 1).finish(),
          ]
        ) await peer.call({ type, body });
      }
      c.note("cut behind the path");
      for (const type of types) {
        await peer.call({ type, body: new JuteEncoder().string("/cut").finish() });
      }
      c.note("still served");
      await peer.settle();
    },
  },
  {
    name: "headers: null paths",
    run: async (c) => {
      const peer = await c.session("A");
      const types = [
        Op.create,
        Op.delete,
        Op.exists,
        Op.getData,
        Op.setData,
        Op.getAcl,
        Op.setAcl,
        Op.getChildren,
        Op.getChildren2,
        Op.sync,
        Op.checkWatches,
        Op.removeWatches,
        Op.getEphemerals,
        Op.getAllChildrenNumber,
        Op.addWatch,
      ];
      for (const type of types) {
        const body = new JuteEncoder().int(-1);
        if (type === Op.create) body.buffer(NO_BYTES).int(0).int(0);
        else if (type === Op.setData) body.buffer(NO_BYTES).int(-1);
        else if (type === Op.setAcl) body.int(0).int(-1);
        else if (type === Op.addWatch) body.int(0);
        else body.int(3);
        await peer.call(request(type, body));
      }
      await peer.settle();
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
