import assert from "node:assert/strict";
import type { QuorumAuth } from "../../cluster/quorum_auth.ts";
import type { QuorumChannel } from "../../net/quorum_channel.ts";
import { QuorumPort } from "../../net/quorum_port.ts";
import { systemSockets, systemTimers } from "../../net/sockets.ts";
import { systemClock } from "../../net/system_clock.ts";
import { Turn } from "../../net/turn.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { memberAuth } from "../support/member_auth.ts";
import { keepingLogger, type LogLine } from "../support/silent_logger.ts";

Deno.test("QuorumPort connects members that prove each other who they are, or need not", async () => {
  const cases = [
    { note: "nobody asks", leader: null, learner: null },
    { note: "both know it", leader: memberAuth({}), learner: memberAuth({}) },
    {
      note: "it may be left out",
      leader: memberAuth({ isRequired: false }),
      learner: memberAuth({ password: null }),
    },
    {
      note: "who leaves it out asks nobody",
      leader: memberAuth({ isRequired: false }),
      learner: null,
    },
  ];
  for (const { note, leader: leaderAuth, learner: learnerAuth } of cases) {
    const [leader, learner] = [new End(leaderAuth), new End(learnerAuth)];
    const address = { host: "127.0.0.1", port: freePort() };
    assert.equal(leader.port.listen([address]), null);
    learner.port.connect(address);
    await eventually(`the leader is connected, ${note}`, () => learner.channel !== null);
    learner.send([1, 2, 3]);
    await eventually(`it hears, ${note}`, () => leader.received.length === 3);
    assert.deepEqual(leader.received, [1, 2, 3], note);
    leader.send([4]);
    await eventually(`both hear, ${note}`, () => learner.received.length === 1);
    await end(leader, learner);
    assert.deepEqual(learner.failures, [], note);
  }
});

Deno.test("QuorumPort refuses who does not know the password, and both sides say so", async () => {
  const [leader, learner] = [new End(memberAuth({})), new End(memberAuth({ password: "wrong" }))];
  const address = { host: "127.0.0.1", port: freePort() };
  assert.equal(leader.port.listen([address]), null);
  learner.port.connect(address);
  await eventually("it is refused", () => learner.failures.length === 1);
  assert.equal(
    learner.failures[0],
    `127.0.0.1:${address.port}: SASL: the other server refuses us`,
  );
  await eventually("the leader says so", () => leader.lines.length === 1);
  const [{ level, message, fields }] = leader.lines as [LogLine];
  assert.deepEqual(
    [level, message],
    ["warn", "a learner is refused: it did not prove that it is a member"],
  );
  assert.match(String(fields.reason), /password/);
  assert.equal(leader.channel, null, "no role ever heard of it");
  await end(leader, learner);
});

Deno.test("QuorumPort refuses who does not authenticate at all, or takes its time", async () => {
  for (const bytes of [[0, 0, 0, 11, 0, 0, 0, 0], []]) {
    const leader = new End(memberAuth({}), { authTimeoutMs: 50 });
    const port = freePort();
    assert.equal(leader.port.listen([{ host: "127.0.0.1", port }]), null);
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    if (bytes.length > 0) await conn.write(new Uint8Array(bytes));
    assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
    conn.close();
    await eventually("the leader says so", () => leader.lines.length === 1);
    assert.match(String(leader.lines[0]!.fields.reason), /authenticate/);
    await end(leader);
  }
});

Deno.test("QuorumPort lets go of strangers and attempts when it closes", async () => {
  const [leader, learner] = [new End(memberAuth({})), new End(memberAuth({}))];
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = freePort();
  assert.equal(leader.port.listen([{ host: "127.0.0.1", port }]), null);
  const stranger = await Deno.connect({ hostname: "127.0.0.1", port });
  learner.port.connect({ host: "127.0.0.1", port: silent.addr.port });
  const accepted = await silent.accept();
  assert.equal(await accepted.read(new Uint8Array(100)), 16, "it began");
  await end(leader, learner);
  assert.equal(await stranger.read(new Uint8Array(1)).catch(() => null), null);
  assert.equal(await accepted.read(new Uint8Array(1)).catch(() => null), null);
  stranger.close();
  accepted.close();
  silent.close();
  assert.deepEqual([leader.lines, learner.failures], [[], []]);
});

/** One server's end. */
class End {
  readonly port: QuorumPort;
  readonly lines: LogLine[] = [];
  readonly failures: string[] = [];
  readonly received: number[] = [];
  channel: QuorumChannel | null = null;
  readonly #turn: Turn;

  constructor(auth: QuorumAuth | null, { authTimeoutMs = 60_000 } = {}) {
    this.#turn = new Turn(systemClock, { beginTurn() {}, endTurn: () => this.port.flush() });
    const events = {
      connected: (channel: QuorumChannel) => void (this.channel = channel),
      received: (_: QuorumChannel, bytes: Uint8Array) => void this.received.push(...bytes),
      drained() {},
      closed() {},
      isHeldUp: () => false,
    };
    this.port = new QuorumPort({
      turn: this.#turn,
      sockets: systemSockets,
      timers: systemTimers,
      connectTimeoutMs: 60_000,
      auth,
      authTimeoutMs,
      logger: keepingLogger(this.lines),
      listenOnAllIps: false,
      learnerEvents: events,
      leaderEvents: { ...events, failed: (reason) => void this.failures.push(reason) },
    });
  }

  send(bytes: number[]): void {
    this.#turn.begin();
    this.channel!.writer().raw(new Uint8Array(bytes));
  }
}

async function end(...ends: End[]): Promise<void> {
  for (const { port, channel } of ends) {
    channel?.close();
    port.close();
  }
  await new Promise((resolve) => setTimeout(resolve)); // what was read returns
}
