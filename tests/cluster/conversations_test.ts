/**
 * Recorded conversations between servers of Apache ZooKeeper 3.8.0, with ours in the place of either
 * side: it must say the same bytes.
 *
 * PINGs are left out, since they come with time, and so are the trees behind a SNAP.
 *
 * @module
 */
import assert from "node:assert/strict";
import { QuorumConfig } from "../../cluster/quorum_config.ts";
import { makeZxid, type Zxid } from "../../core/zxid.ts";
import { captured, type CapturedMessage, capturedMessages } from "../support/quorum_captures.ts";
import { LeaderFixture } from "./leader_fixture.ts";
import { LearnerFixture } from "./learner_fixture.ts";
import { zxidText } from "./member_fixture.ts";

/** The bodies of all txns that were ever proposed in the recordings. */
const bodies = new Map<Zxid, Uint8Array>();
for (const { name, bytes } of capturedMessages("quorum")) {
  if (name !== "PROPOSAL" && name !== "INFORM") continue;
  const view = new DataView(bytes.buffer);
  const zxid = view.getInt32(4) * 2 ** 32 + view.getUint32(8);
  if (!bodies.has(zxid)) bodies.set(zxid, bytes.slice(16, bytes.length - 4));
}

interface Conversation {
  readonly where: string;
  readonly isObserver: boolean;
  readonly learnerId: number;
  readonly leaderId: number;
  readonly messages: readonly CapturedMessage[];
}

/** What is said on each connection that begins in a recording, without PINGs. */
function conversations(capture: string): Conversation[] {
  const messages = captured(capture).filter(({ port, name }) =>
    port === "quorum" && name !== "PING"
  );
  const openings = messages.filter(({ name }) => /^(FOLLOWER|OBSERVER)INFO$/.test(name));
  return openings.map(({ where, conn, seq, name, from, to }) => ({
    where,
    isObserver: name === "OBSERVERINFO",
    learnerId: Number(from.replace("server.", "")),
    leaderId: Number(to.replace("server.", "")),
    messages: messages.filter((message) => message.conn === conn && message.seq >= seq),
  }));
}

function numberAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(at);
}

/** Through this zxid everything, oldest epoch first. */
function logThrough(last: Zxid): string[] {
  const epoch = Math.floor(last / 2 ** 32);
  const counter = last % 2 ** 32;
  if (counter === 0) return [];
  return epoch === 2 ? ["1.1-33", `2.1-${counter}`] : [`1.1-${counter}`];
}

function hex(messages: readonly CapturedMessage[]): string[] {
  return messages.map(({ name, bytes }) => `${name} ${bytes.toHex()}`);
}

Deno.test("Learner says byte for byte what a learner of ZooKeeper 3.8.0 said", () => {
  const captures = [
    "01-boot-election-empty-sync",
    "04-sync-diff",
    "05-sync-snap",
    "06-observer-diff-inform",
    "07-election-trunc",
    "08-leader-failover",
  ];
  let count = 0;
  for (const { where, isObserver, learnerId, messages } of captures.flatMap(conversations)) {
    const [info, , ackEpoch] = messages;
    const last = makeZxid(numberAt(ackEpoch!.bytes, 4), numberAt(ackEpoch!.bytes, 8));
    const acceptedEpoch = numberAt(info!.bytes, 4);
    const fixture = new LearnerFixture({
      ...{ serverId: learnerId, observers: [4], isObserver, acceptedEpoch, bodies },
      currentEpoch: Math.max(numberAt(ackEpoch!.bytes, 16), Math.floor(last / 2 ** 32)),
      logged: logThrough(last),
      settings: { extendedTypesEnabled: "true" },
    });
    fixture.connect();
    const told = messages.filter(({ from }) => from !== `server.${learnerId}`);
    for (const { bytes } of told) {
      fixture.receive(bytes);
      fixture.finish();
      fixture.sync();
    }
    assert.deepEqual(fixture.trace, []);
    const sync = told.find(({ name }) => ["DIFF", "SNAP", "TRUNC"].includes(name))!;
    const through = numberAt(sync.bytes, 8);
    // 3.8.0 acknowledges the txns of a DIFF one by one, after UPTODATE: the leader passes over that
    const expected = messages.filter(({ from, name, bytes }) =>
      from === `server.${learnerId}` &&
      !(name === "ACK" && numberAt(bytes, 8) > 0 && numberAt(bytes, 8) <= through &&
        sync.name === "DIFF" && numberAt(bytes, 4) === numberAt(sync.bytes, 4))
    );
    assert.equal(
      fixture.leader.takeSent().toHex(),
      expected.map(({ bytes }) => bytes.toHex()).join(""),
      where,
    );
    // behind a SNAP the trees are the same; one txn of the others' history was not recorded
    const differences = fixture.logger.lines.filter((line) => line.includes("differs"));
    if (sync.name === "SNAP") assert.deepEqual(differences, [], where);
    count++;
  }
  assert.equal(count, 11);
});

Deno.test("Leader says byte for byte what a leader of ZooKeeper 3.8.0 said", () => {
  const cases = [
    { capture: "01-boot-election-empty-sync", epoch: 0, last: 0 },
    { capture: "07-election-trunc", epoch: 1, last: makeZxid(1, 0x21) },
    { capture: "08-leader-failover", epoch: 2, last: makeZxid(2, 2) },
  ];
  for (const { capture, epoch, last } of cases) {
    const said = conversations(capture);
    const newLeader = said[0]!.messages.find(({ name }) => name === "NEWLEADER")!;
    const fixture = new LeaderFixture({
      ...{ serverId: said[0]!.leaderId, observers: [4], bodies },
      ...{ acceptedEpoch: epoch, currentEpoch: epoch, logged: logThrough(last) },
      committed: QuorumConfig.parse(newLeader.decoded.config),
    });
    for (const { where, learnerId, leaderId, messages } of said) {
      const until = messages.findIndex(({ name }) => name === "UPTODATE") + 1;
      const learner = fixture.join(learnerId);
      const ours: string[] = [];
      for (const { from, bytes } of messages.slice(0, until)) {
        if (from === `server.${learnerId}`) ours.push(...learner.send(bytes));
      }
      const sent = learner.channel.takeSent().toHex();
      const theirs = messages.slice(0, until).filter(({ from }) => from === `server.${leaderId}`);
      const [tree] = theirs.filter(({ name }) => name === "SNAPSHOT-STREAM");
      if (tree === undefined) {
        assert.equal(sent, theirs.map(({ bytes }) => bytes.toHex()).join(""), where);
      } else {
        // before and behind the tree, whose znodes have times of their own
        const [before, behind] = hex(theirs).join("|").split(/\|?SNAPSHOT-STREAM [^|]*\|/);
        const plain = (text: string) => text.replace(/[A-Z]+ /g, "").replaceAll("|", "");
        assert.ok(sent.startsWith(plain(before!)), where);
        assert.ok(sent.endsWith(plain(behind!)), where);
      }
      assert.ok(ours.some((line) => line.endsWith("UPTODATE")), `${where} ${zxidText(last)}`);
    }
  }
});
