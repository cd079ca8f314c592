/**
 * What reads over HTTP promise in an ensemble: linearizable ones are never older than what was acknowledged anywhere
 * before they began, also at a leader that was frozen while another took over; those with `X-Zk-Min-Zxid` see what the
 * client has seen.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Ensemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { callApi } from "../../support/json_api.ts";
import { isUnanswered, RovingClient } from "../../support/roving_client.ts";
import { httpIdsOf, OBSERVED_HTTP_MIXES, QUICK_TO_NOTICE, testHttpMixes } from "./http_members.ts";

const CONFIG = { ...QUICK_TO_NOTICE, "http.requestTimeout": 3000 };
const REGISTER = "/data/register";
const LINEARIZABLE = `${REGISTER}?consistency=linearizable`;
const READERS_AT_EACH = 2;
/** A frozen member answers when it is thawed: it must not be old then. */
const PATIENCE_MS = 60_000;

/** A number that only grows. */
class Register {
  /** The highest that was acknowledged. */
  acknowledged = 0;
  /** The zxid of that. */
  zxid = "0x0";
  linearizableCount = 0;
  minZxidCount = 0;
  isOver = false;
  readonly #ensemble: Ensemble;

  constructor(ensemble: Ensemble) {
    this.#ensemble = ensemble;
  }

  async write(): Promise<void> {
    const client = new RovingClient(this.#ensemble, 0);
    for (let value = 1; !this.isOver; value++) {
      const reply = await client.try("PUT", REGISTER, { body: value });
      if (reply === null || reply.status >= 300) continue; // the next one is higher
      this.acknowledged = value;
      this.zxid = reply.headers.get("x-zk-zxid")!;
    }
  }

  async readAt(id: number, kind: "linearizable" | "minZxid"): Promise<void> {
    while (!this.isOver) {
      if (!this.#ensemble.runningIds.includes(id)) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const { acknowledged, zxid } = this;
      const reply = await this.#read(this.#ensemble.process(id).httpUrl, kind, zxid);
      if (reply === null || reply.status === 503 || reply.status === 504) continue;
      assert([200, 404].includes(reply.status), JSON.stringify(reply));
      const value = reply.status === 404 ? 0 : Number(reply.body);
      assert(value >= acknowledged, `${kind} at ${id}: ${value}, not ${acknowledged} or more`);
      if (kind === "linearizable") this.linearizableCount++;
      else this.minZxidCount++;
    }
  }

  async #read(url: string, kind: "linearizable" | "minZxid", zxid: string) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    try {
      return await (kind === "linearizable"
        ? callApi(url, "GET", LINEARIZABLE, { signal })
        : callApi(url, "GET", REGISTER, { signal, headers: { "x-zk-min-zxid": zxid } }));
    } catch (error) {
      if (isUnanswered(error)) return null;
      throw error;
    }
  }
}

testHttpMixes(
  OBSERVED_HTTP_MIXES,
  "reads over HTTP are as new as they promise while members die and freeze",
  {
    config: CONFIG,
    run: async (ensemble) => {
      const ids = httpIdsOf(ensemble);
      const register = new Register(ensemble);
      const disturbed = disturb(ensemble, register).finally(() => register.isOver = true);
      const readers = ids.flatMap((id) =>
        Array.from({ length: READERS_AT_EACH }, () => [
          register.readAt(id, "linearizable"),
          register.readAt(id, "minZxid"),
        ]).flat()
      );
      await Promise.all([disturbed, register.write(), ...readers]);
      assert(register.linearizableCount > 0 && register.minZxidCount > 0);
    },
  },
);

async function disturb(ensemble: Ensemble, register: Register): Promise<void> {
  const goesOn = async () => {
    const { acknowledged, linearizableCount, minZxidCount } = register;
    await eventually("it is written and read", () =>
      register.acknowledged > acknowledged + 30 &&
      register.linearizableCount > linearizableCount + 30 &&
      register.minZxidCount > minZxidCount + 30);
  };
  await goesOn();
  for (let round = 0; round < 3; round++) {
    const leader = await ensemble.waitForLeader();
    await ensemble.freeze(leader);
    await ensemble.waitForLeader(ensemble.ids.filter((id) => id !== leader));
    await goesOn();
    ensemble.thaw(leader);
    await ensemble.waitUntilServing();
    await goesOn();
  }
  const leader = await ensemble.waitForLeader();
  await ensemble.kill(leader);
  await goesOn();
  ensemble.start(leader);
  await ensemble.waitUntilServing();
  await goesOn();
  const follower = ensemble.ids.find((id) => ![leader, 4].includes(id))!;
  await ensemble.freeze(follower);
  await goesOn();
  ensemble.thaw(follower);
  await ensemble.waitUntilServing();
  await goesOn();
}
