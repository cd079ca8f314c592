import assert from "node:assert/strict";
import { decodeNotification, encodeNotification } from "../../cluster/notification.ts";
import { NO_SERVER_ID } from "../../cluster/server_id.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { makeZxid } from "../../core/zxid.ts";
import { captured } from "../support/quorum_captures.ts";

const LONG_MIN_TEXT = "0x8000000000000000";

Deno.test("decodeNotification() and encodeNotification() agree with Java's bytes", () => {
  let lowestCount = 0;
  for (const name of ["01-boot-election-empty-sync", "07-election-trunc"]) {
    for (const message of captured(name)) {
      if (message.name !== "NOTIFICATION") continue;
      const body = message.bytes.subarray(4);
      const notification = decodeNotification(body);
      assert(!("ignored" in notification), `${name} ${message.seq}`);
      const { state, vote, version, configText } = notification;
      const { decoded } = message;
      assert(String(decoded.state).includes(`(${state})`), `${name} ${message.seq}`);
      assert.equal(vote.electionEpoch, Number(decoded.electionEpoch));
      assert.equal(vote.leader, decoded.leader);
      if (decoded.zxid === LONG_MIN_TEXT) {
        lowestCount++;
        assert.equal(vote.zxid, NO_SERVER_ID);
        assert.equal(vote.peerEpoch, NO_SERVER_ID);
      } else {
        assert.equal(vote.zxid, Number(decoded.zxid));
        assert.equal(vote.peerEpoch, Number(decoded.peerEpoch));
      }
      assert.equal(version, 2);
      assert.equal(configText, decoded.config);
      assert.deepEqual(encodeNotification({ ...notification, configText: configText! }), body);
    }
  }
  assert(lowestCount > 0, "an observer's vote was among them");
});

Deno.test("decodeNotification() reads the forms of old servers", () => {
  const whole = message({ zxid: makeZxid(3, 7), peerEpoch: 5, version: 1 });
  const cases = [
    { size: 28, peerEpoch: 3 }, // there is none: that of the zxid
    { size: 40, peerEpoch: 5 }, // the version field of 3.4 is not looked at
  ];
  for (const { size, peerEpoch } of cases) {
    assert.deepEqual(decodeNotification(whole.subarray(0, size)), {
      state: "LOOKING",
      vote: { leader: 2, zxid: makeZxid(3, 7), electionEpoch: 9, peerEpoch },
      version: 0,
      configText: null,
    });
  }
});

Deno.test("decodeNotification() ignores what is malformed (ZOOKEEPER-3769)", () => {
  const cases: [what: string, bytes: Uint8Array, ignored: boolean][] = [
    ...[0, 4, 27, 29, 36, 39, 41, 43].map((size): [string, Uint8Array, boolean] => [
      `${size} bytes`,
      message({}).subarray(0, size),
      true,
    ]),
    ["no configuration", message({ configLength: 0 }), false],
    ["a configuration of -1 bytes", message({ configLength: -1 }), true],
    ["a configuration longer than the message", message({ configLength: 1 }), true],
    ["a configuration of 2 ** 31 - 1 bytes", message({ configLength: 2 ** 31 - 1 }), true],
    ["an unknown state", message({ state: 4 }), true],
    ["a negative state", message({ state: -1 }), true],
    ["a leader that no number holds", message({ leader: 2n ** 53n }), true],
    ["a leader just above the lowest", message({ leader: -(2n ** 63n) + 1n }), true],
    ["the lowest leader", message({ leader: -(2n ** 63n) }), false],
  ];
  for (const [what, bytes, ignored] of cases) {
    assert.equal("ignored" in decodeNotification(bytes), ignored, what);
  }
});

Deno.test("decodeNotification() takes the configuration for UTF-8 (ZOOKEEPER-4787)", () => {
  const vote = { leader: 1, zxid: 0, electionEpoch: 1, peerEpoch: 0 };
  const configText = "server.1=höst:1:2:participant\nversion=0";
  const notification = { state: "LEADING", vote, version: 2, configText } as const;
  assert.deepEqual(decodeNotification(encodeNotification(notification)), notification);
});

function message(
  { state = 0, leader = 2n, zxid = 0, peerEpoch = 0, version = 2, configLength = 0 }: {
    state?: number;
    leader?: bigint;
    zxid?: number;
    peerEpoch?: number;
    version?: number;
    configLength?: number;
  },
): Uint8Array {
  const writer = new JuteWriter();
  writer.int(state);
  writer.long(leader);
  writer.longFromNumber(zxid);
  writer.longFromNumber(9);
  writer.longFromNumber(peerEpoch);
  writer.int(version);
  writer.int(configLength);
  return writer.written();
}
