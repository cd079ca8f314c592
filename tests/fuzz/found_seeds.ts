/**
 * Seeds that found something, each with what it was: every run of the tests replays them.
 *
 * A seed stands for one run of the fuzzer as it was then; when a fuzzer changes what it draws, the
 * finding has a test of its own beside the code, named in `test`.
 *
 * @module
 */

export interface Finding {
  found: string;
  /** Where it was put right. */
  fixedIn: string;
  /** The test that fails without that. */
  test: string;
}

export interface FoundSeed extends Finding {
  fuzzer: "tree" | "connection" | "decoders" | "recovery" | "http" | "clientPort";
  seed: number;
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
  {
    fuzzer: "http",
    seed: 34,
    found:
      "while the signal of a request was looked at, the connection was read ahead, and a body that came then was " +
      "read by two readers: its parts could change places",
    fixedIn: "net/http/listener/socket_input.ts",
    test: "tests/net/http/listener/http_listener_test.ts",
  },
];

/** Found on the way to the fuzzers, by tests that were written for a suspicion: there is no seed. */
export const FOUND_BESIDES: readonly Finding[] = [
  {
    found: "one multiRead for a large znode, tens of thousands of times, ended the server",
    fixedIn: "core/server/read_requests.ts",
    test: "tests/core/server/request_processor_test.ts",
  },
  {
    found:
      "the buffer of reads that wait behind a write grew for ever under constant load, and never " +
      "got smaller",
    fixedIn: "core/server/client.ts",
    test: "tests/core/server/request_processor_test.ts",
  },
  {
    found: "a client that read slowly was closed when its own large replies came to 16 MiB",
    fixedIn: "net/client_connection.ts",
    test: "tests/core/server/request_processor_test.ts",
  },
  {
    found: "a root znode of exactly 1 MiB could not be loaded from a snapshot",
    fixedIn: "core/tree/byte_arena.ts",
    test: "tests/core/tree/byte_arena_test.ts",
  },
];
