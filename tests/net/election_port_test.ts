import assert from "node:assert/strict";
import type { ElectionSocketInput } from "../../cluster/elector.ts";
import { ElectionPort, EXIT_ELECTION_PORT } from "../../net/election_port.ts";
import { systemSockets, systemTimers } from "../../net/sockets.ts";
import { systemClock } from "../../net/system_clock.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { keepingLogger, type LogLine } from "../support/silent_logger.ts";

Deno.test("ElectionPort brings connections, bytes and their end, and writes in order", async () => {
  const us = new Port();
  assert(await us.port.listen());
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: us.number });
  await us.until("accepted");
  await conn.write(new Uint8Array([1, 2, 3]));
  await us.until("received");
  assert.deepEqual(us.received(1), [1, 2, 3]);
  us.port.perform({ kind: "write", link: 1, bytes: new Uint8Array([4]) });
  us.port.perform({ kind: "write", link: 1, bytes: new Uint8Array([5, 6]) });
  assert.deepEqual(await readBytes(conn, 3), [4, 5, 6]);
  await eventually("written", () => us.kinds().filter((kind) => kind === "written").length === 2);
  conn.close();
  await us.until("closed");
  us.port.perform({ kind: "write", link: 1, bytes: new Uint8Array([7]) }); // it crossed the end
  await us.port.close();
});

Deno.test("ElectionPort writes before it closes, and tells nothing of what it closed", async () => {
  const us = new Port();
  assert(await us.port.listen());
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: us.number });
  await us.until("accepted");
  us.port.perform({ kind: "write", link: 1, bytes: new Uint8Array([1, 2]) });
  us.port.perform({ kind: "close", link: 1 });
  assert.deepEqual(await readBytes(conn, 3), [1, 2]); // and its end
  conn.close();
  await us.port.close();
  assert.deepEqual(us.kinds(), ["accepted"]);
});

Deno.test("ElectionPort tries all addresses of a server in turn", async () => {
  const [us, other] = [new Port(), new Port()];
  assert(await other.port.listen());
  us.port.perform({
    kind: "dial",
    serverId: 2,
    addresses: [
      { host: "127.0.0.1", port: freePort() },
      { host: "no.such.name.invalid", port: 1 },
      { host: "localhost", port: other.number },
    ],
  });
  await us.until("dialed");
  await other.until("accepted");
  us.port.perform({ kind: "write", link: 1, bytes: new Uint8Array(300_000).fill(9) });
  await eventually("all of it came", () => other.received(1).length === 300_000);
  await us.port.close();
  await other.until("closed");
  await other.port.close();
});

Deno.test("ElectionPort tells a refused dial from one that failed otherwise", async () => {
  const us = new Port();
  const port = freePort();
  const cases = [
    { hosts: ["127.0.0.1", "localhost"], isRefused: true },
    { hosts: ["no.such.name.invalid"], isRefused: false },
    { hosts: ["127.0.0.1", "no.such.name.invalid"], isRefused: false },
  ];
  for (const { hosts, isRefused } of cases) {
    us.inputs.length = 0;
    us.port.perform({
      kind: "dial",
      serverId: 2,
      addresses: hosts.map((host) => ({ host, port })),
    });
    await us.until("dialFailed");
    const [failed] = us.inputs;
    assert(failed?.kind === "dialFailed");
    assert.equal(failed.isRefused, isRefused, hosts.join());
    for (const host of hosts) assert(failed.problem.includes(`${host}:${port}: `), failed.problem);
  }
  await us.port.close();
});

Deno.test("ElectionPort listens on every address when told so", async () => {
  const us = new Port({ listenOnAllIps: true, host: "192.0.2.1" }); // not ours
  assert(await us.port.listen());
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: us.number });
  await us.until("accepted");
  conn.close();
  await us.port.close();
});

Deno.test("ElectionPort waits for a port that is taken", async () => {
  const us = new Port();
  const taken = Deno.listen({ hostname: "127.0.0.1", port: us.number });
  const listening = us.port.listen();
  await eventually("it said so", () => us.lines.some(({ level }) => level === "warn"));
  taken.close();
  assert(await listening);
  await us.port.close();
  assert.deepEqual(us.fatal, []);
});

