import assert from "node:assert/strict";
import { DEFAULT_AUTH_OPTIONS, makeAuthProviders } from "../../../core/auth/auth_providers.ts";
import { ErrorCode } from "../../../core/errors.ts";
import { DataTree } from "../../../core/tree/data_tree.ts";
import { TxnApplier } from "../../../core/txn/apply.ts";
import { type PreparedTxn, Preparer } from "../../../core/txn/prepare.ts";
import { decodeUtf8, encodeUtf8, JuteReader, JuteWriter } from "../../../core/wire/jute.ts";
import { nodeHashing } from "../../../net/hashing.ts";
import {
  check,
  create,
  Flags,
  multi,
  Op,
  remove,
  type Request,
  setAcl,
  setData,
} from "../../support/requests.ts";

const SESSION = 0x100000000000005n;
const BOB = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=";

/** Prepares requests; `apply` makes all of them durable. */
class Bench {
  readonly tree: DataTree;
  readonly preparer: Preparer;
  readonly #applier: TxnApplier;
  #waiting: PreparedTxn[] = [];
  readonly ids = [{ scheme: "ip", id: "127.0.0.1" }];

  constructor({ extendedTypes = true, enforceQuota = false } = {}) {
    this.tree = new DataTree({
      digestEnabled: true,
      extendedTypes,
      emulate353Ttl: false,
      hashSeed: 1,
    });
    this.#applier = new TxnApplier(this.tree, new Map());
    this.preparer = new Preparer({
      tree: this.tree,
      providers: makeAuthProviders(DEFAULT_AUTH_OPTIONS, nodeHashing),
      options: {
        digestEnabled: true,
        extendedTypes,
        enforceQuota,
        closeSessionTxnEnabled: true,
        reconfigure: null,
      },
      writer: new JuteWriter(64),
    });
  }

  prepare(request: Request): PreparedTxn {
    const requester = { sessionId: SESSION, cxid: 1, ids: this.ids };
    const reader = new JuteReader(request.body, { lengthMax: 0xfffff });
    const prepared = this.preparer.prepare(request.type, reader, requester, 1000);
    this.#waiting.push(prepared);
    return prepared;
  }

  /** The error code that a client would see; of a multi, all of them. */
  outcome(request: Request): number | number[] {
    const { txn } = this.prepare(request);
    if (txn.kind === "multi") {
      return txn.ops.map((op) => op.txn.kind === "error" ? op.txn.err : 0);
    }
    return txn.kind === "error" ? txn.err : 0;
  }

  must(...requests: Request[]): this {
    for (const request of requests) assert.equal(this.outcome(request), 0);
    return this;
  }

  closeSession(): string[] {
    const prepared = this.preparer.prepareCloseSession(SESSION, 2, 1000);
    this.#waiting.push(prepared);
    assert(prepared.txn.kind === "closeSession");
    return (prepared.txn.paths ?? []).map(decodeUtf8);
  }

  apply(): this {
    for (const prepared of this.#waiting) {
      this.#applier.apply(prepared.header, prepared.txn);
      this.preparer.applied(prepared);
    }
    this.#waiting = [];
    return this;
  }

  has(path: string): boolean {
    return this.tree.store.lookup(encodeUtf8(path)) !== 0;
  }
}

const acl = (perms: number, scheme: string, id: string) => [{ perms, scheme, id }];
const READ_ONLY = acl(1, "world", "anyone");

