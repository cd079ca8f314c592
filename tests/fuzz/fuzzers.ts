/**
 * All fuzzers under one name each, for the command and for the tests.
 *
 * @module
 */
import { ClientPortFuzz } from "./client_port_fuzz.ts";
import { runConnectionFuzz } from "./connection_fuzz.ts";
import { runDecoderFuzz } from "./decoder_fuzz.ts";
import type { FoundSeed } from "./found_seeds.ts";
import { runHttpFuzz } from "./http_fuzz.ts";
import { runRecoveryFuzz } from "./recovery_fuzz.ts";
import { runTreeFuzz } from "./tree_fuzz.ts";

export type FuzzerName = FoundSeed["fuzzer"];
/** How much was tried, by kind. */
export type Counts = Readonly<Record<string, number>>;

export interface Fuzzer {
  readonly name: FuzzerName;
  /** Runs one seed. Throws when something is wrong. */
  run(seed: number): Promise<Counts>;
  close?(): Promise<void>;
}

/** Made when first needed: some hold a server. */
export const FUZZERS: Readonly<Record<FuzzerName, () => Promise<Fuzzer>>> = {
  tree: () =>
    Promise.resolve({
      name: "tree",
      run: (seed: number) => Promise.resolve({ ...runTreeFuzz(seed) }),
    }),
  connection: () =>
    Promise.resolve({
      name: "connection",
      run: async (seed: number) => ({ ...await runConnectionFuzz(seed) }),
    }),
  decoders: () =>
    Promise.resolve({
      name: "decoders",
      run: async (seed: number) => ({ ...await runDecoderFuzz(seed) }),
    }),
  recovery: () =>
    Promise.resolve({
      name: "recovery",
      run: async (seed: number) => ({ ...await runRecoveryFuzz(seed) }),
    }),
  http: () =>
    Promise.resolve({
      name: "http",
      run: async (seed: number) => ({ ...await runHttpFuzz(seed) }),
    }),
  clientPort: async () => {
    const fuzz = await ClientPortFuzz.start();
    return {
      name: "clientPort",
      run: async (seed: number) => ({ ...await fuzz.storm(seed) }),
      close: () => fuzz[Symbol.asyncDispose](),
    };
  },
};

export function isFuzzerName(name: string): name is FuzzerName {
  return Object.hasOwn(FUZZERS, name);
}
