/**
 * Deletes empty containers and expired TTL nodes, in small steps, where that is this server's to do.
 *
 * @module
 */
import type { Clock } from "../core/ports.ts";
import { containerCandidates } from "../core/server/container_reaper.ts";
import type { WritePipeline } from "../core/server/write_pipeline.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { DataTree } from "../core/tree/data_tree.ts";
import { LateInterval } from "./late_timers.ts";
import type { Turn } from "./turn.ts";

/** Containers are deleted in steps, so that many at once do not crowd out requests. */
const STEP_MS = 100;

export interface ContainerReapingOptions {
  config: ServerConfig;
  tree: DataTree;
  /** Null on a server that does not decide. */
  writes: () => WritePipeline | null;
  turn: Turn;
  clock: Clock;
}

export class ContainerReaping {
  readonly #options: ContainerReapingOptions;
  readonly #interval: LateInterval;
  #step: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ContainerReapingOptions) {
    this.#options = options;
    this.#interval = new LateInterval(() => this.#reap(), options.config.containerCheckIntervalMs);
  }

  stop(): void {
    this.#interval.stop();
    clearTimeout(this.#step);
  }

  /** No more a minute than is configured. */
  #reap(): void {
    const { config, tree, writes, turn, clock } = this.#options;
    if (writes() === null) return; // the leader does
    clearTimeout(this.#step);
    const candidates = containerCandidates(tree, {
      wallMs: clock.wallMs(),
      maxNeverUsedIntervalMs: config.containerMaxNeverUsedIntervalMs,
    });
    const perStep = Math.max(1, Math.round(config.containerMaxPerMinute * STEP_MS / 60000));
    const step = () => {
      turn.begin();
      const pipeline = writes();
      if (pipeline === null) return;
      for (const path of candidates.splice(0, perStep)) pipeline.deleteContainer(path);
      if (candidates.length > 0) this.#step = setTimeout(step, STEP_MS);
    };
    if (candidates.length > 0) step();
  }
}