Deno.test("Preparer.prepare() checks in ZooKeeper's order: the first failure decides", () => {
  const cases: { note: string; given?: Request[]; request: Request; err: number }[] = [
    {
      note: "flags before the path",
      request: create("a", { flags: 7 }),
      err: ErrorCode.BadArguments,
    },
    {
      note: "TTL rules before the path",
      request: create("a", { flags: Flags.ttl, ttl: 0n }),
      err: ErrorCode.BadArguments,
    },
    {
      note: "the path's form before the ACL",
      request: create("a", { acl: [] }),
      err: ErrorCode.BadArguments,
    },
    {
      note: "the ACL before the parent",
      request: create("/no/a", { acl: [] }),
      err: ErrorCode.InvalidAcl,
    },
    {
      note: "the parent before the name",
      request: create("/no/.", {}),
      err: ErrorCode.NoNode,
    },
    {
      note: "permission on the parent before the name",
      given: [create("/p", { acl: READ_ONLY })],
      request: create("/p/.", {}),
      err: ErrorCode.NoAuth,
    },
    {
      note: "permission on the parent before what exists",
      given: [create("/p"), create("/p/a"), setAcl("/p", READ_ONLY)],
      request: create("/p/a", {}),
      err: ErrorCode.NoAuth,
    },
    {
      note: "the name before what exists",
      request: create("//", {}),
      err: ErrorCode.BadArguments,
    },
    { note: "the root exists", request: create("/"), err: ErrorCode.NodeExists },
    {
      note: "what exists before an ephemeral parent",
      given: [create("/e", { flags: Flags.ephemeral })],
      request: create("/e"),
      err: ErrorCode.NodeExists,
    },
    {
      note: "no children below an ephemeral",
      given: [create("/e", { flags: Flags.ephemeral })],
      request: create("/e/a"),
      err: ErrorCode.NoChildrenForEphemerals,
    },
    {
      note: "a dot becomes a name with a sequence number",
      request: create("/.", { flags: Flags.sequential }),
      err: 0,
    },
    { note: "system znodes stay", request: remove("/zookeeper"), err: ErrorCode.BadArguments },
    { note: "a slash at the end", request: remove("/a/"), err: ErrorCode.NoNode },
    {
      note: "the version before the children",
      given: [create("/p"), create("/p/a")],
      request: remove("/p", 5),
      err: ErrorCode.BadVersion,
    },
    {
      note: "children",
      given: [create("/p"), create("/p/a")],
      request: remove("/p", 0),
      err: ErrorCode.NotEmpty,
    },
    {
      note: "permission on the parent before the znode",
      given: [create("/p", { acl: READ_ONLY })],
      request: remove("/p/no"),
      err: ErrorCode.NoAuth,
    },
    {
      note: "permission before the version",
      given: [create("/p", { acl: READ_ONLY })],
      request: setData("/p", "", 7),
      err: ErrorCode.NoAuth,
    },
    {
      note: "any negative version but -1 is a version",
      given: [create("/p")],
      request: setData("/p", "", -2),
      err: ErrorCode.BadVersion,
    },
    { note: "the full path rules", request: setData("/a/", ""), err: ErrorCode.BadArguments },
    { note: "the ACL before the znode", request: setAcl("/no", null), err: ErrorCode.InvalidAcl },
    {
      note: "ADMIN before the aversion",
      given: [create("/p", { acl: READ_ONLY })],
      request: setAcl("/p", READ_ONLY, 7),
      err: ErrorCode.NoAuth,
    },
    {
      note: "an ACL for oneself without an identity",
      request: create("/a", { acl: acl(31, "auth", "") }),
      err: ErrorCode.InvalidAcl,
    },
    {
      note: "someone else's ACL",
      given: [create("/p", { acl: acl(31, "digest", BOB) })],
      request: create("/p/a"),
      err: ErrorCode.NoAuth,
    },
  ];
  for (const { note, given = [], request, err } of cases) {
    for (const isDurable of [false, true]) {
      const bench = new Bench().must(...given);
      if (isDurable) bench.apply();
      assert.equal(bench.outcome(request), err, `${note}, earlier ones durable: ${isDurable}`);
    }
  }
});

Deno.test("Preparer.prepare() asks for one permission, of the znode or of its parent", () => {
  const all = 31;
  const cases: { needs: number; request: Request }[] = [
    { needs: 4, request: create("/p/new") },
    { needs: 8, request: remove("/p/a") },
    { needs: 2, request: setData("/p", "x") },
    { needs: 16, request: setAcl("/p", READ_ONLY) },
    { needs: 1, request: multi([check("/p", 0)]) },
  ];
  for (const { needs, request } of cases) {
    for (const perms of [needs, all & ~needs]) {
      const bench = new Bench().must(create("/p"), create("/p/a"));
      bench.must(setAcl("/p", acl(perms, "world", "anyone")));
      const err = perms === needs ? 0 : ErrorCode.NoAuth;
      assert.deepEqual([bench.outcome(request)].flat(), [err], `op ${request.type}: ${perms}`);
    }
  }
});

Deno.test("Preparer.prepare() keeps hard limits, after permissions and before versions", () => {
  const quota = "/zookeeper/quota/q";
  const nodes = [
    create("/q", { data: "1234" }),
    create("/q/shut", { acl: READ_ONLY }),
    create(quota),
    create(`${quota}/zookeeper_limits`, { data: "count=-1,bytes=-1=;byteHardLimit=6" }),
    create(`${quota}/zookeeper_stats`, { data: "count=2,bytes=4" }),
  ];
  const cases: { request: Request; err: number }[] = [
    { request: create("/q/a", { data: "56" }), err: 0 },
    { request: create("/q/a", { data: "567" }), err: ErrorCode.QuotaExceeded },
    { request: create("/q", { data: "567" }), err: ErrorCode.NodeExists },
    { request: setData("/q", "123456"), err: 0 },
    { request: setData("/q", "1234567"), err: ErrorCode.QuotaExceeded },
    { request: setData("/q", "1234567", 9), err: ErrorCode.QuotaExceeded },
    { request: setData("/q/shut", "1234567"), err: ErrorCode.NoAuth },
    { request: setData("/q", "1"), err: 0 },
  ];
  for (const { request, err } of cases) {
    for (const enforceQuota of [true, false]) {
      const bench = new Bench({ enforceQuota }).must(...nodes).apply();
      const outcome = bench.outcome(request);
      if (enforceQuota) assert.equal(outcome, err, `op ${request.type}`);
      else assert.notEqual(outcome, ErrorCode.QuotaExceeded);
    }
  }
});

