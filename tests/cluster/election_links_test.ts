import assert from "node:assert/strict";
import {
  ElectionLinks,
  type ElectionLinksEffect,
  type ElectionLinksInput,
} from "../../cluster/election_links.ts";
import { encodeFrame } from "../../cluster/election_stream.ts";
import { addressText, encodeHello } from "../../cluster/hello.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { STRANGE_ELECTION_LINK_COUNT_MAX } from "../../core/limits.ts";
import { QuorumAuth } from "../../cluster/quorum_auth.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { captured } from "../support/quorum_captures.ts";
import { keepingLogger, type LogLine } from "../support/silent_logger.ts";

/** An input without its time, so that tables stay short. */
type Input = ElectionLinksInput extends infer I ? I extends unknown ? Omit<I, "nowMs"> : never
  : never;

Deno.test("ElectionLinks dials a smaller id and keeps the connection: hello and message at once", () => {
  const us = new Driver(2);
  assert.deepEqual(us.send(1, "a"), ["dial 1 h1:3001"]);
  assert.deepEqual(us.send(1, "b"), []); // one dial at a time, the newest message waits
  assert.deepEqual(us.step({ kind: "dialed", serverId: 1, link: 10 }), [
    "present 1",
    "write 10 hello 2 + b",
  ]);
  assert.deepEqual(us.links.connected, [1]);
});

Deno.test("ElectionLinks says the hello that Java says", () => {
  const { bytes } = captured("01-boot-election-empty-sync").find(({ name }) => name === "HELLO")!;
  const links = new ElectionLinks({
    serverId: 2,
    isMultiAddress: false,
    handshakeTimeoutMs: 1,
    auth: null,
    logger: keepingLogger([]),
  });
  links.setMembers({
    members: new Map([[1, [{ host: "127.0.0.1", port: 23031 }]]]),
    ownAddresses: [{ host: "127.0.0.1", port: 23032 }],
  });
  links.step({ kind: "send", to: 1, message: new Uint8Array([7]), nowMs: 0 });
  const effects = links.step({ kind: "dialed", serverId: 1, link: 1, nowMs: 0 });
  const write = effects.find((effect) => effect.kind === "write")!;
  assert.deepEqual(write.bytes, new Uint8Array([...bytes, 0, 0, 0, 1, 7]));
});

Deno.test("ElectionLinks calls a larger id and is dialled back", () => {
  const us = new Driver(1);
  assert.deepEqual(us.send(3, "a"), ["dial 3 h3:3003"]);
  assert.deepEqual(us.step({ kind: "dialed", serverId: 3, link: 10 }), [
    "write 10 hello 1",
    "close 10",
  ]);
  assert.deepEqual(us.links.connected, []);
  assert.deepEqual(us.send(3, "b"), []); // it was called
  us.nowMs = 999;
  assert.deepEqual(us.step({ kind: "connectAll" }), []); // a second call would disturb the first
  assert.equal(us.links.nextDeadlineMs, 1000);
  us.step({ kind: "accepted", link: 11, remoteAddress: "x" });
  assert.deepEqual(us.greet(11, 3), ["present 3", "write 11 b"]);
  us.nowMs = 5000;
  assert.deepEqual(us.step({ kind: "tick" }), []);

  const ignored = new Driver(1);
  ignored.send(3, "a");
  ignored.step({ kind: "dialed", serverId: 3, link: 10 });
  ignored.nowMs = 1000;
  assert.deepEqual(ignored.step({ kind: "tick" }), ["dial 3 h3:3003"]);
});

Deno.test("ElectionLinks dials back a smaller id that called, where it says it listens", () => {
  const us = new Driver(3);
  us.step({ kind: "accepted", link: 10, remoteAddress: "x" });
  assert.deepEqual(us.greet(10, 1, ["[::1]:5", "0.0.0.0:7"]), [
    "close 10",
    "dial 1 [::1]:5 h1:3001",
  ]);
  us.step({ kind: "accepted", link: 11, remoteAddress: "x" });
  assert.deepEqual(us.greet(11, 1), ["close 11"]); // being dialled already
  assert.deepEqual(us.step({ kind: "dialed", serverId: 1, link: 12 }), [
    "present 1",
    "write 12 hello 3",
  ]);
  // a call on top of a connection: the caller has lost it
  us.step({ kind: "accepted", link: 13, remoteAddress: "x" });
  assert.deepEqual(us.greet(13, 1, ["0.0.0.0:7"]), ["close 12", "close 13", "dial 1 h1:3001"]);
});

