/**
 * The client port: who may connect, what those are told who speak something else, and what the four-letter words
 * say of the server.
 *
 * @module
 */
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Clock, Logger, Random } from "../core/ports.ts";
import type { Client } from "../core/server/client.ts";
import { ConnectionThrottle } from "../core/server/connection_throttle.ts";
import { LargeRequestBudget } from "../core/server/large_request_budget.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { ServerStats } from "../core/server_stats.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import { ClientListener } from "./client_listener.ts";
import type { DataDir } from "./data_dir.ts";
import type { EnsembleView } from "./ensemble_view.ts";
import { type FirstBytes, httpBadRequest } from "./first_bytes.ts";
import { FourLetterWords } from "./four_letter_words.ts";
import { LimitedLogger } from "./limited_logger.ts";
import { LoopWatch } from "./loop_watch.ts";
import { RequestThrottle } from "./request_throttle.ts";
import { ServerView } from "./server_view.ts";
import type { Turn } from "./turn.ts";

export interface ClientPortOptions {
  config: ServerConfig;
  dirs: DataDir;
  /** The one whose clients are connected now. */
  processor: () => RequestProcessor;
  /** Null when standalone. */
  ensemble: () => EnsembleView | null;
  /** All sessions whose creation is committed, wherever their clients are. */
  sessionTable: SessionTable;
  stats: ServerStats;
  metrics: ServerMetrics;
  turn: Turn;
  logger: Logger;
  clock: Clock;
  random: Random;
  /** Null: there is none. */
  httpPort: () => number | null;
  httpConnectionCount: () => number;
}

export class ClientPort {
  readonly listener: ClientListener;
  readonly view: ServerView;
  readonly #options: ClientPortOptions;
  /** For connections without a session. */
  readonly #strangersLogger: LimitedLogger;
  readonly #throttle: ConnectionThrottle;
  readonly #requestThrottle: RequestThrottle;
  readonly #largeRequests: LargeRequestBudget;
  readonly #words: FourLetterWords;

  /** Binds at once; throws when the port is taken. */
  constructor(options: ClientPortOptions) {
    this.#options = options;
    const { config, processor, turn, logger, clock, metrics, random } = options;
    this.#strangersLogger = new LimitedLogger(logger);
    this.#throttle = new ConnectionThrottle(config.connectionThrottle, {
      random,
      nowMs: clock.monotonicMs(),
    });
    this.#largeRequests = new LargeRequestBudget(config);
    this.#requestThrottle = new RequestThrottle({
      isThrottling: () => processor().isThrottling,
      metrics,
      clock,
      waitMsMax: config.throttledOpWaitTimeMs,
    });
    this.listener = new ClientListener({
      config,
      processor: processor(),
      turn,
      logger,
      clock,
      host: {
        clock,
        loop: new LoopWatch(clock),
        strangersLogger: this.#strangersLogger,
        throttle: this.#requestThrottle,
        frameBytesMax: config.juteMaxBufferBytes,
        largeRequestThresholdBytes: config.largeRequestThresholdBytes < 0
          ? Infinity
          : config.largeRequestThresholdBytes,
        admitsLargeRequest: (bytes) => this.#admitsLargeRequest(bytes),
        releaseLargeRequest: (bytes) => this.#largeRequests.release(bytes),
        answerForeign: (first, client) => this.#answerForeign(first, client),
        admitsSession: (isRenewal) => this.#admitsSession(isRenewal),
      },
    });
    this.view = new ServerView({
      ...options,
      listener: this.listener,
      connectionDropProbability: () => this.#throttle.dropProbability,
    });
    this.#words = new FourLetterWords({
      context: this.view,
      enabledWords: config.fourLetterWords,
      logger,
    });
  }

  /** From now on clients are accepted. */
  open(): void {
    void this.listener.run();
  }

  /** Requests that wait for room go on in a turn of their own. */
  endTurn(): void {
    if (!this.#requestThrottle.isIdle) this.#requestThrottle.wake();
  }

  /** Regularly. */
  tick(nowMs: number): void {
    this.listener.checkDeadlines(nowMs);
    this.#strangersLogger.tick(nowMs);
  }

  close(): void {
    this.listener.close();
    this.#strangersLogger.tellLeftOut();
  }

  #admitsLargeRequest(byteCount: number): boolean {
    const admitted = this.#largeRequests.admit(byteCount);
    if (!admitted) this.#options.metrics.largeRequestsRejected.increment();
    return admitted;
  }

  #admitsSession(isRenewal: boolean): boolean {
    const { clock, metrics } = this.#options;
    const admitted = this.#throttle.admit({ isRenewal, nowMs: clock.monotonicMs() });
    if (admitted) metrics.connectionTokenDeficit.add(this.#throttle.deficit);
    else metrics.connectionRejected.increment();
    return admitted;
  }

  #answerForeign(first: FirstBytes, client: Client): Iterable<string> | null {
    const { remoteAddress } = client.address;
    switch (first.kind) {
      case "word":
        return this.#words.answer(first.word, { argument: first.argument, remoteAddress });
      case "http":
        this.#strangersLogger.info("an HTTP request came to the client port: answered with 400", {
          client: remoteAddress,
          method: first.method,
        });
        return [httpBadRequest({
          method: first.method,
          clientPort: this.listener.port,
          httpPort: this.#options.httpPort(),
          enabledWords: this.#words.enabledWords,
        })];
      case "tls":
        this.#strangersLogger.warn(
          "a TLS handshake came to the client port, which is plain: closed; " +
            "this version has no TLS port",
          { client: remoteAddress },
        );
        return [];
      default:
        return [];
    }
  }
}
