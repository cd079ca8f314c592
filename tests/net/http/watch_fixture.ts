/**
 * A server without sockets whose gateway streams can be opened on, and whose log is written when a test says so.
 *
 * @module
 */
import { NoWrites } from "../../../core/server/no_writes.ts";
import type { Caller } from "../../../net/http/gateway.ts";
import type { ServerGateway } from "../../../net/http/server_gateway.ts";
import type { ChangeWindow } from "../../../net/http/watch/change_window.ts";
import { type OpenStream, WatchHub } from "../../../net/http/watch/watch_hub.ts";
import type { WatchStream } from "../../../net/http/watch/watch_stream.ts";
import { systemFiles } from "../../../net/file_system.ts";
import { TxnLogFile } from "../../../net/txn_log_file.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { testClock } from "../../model/storage_helpers.ts";
import {
  type CoreClient,
  CoreServer,
  emptyDatabase,
  LeaderServer,
} from "../../support/core_server.ts";
import { SessionTracker } from "../../../core/session/session_tracker.ts";
import type { Request } from "../../support/requests.ts";
import { gatewayOf } from "../../support/hand_driven_gateway.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { SseBody, type SseEvent } from "../../support/sse_reader.ts";
import { makeTempDir, type TempDir } from "../../support/temp_dir.ts";

export const SOMEBODY: Caller = { ids: [], session: null, remoteAddress: "10.0.0.1" };

export class WatchedServer implements Disposable {
  readonly dir: TempDir;
  readonly server: LeaderServer;
  readonly gateway: ServerGateway;
  readonly hub: WatchHub;
  readonly client: CoreClient;
  readonly log: TxnLogFile;
  /** Records that were committed, and not yet written to our own log. */
  readonly #unwritten: Parameters<TxnLogFile["write"]>[0][] = [];
  readonly #abort = new AbortController();

  constructor(window?: ChangeWindow) {
    this.dir = makeTempDir();
    Deno.mkdirSync(`${this.dir.path}/version-2`);
    const config = makeConfig({ dataDir: this.dir.path });
    const server = this.server = new LeaderServer(config);
    this.gateway = gatewayOf(server);
    this.hub = new WatchHub(this.gateway, window);
    this.log = new TxnLogFile({
      dir: `${this.dir.path}/version-2`,
      preallocBytes: 0,
      forceSync: false,
      fsyncWarningMs: 1e9,
      logger: silentLogger,
      clock: testClock,
      fileSystem: systemFiles,
    });
    this.client = server.connect();
    this.commit();
  }

  /** Commits what was sent; @param isLogged false: others have logged it, our own disk is slow */
  commit(isLogged = true): void {
    const { writes } = this.server;
    const batch = writes.takeBatch();
    if (batch === null) return;
    this.#unwritten.push({ ...batch, bytes: batch.bytes.slice() });
    if (isLogged) this.writeLog();
    writes.logged(batch.lastZxid);
    writes.committed(batch.lastZxid);
    this.client.frames();
  }

  writeLog(): void {
    for (const batch of this.#unwritten.splice(0)) this.log.write(batch);
  }

  rollLog(): void {
    this.log.roll();
  }

  /** One txn for each. */
  write(...requests: Request[]): void {
    for (const request of requests) {
      this.client.send(request);
      this.commit();
    }
  }

  loseQuorum(): void {
    const { config } = this.server;
    const sessions = new SessionTracker({ tickMs: config.tickTimeMs, nowMs: 0 });
    const idle = new CoreServer(
      config,
      sessions,
      ({ stats }) => new NoWrites(stats),
      emptyDatabase(),
    );
    this.gateway.serve(idle.processor);
  }

  gainQuorum(): void {
    this.gateway.serve(this.server.processor);
  }

  /** Opens a stream, which begins at once. */
  open(options: Partial<OpenStream> & { path?: string; isRecursive?: boolean } = {}): OpenedStream {
    const { path = "/", isRecursive = true, ...others } = options;
    const stream = this.hub.open({
      caller: SOMEBODY,
      scope: { path, isRecursive },
      form: "none",
      since: null,
      signal: this.#abort.signal,
      over: () => {},
      ...others,
    });
    stream.start(this.hub.aheadUntilMs);
    return new OpenedStream(stream);
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.hub.close();
    this.log.close();
    this.dir[Symbol.dispose]();
  }
}

export class OpenedStream {
  readonly stream: WatchStream;
  readonly #events: SseBody;

  constructor(stream: WatchStream) {
    this.stream = stream;
    this.#events = new SseBody(stream.output.body);
  }

  get lastId(): string | null {
    return this.#events.lastId;
  }

  /** The next event; null at the end. */
  next(): Promise<SseEvent | null> {
    return this.#events.next();
  }

  /** So many events, as `kind path`. */
  async take(count: number): Promise<string[]> {
    const told: string[] = [];
    while (told.length < count) {
      const event = await this.next();
      told.push(
        event === null ? "end" : `${event.name} ${event.data.path ?? event.data.state ?? ""}`,
      );
    }
    return told;
  }

  cancel(): Promise<void> {
    return this.#events.cancel();
  }
}
