/**
 * What stderr is told when a command fails, in zkCli.sh's words; and the same as JSON.
 *
 * @module
 */

import {
  ClientArgumentError,
  ClientErrorCode,
  ConnectionLossError,
  KeeperError,
  nameOfCode,
} from "../../net/client/client_errors.ts";
import { ErrorCode, ProtocolError } from "../../core/errors.ts";
import { NotConnectedError, ShellError } from "./shell_command.ts";

/** Those told in words of their own, which the path follows. */
const SENTENCES: ReadonlyMap<number, string> = new Map<number, string>([
  [ErrorCode.NoNode, "Node does not exist: "],
  [ErrorCode.NodeExists, "Node already exists: "],
  [ErrorCode.NotEmpty, "Node not empty: "],
  [ErrorCode.NoChildrenForEphemerals, "Ephemerals cannot have children: "],
  [ErrorCode.NoAuth, "Insufficient permission : "],
  [ErrorCode.BadVersion, "version No is not valid : "],
  [ErrorCode.BadArguments, "Arguments are not valid : "],
  [ErrorCode.InvalidAcl, "Acl is not valid : "],
  [ErrorCode.NotReadOnly, "Not a read-only call: "],
  [ErrorCode.QuotaExceeded, "Quota has exceeded : "],
]);

/** Those that have no path. */
const WHOLE_SENTENCES: ReadonlyMap<number, string> = new Map<number, string>([
  [
    ErrorCode.ReconfigInProgress,
    "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
  ],
  [
    ErrorCode.NewConfigNoQuorum,
    "No quorum of new config is connected and up-to-date with the leader of last committed config - " +
    "try invoking reconfiguration after new servers are connected and synced",
  ],
]);

/** Where the tools of ZooKeeper write an error's name with blanks, or otherwise. */
const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [ClientErrorCode.ConnectionLoss, "ConnectionLoss"],
  [ClientErrorCode.OperationTimeout, "OperationTimeout"],
  [ErrorCode.SessionExpired, "Session expired"],
  [ErrorCode.SessionMoved, "Session moved"],
  [ErrorCode.EphemeralOnLocalSession, "Ephemeral node on local session"],
  [ErrorCode.NoWatcher, "No such watcher"],
  [ErrorCode.ReconfigDisabled, "Reconfig is disabled"],
  [ErrorCode.SessionClosedRequireSaslAuth, "Session closed because client failed to authenticate"],
  [ErrorCode.ThrottledOp, "Op throttled due to high load"],
  [ErrorCode.InvalidAcl, "InvalidACL"],
]);

/** `KeeperErrorCode = NoNode for /path`. */
export function keeperErrorCodeText({ code, path }: KeeperError): string {
  return `KeeperErrorCode = ${NAMES.get(code) ?? nameOfCode(code)}${
    path === null || path === "" ? "" : ` for ${path}`
  }`;
}

/** Without a line end; null when it is no error of a command but of the program. */
export function errorText(error: unknown): string | null {
  if (error instanceof KeeperError) {
    const { code, path } = error;
    const sentence = SENTENCES.get(code);
    if (sentence !== undefined) return `${sentence}${path}`;
    return WHOLE_SENTENCES.get(code) ?? `${keeperErrorCodeText(error)}${lossReason(error)}`;
  }
  const isTold = error instanceof ShellError || error instanceof ClientArgumentError ||
    error instanceof ProtocolError || error instanceof DOMException; // aborted
  return isTold ? error.message : null;
}

/** A further line, where it is known what kept each server from us. */
function lossReason(error: KeeperError): string {
  if (!(error instanceof ConnectionLossError)) return "";
  const at = error.message.indexOf(": ");
  return at === -1 ? "" : `\n  ${error.message.slice(at + 2)}`;
}

/** One line of JSON for stderr. */
export function errorJson(error: unknown): string {
  const message = errorText(error) ?? String(error);
  if (error instanceof KeeperError) {
    const { code, path } = error;
    return JSON.stringify({ error: nameOfCode(code), code, path, message });
  }
  const name = error instanceof NotConnectedError
    ? "NotConnected"
    : error instanceof ShellError && error.exitCode === 127
    ? "CommandNotFound"
    : "BadCommand";
  return JSON.stringify({ error: name, message });
}
