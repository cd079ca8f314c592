/**
 * Draws what clients ask for in the tree fuzzer: a small name space, so that requests collide.
 *
 * @module
 */
import { OpCode } from "../../core/wire/op_code.ts";
import { type AclEntry, check, create, multi, remove, type Request } from "../support/requests.ts";
import { setAcl, setData } from "../support/requests.ts";
import type { SeededRandom } from "../support/seeded_random.ts";
import type {
  CreateAsked,
  Identity,
  MultiAsked,
  NaiveDatabase,
  OperationAsked,
} from "./naive_database.ts";

const NAMES = ["a", "b", "c", "é", "n-"];
const ODD_PATHS = [
  "",
  "/",
  "a",
  "a/b",
  "//",
  "//a",
  "/a/",
  "/a//b",
  "/.",
  "/a/..",
  "/a/.b",
  "/...",
  "/a\u0000b",
  "/a\u001f",
  "/a\u007f",
  "/a\u009f",
  "/a\ud7ff",
  "/a\ue000",
  "/a\uf8ff",
  "/a\uf900",
  "/a\uffef",
  "/a\ufff0",
  "/😀",
  "/zookeeper",
  "/zookeeper/",
  "/zookeeper/quota",
  "/zookeeper/config",
  "/zookeeper/x",
  "/zookeeperx",
];
const BOB = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=";
const ACLS: readonly (readonly AclEntry[] | null)[] = [
  [{ perms: 1, scheme: "world", id: "anyone" }],
  [{ perms: 31, scheme: "digest", id: BOB }, { perms: 5, scheme: "world", id: "anyone" }],
  [{ perms: 31, scheme: "auth", id: "" }],
  [{ perms: 31, scheme: "auth", id: "" }, { perms: 31, scheme: "digest", id: BOB }],
  [{ perms: 1, scheme: "world", id: "anyone" }, { perms: 30, scheme: "auth", id: "x" }],
  [{ perms: 31, scheme: "ip", id: "127.0.0.1" }],
  [{ perms: 31, scheme: "ip", id: "10.0.0.1" }],
  [{ perms: 31, scheme: "world", id: "anyone" }, { perms: 31, scheme: "world", id: "anyone" }],
  [{ perms: 0, scheme: "world", id: "anyone" }],
  [{ perms: -1, scheme: "world", id: "anyone" }],
  [],
  null,
  [{ perms: 31, scheme: "world", id: "someone" }],
  [{ perms: 31, scheme: "digest", id: "bob" }],
  [{ perms: 31, scheme: "super", id: "x" }],
  [{ perms: 31, scheme: "nope", id: "x" }],
];
const OPEN: readonly AclEntry[] = [{ perms: 31, scheme: "world", id: "anyone" }];
const LIMIT_TEXTS = ["count=3,bytes=40", "count=-1,bytes=-1=;byteHardLimit=60;countHardLimit=4"];
const USAGE_TEXTS = ["count=1,bytes=1", "count=-1,bytes=-1"];

/** Who asks: a stranger, someone with a password, and the super user. */
export const IDENTITIES: readonly (readonly Identity[])[] = [
  [{ scheme: "ip", id: "127.0.0.1" }],
  [{ scheme: "ip", id: "127.0.0.1" }, { scheme: "digest", id: BOB }],
  [{ scheme: "ip", id: "127.0.0.1" }, { scheme: "super", id: "" }, { scheme: "digest", id: BOB }],
];

/** How often what is asked, drawn once a run: uniform settings miss the corners. */
export interface Mix {
  depthMax: number;
  oddPathPercent: number;
  quotaPercent: number;
  aclPercent: number;
  multiPercent: number;
  largeDataPercent: number;
  wrongVersionPercent: number;
  deleteWeight: number;
  ephemeralWeight: number;
}

export function drawMix(random: SeededRandom): Mix {
  const rate = (...choices: number[]) => random.pick(choices);
  return {
    depthMax: random.between(1, 4),
    oddPathPercent: rate(0, 3, 15),
    quotaPercent: rate(0, 0, 8),
    aclPercent: rate(0, 10, 30),
    multiPercent: rate(0, 15, 40),
    largeDataPercent: rate(0, 0, 2),
    wrongVersionPercent: rate(0, 10),
    deleteWeight: rate(2, 4, 6),
    ephemeralWeight: rate(1, 3, 8),
  };
}

export class Planner {
  readonly #random: SeededRandom;
  readonly #mix: Mix;

  constructor(random: SeededRandom, mix: Mix) {
    this.#random = random;
    this.#mix = mix;
  }

