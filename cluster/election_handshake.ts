/**
 * What comes before the first message on an election connection: who opened it says who it is, and with
 * SASL proves that it belongs here (quorum protocol sections 2.1 and 17).
 *
 * @module
 */
import type { ElectionStream } from "./election_stream.ts";
import type { Hello } from "./hello.ts";
import type { QuorumAuth, QuorumAuthExchange } from "./quorum_auth.ts";

/** `bytes` are to be written in any case. */
export type HandshakeStep =
  | { kind: "continue"; bytes: Uint8Array }
  /** The hello of who connected; null: it was we. */
  | { kind: "done"; bytes: Uint8Array; hello: Hello | null }
  | { kind: "failed"; bytes: Uint8Array; problem: string };

const NOTHING = new Uint8Array();

export class ElectionHandshake {
  readonly #auth: QuorumAuth | null;
  readonly #isDialer: boolean;
  #hello: Hello | null = null;
  /** null: did not begin. */
  #exchange: QuorumAuthExchange | null = null;

  constructor({ auth, isDialer }: { auth: QuorumAuth | null; isDialer: boolean }) {
    this.#auth = auth;
    this.#isDialer = isDialer;
  }

  /** What follows the hello of a connection we opened: nothing else when it is `done`. */
  begin(): HandshakeStep {
    const begun = this.#auth?.connect() ?? null;
    if (begun === null) return { kind: "done", bytes: NOTHING, hello: null };
    this.#exchange = begun.exchange;
    return { kind: "continue", bytes: begun.bytes };
  }

  /**
   * Takes of the stream what belongs to it.
   *
   * @throws {DecodeError}
   */
  step(stream: ElectionStream): HandshakeStep {
    if (!this.#isDialer) {
      this.#hello ??= stream.takeHello();
      if (this.#hello === null) return { kind: "continue", bytes: NOTHING };
    }
    if (this.#exchange === null) {
      const begins = this.#auth === null ? false : stream.beginsWithAuth();
      if (begins === null) return { kind: "continue", bytes: NOTHING };
      if (this.#auth === null || !begins) {
        if (this.#auth?.isRequired !== true) return this.#done(NOTHING);
        return { kind: "failed", bytes: NOTHING, problem: "it does not authenticate itself" };
      }
      this.#exchange = this.#auth.accept();
    }
    const record = stream.takeAuthRecord();
    if (record === null) return { kind: "continue", bytes: NOTHING };
    const step = this.#exchange.take(record);
    switch (step.kind) {
      case "continue": // it says nothing more before it has our answer
        return step;
      case "done":
        return this.#done(step.bytes);
      case "failed":
        return { kind: "failed", bytes: step.bytes, problem: step.reason };
    }
  }

  #done(bytes: Uint8Array): HandshakeStep {
    return { kind: "done", bytes, hello: this.#hello };
  }
}
