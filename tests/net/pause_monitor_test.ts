import assert from "node:assert/strict";
import type { LogFields, Logger } from "../../core/ports.ts";
import { PauseMonitor } from "../../net/pause_monitor.ts";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { word } from "../support/server_process.ts";

Deno.test("PauseMonitor tells of stalls beyond its thresholds, and counts all of them", async () => {
  const lines: string[] = [];
  const keep = (level: string) => (_: string, fields: LogFields = {}) => {
    lines.push(`${level} ${Object.entries(fields).map(([name, value]) => `${name}=${value}`)}`);
  };
  const logger: Logger = {
    isDebug: false,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
  // what the clock says at the end of each sleep, after 0 at its begin
  const slept = [1, 101, 102, 1001, 1002, 500];
  let reads = 0;
  const monotonicMs = () => reads++ % 2 === 0 ? 0 : slept[(reads - 2) / 2] ?? 1;
  const pauses: number[] = [];
  const done = Promise.withResolvers<void>();
  const monitor = new PauseMonitor({
    config: { enabled: true, sleepTimeMs: 1, infoThresholdMs: 100, warnThresholdMs: 1000 },
    logger,
    clock: { monotonicMs, wallMs: () => 0 },
    pauseMs: {
      add: (pauseMs) => {
        pauses.push(pauseMs);
        if (pauses.length === slept.length) done.resolve();
      },
    },
  });
  await done.promise;
  monitor.stop();
  assert.deepEqual(pauses, [0, 100, 101, 1000, 1001, 499]);
  assert.deepEqual(lines.slice(0, 4), [
    "info pauseMs=101,infoCount=1,warnCount=0",
    "info pauseMs=1000,infoCount=2,warnCount=0",
    "warn pauseMs=1001,infoCount=2,warnCount=1",
    "info pauseMs=499,infoCount=3,warnCount=1",
  ]);
});

Deno.test("jvm.pause.monitor=true feeds jvm_pause_time_ms, which else stays empty", async () => {
  for (const isOn of [true, false]) {
    await using server = await InProcessServer.start({
      config: {
        "jvm.pause.monitor": isOn,
        "jvm.pause.sleep.time.ms": 1,
        "4lw.commands.whitelist": "mntr",
      },
    });
    const count = async () => {
      const metrics = await word(server.clientPort, "mntr");
      return Number(/zk_cnt_jvm_pause_time_ms\t(\d+)/.exec(metrics)?.[1]);
    };
    if (isOn) await eventually("pauses are counted", async () => await count() > 0);
    else assert.equal(await count(), 0);
  }
});
