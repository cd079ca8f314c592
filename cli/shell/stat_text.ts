/**
 * A stat as zkCli.sh prints it, a line a field.
 *
 * @module
 */

import { sessionIdToHex, zxidText } from "../../core/zxid.ts";
import type { ClientStat } from "../../net/client/client_types.ts";
import { formatJavaDate } from "../../net/java_date.ts";

export function statText(stat: ClientStat): string {
  return `cZxid = ${zxidText(stat.czxid)}
ctime = ${formatJavaDate(stat.ctime)}
mZxid = ${zxidText(stat.mzxid)}
mtime = ${formatJavaDate(stat.mtime)}
pZxid = ${zxidText(stat.pzxid)}
cversion = ${stat.cversion}
dataVersion = ${stat.version}
aclVersion = ${stat.aversion}
ephemeralOwner = ${sessionIdToHex(stat.ephemeralOwner)}
dataLength = ${stat.dataLength}
numChildren = ${stat.numChildren}
`;
}
