/**
 * Storms the client port of a whole server, with a real socket and a real log: random bytes, damaged
 * frames, valid frames in any order and any pieces, words, disconnects at any moment. Afterwards the
 * server still serves a control client, whose data is untouched, and connections, watches and sessions
 * are back to where they were.
 *
 * What is sent depends on the seed alone; when it arrives, on the machine.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Server, startServer } from "../../net/server.ts";
import { LinesLogger } from "../model/storage_helpers.ts";
import { connectRequest, frame, RawClient, requestFrame } from "../support/raw_client.ts";
import {
  addWatchPersistent,
  addWatchRecursive,
  auth,
  closeSession,
  create,
  exists,
  getChildren2,
  getData,
  multi,
  Op,
  ping,
  read,
  type Request,
  setData,
  setWatches,
  whoAmI,
} from "../support/requests.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { joined, mutate } from "./mutations.ts";
import { NaiveDatabase } from "./naive_database.ts";
import { makeConfig } from "./server_fixture.ts";
import { drawMix, Planner, toRequest } from "./tree_plans.ts";

const WORDS = ["conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr"]
  .concat(["ruok", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs", "GET ", "POST", "zzzz"]);
const FRAME_BYTES_MAX = 262_144;
/** How long the server has to get back to rest: far more than a session timeout. */
const REST_TIMEOUT_MS = 20_000;
const REST_POLL_MS = 30;

export interface ClientPortFuzzCounts {
  connections: number;
  frames: number;
  bytes: number;
}

