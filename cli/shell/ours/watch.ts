/**
 * `watch`: changes of a znode, or of all below it, printed as they come until Ctrl-C.
 *
 * A persistent watch of the server, put back after a reconnect. What changed between is not told by any server: the
 * reconnect is, so that nobody takes silence for peace.
 *
 * @module
 */
import { ErrorCode } from "../../../core/errors.ts";
import { zxidText } from "../../../core/zxid.ts";
import { ConnectionLossError, KeeperError } from "../../../net/client/client_errors.ts";
import type { ClientEvent, ZooKeeperClient } from "../../../net/client/client_types.ts";
import { dataJson } from "../json_texts.ts";
import { type ShellContext, ShellError } from "../shell_command.ts";
import { OptionWords } from "./option_words.ts";
import { isCode, lasting } from "./tree_walk.ts";
import { checkedPath, dataInShort } from "./znode_text.ts";

/** Events not printed yet: further ones are only counted. */
const WAITING_COUNT_MAX = 100_000;

export async function runWatch(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("watch", {
    ...{ "-r": "flag", "-d": "flag", "-n": "value" },
  }, words);
  const [path] = options.atMost(1, 1) as [string];
  checkedPath("watch", path);
  const client = context.connectedClient();
  const events = new EventQueue();
  const mode = options.has("-r") ? "persistentRecursive" : "persistent";
  const listener = (event: ClientEvent) => events.add(event);
  const unwatchState = client.watchState(listener);
  try {
    await addWatch(client, { path, mode, listener, signal: context.signal });
    const printer = new EventPrinter(context, client, {
      withData: options.has("-d"),
      isJson: options.isJson(context),
    });
    printer.begin(path, options.has("-r"));
    return await printer.print(events, options.integer("-n", { min: 1 }) ?? Infinity);
  } finally {
    unwatchState();
    await removeWatch(client, path, mode);
  }
}

