/**
 * ZooKeeper's error codes (client protocol section 8) and the error classes of our own.
 *
 * What a client asked for and cannot have is a value, an {@linkcode ErrorCode}, never thrown.
 *
 * @module
 */

export const ErrorCode = {
  Ok: 0,
  SystemError: -1,
  RuntimeInconsistency: -2,
  DataInconsistency: -3,
  MarshallingError: -5,
  Unimplemented: -6,
  BadArguments: -8,
  UnknownSession: -12,
  NewConfigNoQuorum: -13,
  ReconfigInProgress: -14,
  NoNode: -101,
  NoAuth: -102,
  BadVersion: -103,
  NoChildrenForEphemerals: -108,
  NodeExists: -110,
  NotEmpty: -111,
  SessionExpired: -112,
  InvalidAcl: -114,
  AuthFailed: -115,
  SessionMoved: -118,
  NotReadOnly: -119,
  EphemeralOnLocalSession: -120,
  NoWatcher: -121,
  ReconfigDisabled: -123,
  SessionClosedRequireSaslAuth: -124,
  QuotaExceeded: -125,
  ThrottledOp: -127,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The peer sent bytes that cannot be decoded, or broke the protocol. The channel is dropped. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
}

/** A jute record could not be decoded. Inside a request body this is answered with -5. */
export class DecodeError extends ProtocolError {
  override name = "DecodeError";
}

/** Files under dataDir do not hold what they must; start-up stops rather than guess. */
export class DataDirError extends Error {
  override name = "DataDirError";
}

/** The client port cannot be listened on: its address, and why. */
export class ListenError extends Error {
  override name = "ListenError";
}
