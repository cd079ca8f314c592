/**
 * Writes frames as lines of text that say everything the bytes say, except what differs from run to
 * run: zxids are counted from the conversation's start, session ids numbered, clock times named.
 *
 * Decoding is by the request's op code. Bytes that do not decode, or are left over, come out in hex,
 * so two equal lines mean two equal frames.
 *
 * @module
 */
import { JuteDecoder } from "../../support/jute.ts";
import type { ConnectResponse } from "../../support/raw_client.ts";
import { Op } from "../../support/requests.ts";

/** No test runs as long: times since then are of this run. */
const RUN_MS_MAX = 3_600_000;

/** Values of one run, by which the run's frames are made comparable. */
export class Normalizer {
  /** Subtracted from zxids; set once the first session is there. */
  baseZxid: bigint | null = null;
  readonly #areTimesShown: boolean;
  readonly #sessionNames = new Map<bigint, string>();

  zxid(value: bigint): string {
    if (value <= 0n || this.baseZxid === null) return `${value}`;
    const offset = value - this.baseZxid;
    return offset >= 0n ? `z+${offset}` : `z${offset}`;
  }

  /** @param areTimesShown false when every time counts as of this run: for recorded frames */
  constructor({ areTimesShown = true }: { areTimesShown?: boolean } = {}) {
    this.#areTimesShown = areTimesShown;
  }