Deno.test("Preparer.prepare() with a quota that holds no data cannot tell, and refuses", () => {
  const quota = "/zookeeper/quota/q";
  for (const name of ["zookeeper_limits", "zookeeper_stats"]) {
    const bench = new Bench({ enforceQuota: true }).must(
      create("/q"),
      create(quota),
      create(`${quota}/zookeeper_limits`, { data: "count=-1,bytes=-1" }),
      create(`${quota}/zookeeper_stats`),
    ).apply();
    bench.must(create("/q/a")).apply();
    bench.must(setData(`${quota}/${name}`, null)).apply();
    for (const request of [create("/q/b"), setData("/q", "1"), setData("/q", "")]) {
      assert.equal(bench.outcome(request), ErrorCode.MarshallingError, name);
    }
    const whole = bench.outcome(multi([remove("/q/a"), create("/q/b")]));
    assert.equal(whole, ErrorCode.MarshallingError, "of a multi, not of an operation in it");
    bench.must(remove("/q/a"));
  }
});

Deno.test("Preparer.prepare() of a multi takes everything back when one operation fails", () => {
  const bench = new Bench().must(create("/p"), create("/p/a", { flags: Flags.ephemeral }));
  const codes = bench.outcome(multi([
    create("/p/b"),
    setData("/p", "x", 0),
    remove("/p/a"),
    create("/p/a"),
    check("/p", 1),
    check("/p", 7),
    create("/never"),
  ]));
  assert.deepEqual(codes, [0, 0, 0, 0, 0, ErrorCode.BadVersion, ErrorCode.RuntimeInconsistency]);
  assert.deepEqual(bench.outcome(multi([check("/p", 0), check("/p/a", 0)])), [0, 0]);
  assert.equal(bench.outcome(remove("/p/b")), ErrorCode.NoNode);
  assert.deepEqual(bench.closeSession(), ["/p/a"]);
});

Deno.test("Preparer.prepare() numbers by what is under way, and failures take no number", () => {
  const bench = new Bench().must(create("/p"));
  const sequential = create("/p/n", { flags: Flags.sequential });
  const made = (request: Request) => {
    const { txn } = bench.prepare(request);
    assert(txn.kind === "create");
    return decodeUtf8(txn.path);
  };
  assert.equal(made(sequential), "/p/n0000000000");
  bench.outcome(multi([sequential, check("/p", 9)]));
  bench.must(create("/p/plain"), remove("/p/plain"));
  assert.equal(made(sequential), "/p/n0000000002");
  bench.apply();
  assert.equal(made(sequential), "/p/n0000000003");
});

Deno.test("Preparer.prepare() refuses a multi with a create that says TTL but is none, whole", () => {
  for (const type of [Op.create, Op.create2, Op.createContainer]) {
    for (const list of [null, acl(31, "world", "anyone")]) {
      const bench = new Bench();
      const wrong = create("/x", { flags: Flags.ttl, type, acl: list });
      assert.equal(bench.outcome(multi([create("/a"), wrong])), ErrorCode.MarshallingError);
      const { txn } = bench.prepare(multi([create("/x", { flags: 7, type, acl: list })]));
      assert.equal(txn.kind, "multi", "other wrong flags fail by themselves");
    }
  }
});

Deno.test("Preparer.prepare() refuses a multi with an operation without a path, whole", () => {
  for (const wrong of [create(null), remove(null), setData(null, ""), check(null)]) {
    const bench = new Bench();
    assert.equal(bench.outcome(multi([wrong])), ErrorCode.MarshallingError);
    assert.equal(bench.outcome(multi([remove("/nope"), wrong])), ErrorCode.MarshallingError);
  }
});