  request(database: NaiveDatabase): OperationAsked | MultiAsked {
    const random = this.#random;
    if (!random.chance(this.#mix.multiPercent, 100)) return this.#operation(database, true);
    const ops: OperationAsked[] = [];
    // later operations speak of what earlier ones make: plan them against what they would leave
    const ahead = database.clone();
    const identity = { sessionId: 0x1234n, ids: IDENTITIES[2]!, timeMs: 0 };
    for (let count = random.below(7); count > 0; count--) {
      const op = this.#operation(ahead, false);
      if (ahead.request(op, identity).err !== 0 && random.chance(3, 4)) continue;
      ops.push(op);
      if (op.kind !== "create" || !random.chance(1, 5) || !ahead.nodes.has(op.path)) continue;
      // made, deleted and made again in one txn: the same zxid for two lives
      for (
        const again of [{ kind: "delete", path: op.path, version: -1 } as const, {
          ...op,
          flags: random.pick([0, 1]),
          op: random.pick([OpCode.Create, OpCode.CreateContainer]),
        }]
      ) {
        ahead.request(again, identity);
        ops.push(again);
      }
    }
    return { kind: "multi", ops };
  }

  #operation(database: NaiveDatabase, alone: boolean): OperationAsked {
    const random = this.#random;
    const kind = random.weighted([
      [6, "create"],
      [this.#mix.deleteWeight, "delete"],
      [3, "setData"],
      [alone ? this.#mix.aclPercent / 10 : 0, "setAcl"],
      [alone ? 0 : 2, "check"],
    ]);
    switch (kind) {
      case "create":
        return this.#create(database);
      case "delete":
        return { kind, path: this.#existing(database), version: this.#version(database, 0) };
      case "setData": {
        const path = this.#existing(database);
        return { kind, path, data: this.#data(path), version: this.#version(database, path) };
      }
      case "setAcl": {
        const path = this.#existing(database);
        return { kind, path, acl: this.#acl(), version: this.#version(database, 0) };
      }
      default: {
        const path = this.#existing(database);
        return { kind: "check", path, version: this.#version(database, path) };
      }
    }
  }

  #create(database: NaiveDatabase): CreateAsked {
    const random = this.#random;
    const path = this.#newPath(database);
    const op = random.weighted([
      [10, OpCode.Create],
      [5, OpCode.Create2],
      [2, OpCode.CreateContainer],
      [2, OpCode.CreateTtl],
    ]);
    let flags = op === OpCode.CreateTtl
      ? random.pick([5, 6])
      : random.weighted([[4, 0], [this.#mix.ephemeralWeight, 1], [1, 2], [1, 3], [1, 4]]);
    if (random.chance(1, 50)) flags = random.pick([-1, 7, 5, 6, 0x7fffffff]);
    const ttl = random.weighted([
      [10, BigInt(random.between(1, 100000))],
      [1, 2n ** 40n - 1n],
      [1, random.pick([0n, -1n, 2n ** 40n, -(2n ** 63n)])],
    ]);
    return { kind: "create", op, path, data: this.#data(path), acl: this.#acl(), flags, ttl };
  }

  #newPath(database: NaiveDatabase): string {
    const random = this.#random;
    if (random.chance(this.#mix.oddPathPercent, 100)) return random.pick(ODD_PATHS);
    if (random.chance(this.#mix.quotaPercent, 100)) return this.#quotaPath(database);
    let parent = this.#existing(database);
    if (parent === "/") parent = "";
    if (parent.split("/").length > this.#mix.depthMax) {
      parent = parent.slice(0, parent.lastIndexOf("/"));
    }
    return `${parent}/${random.pick(NAMES)}`;
  }

  /** The quota nodes of /a and /a/b, one after the other. */
  #quotaPath(database: NaiveDatabase): string {
    const target = this.#random.pick(["/a", "/a/b"]);
    let path = "/zookeeper/quota";
    for (const name of target.split("/").slice(1)) {
      path += `/${name}`;
      if (!database.nodes.has(path)) return path;
    }
    return path + this.#random.pick(["/zookeeper_limits", "/zookeeper_stats"]);
  }

  #existing(database: NaiveDatabase): string {
    const random = this.#random;
    if (random.chance(this.#mix.oddPathPercent, 200)) return random.pick(ODD_PATHS);
    if (random.chance(1, 15)) return `/${random.pick(NAMES)}/${random.pick(NAMES)}`;
    const paths = [...database.nodes.keys()];
    const path = random.pick(paths);
    // znodes of the system are less interesting
    if (path.startsWith("/zookeeper") && random.chance(3, 4)) return random.pick(paths) || "/";
    return path || "/";
  }

  #data(path: string): Uint8Array | null {
    const random = this.#random;
    const encoder = new TextEncoder();
    if (path.endsWith("/zookeeper_limits")) return encoder.encode(random.pick(LIMIT_TEXTS));
    if (path.endsWith("/zookeeper_stats")) return encoder.encode(random.pick(USAGE_TEXTS));
    if (random.chance(this.#mix.largeDataPercent, 100)) {
      return new Uint8Array(random.pick([1024, 70000, 524288, 524289, 600000])).fill(
        random.below(256),
      );
    }
    return random.chance(1, 8) ? null : random.bytes(random.pick([0, 1, 8, 16, 17, 40]));
  }

  #acl(): readonly AclEntry[] | null {
    return this.#random.chance(this.#mix.aclPercent, 100) ? this.#random.pick(ACLS) : OPEN;
  }

  /** @param of the path whose version is a good guess, or the guess itself */
  #version(database: NaiveDatabase, of: string | number): number {
    const random = this.#random;
    if (random.chance(this.#mix.wrongVersionPercent, 100)) return random.pick([-2, 1, 7, 0]);
    if (random.chance(2, 3)) return -1;
    return typeof of === "number" ? of : database.nodes.get(of)?.version ?? 0;
  }
}

/** As a client sends it. */
export function toRequest(asked: OperationAsked | MultiAsked): Request {
  switch (asked.kind) {
    case "create": {
      const { path, data, acl, flags, op, ttl } = asked;
      const isTtl = op === OpCode.CreateTtl;
      return create(path, { data, acl, flags, type: op, ...(isTtl ? { ttl } : {}) });
    }
    case "delete":
      return remove(asked.path, asked.version);
    case "setData":
      return setData(asked.path, asked.data, asked.version);
    case "setAcl":
      return setAcl(asked.path, asked.acl, asked.version);
    case "check":
      return check(asked.path, asked.version);
    case "multi":
      return multi(asked.ops.map(toRequest));
  }
}
