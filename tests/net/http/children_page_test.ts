import assert from "node:assert/strict";
import { NodeStore, ROOT } from "../../../core/tree/node_store.ts";
import { decodeUtf8, encodeUtf8 } from "../../../core/wire/jute.ts";
import { isSequential, PageWalk } from "../../../net/http/children_page.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

function storeOf(names: Iterable<string>): NodeStore {
  const store = new NodeStore(1);
  for (const name of names) {
    const bytes = encodeUtf8(name);
    store.add(ROOT, bytes, 0, bytes.length);
  }
  return store;
}

/** Names of all pages, one after the other. */
function pagesOf(
  store: NodeStore,
  { limit, prefix = null, isWanted = () => true }: {
    limit: number;
    prefix?: string | null;
    isWanted?: (id: number) => boolean;
  },
): string[][] {
  const pages: string[][] = [];
  let after: Uint8Array | null = null;
  for (;;) {
    const walk = new PageWalk(store, {
      parent: ROOT,
      after,
      prefix: prefix === null ? null : encodeUtf8(prefix),
      limit,
      isWanted,
    });
    let page = walk.step(100);
    while (page === null) page = walk.step(100);
    const { ids, hasMore } = page;
    pages.push(ids.map((id) => decodeUtf8(store.name(id))));
    if (!hasMore) return pages;
    after = encodeUtf8(pages.at(-1)!.at(-1)!);
  }
}

Deno.test("PageWalk goes through all children once, in order of their bytes", () => {
  const random = new SeededRandom(7);
  const names = new Set<string>();
  while (names.size < 997) names.add(`n${random.uint32() % 100_000}`);
  const store = storeOf(names);
  const sorted = [...names].sort();
  for (const limit of [1, 10, 996, 997, 998]) {
    const pages = pagesOf(store, { limit });
    assert.deepEqual(pages.flat(), sorted, `limit ${limit}`);
    assert.equal(pages.length, Math.ceil(997 / limit), "no page is empty");
  }
});

Deno.test("PageWalk leaves out what is not wanted, also behind the page", () => {
  const store = storeOf(["a1", "b1", "b2", "b3", "c1", "ä1"]);
  assert.deepEqual(pagesOf(store, { limit: 2, prefix: "b" }), [["b1", "b2"], ["b3"]]);
  assert.deepEqual(pagesOf(store, { limit: 3, prefix: "b" }), [["b1", "b2", "b3"]]);
  assert.deepEqual(pagesOf(store, { limit: 9 }), [["a1", "b1", "b2", "b3", "c1", "ä1"]]);
  assert.deepEqual(pagesOf(store, { limit: 9, prefix: "x" }), [[]]);
  const isWanted = (id: number) => decodeUtf8(store.name(id)) !== "b2";
  assert.deepEqual(pagesOf(store, { limit: 2, prefix: "b", isWanted }), [["b1", "b3"]]);
});

Deno.test("isSequential() asks for ten digits at the end", () => {
  const cases: [name: string, expected: boolean][] = [
    ["lock-0000000001", true],
    ["0000000001", true],
    ["000000001", false],
    ["lock-000000000a", false],
    ["lock-0000000001x", false],
  ];
  for (const [name, expected] of cases) {
    const store = storeOf([name]);
    assert.equal(isSequential(store, store.firstChild(ROOT)), expected, name);
  }
});
