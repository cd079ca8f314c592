/**
 * Streams of events over HTTP while members die and freeze: a client that goes on at another member behind the last
 * id that it saw hears of every change once, in the order of the transactions. Long polls miss no last state.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { callApi } from "../../support/json_api.ts";
import { isUnanswered, RovingClient } from "../../support/roving_client.ts";
import { type SseEvent, SseReader } from "../../support/sse_reader.ts";
import { HTTP_MIXES, httpIdsOf, QUICK_TO_NOTICE, testHttpMixes } from "./http_members.ts";
import { startWithLeader } from "./mixes.ts";

const CONFIG = QUICK_TO_NOTICE;
const TOP = "/news";
const ZNODE_COUNT = 5;
/** After so long without a word a reader turns to another member. */
const SILENCE_MS = 1500;
const WRITE_PATIENCE_MS = 5000;

/** What happened, as a stream tells it. */
interface Told {
  readonly type: string;
  readonly path: string;
  readonly zxid: bigint;
}

/** Changes znodes one after the other, each through another member, and knows what it changed. */
class Writer {
  readonly changes: Told[] = [];
  /** Of each znode that is there, by path. */
  readonly values = new Map<string, number>();
  isOver = false;
  readonly #client: RovingClient;

  constructor(ensemble: Ensemble) {
    this.#client = new RovingClient(ensemble, 0);
  }

  async run(): Promise<void> {
    for (let number = 1; !this.isOver; number++) await this.#change(number);
  }

  /** Once. What a member does that is slow but runs must not come late: only frozen ones are not waited for. */
  #try(method: string, path: string, body?: unknown): ReturnType<RovingClient["try"]> {
    return this.#client.try(method, path, { body, patienceMs: WRITE_PATIENCE_MS });
  }

  async #change(number: number): Promise<void> {
    const path = `${TOP}/${number % ZNODE_COUNT}`;
    const other = `${TOP}/${(number + 2) % ZNODE_COUNT}`;
    if (number % 7 === 3 && this.values.has(path)) {
      const done = () => this.#valueOf(path).then((value) => value === null);
      const zxid = await this.#must(() => this.#try("DELETE", `/data${path}`), done);
      await this.#note([["deleted", path, number]], zxid);
    } else if (number % 7 === 5 && this.values.has(path) && this.values.has(other)) {
      const set = (path: string) => ({
        op: "set",
        path,
        data: { encoding: "utf8", data: `${number}` },
      });
      const body = { ops: [set(path), set(other)] };
      const done = () => this.#valueOf(other).then((value) => value === number);
      const zxid = await this.#must(() => this.#try("POST", "/txn", body), done);
      await this.#note([["changed", path, number], ["changed", other, number]], zxid);
    } else {
      const type = this.values.has(path) ? "changed" : "created";
      const done = () => this.#valueOf(path).then((value) => value === number);
      const put = () => this.#try("PUT", `/data${path}`, number);
      const zxid = await this.#must(put, done);
      await this.#note([[type, path, number]], zxid);
    }
  }

  /** Does it once: what it is not told it finds out. Returns the zxid, null: it was not told. */
  async #must(
    ask: () => ReturnType<RovingClient["try"]>,
    isDone: () => Promise<boolean>,
  ): Promise<bigint | null> {
    for (;;) {
      const reply = await ask();
      if (reply !== null && reply.status < 300) return BigInt(reply.headers.get("x-zk-zxid")!);
      if (reply?.body.outcome === "not-applied") continue;
      if (await isDone()) return null;
    }
  }

  async #note(
    changes: readonly (readonly [type: string, path: string, value: number])[],
    told: bigint | null,
  ): Promise<void> {
    const zxid = told ?? await this.#zxidOf(changes[0]![1]);
    for (const [type, path, value] of changes) {
      this.changes.push({ type, path, zxid });
      if (type === "deleted") this.values.delete(path);
      else this.values.set(path, value);
    }
  }

  async #valueOf(path: string): Promise<number | null> {
    const { status, body } = await this.#client.ask(
      "GET",
      `/data${path}?consistency=linearizable`,
    );
    if (status === 404) return null;
    assert.equal(status, 200, JSON.stringify(body));
    return Number(body);
  }

  /** Of the last change, which was the last one of all. */
  async #zxidOf(path: string): Promise<bigint> {
    const at = (path: string) =>
      this.#client.ask("GET", `/node${path}?consistency=linearizable`).then(({ body }) => body);
    const { status, stat } = await at(path);
    return BigInt(status === 404 ? (await at(TOP)).stat.pzxid : stat.mzxid);
  }
}

