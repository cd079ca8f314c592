import assert from "node:assert/strict";
import type { Caller, Gateway } from "../../../net/http/gateway.ts";
import { Problem } from "../../../net/http/problem.ts";
import { znodeRoutes } from "../../../net/http/resources/znodes.ts";
import type { Call, Method } from "../../../net/http/route.ts";
import { etagOf } from "../../../net/http/etag.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { LeaderAndLearner } from "../../support/core_server.ts";
import { flush, gatewayOf } from "../../support/hand_driven_gateway.ts";

const SOMEBODY: Caller = { ids: [], session: null, remoteAddress: "10.0.0.1" };
const ROUTES = znodeRoutes({ addressOf: () => null });
const DATA = new TextEncoder().encode("data");

interface Asked {
  readonly method: Method;
  /** Of the operation, without `/api/v1`. */
  readonly at: string;
  readonly path?: string;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** A leader, and a learner that hears of what was committed when the test says so. */
class BehindScene {
  readonly #pair = new LeaderAndLearner(makeConfig({ settings: { tickTime: 1000 } }));
  readonly leader: Gateway = gatewayOf(this.#pair.leader, 2);
  readonly learner: Gateway = gatewayOf(this.#pair.learner);
  readonly #held: (() => void)[] = [];

  /** Done at the leader; the learner has not heard of it. */
  async unheard<T>(ask: (leader: Gateway) => Promise<T>): Promise<T> {
    return await this.#driven(ask(this.leader), () => {
      const { leader, learner } = this.#pair;
      leader.commit((txns) => {
        for (const { zxid, body } of txns) {
          this.#held.push(() => {
            learner.writes.proposed(zxid, body);
            learner.writes.committed(zxid);
          });
        }
      });
      flush(leader.processor);
    });
  }

  /** Done at the leader, and heard of. */
  async heard<T>(ask: (leader: Gateway) => Promise<T>): Promise<T> {
    const result = await this.unheard(ask);
    this.#settle();
    return result;
  }

  /** What the learner answers: it hears of the rest once it has said all that it says at once. */
  async ask({ method, at, path = "/", query = {}, headers = {}, body }: Asked) {
    const route = ROUTES.find((route) => route.method === method && route.path === `/api/v1${at}`)!;
    const call: Call<unknown, unknown> = {
      request: new Request("http://localhost/", { method, headers }),
      path,
      params: {},
      query: route.query.parse(query),
      body: body ?? (route.body === "raw" ? DATA : undefined),
      caller: SOMEBODY,
      gateway: this.learner,
      signal: new AbortController().signal,
    };
    try {
      const answer = await this.#driven(
        Promise.resolve(route.handle(call as never)),
        () => this.#settle(),
      );
      return { status: answer.status, json: JSON.parse(await answer.text() || "null") };
    } catch (error) {
      assert(error instanceof Problem, String(error));
      return { status: error.status, json: { ...error.details.members, problem: error.problem } };
    }
  }

  #settle(): void {
    for (const hear of this.#held.splice(0)) hear();
    this.#pair.settle();
    flush(this.#pair.learner.processor);
    flush(this.#pair.leader.processor);
  }

  async #driven<T>(promise: Promise<T>, step: () => void): Promise<T> {
    let isDone = false;
    const done = () => void (isDone = true);
    promise.then(done, done);
    for (let i = 0; i < 500 && !isDone; i++) {
      for (let j = 0; j < 50; j++) await Promise.resolve();
      if (!isDone) step();
    }
    assert(isDone, "it is answered");
    return await promise;
  }
}

function create(path: string) {
  return { path, data: DATA, acl: null, kind: "persistent" } as const;
}

type Change = (leader: Gateway) => Promise<{ stat?: Parameters<typeof etagOf>[0] }>;

const set: Change = (leader) => leader.setData(SOMEBODY, { path: "/a", data: DATA, version: -1 });
const make = (path: string): Change => (leader) => leader.create(SOMEBODY, create(path));
const remove = (path: string): Change => async (leader) => {
  await leader.delete(SOMEBODY, { path, version: -1 });
  return {};
};

