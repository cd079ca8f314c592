/**
 * How a znode's stat looks in JSON, over HTTP and on the command line: with ZooKeeper's names, and 64-bit numbers as
 * text, since JSON's readers keep 53 bits.
 *
 * @module
 */
import { sessionIdToHex, zxidText } from "../core/zxid.ts";
import type { ClientStat } from "./client/client_types.ts";

export type StatJson =
  & Record<"czxid" | "mzxid" | "pzxid" | "ephemeralOwner", string>
  & Record<
    "ctime" | "mtime" | "version" | "cversion" | "aversion" | "dataLength" | "numChildren",
    number
  >;

export function statJson(stat: ClientStat): StatJson {
  return {
    czxid: zxidText(stat.czxid),
    mzxid: zxidText(stat.mzxid),
    ctime: stat.ctime,
    mtime: stat.mtime,
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: sessionIdToHex(stat.ephemeralOwner),
    dataLength: stat.dataLength,
    numChildren: stat.numChildren,
    pzxid: zxidText(stat.pzxid),
  };
}