/** Follows all changes, at one member after the other. */
class Reader {
  readonly told: Told[] = [];
  reconnectCount = 0;
  isOver = false;
  readonly #ensemble: Ensemble;
  readonly #ids: readonly number[];
  #turn: number;
  #lastId: string;

  constructor(ensemble: Ensemble, x: { ids: readonly number[]; turn: number; since: string }) {
    this.#ensemble = ensemble;
    this.#ids = x.ids;
    this.#turn = x.turn;
    this.#lastId = x.since;
  }

  async run(): Promise<void> {
    for (; !this.isOver; this.#turn++) {
      const id = this.#ids[this.#turn % this.#ids.length]!;
      if (this.#ensemble.runningIds.includes(id)) await this.#follow(id);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Whether a leader sent this member a snapshot. */
  #hasSnapshot(id: number): boolean {
    return /synchronising with the leader .*by=SNAP/.test(this.#ensemble.process(id).log());
  }

  async #follow(id: number): Promise<void> {
    const url = `${
      this.#ensemble.process(id).httpUrl
    }/api/v1/watch?path=${TOP}&recursive=1&value=utf8`;
    const opening = SseReader.open(url, { "last-event-id": this.#lastId });
    opening.catch(() => {});
    const stream = await withinSilence(opening);
    if (stream === null) return void opening.then((late) => late.close(), () => {});
    await using reader = stream;
    if (reader.response.status !== 200) {
      assert.equal(reader.response.status, 503);
      return;
    }
    this.reconnectCount++;
    /** Events of the txn that is being told. */
    let ofTxn: SseEvent[] = [];
    while (!this.isOver) {
      const event = await withinSilence(reader.next());
      if (event === null) return;
      if (event.name === "open" || event.name === "session") continue;
      if (event.name === "resync") {
        // it has the state from the leader, and not what led there: another member knows
        assert(this.#hasSnapshot(id), `${JSON.stringify(event.data)} at member ${id}`);
        return;
      }
      ofTxn.push(event);
      if (event.id === null) continue;
      for (const { name, data } of ofTxn) {
        assert.equal(data.type, name);
        this.told.push({ type: name, path: data.path, zxid: BigInt(data.zxid) });
      }
      ofTxn = [];
      this.#lastId = event.id;
    }
  }
}

/** Null: it failed, or took too long. */
async function withinSilence<T>(promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), SILENCE_MS);
  });
  try {
    return await Promise.race([promise, silence]);
  } catch (error) {
    if (isUnanswered(error)) return null;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for the changes of one znode, at one member after the other. */
async function poll(ensemble: Ensemble, writer: Writer, path: string): Promise<number> {
  const client = new RovingClient(ensemble, 1);
  let since = 0n;
  let last = 0;
  let count = 0;
  while (!writer.isOver || last !== (writer.values.get(path) ?? 0)) {
    const url = `/data${path}?since=0x${since.toString(16)}&wait=500ms`;
    const { status, headers, body } = await client.ask("GET", url);
    const next = headers.get("x-zk-since") ?? headers.get("x-zk-zxid");
    if (status === 204) {
      assert.equal(BigInt(next!), since);
      continue;
    }
    assert([200, 404].includes(status), `${status} ${JSON.stringify(body)}`);
    assert(BigInt(next!) > since, `${status} tells of something newer: ${next} after ${since}`);
    const value = status === 200 ? Number(body) : 0;
    if (status === 200) assert(value > last, `values grow: ${value} after ${last}`);
    last = value;
    since = BigInt(next!);
    count++;
  }
  return count;
}

testHttpMixes(HTTP_MIXES, "streams over HTTP go on at other members without a gap", {
  config: CONFIG,
  run: async (ensemble) => {
    const client = new RovingClient(ensemble, 0);
    const made = await client.ask("PUT", `/data${TOP}`, { body: null });
    const since = made.headers.get("x-zk-zxid")!;
    const ids = httpIdsOf(ensemble);
    const readers = ids.map((_, turn) => new Reader(ensemble, { ids, turn, since }));
    const writer = new Writer(ensemble);
    const written = writer.run();
    const disturbed = (async () => {
      try {
        await disturb(ensemble, writer);
      } finally {
        writer.isOver = true;
      }
      await written; // one change more may have been under way
      const last = () => writer.changes.at(-1)!.zxid;
      await eventually(
        "all readers have come to the end",
        () => readers.every(({ told }) => told.at(-1)?.zxid === last()),
      ).finally(() => {
        for (const reader of readers) reader.isOver = true;
      });
    })();
    const polled = poll(ensemble, writer, `${TOP}/1`);
    await Promise.all([disturbed, written, polled, ...readers.map((r) => r.run())]);
    for (const { told, reconnectCount } of readers) {
      assert.deepEqual(told, writer.changes);
      assert(reconnectCount > 1);
    }
    assert((await polled) > 1);
  },
});

/** Leaders are killed, others are killed, and members freeze, all the while that there are changes. */
async function disturb(ensemble: Ensemble, writer: Writer): Promise<void> {
  const goesOn = async () => {
    const before = writer.changes.length;
    await eventually("changes are made", () => writer.changes.length >= before + 30);
  };
  await goesOn();
  for (let round = 0; round < 2; round++) {
    const leader = await ensemble.waitForLeader();
    await ensemble.kill(leader);
    await goesOn();
    ensemble.start(leader);
    await ensemble.waitUntilServing();
    await goesOn();
  }
  const leader = await ensemble.waitForLeader();
  const follower = ensemble.ids.find((id) => id !== leader)!;
  await ensemble.kill(follower);
  await goesOn();
  ensemble.start(follower);
  await ensemble.waitUntilServing();
  await ensemble.freeze(leader);
  await ensemble.waitForLeader(ensemble.ids.filter((id) => id !== leader));
  await goesOn();
  ensemble.thaw(leader);
  await ensemble.waitUntilServing();
  await goesOn();
}

Deno.test("ensemble: a stream whose member gets a snapshot is told to read anew, and goes on from there", async () => {
  const members = [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const, http: true }));
  const config = { ...CONFIG, forceSnapshotSync: true };
  await withEnsemble({ members, config }, async (ensemble) => {
    const leader = await startWithLeader(ensemble);
    const { httpUrl } = ensemble.process(leader);
    const put = async (name: string) => {
      const { status, headers } = await callApi(httpUrl, "PUT", `/data/${name}`, { body: name });
      assert.equal(status, 201);
      return BigInt(headers.get("x-zk-zxid")!);
    };
    await using stream = await SseReader.open(
      `${ensemble.process(1).httpUrl}/api/v1/watch?path=/&recursive=1`,
    );
    await stream.must("open");
    await put("before");
    assert.equal((await stream.must("created")).data.path, "/before");

    await ensemble.freeze(1);
    await eventually(
      "the leader has given the member up",
      async () => /zk_synced_followers\s1\n/.test(await ensemble.word(leader, "mntr")),
    );
    let last = 0n;
    for (let number = 0; number < 20; number++) last = await put(`meanwhile-${number}`);
    ensemble.thaw(1);
    assert.equal((await stream.must("session")).data.state, "disconnected");
    assert.equal((await stream.must("session")).data.state, "connected");
    const { data } = await stream.must("resync");
    assert(BigInt(data.zxid) >= last, `${data.zxid} is not before 0x${last.toString(16)}`);
    await put("after");
    assert.equal((await stream.must("created")).data.path, "/after");
  });
});