Deno.test("Preparer.prepareCloseSession() names each ephemeral once, and nothing that took its place", () => {
  const ephemeral = create("/e", { flags: Flags.ephemeral });
  const cases: { note: string; ops: Request[]; named: string[]; left: boolean }[] = [
    { note: "made", ops: [ephemeral], named: ["/e"], left: false },
    { note: "made and deleted", ops: [ephemeral, remove("/e")], named: [], left: false },
    {
      note: "made, deleted, made",
      ops: [ephemeral, remove("/e"), ephemeral],
      named: ["/e"],
      left: false,
    },
    {
      note: "made, deleted, made to stay",
      ops: [ephemeral, remove("/e"), create("/e")],
      named: [],
      left: true,
    },
    {
      note: "made and changed",
      ops: [ephemeral, setData("/e", "x")],
      named: ["/e"],
      left: false,
    },
  ];
  for (const { note, ops, named, left } of cases) {
    for (const inOneMulti of [true, false]) {
      for (const isDurable of [true, false]) {
        const bench = new Bench();
        if (inOneMulti) bench.prepare(multi(ops));
        else bench.must(...ops);
        if (isDurable) bench.apply();
        assert.deepEqual(bench.closeSession(), named, `${note}, one multi: ${inOneMulti}`);
        bench.apply();
        assert.equal(bench.has("/e"), left, note);
        assert.equal(bench.tree.ephemeralCount, 0);
      }
    }
  }
});

Deno.test("Preparer.reset() forgets what is under way", () => {
  const bench = new Bench().must(create("/a")).apply();
  const { lastZxid } = bench.preparer;
  bench.must(create("/a/b"), setData("/a", "x", 0), create("/e", { flags: Flags.ephemeral }));
  bench.preparer.reset();
  bench.preparer.writer.position = 0;
  assert.equal(bench.preparer.lastZxid, lastZxid);
  const after = new Bench().must(create("/a")).apply();
  for (const request of [setData("/a", "y", 0), create("/a/b"), remove("/a/b"), remove("/a", 1)]) {
    const expected = after.prepare(request);
    const prepared = bench.prepare(request);
    assert.deepEqual(prepared.header, expected.header);
    assert.equal(prepared.txn.kind, expected.txn.kind);
  }
  assert.deepEqual(bench.closeSession(), []);
});

Deno.test("Preparer.prepareDeleteContainer() removes empty containers and TTL znodes only", () => {
  const container = create("/c", { type: Op.createContainer, flags: Flags.container });
  const ttl = create("/c", { flags: Flags.ttl, ttl: 5n });
  const cases: { given: Request[]; goes: boolean }[] = [
    { given: [container], goes: true },
    { given: [ttl], goes: true },
    { given: [container, create("/c/x")], goes: false },
    { given: [container, create("/c/x"), remove("/c/x")], goes: true },
    { given: [create("/c")], goes: false },
    { given: [create("/c", { flags: Flags.ephemeral })], goes: false },
    { given: [container, remove("/c")], goes: false },
    { given: [], goes: false },
  ];
  for (const { given, goes } of cases) {
    for (const isDurable of [false, true]) {
      const bench = new Bench().must(...given);
      if (isDurable) bench.apply();
      const prepared = bench.preparer.prepareDeleteContainer(encodeUtf8("/c"), LATER);
      assert.equal(prepared !== null, goes, given.map(({ type }) => type).join());
    }
  }
});

/** Every time to live is over. */
const LATER = { wallMs: 2 ** 42, maxNeverUsedIntervalMs: 1 };

Deno.test("Preparer.prepareDeleteContainer() leaves what was renewed since it was found", () => {
  const container = create("/c", { type: Op.createContainer, flags: Flags.container });
  const ttl = create("/c", { flags: Flags.ttl, ttl: 5000n });
  const used = [container, create("/c/x"), remove("/c/x")];
  const cases = [
    { given: [ttl], ageMs: 5000, maxNeverUsedIntervalMs: 0, goes: false },
    { given: [ttl], ageMs: 5001, maxNeverUsedIntervalMs: 0, goes: true },
    { given: [container], ageMs: 5001, maxNeverUsedIntervalMs: 0, goes: false },
    { given: [container], ageMs: 300, maxNeverUsedIntervalMs: 300, goes: false },
    { given: [container], ageMs: 301, maxNeverUsedIntervalMs: 300, goes: true },
    { given: used, ageMs: 0, maxNeverUsedIntervalMs: 0, goes: true },
  ];
  for (const { given, ageMs, maxNeverUsedIntervalMs, goes } of cases) {
    const bench = new Bench().must(...given);
    bench.apply();
    const wallMs = bench.tree.store.mtime(bench.tree.store.lookup(encodeUtf8("/c"))) + ageMs;
    const when = { wallMs, maxNeverUsedIntervalMs };
    const prepared = bench.preparer.prepareDeleteContainer(encodeUtf8("/c"), when);
    assert.equal(prepared !== null, goes, `${given.length} requests, ${ageMs} ms`);
  }
});