  time(value: bigint): string {
    if (!this.#areTimesShown && value !== 0n) return "now";
    const isNow = value > Date.now() - RUN_MS_MAX && value <= Date.now() + 1000;
    return isNow ? "now" : `${value}`;
  }

  /** Names a session on its first appearance. */
  session(id: bigint): string {
    if (id === 0n) return "0";
    const name = this.#sessionNames.get(id) ?? `S${this.#sessionNames.size + 1}`;
    this.#sessionNames.set(id, name);
    return name;
  }

  /** The session's name where one is known: other owners are shown as they are. */
  owner(id: bigint): string {
    return this.#sessionNames.get(id) ?? `${id}`;
  }
}

/** @param type op code of the request answered, undefined when no request has the reply's xid */
export function replyText(
  payload: Uint8Array,
  typeOf: (xid: number) => number | undefined,
  normal: Normalizer,
): string {
  if (payload.length < 16) return `short ${hex(payload)}`;
  const decoder = new JuteDecoder(payload);
  const [xid, zxid, err] = [decoder.int(), decoder.long(), decoder.int()];
  const header = `xid=${xid} zxid=${normal.zxid(zxid)} err=${err}`;
  if (decoder.remaining === 0) return header;
  const body = payload.subarray(16);
  if (xid === -1) return `event ${header} ${decoded(body, eventText, normal)}`;
  const type = typeOf(xid);
  const read = type === undefined ? undefined : bodyTexts[type];
  return `${header} ${read === undefined ? hex(body) : decoded(body, read, normal)}`;
}

export function connectResponseText(
  response: ConnectResponse,
  payloadBytes: number,
  normal: Normalizer,
): string {
  const { protocolVersion, timeoutMs, sessionId, password, readOnly } = response;
  const isExpected = hex(password) === hex(expectedPassword(sessionId));
  const passwordText = isExpected && sessionId !== 0n ? "f(id)" : hex(password);
  return `connected protocol=${protocolVersion} timeout=${timeoutMs} ` +
    `session=${normal.session(sessionId)} password=${passwordText} readOnly=${readOnly} ` +
    `bytes=${payloadBytes}`;
}

/** The password ZooKeeper gives a session: 16 bytes of java.util.Random seeded by the id. */
export function expectedPassword(sessionId: bigint): Uint8Array {
  const mask = (1n << 48n) - 1n;
  let state = ((sessionId ^ 0xB3415C00n) ^ 0x5DEECE66Dn) & mask;
  const password = new Uint8Array(16);
  for (let i = 0; i < 16; i += 4) {
    state = (state * 0x5DEECE66Dn + 0xBn) & mask;
    new DataView(password.buffer).setUint32(i, Number((state >> 16n) & 0xffffffffn), true);
  }
  return password;
}

export function hex(bytes: Uint8Array): string {
  if (bytes.length > 200) return `${hex(bytes.subarray(0, 64))}...(${bytes.length} bytes)`;
  return bytes.length === 0 ? "''" : bytes.toHex();
}

type BodyText = (decoder: JuteDecoder, normal: Normalizer) => string;

function decoded(body: Uint8Array, read: BodyText, normal: Normalizer): string {
  const decoder = new JuteDecoder(body);
  try {
    const text = read(decoder, normal);
    return decoder.remaining === 0 ? text : `${text} rest=${hex(decoder.rest())}`;
  } catch {
    return `undecodable ${hex(body)}`;
  }
}

/** A string or buffer: quoted when it is text, else hex. */
function bytesText(bytes: Uint8Array | null): string {
  if (bytes === null) return "null";
  if (bytes.length > 2000) {
    const sum = bytes.reduce((all, byte) => (all * 31 + byte) >>> 0, 0);
    return `${bytes.length} bytes with sum ${sum}`;
  }
  try {
    return JSON.stringify(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return hex(bytes);
  }
}

function field(name: string): BodyText {
  return (d) => `${name}=${bytesText(d.buffer())}`;
}

function stat(d: JuteDecoder, normal: Normalizer): string {
  const [czxid, mzxid] = [d.long(), d.long()];
  const [ctime, mtime] = [d.long(), d.long()];
  const [version, cversion, aversion] = [d.int(), d.int(), d.int()];
  const owner = d.long();
  const [dataLength, numChildren] = [d.int(), d.int()];
  const pzxid = d.long();
  return `stat[c=${normal.zxid(czxid)} m=${normal.zxid(mzxid)} p=${normal.zxid(pzxid)} ` +
    `ctime=${normal.time(ctime)} mtime=${normal.time(mtime)} v=${version} cv=${cversion} ` +
    `av=${aversion} owner=${normal.owner(owner)} len=${dataLength} kids=${numChildren}]`;
}

/** A list whose order ZooKeeper leaves open. */
function sorted(name: string): BodyText {
  return (d) =>
    `${name}=[${(d.vector(() => bytesText(d.buffer())) ?? ["null"]).sort().join(", ")}]`;
}

function acl(d: JuteDecoder): string {
  const entries = d.vector(() => `${d.int()} ${bytesText(d.buffer())}:${bytesText(d.buffer())}`);
  return `acl=[${entries?.join(", ")}]`;
}

function whoAmIText(d: JuteDecoder): string {
  const infos = d.vector(() => `${bytesText(d.buffer())}:${bytesText(d.buffer())}`);
  return `infos=[${infos?.sort().join(", ")}]`;
}

function saslText(d: JuteDecoder): string {
  const token = bytesText(d.buffer());
  return `token=${
    token.replace(/nonce=\\"[^"]*\\"/, "nonce=...").replace(/(rspauth=)\w{32}/, "$1...")
  }`;
}

function eventText(d: JuteDecoder): string {
  return `type=${d.int()} state=${d.int()} path=${bytesText(d.buffer())}`;
}

function multiText(d: JuteDecoder, normal: Normalizer): string {
  const results: string[] = [];
  while (true) {
    const [type, done, err] = [d.int(), d.boolean(), d.int()];
    const header = `${type}/${done ? 1 : 0}/${err}`;
    if (done) return `[${results.join("; ")}] end=${header}`;
    const read = type === -1 ? (d: JuteDecoder) => `err=${d.int()}` : bodyTexts[type];
    results.push(read === undefined ? header : `${header} ${read(d, normal)}`);
  }
}

function together(...parts: BodyText[]): BodyText {
  return (d, normal) => parts.map((part) => part(d, normal)).join(" ");
}

const bodyTexts: Readonly<Record<number, BodyText>> = {
  [Op.create]: field("path"),
  [Op.create2]: together(field("path"), stat),
  [Op.createContainer]: together(field("path"), stat),
  [Op.createTtl]: together(field("path"), stat),
  [Op.exists]: stat,
  [Op.getData]: together(field("data"), stat),
  [Op.setData]: stat,
  [Op.getAcl]: together(acl, stat),
  [Op.setAcl]: stat,
  [Op.getChildren]: sorted("children"),
  [Op.getChildren2]: together(sorted("children"), stat),
  [Op.sync]: field("path"),
  [Op.multi]: multiText,
  [Op.multiRead]: multiText,
  [Op.reconfig]: together(field("data"), stat),
  [Op.sasl]: saslText,
  [Op.getEphemerals]: sorted("ephemerals"),
  [Op.getAllChildrenNumber]: (d) => `count=${d.int()}`,
  [Op.addWatch]: (d) => `err=${d.int()}`,
  [Op.whoAmI]: whoAmIText,
};
