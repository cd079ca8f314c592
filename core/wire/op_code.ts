/**
 * Operation codes of requests and txns (client protocol section 6, disk format section 5).
 *
 * @module
 */

export const OpCode = {
  Notification: 0,
  Create: 1,
  Delete: 2,
  Exists: 3,
  GetData: 4,
  SetData: 5,
  GetAcl: 6,
  SetAcl: 7,
  GetChildren: 8,
  Sync: 9,
  Ping: 11,
  GetChildren2: 12,
  Check: 13,
  Multi: 14,
  Create2: 15,
  Reconfig: 16,
  CheckWatches: 17,
  RemoveWatches: 18,
  CreateContainer: 19,
  DeleteContainer: 20,
  CreateTtl: 21,
  MultiRead: 22,
  Auth: 100,
  SetWatches: 101,
  Sasl: 102,
  GetEphemerals: 103,
  GetAllChildrenNumber: 104,
  SetWatches2: 105,
  AddWatch: 106,
  WhoAmI: 107,
  CreateSession: -10,
  CloseSession: -11,
  Error: -1,
} as const;

export type OpCode = (typeof OpCode)[keyof typeof OpCode];

/** The xids that are not a client's own numbering. */
export const NOTIFICATION_XID = -1;
export const PING_XID = -2;
