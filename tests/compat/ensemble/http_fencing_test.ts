/**
 * What a lock over HTTP protects stays whole while members are killed, frozen and come back: a counter that every
 * holder reads, and writes one higher, guarded by the fencing token as the README says.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually, pause } from "../../support/eventually.ts";
import { RovingClient } from "../../support/roving_client.ts";
import { type Mix, startWithLeader } from "./mixes.ts";
import { HTTP_MIXES, QUICK_TO_NOTICE, testHttpMixes } from "./http_members.ts";

const MIXES: readonly Mix[] = [
  ...HTTP_MIXES,
  { leader: "denkeeper", followers: ["denkeeper", "java"] },
];
const CONFIG = { ...QUICK_TO_NOTICE, "http.maxSessionTimeout": 600_000 };
const CLIENT_COUNT = 8;
/** Each client finds out by itself that a member is frozen, one after the other as they get the lock. */
const PATIENCE = { patienceMs: 600 };
const LOCK_WAIT = "300ms";
const LOCK = "/locks/jobs/counter";
const COUNTER = "/data/counter";

/** What the lock protects, as far as it is not the counter itself. */
class Guarded {
  /** Of the last holder that came here. */
  token = 0n;
  entered = 0;
  refused = 0;
  /** Holders that found another one in their place before they could count. */
  displaced = 0;
  increments = 0;
  #holder: { token: bigint; client: RovingClient; ttlMs: number } | null = null;

  /** Returns whether this one may go on: nobody with a higher token was here. */
  admits(token: bigint, { client, ttlMs }: { client: RovingClient; ttlMs: number }): boolean {
    if (token < this.token) {
      this.refused++;
      return false;
    }
    if (token > this.token) {
      const before = this.#holder;
      if (before !== null) {
        const silentMs = performance.now() - before.client.aliveAtMs;
        assert(
          silentMs >= before.ttlMs,
          `the session of a holder ended ${Math.round(silentMs)} ms after its last sign of life`,
        );
      }
      this.token = token;
      this.entered++;
    }
    this.#holder = { token, client, ttlMs };
    return true;
  }

