import assert from "node:assert/strict";
import type { LogFields, Logger } from "../../core/ports.ts";
import { LimitedLogger } from "../../net/limited_logger.ts";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient } from "../support/raw_client.ts";

function keepingLogger(): Logger & { lines: { message: string; fields: LogFields }[] } {
  const lines: { message: string; fields: LogFields }[] = [];
  const keep = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
  return { lines, isDebug: false, debug: keep, info: keep, warn: keep, error: keep };
}

Deno.test("LimitedLogger writes 100 lines in ten seconds, and counts the rest in one", () => {
  const logger = keepingLogger();
  const limited = new LimitedLogger(logger);
  limited.tick(5000);
  for (let i = 0; i < 350; i++) limited.info(`line ${i}`);
  limited.tick(14_999);
  assert.deepEqual(logger.lines.map(({ message }) => message), [
    ...Array.from({ length: 100 }, (_, i) => `line ${i}`),
  ]);
  limited.tick(15_000);
  assert.equal(logger.lines.length, 101);
  assert.equal(logger.lines.at(-1)!.fields.leftOut, 250);
  limited.warn("again");
  limited.tick(25_000);
  assert.equal(logger.lines.at(-1)!.message, "again"); // nothing was left out: nothing is told
});

Deno.test("LimitedLogger leaves no error out", () => {
  const logger = keepingLogger();
  const limited = new LimitedLogger(logger);
  for (let i = 0; i < 200; i++) limited.info("line");
  limited.error("it burns");
  assert.equal(logger.lines.at(-1)!.message, "it burns");
});

Deno.test("a flood of strangers does not flood the log, and sessions keep their lines", async () => {
  const greetings = [
    "GET / HTTP/1.1\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01",
    "\xff\xff\xff\xff",
  ];
  let lines: string[];
  {
    await using server = await InProcessServer.start();
    lines = server.lines;
    const before = lines.length;
    for (let i = 0; i < 300; i++) {
      using stranger = await RawClient.open(server.clientPort);
      const bytes = Array.from(greetings[i % 3]!, (char) => char.charCodeAt(0));
      await stranger.sendBytes(new Uint8Array(bytes));
      await stranger.receiveAll();
    }
    assert.equal(lines.length - before, 100);
    using client = await RawClient.session(server.clientPort);
    await client.sendBytes(new Uint8Array([0xff, 0xff, 0xff, 0xff]));
    await eventually("its end is told", () => server.linesWith("a frame of -1 bytes").length === 1);
  }
  assert.match(lines.join("\n"), /were left out.*leftOut=200/);
});
