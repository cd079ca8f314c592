/**
 * The client's requests as the test client sends them: an op code and the bytes of its body.
 *
 * Nothing is checked here, tests send nonsense as easily as sense.
 *
 * @module
 */
import { JuteEncoder } from "./jute.ts";

export interface Request {
  /** Operation code of the request header. */
  readonly type: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface AclEntry {
  readonly perms: number;
  readonly scheme: string | null;
  readonly id: string | null;
}

export type Text = string | Uint8Array | null;

/** Operation codes, as on the wire. */
export const Op = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
} as const;

/** What `flags` of a create can say. */
export const Flags = {
  persistent: 0,
  ephemeral: 1,
  sequential: 2,
  ephemeralSequential: 3,
  container: 4,
  ttl: 5,
  ttlSequential: 6,
} as const;

export const OPEN_ACL: readonly AclEntry[] = [{ perms: 31, scheme: "world", id: "anyone" }];

/** Bytes of a string, or the bytes themselves. */
export function bytesOf(text: Text): Uint8Array | null {
  return typeof text === "string" ? new TextEncoder().encode(text) : text;
}

export function request(type: number, body: JuteEncoder | null = null): Request {
  return { type, body: body === null ? new Uint8Array() : body.finish() };
}

function aclList(body: JuteEncoder, acl: readonly AclEntry[] | null): JuteEncoder {
  return body.vector(acl, ({ perms, scheme, id }) => body.int(perms).string(scheme).string(id));
}

export interface CreateOptions {
  readonly data?: Text;
  readonly acl?: readonly AclEntry[] | null;
  readonly flags?: number;
  /** Default create (1); a ttl makes it createTTL (21). */
  readonly type?: number;
  readonly ttl?: bigint;
}

export function create(path: Text, options: CreateOptions = {}): Request {
  const { data = "", acl = OPEN_ACL, flags = 0, ttl } = options;
  const body = aclList(new JuteEncoder().buffer(bytesOf(path)).buffer(bytesOf(data)), acl)
    .int(flags);
  if (ttl !== undefined) body.long(ttl);
  return request(options.type ?? (ttl === undefined ? Op.create : Op.createTtl), body);
}

export function remove(path: Text, version = -1): Request {
  return request(Op.delete, new JuteEncoder().buffer(bytesOf(path)).int(version));
}

export function setData(path: Text, data: Text, version = -1): Request {
  return request(
    Op.setData,
    new JuteEncoder().buffer(bytesOf(path)).buffer(bytesOf(data)).int(version),
  );
}

export function check(path: Text, version = -1): Request {
  return request(Op.check, new JuteEncoder().buffer(bytesOf(path)).int(version));
}

export function setAcl(path: Text, acl: readonly AclEntry[] | null, version = -1): Request {
  return request(
    Op.setAcl,
    aclList(new JuteEncoder().buffer(bytesOf(path)), acl).int(version),
  );
}

/** exists, getData, getChildren and getChildren2: a path and a watch flag. */
export function read(type: number, path: Text, watch = false): Request {
  return request(type, new JuteEncoder().buffer(bytesOf(path)).boolean(watch));
}

export function exists(path: Text, watch = false): Request {
  return read(Op.exists, path, watch);
}

export function getData(path: Text, watch = false): Request {
  return read(Op.getData, path, watch);
}

export function getChildren(path: Text, watch = false): Request {
  return read(Op.getChildren, path, watch);
}

export function getChildren2(path: Text, watch = false): Request {
  return read(Op.getChildren2, path, watch);
}

/** Requests that are a path and nothing else. */
export function ofPath(type: number, path: Text): Request {
  return request(type, new JuteEncoder().buffer(bytesOf(path)));
}

/** Requests that are a path and an int: addWatch, checkWatches, removeWatches. */
export function ofPathAndInt(type: number, path: Text, value: number): Request {
  return request(type, new JuteEncoder().buffer(bytesOf(path)).int(value));
}

/** multi and multiRead. */
export function multi(ops: readonly Request[], type: number = Op.multi): Request {
  const body = new JuteEncoder();
  for (const op of ops) body.int(op.type).boolean(false).int(-1).raw(op.body);
  return request(type, body.int(-1).boolean(true).int(-1));
}

export function auth(scheme: string | null, credentials: Text): Request {
  return request(Op.auth, new JuteEncoder().int(0).string(scheme).buffer(bytesOf(credentials)));
}

export interface WatchLists {
  readonly data?: readonly (string | null)[] | null;
  readonly exist?: readonly (string | null)[] | null;
  readonly child?: readonly (string | null)[] | null;
  /** Either of these makes it setWatches2. */
  readonly persistent?: readonly (string | null)[] | null;
  readonly recursive?: readonly (string | null)[] | null;
}

export function setWatches(relativeZxid: bigint, lists: WatchLists): Request {
  const body = new JuteEncoder().long(relativeZxid);
  const put = (paths: readonly (string | null)[] | null | undefined) =>
    body.vector(paths === undefined ? [] : paths, (path) => body.string(path));
  put(lists.data);
  put(lists.exist);
  put(lists.child);
  if (lists.persistent === undefined && lists.recursive === undefined) {
    return request(Op.setWatches, body);
  }
  put(lists.persistent);
  put(lists.recursive);
  return request(Op.setWatches2, body);
}

export function reconfig(
  { joining = null, leaving = null, members = null, version = -1n }: {
    joining?: string | null;
    leaving?: string | null;
    members?: string | null;
    version?: bigint;
  },
): Request {
  return request(
    Op.reconfig,
    new JuteEncoder().string(joining).string(leaving).string(members).long(version),
  );
}

export const ping: Request = request(Op.ping);
export const whoAmI: Request = request(Op.whoAmI);
export const closeSession: Request = request(Op.closeSession);

export function getEphemerals(prefix: Text): Request {
  return ofPath(Op.getEphemerals, prefix);
}

export function addWatchPersistent(path: Text): Request {
  return ofPathAndInt(Op.addWatch, path, 0);
}

export function addWatchRecursive(path: Text): Request {
  return ofPathAndInt(Op.addWatch, path, 1);
}

/** What removeWatches and checkWatches can look for. */
export const WatcherType = {
  children: 1,
  data: 2,
  any: 3,
  persistent: 4,
  persistentRecursive: 5,
} as const;