Deno.test("ElectionLinks dials back a 3.4 server at its configured address only", () => {
  const us = new Driver(3);
  const id = (value: bigint) => {
    const writer = new JuteWriter();
    writer.long(value);
    return writer.written();
  };
  us.step({ kind: "accepted", link: 1, remoteAddress: "x" });
  assert.deepEqual(us.receive(1, id(2n)), ["close 1", "dial 2 h2:3002"]);
  const stranger = new Driver(9);
  stranger.step({ kind: "accepted", link: 1, remoteAddress: "x" });
  assert.deepEqual(stranger.receive(1, id(8n)), ["close 1"]); // nobody knows where it is
  stranger.step({ kind: "accepted", link: 2, remoteAddress: "x" });
  assert.deepEqual(stranger.greet(2, 8, ["h8:1"]), ["close 2", "dial 8 h8:1"]); // it told
});

Deno.test("ElectionLinks replaces the connection of a larger id by its new one", () => {
  const us = new Driver(1);
  us.accept(10, 2);
  us.send(2, "a");
  us.step({ kind: "accepted", link: 11, remoteAddress: "x" });
  assert.deepEqual(us.greet(11, 2), ["close 10", "present 2", "write 11 a"]); // said again
  assert.deepEqual(us.receive(10, encodeFrame(new Uint8Array([1]))), []);
  assert.deepEqual(us.step({ kind: "closed", link: 10, problem: "" }), []);
  assert.deepEqual(us.step({ kind: "written", link: 10 }), []);
  assert.deepEqual(us.links.connected, [2]);
});

Deno.test("ElectionLinks keeps a connection that came while it dialled", () => {
  const us = new Driver(1);
  us.send(2, "a");
  us.accept(10, 2);
  assert.deepEqual(us.step({ kind: "dialed", serverId: 2, link: 11 }), ["close 11"]);
  assert.deepEqual(us.links.connected, [2]);
});

Deno.test("ElectionLinks sends one message at a time, of those that wait only the newest", () => {
  const us = new Driver(1);
  us.accept(10, 2);
  assert.deepEqual(us.send(2, "a"), ["write 10 a"]);
  assert.deepEqual(us.send(2, "b"), []);
  assert.deepEqual(us.send(2, "c"), []);
  assert.deepEqual(us.step({ kind: "written", link: 10 }), ["write 10 c"]);
  assert.deepEqual(us.step({ kind: "written", link: 10 }), []);
  assert.deepEqual(us.send(2, "d"), ["write 10 d"]);
});

Deno.test("ElectionLinks says its last message again on a fresh connection", () => {
  const us = new Driver(1);
  us.accept(10, 2);
  us.send(2, "a");
  us.nowMs = 60_000;
  assert.deepEqual(us.step({ kind: "closed", link: 10, problem: "" }), []);
  assert.deepEqual(us.step({ kind: "tick" }), []); // nothing to say: not reopened
  us.step({ kind: "accepted", link: 11, remoteAddress: "x" });
  assert.deepEqual(us.greet(11, 2), ["present 2", "write 11 a"]);
});

Deno.test("ElectionLinks reopens a lost connection for a message that may be lost with it", () => {
  const larger = new Driver(2);
  larger.send(1, "a");
  larger.step({ kind: "dialed", serverId: 1, link: 10 });
  assert.deepEqual(larger.step({ kind: "closed", link: 10, problem: "" }), ["dial 1 h1:3001"]);

  const smaller = new Driver(1); // leaves it to the larger id first
  smaller.accept(10, 2);
  smaller.send(2, "a");
  assert.deepEqual(smaller.step({ kind: "closed", link: 10, problem: "" }), []);
  smaller.nowMs = 50;
  assert.deepEqual(smaller.step({ kind: "tick" }), ["dial 2 h2:3002"]);
});

Deno.test("ElectionLinks tries again after longer and longer, each server by itself", () => {
  const us = new Driver(4);
  assert.deepEqual(us.send(1, "a"), ["dial 1 h1:3001"]); // and is never answered
  us.send(2, "a");
  const failed = { kind: "dialFailed", serverId: 2, isRefused: false, problem: "gone" } as const;
  assert.deepEqual(us.step(failed), []);
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    const atMs = us.links.nextDeadlineMs!;
    waits.push(atMs - us.nowMs);
    us.nowMs = atMs - 1;
    assert.deepEqual(us.step({ kind: "tick" }), []);
    us.nowMs = atMs;
    assert.deepEqual(us.step({ kind: "tick" }), ["dial 2 h2:3002"]);
    us.step(failed);
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  assert.deepEqual(us.step({ kind: "connectAll" }), ["dial 2 h2:3002"]);
  assert.deepEqual(us.send(3, "a"), ["dial 3 h3:3003"]);
  // the same problem is a warning once
  const warnings = us.lines.filter(({ level }) => level === "warn");
  assert.deepEqual(warnings.map(({ fields }) => fields), [{ serverId: 2, problem: "gone" }]);
  us.step({ kind: "dialed", serverId: 2, link: 5 });
  assert(us.lines.some(({ level, message }) => level === "info" && message.includes("again")));
});

