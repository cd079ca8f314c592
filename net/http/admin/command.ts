/**
 * What a command of the AdminServer is, and what it answers.
 *
 * @module
 */
import type { AdminContext } from "../../admin_context.ts";
import type { Json } from "./json_text.ts";

export type CommandMethod = "GET" | "POST";

/** What the commands work on. */
export interface CommandCall {
  readonly context: AdminContext;
  readonly query: URLSearchParams;
  readonly request: Request;
}

/** The fields of the answer, in their order; `error` among them stands first, as ZooKeeper has it. */
export type Fields = Readonly<Record<string, Json>>;

export interface CommandAnswer {
  readonly fields: Fields;
  /** Why it was not run: told behind the command's name. */
  readonly problem?: string;
  /** Default: 200, which is also what most failures get. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of the JSON. */
  readonly stream?: ReadableStream<Uint8Array>;
}

export interface AdminCommand {
  /** The first is the name that is listed, and told in the answer; the others are aliases. */
  readonly names: readonly [primary: string, ...aliases: string[]];
  readonly method: CommandMethod;
  /** Answered with an error while nobody is served. */
  readonly needsServer: boolean;
  /** Only for who may do everything on the root. */
  readonly isProtected: boolean;
  run(call: CommandCall): CommandAnswer | Promise<CommandAnswer>;
}

/** A command that reads, or changes what anyone may. */
export function command(
  names: AdminCommand["names"],
  run: (call: CommandCall) => Fields,
  { needsServer = true }: { needsServer?: boolean } = {},
): AdminCommand {
  return {
    names,
    method: "GET",
    needsServer,
    isProtected: false,
    run: (call) => ({ fields: run(call) }),
  };
}

/** A failure with a status of its own. */
export function failure(
  status: number,
  problem: string,
  headers: Readonly<Record<string, string>> = {},
): CommandAnswer {
  return { fields: {}, problem, status, headers };
}