  leaves(token: bigint): void {
    if (this.#holder?.token === token) this.#holder = null;
  }
}

interface Contest {
  readonly ensemble: Ensemble;
  readonly guarded: Guarded;
  readonly ttlMs: number;
  /** How long a holder does nothing, now and then. */
  readonly stallMs: number;
  isOver: boolean;
}

/** Gets the lock, counts one up, and releases it, over and over. */
async function contend(contest: Contest, id: number): Promise<void> {
  const { ensemble, guarded, ttlMs, stallMs } = contest;
  const ttl = `${ttlMs}ms`;
  const client = await new RovingClient(ensemble, id, PATIENCE).connect(ttl);
  const writer = new RovingClient(ensemble, id + 1, PATIENCE);
  const holder = { client, ttlMs };
  for (let round = id; !contest.isOver; round++) {
    const { status, body } = await client.ask("POST", `${LOCK}?queue=keep`, {
      body: { wait: LOCK_WAIT },
    });
    if (status === 410) {
      client.session = "";
      await client.connect(ttl);
      continue;
    }
    assert(body.held === true, `client ${id} gets the lock: ${status} ${JSON.stringify(body)}`);
    const token = BigInt(body.fencingToken);
    if (!guarded.admits(token, holder)) continue;
    if (stallMs > 0 && round % 8 === 0) await pause(stallMs);
    if (await increment(writer, token, () => guarded.admits(token, holder))) {
      guarded.increments++;
    } else guarded.displaced++;
    guarded.leaves(token);
    // 404: it was released by a request whose answer was lost; 410: it went with its session
    const released = await client.ask("DELETE", LOCK);
    assert([204, 404, 410].includes(released.status), JSON.stringify(released));
  }
}

/** @returns whether it counted: not when another holds the lock by now */
async function increment(
  client: RovingClient,
  token: bigint,
  mayGoOn: () => boolean,
): Promise<boolean> {
  for (let etag: string | null = null;;) {
    const read = await client.ask("GET", `${COUNTER}?consistency=linearizable`);
    assert.equal(read.status, 200, JSON.stringify(read));
    const { count, token: last } = JSON.parse(read.body);
    if (BigInt(last) === token) return true; // the answer to our own write was lost
    if (BigInt(last) > token) return false;
    assert(etag === null || etag !== read.headers.get("etag"), "what is refused is outdated");
    if (!mayGoOn()) return false;
    etag = read.headers.get("etag")!;
    const written = await client.ask("PUT", COUNTER, {
      body: { count: count + 1, token: `${token}` },
      headers: { "if-match": etag },
    });
    if (written.status === 200) return true;
    assert.equal(written.status, 412, JSON.stringify(written));
  }
}

/** Runs a contest, during which the members are disturbed. */
async function runContest(
  ensemble: Ensemble,
  { ttlMs, stallMs }: Pick<Contest, "ttlMs" | "stallMs">,
  disturb: (goesRound: () => Promise<void>, guarded: Guarded) => Promise<void>,
): Promise<Guarded> {
  const guarded = new Guarded();
  const contest: Contest = { ensemble, guarded, ttlMs, stallMs, isOver: false };
  const client = new RovingClient(ensemble, 0);
  const made = await client.ask("PUT", COUNTER, { body: { count: 0, token: "0" } });
  assert([200, 201].includes(made.status));
  const contenders = Array.from({ length: CLIENT_COUNT }, (_, id) => contend(contest, id));
  const goesRound = async () => {
    const before = guarded.increments;
    await eventually("the lock goes round", () => guarded.increments >= before + CLIENT_COUNT);
  };
  const disturbed = (async () => {
    try {
      await goesRound();
      await disturb(goesRound, guarded);
    } finally {
      contest.isOver = true;
    }
  })();
  await Promise.all([disturbed, ...contenders]);
  const { body } = await client.ask("GET", `${COUNTER}?consistency=linearizable`);
  assert.equal(
    JSON.parse(body).count,
    guarded.increments,
    "no increment is lost, and none counted twice",
  );
  return guarded;
}

/** The leader is killed and comes back; a follower stands still; so does the leader, until another leads. */
async function killAndFreeze(ensemble: Ensemble, goesRound: () => Promise<void>): Promise<void> {
  let leader = await ensemble.waitForLeader();
  await ensemble.kill(leader);
  await goesRound();
  ensemble.start(leader);
  await ensemble.waitUntilServing();
  await goesRound();

  leader = await ensemble.waitForLeader();
  const follower = ensemble.ids.find((id) => id !== leader)!;
  await ensemble.freeze(follower);
  await goesRound();
  ensemble.thaw(follower);
  await goesRound();

  await ensemble.freeze(leader);
  await ensemble.waitForLeader(ensemble.ids.filter((id) => id !== leader));
  await goesRound();
  ensemble.thaw(leader);
  await ensemble.waitUntilServing();
  await goesRound();
}

testHttpMixes(MIXES, "a lock over HTTP protects a counter while members die and freeze", {
  config: CONFIG,
  run: async (ensemble) => {
    const options = { ttlMs: 300_000, stallMs: 0 };
    const guarded = await runContest(
      ensemble,
      options,
      (goesRound) => killAndFreeze(ensemble, goesRound),
    );
    assert.equal(guarded.entered, guarded.increments, "each holder counted once");
    assert.equal(guarded.refused, 0, "nobody lost the lock without a word");
  },
});

Deno.test("ensemble: holders that fall silent lose their lock over HTTP, and nobody else does", async () => {
  const members = [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const, http: true }));
  await withEnsemble({ members, config: CONFIG }, async (ensemble) => {
    await startWithLeader(ensemble);
    const options = { ttlMs: 1500, stallMs: 2500 };
    await runContest(ensemble, options, async (goesRound, guarded) => {
      await ensemble.kill(await ensemble.waitForLeader());
      do await goesRound(); while (guarded.displaced === 0); // until one was silent for too long
    });
  });
});
