import assert from "node:assert/strict";
import { openLog } from "../../cli/logging.ts";
import type { LoggingConfig } from "../../cli/logging_config.ts";
import type { Logger } from "../../core/ports.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const CONFIG: LoggingConfig = {
  format: "text",
  threshold: "info",
  stderrThreshold: "info",
  files: [],
  ignoredAppenders: [],
  sourcePath: null,
};
const WALL_MS = new Date(2026, 10, 22, 21, 44, 10, 123).getTime();

/** What reaches stderr. */
function linesOf(
  config: Partial<LoggingConfig>,
  write: (logger: Logger) => void,
  myid: number | null = 1,
): string[] {
  const lines: string[] = [];
  const writeStderr = (line: Uint8Array) => lines.push(new TextDecoder().decode(line));
  const log = openLog({ ...CONFIG, ...config }, { myid, writeStderr, wallMs: () => WALL_MS });
  write(log.logger);
  log.close();
  return lines;
}

Deno.test("openLog() writes lines as ZooKeeper's log4j does", () => {
  const lines = linesOf({}, (logger) => {
    logger.info("session created", { id: "0x1", timeoutMs: 4000, isLocal: false, owner: null });
    logger.warn("odd", { reason: "two words", empty: "", absent: undefined, large: 2n ** 63n });
    logger.error("must act");
  });
  assert.deepEqual(lines, [
    "2026-11-22 21:44:10,123 [myid:1] - INFO  [main] - session created id=0x1 timeoutMs=4000 isLocal=false owner=null\n",
    '2026-11-22 21:44:10,123 [myid:1] - WARN  [main] - odd reason="two words" empty="" large=9223372036854775808\n',
    "2026-11-22 21:44:10,123 [myid:1] - ERROR [main] - must act\n",
  ]);
  const [line] = linesOf({}, (logger) => logger.info("x"), null);
  assert.equal(line, "2026-11-22 21:44:10,123 [myid:] - INFO  [main] - x\n");
});

Deno.test("openLog() writes JSON, one object a line", () => {
  const [line, second] = linesOf({ format: "json" }, (logger) => {
    logger.info("braces {path} stay", { path: "/a", level: "own", zxid: 5n });
    logger.warn("bare");
  });
  assert.deepEqual(JSON.parse(line!), {
    "@timestamp": new Date(WALL_MS).toISOString(),
    level: "INFO",
    message: "braces {path} stay",
    logger: "denkeeper",
    fields: { myid: 1, path: "/a", level: "own", zxid: "5" },
  });
  assert.equal(JSON.parse(second!).level, "WARN");
});

Deno.test("openLog() lets no client forge a line or write to the terminal", () => {
  const evil = "x\n2026-11-22 ERROR\r\t\x1b[2J\x1b[31m\x07\x9b31m\x7f\0";
  for (const format of ["text", "json"] as const) {
    const lines = linesOf({ format }, (logger) => logger.info(`path ${evil}`, { path: evil }));
    assert.equal(lines.length, 1);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(lines[0]!.slice(0, -1), /[\x00-\x08\x0a-\x1f\x7f-\x9f]/, format);
  }
});

Deno.test("openLog() keeps to the thresholds of the log and of each place", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/deep/x.log`;
  const file = { path, threshold: "debug", fileBytesMax: 1000, backupCount: 1 } as const;
  const all = (logger: Logger) => {
    logger.debug("debug");
    logger.info("info");
    logger.warn("warn");
    logger.error("error");
  };
  const levels = (lines: string[]) => lines.map((line) => line.split(" - ").at(-1)?.trim());
  const config = { threshold: "debug", stderrThreshold: "warn", files: [file] } as const;
  assert.deepEqual(levels(linesOf(config, all)), ["warn", "error"]);
  const written = Deno.readTextFileSync(path).trim().split("\n");
  assert.deepEqual(levels(written), ["debug", "info", "warn", "error"]);
  assert.deepEqual(levels(linesOf({ threshold: "error" }, all)), ["error"]);
  assert.deepEqual(linesOf({ threshold: "off" }, all), []);
  assert.deepEqual(linesOf({ stderrThreshold: null }, all), []);
});

Deno.test("openLog() gives a logger that knows whether debug lines are wanted", () => {
  linesOf({ threshold: "debug" }, (logger) => assert.equal(logger.isDebug, true));
  linesOf({ threshold: "info" }, (logger) => assert.equal(logger.isDebug, false));
});

Deno.test("openLog() gives a level that can be set, for all places that are not off", () => {
  const lines: string[] = [];
  const writeStderr = (line: Uint8Array) => lines.push(new TextDecoder().decode(line));
  const texts = () => lines.splice(0).map((line) => line.slice(line.lastIndexOf(" ") + 1, -1));
  using dir = makeTempDir();
  const file = (name: string, threshold: "error" | "off") => ({
    ...{ path: `${dir.path}/${name}`, threshold, fileBytesMax: 1000, backupCount: 1 },
  });
  const files = [file("errors.log", "error"), file("off.log", "off")];
  const { logger, level, close } = openLog({ ...CONFIG, files }, { myid: 1, writeStderr });
  const writeAll = () => {
    logger.debug("debug");
    logger.info("info");
    logger.warn("warn");
    logger.error("error");
  };
  const sizeOf = (name: string) =>
    Deno.readTextFileSync(`${dir.path}/${name}`).split("\n").length - 1;
  assert.equal(level.threshold, "info");
  const cases = [
    { set: "debug", isDebug: true, stderr: ["debug", "info", "warn", "error"], inErrors: 4 },
    { set: "warn", isDebug: false, stderr: ["warn", "error"], inErrors: 2 },
    { set: "off", isDebug: false, stderr: [], inErrors: 0 },
    // the configured one brings back what each place had
    { set: "info", isDebug: false, stderr: ["info", "warn", "error"], inErrors: 1 },
  ] as const;
  let errorsCount = 0;
  for (const { set, isDebug, stderr, inErrors } of cases) {
    level.threshold = set;
    assert.equal(level.threshold, set);
    assert.equal(logger.isDebug, isDebug, set);
    writeAll();
    assert.deepEqual(texts(), stderr, set);
    assert.equal(sizeOf("errors.log"), errorsCount += inErrors, set);
    assert.equal(sizeOf("off.log"), 0, set);
  }
  close();
});

Deno.test("openLog() drops what comes after close()", () => {
  const lines: string[] = [];
  const writeStderr = (line: Uint8Array) => lines.push(new TextDecoder().decode(line));
  const log = openLog(CONFIG, { myid: 1, writeStderr });
  log.close();
  log.logger.error("late");
  assert.deepEqual(lines, []);
});

Deno.test("openLog() throws when a log file cannot be opened", () => {
  using dir = makeTempDir();
  const file = { path: dir.path, threshold: "info", fileBytesMax: 1, backupCount: 1 } as const;
  assert.throws(() => openLog({ ...CONFIG, files: [file] }, { myid: null }));
});