Deno.test("ElectionLinks says once that a server listens elsewhere than it is configured to", () => {
  const us = new Driver(3);
  let link = 0;
  const greet = (serverId: number, addresses?: string[]) => {
    us.step({ kind: "accepted", link: ++link, remoteAddress: "x" });
    us.greet(link, serverId, addresses);
  };
  greet(1, ["elsewhere:1"]);
  greet(1, ["elsewhere:1"]);
  greet(2, ["0.0.0.0:3002"]); // says nothing
  greet(4, ["h4:3004", "elsewhere:4"]);
  greet(8, ["h8:1"]); // no configuration names it
  const warnings = us.lines.filter(({ level }) => level === "warn");
  assert.deepEqual(warnings.map(({ fields }) => fields), [
    { serverId: 1, remoteAddress: "x", says: "elsewhere:1", configured: "h1:3001" },
  ]);
});

Deno.test("ElectionLinks.problemOf() is why a server cannot be reached, until it is", () => {
  const us = new Driver(3);
  assert.equal(us.links.problemOf(2), null);
  us.send(2, "a");
  us.step({ kind: "dialFailed", serverId: 2, isRefused: true, problem: "refused" });
  assert.equal(us.links.problemOf(2), "refused");
  us.step({ kind: "connectAll" });
  us.step({ kind: "dialed", serverId: 2, link: 1 });
  assert.equal(us.links.problemOf(2), null);
});

Deno.test("ElectionLinks tells who is not there only of those that refuse", () => {
  const us = new Driver(3);
  for (const [serverId, isRefused] of [[1, true], [2, false]] as const) {
    us.send(serverId, "a");
    assert.deepEqual(
      us.step({ kind: "dialFailed", serverId, isRefused, problem: "x" }),
      isRefused ? [`absent ${serverId}`] : [],
    );
  }
});

Deno.test("ElectionLinks does not dial whom no configuration names", () => {
  const us = new Driver(1);
  assert.deepEqual(us.send(9, "a"), []);
  us.accept(10, 9); // but answers it
  assert.deepEqual(us.send(9, "a"), ["write 10 a"]);
  assert.deepEqual(us.step({ kind: "closed", link: 10, problem: "" }), []);
  assert.deepEqual(us.step({ kind: "connectAll" }), []);
  us.step({ kind: "accepted", link: 11, remoteAddress: "x" });
  assert.deepEqual(us.greet(11, 9), ["present 9"]); // nothing is kept for strangers
});

Deno.test("ElectionLinks gives observers without an id one of its own", () => {
  const us = new Driver(3);
  for (const [link, id] of [[10, -1], [11, -2]] as const) {
    us.step({ kind: "accepted", link, remoteAddress: "x" });
    const writer = new JuteWriter();
    writer.long(2n ** 63n - 1n);
    assert.deepEqual(us.receive(link, writer.written()), [`present ${id}`]);
    assert.deepEqual(us.receive(link, frame("a")), [`message ${id} a`]);
    assert.deepEqual(us.send(id, "b"), [`write ${link} b`]);
  }
});

Deno.test("ElectionLinks takes messages in pieces, behind the hello too", () => {
  const us = new Driver(1);
  us.step({ kind: "accepted", link: 10, remoteAddress: "x" });
  const bytes = [...helloOf(2, ["h2:3002"]), ...frame("abc"), ...frame("d")];
  const told = bytes.flatMap((byte) => us.receive(10, new Uint8Array([byte])));
  assert.deepEqual(told, ["present 2", "message 2 abc", "message 2 d"]);
  us.step({ kind: "accepted", link: 11, remoteAddress: "x" });
  assert.deepEqual(us.receive(11, new Uint8Array(bytes)), [
    ...["close 10", "present 2", "message 2 abc", "message 2 d"],
  ]);
});

