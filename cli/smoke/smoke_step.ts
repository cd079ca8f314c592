/**
 * What a step of `smoke` is made of, and what it is given.
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";
import { KeeperError, nameOfCode } from "../../net/client/client_errors.ts";
import type { ClientEvent, ClientOptions, ZooKeeperClient } from "../../net/client/client_types.ts";
import type { ServerName } from "../../net/client/connect_string.ts";

export interface SmokeContext {
  readonly client: ZooKeeperClient;
  /** A znode of our own, without children at the start. */
  readonly base: string;
  /** Another session, at one server if it is named; closed at the end of the step if it was not before. */
  open(server?: ServerName, options?: ClientOptions): Promise<ZooKeeperClient>;
  readonly servers: readonly ServerName[];
  readonly timeoutMs: number;
}

export interface SmokeStep {
  /** What is tried, in a few words. */
  readonly name: string;
  run(context: SmokeContext): Promise<void>;
}

/** The server cannot do what the step tries, and need not. */
export class Skip extends Error {
  override name = "Skip";
}

/** The server did something else than it must. */
export class Wrong extends Error {
  override name = "Wrong";
}

export function expect(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new Wrong(message);
}

export function expectEqual<T extends string | number | bigint | boolean | null>(
  actual: T,
  expected: T,
  what: string,
): void {
  expect(actual === expected, `${what} is ${String(actual)}, expected ${String(expected)}`);
}

/** The request must be refused with this code. */
export async function expectRefusal(
  code: ErrorCode,
  request: Promise<unknown>,
  what: string,
): Promise<void> {
  let outcome = "done";
  try {
    await request;
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    if (error.code === code) return;
    outcome = `refused with ${nameOfCode(error.code)}`;
  }
  throw new Wrong(`${what} was ${outcome}, expected ${nameOfCode(code)}`);
}

/** For what servers before a version do not know. */
export async function orSkip<T>(request: Promise<T>, why: string): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof KeeperError && error.code === ErrorCode.Unimplemented) throw new Skip(why);
    throw error;
  }
}

/** Events in the order they came. */
export class Events {
  readonly seen: ClientEvent[] = [];
  #wake: () => void = () => {};

  readonly listener = (event: ClientEvent): void => {
    if (event.kind === "None") return;
    this.seen.push(event);
    this.#wake();
  };

  /** Waits until there are so many; the step's own time limit ends it. */
  async count(count: number): Promise<void> {
    while (this.seen.length < count) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** `NodeCreated /a`, ... */
  get text(): string {
    return this.seen.map(({ kind, path }) => `${kind} ${path}`).join(", ");
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data);
}