/** One server for several storms. */
export class ClientPortFuzz implements AsyncDisposable {
  readonly #dir = makeTempDir();
  readonly #logger = new LinesLogger();
  readonly #errors: unknown[] = [];
  readonly #onError = (event: Event) => {
    event.preventDefault();
    this.#errors.push((event as ErrorEvent).error ?? (event as PromiseRejectionEvent).reason);
  };
  #server!: Server;
  #control!: RawClient;
  #restBefore = "";

  static async start(): Promise<ClientPortFuzz> {
    const fuzz = new ClientPortFuzz();
    addEventListener("error", fuzz.#onError);
    addEventListener("unhandledrejection", fuzz.#onError);
    await fuzz.#start();
    return fuzz;
  }

  async #start(): Promise<void> {
    const config = makeConfig({
      dataDir: this.#dir.path,
      settings: {
        tickTime: 100,
        minSessionTimeout: 200,
        maxSessionTimeout: 600_000,
        maxClientCnxns: 0,
        forceSync: "no",
        preAllocSize: 64,
        snapCount: 500,
        extendedTypesEnabled: "true",
        "4lw.commands.whitelist": "*",
        "jute.maxbuffer": FRAME_BYTES_MAX,
        globalOutstandingLimit: 20,
      },
    });
    this.#server = await startServer(config, this.#logger);
    const control = this.#control = await RawClient.session(this.#server.clientPort, {
      timeoutMs: 600_000,
    });
    await control.must(auth("digest", "control:secret"));
    const acl = [{ perms: 31, scheme: "auth", id: "" }];
    await control.must(create("/control", { data: "untouched", acl }));
    await control.must(create("/control/child", { data: "untouched too", acl }));
    await control.must(create("/control/own", { data: "e", acl, flags: 1 }));
    await control.must(getData("/control", true));
    await control.must(addWatchRecursive("/control"));
    this.#restBefore = await this.#counts();
  }

  /** @throws {assert.AssertionError} when the server is not what it was */
  async storm(seed: number): Promise<ClientPortFuzzCounts> {
    const random = new SeededRandom(seed);
    const counts: ClientPortFuzzCounts = { connections: 0, frames: 0, bytes: 0 };
    const clients: Promise<void>[] = [];
    for (let i = random.between(3, 12); i > 0; i--) {
      counts.connections++;
      const parts = this.#script(random, counts);
      const ending = random.weighted([[3, "close"], [2, "halfClose"], [2, "readAll"]]);
      const pauses = parts.map(() => random.chance(1, 6) ? random.below(15) : 0);
      clients.push(this.#attack(parts, { ending, pauses, reads: random.chance(1, 2) }));
    }
    await Promise.all(clients);
    await this.#checkControl(seed);
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.close();
    await this.#server.close();
    removeEventListener("error", this.#onError);
    removeEventListener("unhandledrejection", this.#onError);
    this.#dir[Symbol.dispose]();
  }

  /** What one connection sends, in pieces. */
  #script(random: SeededRandom, counts: ClientPortFuzzCounts): Uint8Array[] {
    const parts: Uint8Array[] = [];
    const kind = random.weighted([[1, "noise"], [1, "word"], [1, "lengths"], [6, "session"]]);
    if (kind === "noise") parts.push(random.bytes(random.between(0, 5000)));
    if (kind === "word") {
      const word = new TextEncoder().encode(random.pick(WORDS));
      parts.push(joined(word.subarray(0, random.between(1, 4)), random.bytes(random.below(12))));
    }
    if (kind === "lengths") {
      const head = new Uint8Array(4);
      const length = random.pick([-1, 0, 1, 44, 0x7fffffff, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1]);
      new DataView(head.buffer).setInt32(0, length);
      parts.push(joined(head, random.bytes(random.below(2000))));
    }
    if (kind === "session") {
      const greeting = frame(connectRequest({
        timeoutMs: random.between(0, 400),
        readOnly: random.pick([null, false, true]),
      }));
      parts.push(random.chance(1, 10) ? damagedGreeting(random, greeting) : greeting);
      const planner = new Planner(random, { ...drawMix(random), quotaPercent: 0 });
      const database = new NaiveDatabase({ extendedTypes: true, enforceQuota: false });
      const damagedPercent = random.pick([0, 0, 3, 30]);
      for (let i = random.pick([1, 10, 100, 400]); i > 0; i--) {
        counts.frames++;
        const request = this.#request(random, planner, database);
        const bytes = requestFrame(request, random.chance(1, 20) ? random.uint32() | 0 : i);
        const isDamaged = random.chance(damagedPercent, 100);
        parts.push(isDamaged ? damage(random, bytes) : bytes);
      }
    }
    const all = joined(...parts);
    counts.bytes += all.length;
    return cut(random, all);
  }

  #request(random: SeededRandom, planner: Planner, database: NaiveDatabase): Request {
    const path = () => random.pick(["/a", "/b", "/a/b", "/", "/zookeeper", "/c", "/control"]);
    const asked = planner.request(database);
    database.request(asked, { sessionId: 5n, ids: [], timeMs: 1 });
    return random.weighted<() => Request>([
      [20, () => toRequest(asked)],
      [5, () => read(random.pick([3, 4, 6, 8, 12]), path(), random.chance(1, 2))],
      [3, () => exists(path(), true)],
      [2, () => getChildren2(path(), true)],
      [2, () => random.pick([addWatchPersistent, addWatchRecursive])(path())],
      [1, () => ping],
      [1, () => whoAmI],
      [1, () => setWatches(BigInt(random.below(50)), { data: [path()], child: [path(), "/no"] })],
      [1, () => auth("digest", `u${random.below(5)}:p`)],
      [1, () => setData(path(), random.bytes(random.pick([10, 5000, 200_000])))],
      [1, () => multi([getData(path()), getData(path())], Op.multiRead)],
      [random.chance(1, 20) ? 1 : 0, () => closeSession],
    ])();
  }

  async #attack(
    parts: Uint8Array[],
    { ending, pauses, reads }: { ending: string; pauses: number[]; reads: boolean },
  ): Promise<void> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.#server.clientPort });
    conn.setNoDelay(true);
    const target = new Uint8Array(4096);
    const drain = async () => {
      try {
        while (await conn.read(target) !== null);
      } catch {
        // the server closed
      }
    };
    const draining = reads ? drain() : null;
    try {
      for (const [i, part] of parts.entries()) {
        for (let at = 0; at < part.length;) {
          const written = await orStuck(conn.write(part.subarray(at)));
          if (written === null) throw new Error("the server reads no more");
          at += written;
        }
        if (pauses[i]! > 0) await new Promise((resolve) => setTimeout(resolve, pauses[i]));
      }
      if (ending !== "close") await conn.closeWrite();
      if (ending === "readAll") await orStuck(draining ?? drain());
    } catch {
      // closed by the server, as many of these deserve
    }
    conn.close();
    await draining;
  }

  async #checkControl(seed: number): Promise<void> {
    const control = this.#control;
    assert.deepEqual(this.#errors, [], "no error escapes");
    for (const [path, data] of [["/control", "untouched"], ["/control/child", "untouched too"]]) {
      const value = (await control.must(getData(path!))).buffer();
      assert.equal(new TextDecoder().decode(value!), data);
    }
    assert.equal((await control.must(exists("/control/own"))).remaining, 68);
    const value = `storm ${seed}`;
    await control.must(setData("/control/child", value));
    assert.equal(control.events.length, 1, "the control client hears of its own change");
    control.events.length = 0;
    await control.must(setData("/control/child", "untouched too"));
    control.events.length = 0;
    const deadline = performance.now() + REST_TIMEOUT_MS;
    let rest = await this.#counts();
    while (rest !== this.#restBefore && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, REST_POLL_MS));
      rest = await this.#counts();
    }
    assert.equal(rest, this.#restBefore, "connections, watches, sessions as before the storm");
    assert.deepEqual(this.#logger.lines.filter((line) => line.startsWith("error")), []);
  }

  /** What must be back to where it was. */
  async #counts(): Promise<string> {
    const mntr = await this.#word("mntr");
    const names = ["zk_num_alive_connections", "zk_watch_count", "zk_ephemerals_count"]
      .concat(["zk_global_sessions", "zk_outstanding_requests"]);
    return names.map((name) => new RegExp(`${name}\t.*`).exec(mntr)?.[0]).join(" ");
  }

  async #word(word: string): Promise<string> {
    const client = await RawClient.open(this.#server.clientPort);
    await client.sendBytes(new TextEncoder().encode(word));
    const text = new TextDecoder().decode(await client.receiveAll());
    client.close();
    return text;
  }
}

/** A damaged connect request, but never one for a session that outlives the fuzzer. */
function damagedGreeting(random: SeededRandom, greeting: Uint8Array): Uint8Array {
  const damaged = mutate(random, greeting);
  const timeoutAt = 16;
  if (damaged.length >= timeoutAt + 4) new DataView(damaged.buffer).setInt32(timeoutAt, 300);
  return damaged;
}

/** A frame, damaged inside or in its length. */
function damage(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  return random.chance(4, 5)
    ? joined(bytes.subarray(0, 12), mutate(random, bytes.subarray(12)))
    : mutate(random, bytes);
}

/** The same bytes in pieces of any size. */
function cut(random: SeededRandom, bytes: Uint8Array): Uint8Array[] {
  const sizeMax = random.pick([5, 100, 3000, 1_000_000]);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length && parts.length < 300;) {
    const end = Math.min(bytes.length, at + random.between(1, sizeMax));
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
}

/** Null when it takes too long: the server may stop reading who does not read. */
async function orStuck<T>(promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), 1000));
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
