import assert from "node:assert/strict";
import { OPEN_ACL } from "../../../core/tree/acl_list.ts";
import { DataTree } from "../../../core/tree/data_tree.ts";
import type { OperationTxn } from "../../../core/txn/txn.ts";
import { decodeUtf8, encodeUtf8 } from "../../../core/wire/jute.ts";
import type { Gateway } from "../../../net/http/gateway.ts";
import { exportStream, TreeExport } from "../../../net/http/tree_export.ts";

const CALLER = { ids: [], session: null, remoteAddress: "127.0.0.1" };
const ALL = { path: "/t", depthMax: 10, withEphemerals: true, withStat: false };

/** A tree that a test changes between two pieces of an export. */
class Scene {
  readonly tree = new DataTree({
    digestEnabled: false,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
  isServing = true;
  #zxid = 0;

  create(path: string, data = ""): void {
    this.#apply({
      kind: "create",
      path: encodeUtf8(path),
      data: encodeUtf8(data),
      acl: OPEN_ACL,
      ephemeral: false,
      parentCversion: -1,
    });
  }

  delete(path: string): void {
    this.#apply({ kind: "delete", path: encodeUtf8(path) });
  }

  export(): TreeExport {
    const { tree } = this;
    const isServing = () => this.isServing;
    const gateway = {
      tree,
      get isServing() {
        return isServing();
      },
      mayDo: () => true,
    } as unknown as Gateway;
    return new TreeExport({ gateway, caller: CALLER }, ALL);
  }

  #apply(txn: OperationTxn): void {
    const zxid = ++this.#zxid;
    this.tree.apply({ sessionId: 1n, cxid: 0, zxid, timeMs: 0, type: 1 }, txn);
  }
}

function pathsIn(piece: Uint8Array): string[] {
  return decodeUtf8(piece).split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line).path);
}

function restOf(source: TreeExport): string[] {
  const paths: string[] = [];
  for (let piece = source.nextPiece(); piece !== null; piece = source.nextPiece()) {
    paths.push(...pathsIn(piece));
  }
  return paths;
}

Deno.test("TreeExport goes on over what is deleted, also when others are in its rows", () => {
  const scene = new Scene();
  const names = Array.from({ length: 100 }, (_, i) => `n${String(i).padStart(2, "0")}`);
  scene.create("/t");
  for (const name of names) scene.create(`/t/${name}`, "x".repeat(2000));
  for (const name of names) scene.create(`/t/${name}/child`);
  const source = scene.export();
  const first = pathsIn(source.nextPiece()!);
  assert(first.length > 20 && first.length < 100, `${first.length} lines are a piece`);
  // what is being visited, what was, and what is to be: gone; rows are used again last in, first out
  const at = Number(first.at(-1)!.slice(2, 4));
  const gone = [at - 2, at, at + 1, at + 2, 99].map((i) => names[i]!);
  for (const name of gone) {
    scene.delete(`/t/${name}/child`);
    scene.delete(`/t/${name}`);
  }
  for (let i = 0; i < 10; i++) scene.create(`/other${i}`);
  scene.create(`/t/${names[at + 1]}`, "a second life"); // is not the one that was to come

  const rest = restOf(source);
  const kept = names.slice(at + 1).filter((name) => !gone.includes(name))
    .flatMap((name) => [`/${name}`, `/${name}/child`]);
  assert.deepEqual(rest.filter((path) => !path.startsWith(`/${names[at]}`)), kept);
});

Deno.test("TreeExport ends early when the server stops serving, or gets another tree", () => {
  for (const how of ["stops", "another tree"]) {
    const scene = new Scene();
    scene.create("/t");
    for (let i = 0; i < 50; i++) scene.create(`/t/n${i}`, "x".repeat(2000));
    const source = scene.export();
    source.nextPiece();
    if (how === "stops") scene.isServing = false;
    else scene.tree.clear();
    assert.throws(() => source.nextPiece(), /ends early/, how);
  }
});

Deno.test("exportStream() ends once, however it ends", async () => {
  const scene = new Scene();
  scene.create("/t");
  for (let i = 0; i < 200; i++) scene.create(`/t/n${i}`, "x".repeat(2000));
  const cases: ((body: ReadableStream, abort: () => void) => Promise<void>)[] = [
    async (body) => void await new Response(body).bytes(),
    async (body) => await body.cancel(),
    async (body, abort) => {
      abort();
      await assert.rejects(new Response(body).bytes());
    },
  ];
  for (const end of cases) {
    let endCount = 0;
    const stopping = new AbortController();
    const body = exportStream(scene.export(), {
      signal: stopping.signal,
      ended: () => void endCount++,
    });
    await end(body, () => stopping.abort());
    assert.equal(endCount, 1);
  }
});