Deno.test("ElectionLinks closes who speaks nonsense, is us, or says nothing", () => {
  const cases: [what: string, bytes: Uint8Array][] = [
    ["an unknown version", new Uint8Array(8).fill(0x80)],
    ["our own id", helloOf(1, ["h1:1"])],
    ["a frame of no bytes", new Uint8Array([...helloOf(2, ["h2:1"]), 0, 0, 0, 0])],
  ];
  for (const [what, bytes] of cases) {
    const us = new Driver(1);
    us.step({ kind: "accepted", link: 10, remoteAddress: "x" });
    assert.equal(us.receive(10, bytes).at(-1), "close 10", what);
    assert.deepEqual(us.links.connected, [], what);
    assert(us.lines.some(({ level }) => level === "warn"), what);
  }
  const us = new Driver(1);
  us.step({ kind: "accepted", link: 10, remoteAddress: "x" });
  us.receive(10, helloOf(2, ["h2:1"]).subarray(0, 12));
  assert.equal(us.links.nextDeadlineMs, 10_000);
  us.nowMs = 9999;
  assert.deepEqual(us.step({ kind: "tick" }), []);
  us.nowMs = 10_000;
  assert.deepEqual(us.step({ kind: "tick" }), ["close 10"]);
});

Deno.test("ElectionLinks with SASL speaks only to who authenticates, calls included", () => {
  const cases = [
    { passwords: ["a", "a"], required: true, connected: true },
    { passwords: ["a", "b"], required: true, connected: false },
    { passwords: ["a", "b"], required: false, connected: false }, // who tries must succeed
    { passwords: [null, "a"], required: true, connected: false },
    { passwords: [null, "a"], required: false, connected: true },
  ];
  for (const { passwords: [password, expected], required, connected } of cases) {
    const what = `${password} ${expected} ${required}`;
    for (const [own, other] of [[2, 1], [1, 2]] as const) {
      const dialer = new Driver(own, authOf({ password: password!, required }));
      const target = new Driver(other, authOf({ password: expected!, required }));
      dialer.send(other, "x");
      dialer.step({ kind: "dialed", serverId: other, link: 10 });
      target.step({ kind: "accepted", link: 20, remoteAddress: "x" });
      // who does not authenticate is known by its first message
      const silent = password === null && own < other ? [frame("x")] : [];
      const log = converse(dialer, 10, target, 20, silent);
      if (own > other) {
        assert.deepEqual(target.links.connected, connected ? [own] : [], what);
        if (password !== null) {
          assert.deepEqual(dialer.links.connected, connected ? [other] : [], what);
        }
        assert.equal(log.includes(`message ${own} x`), connected, what);
      } else {
        assert.equal(log.includes("dial 1 me:1 h1:3001"), connected, what);
      }
    }
  }
});

Deno.test("ElectionLinks gives up a dial whose SASL does not end", () => {
  const auth = authOf({ password: "a", required: true });
  for (const end of ["silence", "loss"]) {
    const us = new Driver(2, auth);
    us.send(1, "a");
    us.step({ kind: "dialed", serverId: 1, link: 10 });
    us.nowMs = 9999;
    assert.deepEqual(us.step({ kind: "tick" }), []); // and is not dialled once more
    assert.deepEqual(us.links.connected, []);
    if (end === "loss") assert.deepEqual(us.step({ kind: "closed", link: 10, problem: "x" }), []);
    us.nowMs = 10_000;
    assert.deepEqual(us.step({ kind: "tick" }), end === "loss" ? [] : ["close 10"]);
    us.nowMs = 10_100;
    assert.deepEqual(us.step({ kind: "tick" }), ["dial 1 h1:3001"]);
  }
});

Deno.test("ElectionLinks bounds the connections and the dials of strangers", () => {
  const us = new Driver(1000);
  us.accept(1, 1001);
  us.step({ kind: "accepted", link: 2, remoteAddress: "x" });
  us.links.setMembers({ members: members([1, 1001]), ownAddresses: [address("h:1")] });
  for (let i = 1; i < STRANGE_ELECTION_LINK_COUNT_MAX; i++) {
    const effects = us.step({ kind: "accepted", link: 100 + i, remoteAddress: "x" });
    assert.deepEqual(effects, [], `${i}`);
  }
  assert.deepEqual(us.step({ kind: "accepted", link: 999, remoteAddress: "x" }), ["close 2"]);
  const dials = new Driver(1000);
  for (let id = 10; id < 10 + STRANGE_ELECTION_LINK_COUNT_MAX; id++) {
    dials.step({ kind: "accepted", link: id, remoteAddress: "x" });
    assert.deepEqual(dials.greet(id, id, ["h:1"]), [`close ${id}`, `dial ${id} h:1`]);
  }
  dials.step({ kind: "accepted", link: 5000, remoteAddress: "x" });
  assert.deepEqual(dials.greet(5000, 500, ["h:1"]), ["close 5000"]);
  dials.step({ kind: "dialFailed", serverId: 10, isRefused: true, problem: "x" });
  dials.step({ kind: "accepted", link: 5001, remoteAddress: "x" });
  assert.deepEqual(dials.greet(5001, 500, ["h:1"]), ["close 5001", "dial 500 h:1"]);
});