async function addWatch(
  client: ZooKeeperClient,
  { path, mode, listener, signal }: {
    path: string;
    mode: "persistent" | "persistentRecursive";
    listener: (event: ClientEvent) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  try {
    await lasting(client, () => client.addWatch(path, mode, listener, { signal }), signal);
  } catch (error) {
    if (isCode(error, ErrorCode.Unimplemented) || error instanceof ConnectionLossError) {
      throw new ShellError(
        `watch: ${
          client.server ?? "the server"
        } does not set persistent watches, which ZooKeeper has since ` +
          `3.6: ${(error as KeeperError).message}`,
      );
    }
    throw error;
  }
}

/** Servers before 3.9 know only all kinds at once. */
async function removeWatch(
  client: ZooKeeperClient,
  path: string,
  mode: "persistent" | "persistentRecursive",
): Promise<void> {
  try {
    await client.removeWatches(path, mode);
  } catch {
    await client.removeWatches(path, "any", { local: true }).catch(() => {});
  }
}

/** Between the connection, which does not wait, and the printer, which may ask for data. */
class EventQueue {
  /** Left out, since they came faster than they could be printed. */
  lostCount = 0;
  readonly #events: ClientEvent[] = [];
  #waiter: PromiseWithResolvers<void> | null = null;

  add(event: ClientEvent): void {
    if (this.#events.length >= WAITING_COUNT_MAX) this.lostCount += 1;
    else this.#events.push(event);
    this.#waiter?.resolve();
  }

  /** All that came so far, at least one. */
  async take(signal: AbortSignal): Promise<ClientEvent[]> {
    while (this.#events.length === 0) {
      signal.throwIfAborted();
      const waiter = Promise.withResolvers<void>();
      this.#waiter = waiter;
      const abort = () => waiter.reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      try {
        await waiter.promise;
      } finally {
        this.#waiter = null;
        signal.removeEventListener("abort", abort);
      }
    }
    return this.#events.splice(0);
  }
}

interface PrinterOptions {
  readonly withData: boolean;
  readonly isJson: boolean;
}

class EventPrinter {
  readonly #context: ShellContext;
  readonly #client: ZooKeeperClient;
  readonly #options: PrinterOptions;
  #isConnected = true;

  constructor(context: ShellContext, client: ZooKeeperClient, options: PrinterOptions) {
    this.#context = context;
    this.#client = client;
    this.#options = options;
  }

  /** On stderr: results are events. */
  begin(path: string, isRecursive: boolean): void {
    if (!this.#context.world.terminal.stderr || this.#options.isJson) return;
    const below = isRecursive ? " and all below it" : "";
    this.#context.complain(`Watching ${path}${below}; Ctrl-C ends it\n`);
  }

  async print(events: EventQueue, countMax: number): Promise<number> {
    let count = 0;
    for (;;) {
      for (const event of await events.take(this.#context.signal)) {
        if (event.kind === "None") {
          this.#tellState(event);
          continue;
        }
        if (event.kind === "PersistentWatchRemoved") {
          throw new ShellError("watch: the watch was removed");
        }
        this.#context.print(`${await this.#told(event)}\n`);
        count += 1;
        if (count >= countMax) return 0;
      }
      this.#tellLost(events);
    }
  }

  async #told(event: ClientEvent): Promise<string> {
    const { kind, path, zxid } = event;
    const isoTime = new Date().toISOString();
    const data = await this.#dataOf(event);
    if (this.#options.isJson) {
      return JSON.stringify({
        time: isoTime,
        event: kind,
        path,
        ...zxid === -1 ? {} : { zxid: zxidText(zxid) },
        ...data === undefined ? {} : data === "gone" ? { gone: true } : dataJson(data),
      });
    }
    const shown = data === undefined
      ? ""
      : data === "gone"
      ? " (vanished)"
      : ` = ${dataInShort(data, 200)}`;
    return `${isoTime} ${kind} ${path}${shown}`;
  }

  /** As it is now, which may be later than the event; undefined: not asked for, or not to be had. */
  async #dataOf({ kind, path }: ClientEvent): Promise<Uint8Array | null | "gone" | undefined> {
    const isWanted = this.#options.withData && path !== null &&
      (kind === "NodeCreated" || kind === "NodeDataChanged");
    if (!isWanted) return undefined;
    const { signal } = this.#context;
    try {
      return (await lasting(this.#client, () => this.#client.get(path, { signal }), signal)).data;
    } catch (error) {
      if (isCode(error, ErrorCode.NoNode)) return "gone";
      if (!isCode(error, ErrorCode.NoAuth)) throw error;
      this.#context.complain(`watch: Insufficient permission : ${path}\n`);
      return undefined;
    }
  }

  #tellState({ state }: ClientEvent): void {
    if (state === "Expired" || state === "Closed" || state === "AuthFailed") {
      throw new ShellError(`watch: the session is over (${state}), and the watch with it`);
    }
    const isConnected = state === "SyncConnected" || state === "ConnectedReadOnly";
    if (isConnected === this.#isConnected) return;
    this.#isConnected = isConnected;
    const time = new Date().toISOString();
    if (this.#options.isJson) {
      const event = isConnected ? "Reconnected" : "Disconnected";
      const server = this.#client.server;
      return this.#context.print(
        `${JSON.stringify({ time, event, ...isConnected ? { server } : {} })}\n`,
      );
    }
    this.#context.complain(
      isConnected
        ? `${time} connected to ${this.#client.server} again: what changed between is not shown\n`
        : `${time} the connection was lost: changes are not seen until it is back\n`,
    );
  }

  #tellLost(events: EventQueue): void {
    const { lostCount } = events;
    if (lostCount === 0) return;
    events.lostCount = 0;
    if (this.#options.isJson) {
      this.#context.print(`${JSON.stringify({ event: "Lost", count: lostCount })}\n`);
    } else this.#context.complain(`watch: ${lostCount} events came too fast and are not shown\n`);
  }
}