Deno.test("znodes: a member that is behind asks before it refuses", async () => {
  const put = { method: "PUT", at: "/data/{path}", path: "/a" } as const;
  const cases: {
    note: string;
    before?: string[];
    unheard: Change;
    asked: (etag: string) => Asked;
    status: number;
  }[] = [
    {
      note: "the ETag of a change that it has not heard of",
      before: ["/a"],
      unheard: set,
      asked: (etag) => ({ ...put, headers: { "if-match": etag } }),
      status: 200,
    },
    {
      note: "an ETag that is true here only",
      before: ["/a"],
      unheard: set,
      asked: () => ({ ...put, headers: { "if-match": '"0"' } }),
      status: 412,
    },
    {
      note: "the ETag of a znode that it has not heard of",
      unheard: make("/a"),
      asked: (etag) => ({ ...put, headers: { "if-match": etag } }),
      status: 200,
    },
    {
      note: "upsert of what is gone",
      before: ["/a"],
      unheard: remove("/a"),
      asked: () => put,
      status: 201,
    },
    { note: "upsert of what is there", unheard: make("/a"), asked: () => put, status: 200 },
    {
      note: "upsert with a type of what is there",
      unheard: make("/a"),
      asked: () => ({ ...put, query: { type: "persistent" } }),
      status: 200,
    },
    {
      note: "upsert with another type than what is there",
      unheard: make("/a"),
      asked: () => ({ ...put, query: { type: "container" } }),
      status: 409,
    },
    {
      note: "create only, of what is gone",
      before: ["/a"],
      unheard: remove("/a"),
      asked: () => ({ ...put, headers: { "if-none-match": "*" } }),
      status: 201,
    },
    {
      note: "create only, of what is there",
      unheard: make("/a"),
      asked: () => ({ ...put, headers: { "if-none-match": "*" } }),
      status: 409,
    },
    {
      note: "below a parent that is gone",
      before: ["/p"],
      unheard: remove("/p"),
      asked: () => ({ ...put, path: "/p/q/a", query: { parents: "1" } }),
      status: 201,
    },
    {
      note: "below a parent that is there",
      unheard: make("/p"),
      asked: () => ({ ...put, path: "/p/q/a", query: { parents: "1" } }),
      status: 201,
    },
    {
      note: "delete by an ETag that it has not heard of",
      before: ["/a"],
      unheard: set,
      asked: (etag) => ({ ...put, method: "DELETE", headers: { "if-match": etag } }),
      status: 200,
    },
    {
      note: "delete of a subtree that has grown",
      before: ["/a", "/a/b"],
      unheard: make("/a/c"),
      asked: () => ({ ...put, method: "DELETE", query: { recursive: "1" } }),
      status: 200,
    },
    {
      note: "delete of a subtree that it has not heard of",
      unheard: make("/a"),
      asked: () => ({ ...put, method: "DELETE", query: { recursive: "1" } }),
      status: 200,
    },
    {
      note: "an ACL's version that it has not heard of",
      before: ["/a"],
      unheard: (leader) =>
        leader.setAcl(SOMEBODY, {
          path: "/a",
          acl: [{ perms: 31, id: { scheme: "world", id: "anyone" } }],
          version: -1,
        }),
      asked: () => ({
        method: "PUT",
        at: "/acl/{path}",
        path: "/a",
        headers: { "if-match": '"1"' },
        body: new TextEncoder().encode("world:anyone:cdrwa"),
      }),
      status: 200,
    },
    {
      note: "a transaction with an ETag that it has not heard of",
      before: ["/a"],
      unheard: set,
      asked: (etag) => ({
        method: "POST",
        at: "/txn",
        body: { ops: [{ op: "delete", path: "/a", etag }] },
      }),
      status: 200,
    },
    {
      note: "an import below what it has not heard of",
      unheard: make("/a"),
      asked: () => ({
        method: "PUT",
        at: "/tree/{path}",
        path: "/a",
        query: { conflict: "replace" },
        body: new Response('{"path":"/"}\n{"path":"/b"}\n').body,
      }),
      status: 200,
    },
  ];
  for (const { note, before = [], unheard, asked, status } of cases) {
    const scene = new BehindScene();
    for (const path of before) await scene.heard(make(path));
    const { stat } = await scene.unheard(unheard);
    const answer = await scene.ask(asked(stat === undefined ? "" : etagOf(stat)));
    assert.equal(answer.status, status, `${note}: ${JSON.stringify(answer.json)}`);
  }
});

Deno.test("znodes: a sequential create finds at a member that is behind what another made", async () => {
  const scene = new BehindScene();
  await scene.heard(make("/q"));
  const asked: Asked = {
    method: "POST",
    at: "/data/{path}",
    path: "/q/n-",
    query: { sequence: "1" },
    headers: { "idempotency-key": "key" },
  };
  const first = await scene.ask(asked);
  assert.equal(first.status, 201);
  const name = first.json.path.replace(/\d{10}$/, "");
  // made there again, as if that had been the request, and not heard of here
  await scene.heard(remove(first.json.path));
  const other = await scene.unheard((leader) =>
    leader.create(SOMEBODY, { ...create(name), kind: "persistent_sequential" })
  );
  const found = await scene.ask(asked);
  assert.deepEqual([found.status, found.json.path], [200, other.path]);
});
