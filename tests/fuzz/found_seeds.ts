/**
 * Seeds that found something, each with what it was: every run of the tests replays them.
 *
 * A seed stands for one run of the fuzzer as it was then; when a fuzzer changes what it draws, the
 * finding has a test of its own beside the code, named in `test`.
 *
 * @module
 */

export interface FoundSeed {
  fuzzer: "tree" | "connection" | "decoders" | "recovery" | "clientPort";
  seed: number;
  found: string;
  /** Where it was put right. */
  fixedIn: string;
  /** The test that fails without that. */
  test: string;
}

export const FOUND_SEEDS: readonly FoundSeed[] = [
  {
    fuzzer: "tree",
    seed: 654,
    found:
      "a fuzzy snapshot held a later life of a znode, with children: replay of the delete before " +
      "it was refused, and stats of the old life stayed on the new one",
    fixedIn: "core/tree/data_tree.ts",
    test: "tests/core/tree/data_tree_test.ts",
  },
  {
    fuzzer: "tree",
    seed: 833,
    found:
      "a multi with a create without ACL and the flags of a TTL node was not refused as a whole",
    fixedIn: "core/txn/write_request.ts",
    test: "tests/core/txn/prepare_test.ts",
  },
  {
    fuzzer: "tree",
    seed: 117,
    found:
      "closing a session deleted the container that took the place of its ephemeral within a " +
      "multi under way",
    fixedIn: "core/txn/pending_changes.ts",
    test: "tests/core/txn/prepare_test.ts",
  },
  {
    fuzzer: "connection",
    seed: 15,
    found:
      "a connection that a finished write let go on stayed in the request throttle's books, and " +
      "when it next had to wait nobody woke it",
    fixedIn: "net/client_connection.ts",
    test: "tests/fuzz/fuzz_test.ts",
  },
];