Deno.test("ElectionPort gives up after electionPortBindRetry attempts", async () => {
  const us = new Port({ bindRetryCount: 1 });
  using _taken = Deno.listen({ hostname: "127.0.0.1", port: us.number });
  assert.equal(await us.port.listen(), false);
  assert.deepEqual(us.fatal, [EXIT_ELECTION_PORT]);
  await us.port.close();
});

Deno.test("ElectionPort waits for its own name to be known, however often it is tried", async () => {
  const us = new Port({ host: "no.such.name.invalid", bindRetryCount: 1 });
  const listening = us.port.listen();
  await eventually("it said so", () => us.lines.some(({ level }) => level === "warn"));
  assert.deepEqual(us.fatal, []);
  await us.port.close(); // in the middle of a rest
  assert.equal(await listening, false);
});

Deno.test("ElectionPort.rebind() listens elsewhere, and keeps connections", async () => {
  const us = new Port();
  assert(await us.port.listen());
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: us.number });
  await us.until("accepted");
  const port = freePort();
  us.port.rebind([{ host: "127.0.0.1", port }]);
  await eventually("nobody listens there", () => isRefused(us.number));
  await conn.write(new Uint8Array([1]));
  await us.until("received");
  conn.close();
  (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  await eventually(
    "both came",
    () => us.kinds().filter((kind) => kind === "accepted").length === 2,
  );
  us.port.rebind([{ host: "127.0.0.1", port }]); // nothing is new
  (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  await us.port.close();
});

Deno.test("ElectionPort.close() ends a dial that nobody answers", async () => {
  const us = new Port();
  us.port.perform({ kind: "dial", serverId: 2, addresses: [{ host: "192.0.2.1", port: 1 }] });
  await us.port.close();
  us.port.perform({ kind: "dial", serverId: 2, addresses: [{ host: "127.0.0.1", port: 1 }] });
});

function isRefused(port: number): Promise<boolean> {
  return Deno.connect({ hostname: "127.0.0.1", port }).then((conn) => {
    conn.close();
    return false;
  }, (error) => error instanceof Deno.errors.ConnectionRefused);
}

class Port {
  readonly number = freePort();
  readonly inputs: ElectionSocketInput[] = [];
  readonly lines: LogLine[] = [];
  readonly fatal: number[] = [];
  readonly port: ElectionPort;
  readonly #received = new Map<number, number[]>();

  constructor(
    { host = "127.0.0.1", listenOnAllIps = false, bindRetryCount = 0 }: {
      host?: string;
      listenOnAllIps?: boolean;
      bindRetryCount?: number;
    } = {},
  ) {
    this.port = new ElectionPort({
      sockets: systemSockets,
      timers: systemTimers,
      addresses: [{ host, port: this.number }],
      listenOnAllIps,
      bindRetryCount,
      connectTimeoutMs: 60_000,
      clock: systemClock,
      logger: keepingLogger(this.lines),
      onInput: (input) => {
        this.inputs.push(input);
        if (input.kind !== "received") return;
        const bytes = this.received(input.link);
        for (const byte of input.bytes) bytes.push(byte);
      },
      onFatal: ({ exitCode }) => this.fatal.push(exitCode),
    });
  }

  kinds(): string[] {
    return this.inputs.map(({ kind }) => kind);
  }

  received(link: number): number[] {
    let bytes = this.#received.get(link);
    if (bytes === undefined) this.#received.set(link, bytes = []);
    return bytes;
  }

  until(kind: ElectionSocketInput["kind"]): Promise<void> {
    return eventually(kind, () => this.kinds().includes(kind));
  }
}

/** As many bytes, or all until the end. */
async function readBytes(conn: Deno.TcpConn, byteCount: number): Promise<number[]> {
  const bytes: number[] = [];
  const buffer = new Uint8Array(byteCount);
  while (bytes.length < byteCount) {
    const count = await conn.read(buffer);
    if (count === null) break;
    bytes.push(...buffer.subarray(0, count));
  }
  return bytes;
}
