/**
 * How new what a request sees must be: `?consistency=` and `X-Zk-Min-Zxid`, which every operation takes.
 *
 * @module
 */
import type { Zxid } from "../../core/zxid.ts";
import type { Caller, Gateway } from "./gateway.ts";
import { Problem } from "./problem.ts";

/** The name of the query parameter. */
export const CONSISTENCY = "consistency";
export const CONSISTENCIES = ["local", "sync", "linearizable"] as const;
export type Consistency = (typeof CONSISTENCIES)[number];

/** How long a request waits for `X-Zk-Min-Zxid`. */
export const MIN_ZXID_WAIT_MS = 5000;

/** @throws {Problem} `bad-request` for one that there is not */
export function consistencyOf(params: ReadonlyMap<string, string>): Consistency {
  const value = params.get(CONSISTENCY);
  if (value === undefined) return "local";
  const known = CONSISTENCIES.find((name) => name === value);
  if (known !== undefined) return known;
  throw new Problem("bad-request", {
    detail: `consistency cannot be ${JSON.stringify(value)}: it is ${CONSISTENCIES.join(", ")}`,
  });
}

/**
 * Waits until this server is as far as the request wants it to be.
 *
 * @param minZxid what `X-Zk-Min-Zxid` holds; null: nothing
 */
export async function waitUntilFresh(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  { minZxid, consistency }: { minZxid: string | null; consistency: Consistency },
): Promise<void> {
  if (minZxid !== null) {
    const zxid = zxidOf(minZxid);
    if (gateway.lastZxid < zxid) await gateway.waitForZxid(zxid, MIN_ZXID_WAIT_MS);
  }
  if (consistency === "sync") await gateway.sync(caller);
  else if (consistency === "linearizable") await gateway.barrier(caller);
}

function zxidOf(text: string): Zxid {
  const zxid = /^0x[0-9a-f]{1,16}$/i.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(zxid)) return zxid;
  throw new Problem("bad-request", {
    detail: `X-Zk-Min-Zxid cannot be ${
      JSON.stringify(text)
    }: send what X-Zk-Zxid told, such as 0x100000003`,
  });
}