/** Members 1 to 4 at h<id>:300<id>; effects as short texts. */
class Driver {
  nowMs = 0;
  readonly lines: LogLine[] = [];
  readonly links: ElectionLinks;

  /** What it did last, bytes and all. */
  effects: ElectionLinksEffect[] = [];

  constructor(serverId: number, auth: QuorumAuth | null = null) {
    this.links = new ElectionLinks({
      serverId,
      isMultiAddress: false,
      handshakeTimeoutMs: 10_000,
      auth,
      logger: keepingLogger(this.lines),
    });
    this.links.setMembers({ members: members([1, 2, 3, 4]), ownAddresses: [address("me:1")] });
  }

  step(input: Input): string[] {
    this.effects = this.links.step({ ...input, nowMs: this.nowMs } as ElectionLinksInput);
    return this.effects.map(text);
  }

  send(to: number, message: string): string[] {
    return this.step({ kind: "send", to, message: new TextEncoder().encode(message) });
  }

  receive(link: number, bytes: Uint8Array): string[] {
    return this.step({ kind: "received", link, bytes });
  }

  greet(link: number, serverId: number, addresses = ["x:1"]): string[] {
    return this.receive(link, helloOf(serverId, addresses));
  }

  accept(link: number, serverId: number): void {
    this.step({ kind: "accepted", link, remoteAddress: "x" });
    this.greet(link, serverId);
  }
}

/**
 * Carries bytes between the two ends of a connection until neither says anything more.
 *
 * @param more what the dialer's end says after its hello
 * @returns what the target did
 */
function converse(
  dialer: Driver,
  dialerLink: number,
  target: Driver,
  targetLink: number,
  more: Uint8Array[],
): string[] {
  const log: string[] = [];
  const written = (driver: Driver, link: number) =>
    driver.effects.flatMap((effect) =>
      effect.kind === "write" && effect.link === link ? [effect.bytes] : []
    );
  let toTarget = [...written(dialer, dialerLink), ...more];
  while (toTarget.length > 0) {
    const toDialer: Uint8Array[] = [];
    for (const bytes of toTarget) {
      log.push(...target.receive(targetLink, bytes));
      toDialer.push(...written(target, targetLink));
    }
    toTarget = [];
    for (const bytes of toDialer) {
      dialer.receive(dialerLink, bytes);
      toTarget.push(...written(dialer, dialerLink));
    }
  }
  return log;
}

/** @param password null: does not authenticate itself */
function authOf(
  { password, required }: { password: string | null; required: boolean },
): QuorumAuth {
  return new QuorumAuth({
    users: new Map([["test", password ?? "a"]]),
    credentials: password === null ? null : { username: "test", password },
    isRequired: required,
    hashing: nodeHashing,
  });
}

function members(ids: number[]) {
  return new Map(ids.map((id) => [id, [{ host: `h${id}`, port: 3000 + id }]]));
}

function address(text: string) {
  const colon = text.lastIndexOf(":");
  return {
    host: text.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(text.slice(colon + 1)),
  };
}

function helloOf(serverId: number, addresses: string[]): Uint8Array {
  return encodeHello({ serverId, addresses: addresses.map(address), isMultiAddress: true });
}

function frame(text: string): Uint8Array {
  return encodeFrame(new TextEncoder().encode(text));
}

function text(effect: ElectionLinksEffect): string {
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  switch (effect.kind) {
    case "dial":
      return `dial ${effect.serverId} ${effect.addresses.map(addressText).join(" ")}`;
    case "write": {
      const { link, bytes } = effect;
      if (bytes[0] !== 0xff) return `write ${link} ${decode(bytes.subarray(4))}`;
      const helloLength = 20 + bytes[19]!;
      const rest = bytes.subarray(helloLength + 4);
      const hello = `write ${link} hello ${bytes[15]}`;
      return rest.length === 0 ? hello : `${hello} + ${decode(rest)}`;
    }
    case "close":
      return `close ${effect.link}`;
    case "message":
      return `message ${effect.from} ${decode(effect.message)}`;
    case "peerPresent":
      return `present ${effect.serverId}`;
    case "peerAbsent":
      return `absent ${effect.serverId}`;
  }
}
