import assert from "node:assert/strict";
import { OPEN_ACL } from "../../../core/tree/acl_list.ts";
import { DataTree } from "../../../core/tree/data_tree.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import type { Gateway } from "../../../net/http/gateway.ts";
import { LOCK_QUEUE } from "../../../net/http/resources/queue.ts";
import { waitForTurn } from "../../../net/http/resources/queue_place.ts";
import type { QueueWait } from "../../../net/http/resources/queue_wait.ts";

const OURS = "/q/_c_b-lock-0000000002";
const BEFORE = "/q/_c_a-lock-0000000001";

/** A member that hears of what happened only when it asks for it. */
class Member {
  readonly tree = new DataTree({
    digestEnabled: false,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
  #zxid = 0;
  unheard: readonly string[] = [];

  create(path: string): void {
    this.tree.apply(this.#header(1), {
      kind: "create",
      path: encodeUtf8(path),
      data: null,
      acl: OPEN_ACL,
      ephemeral: path !== "/q",
      parentCversion: this.#zxid,
    });
  }

  delete(path: string): void {
    this.tree.apply(this.#header(2), { kind: "delete", path: encodeUtf8(path) });
  }

  sync(): Promise<number> {
    for (const path of this.unheard) this.delete(path);
    return Promise.resolve(this.#zxid);
  }

  #header(type: number) {
    return { sessionId: 7n, cxid: 0, zxid: ++this.#zxid, timeMs: 0, type };
  }
}

/** How the turn of who waits ends, when the member hears first that the one before has left. */
async function endOfTurn(unheard: readonly string[]): Promise<string> {
  const member = new Member();
  for (const path of ["/q", BEFORE, OURS]) member.create(path);
  const wait = {
    hasWaited: false,
    next() {
      this.hasWaited = true;
      member.delete(BEFORE);
      member.unheard = unheard;
      return Promise.resolve("changed" as const);
    },
  };
  const session = { id: 7n, password: new Uint8Array(16) };
  return await waitForTurn(
    {
      gateway: member as unknown as Gateway,
      caller: { ids: [], session, remoteAddress: "127.0.0.1" },
      path: "/q",
      kind: LOCK_QUEUE,
      key: null,
      isSessionForIt: false,
    },
    { path: OURS, version: 0, isNew: true },
    wait as unknown as QueueWait,
  );
}

Deno.test("waitForTurn() ends with the turn", async () => {
  assert.equal(await endOfTurn([]), "first");
});

Deno.test("waitForTurn() does not believe in a turn of an entry that is gone by now", async () => {
  assert.equal(await endOfTurn([OURS]), "gone");
});
