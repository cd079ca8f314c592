/**
 * Conversations about frames, request headers, op codes and bodies that do not decode.
 *
 * @module
 */
import { JuteEncoder } from "../../support/jute.ts";
import { connectRequest, frame, requestFrame } from "../../support/raw_client.ts";
import {
  create,
  exists,
  Flags,
  getData,
  Op,
  ping,
  request,
  setData,
  whoAmI,
} from "../../support/requests.ts";
import type { Scenario } from "./conversation.ts";

const NO_BYTES = new Uint8Array();

export const frameScenarios: readonly Scenario[] = [
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
];
