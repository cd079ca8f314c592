/**
 * What the client is told beside the command line: properties of CLIENT_JVMFLAGS and JVMFLAGS, and the file of
 * -client-configuration, which wins.
 *
 * Known are `zookeeper.request.timeout`, `jute.maxbuffer` and `zookeeper.client.secure`; others are passed over, as
 * those that are of Java only.
 *
 * @module
 */

import { parseJavaProperties } from "../../core/java_properties.ts";
import { CommandError } from "../command_line.ts";
import type { Environment } from "../config_sources.ts";
import { ExitCode } from "../world.ts";

export interface ClientSettings {
  /** 0: there is no limit. */
  readonly requestTimeoutMs: number;
  /** Undefined: the client's own. */
  readonly maxFrameBytes: number | undefined;
}

/** @throws {CommandError} */
export function clientSettings(
  environment: Environment,
  clientConfiguration: string | null,
): ClientSettings {
  const properties = new Map<string, string>();
  for (const variable of ["CLIENT_JVMFLAGS", "JVMFLAGS"]) {
    for (const [, name, value] of (environment(variable) ?? "").matchAll(/-D([^=\s]+)=(\S*)/g)) {
      properties.set(name!, value!);
    }
  }
  if (clientConfiguration !== null) {
    for (const { key, value } of parseJavaProperties(configurationText(clientConfiguration))) {
      properties.set(key, value);
    }
  }
  if (properties.get("zookeeper.client.secure") === "true") {
    throw new CommandError(
      "Cannot connect with zookeeper.client.secure=true: this client does not encrypt its connections; " +
        "leave the setting out, and connect to a port without TLS",
      { exitCode: ExitCode.InvalidInvocation },
    );
  }
  return {
    requestTimeoutMs: numberOf(properties, "zookeeper.request.timeout") ?? 0,
    maxFrameBytes: numberOf(properties, "jute.maxbuffer"),
  };
}

function configurationText(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    throw new CommandError(
      `Cannot read the client configuration "${file}": ${(error as Error).message}`,
      { exitCode: ExitCode.InvalidInvocation, cause: error },
    );
  }
}

/** Java reads hex, too. */
function numberOf(properties: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = properties.get(name);
  if (text === undefined) return undefined;
  const value = /^\s*(\d+|0x[\da-f]+)\s*$/i.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new CommandError(`Cannot use the property ${name}=${text}: it is not a whole number`, {
    exitCode: ExitCode.InvalidInvocation,
  });
}
