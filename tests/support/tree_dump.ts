/**
 * Reads every znode of a server, with data, stat and ACL, as text that can be compared.
 *
 * @module
 */
import type { JuteDecoder } from "./jute.ts";
import { RawClient } from "./raw_client.ts";
import { auth, getChildren, getData, ofPath, Op } from "./requests.ts";

/** What to give a server so that {@linkcode dumpTree} may read everything. */
export const SUPER_PROPERTIES = {
  // of super:secret
  "zookeeper.DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
};

/** @returns a line a znode, sorted by path */
export async function dumpTree(port: number, hostname = "127.0.0.1"): Promise<string[]> {
  using client = await RawClient.session(port, { hostname });
  await client.call(auth("digest", "super:secret"), -4);
  const lines: string[] = [];
  const paths = ["/"];
  for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
    const data = await client.must(getData(path));
    const value = data.buffer();
    const acl = await client.must(ofPath(Op.getAcl, path));
    const entries = acl.vector(() => `${acl.int()}:${acl.string()}:${acl.string()}`) ?? [];
    const shown = value === null ? "null" : value.toHex();
    lines.push(`${path} data=${shown} ${statText(data)} acl=${entries.join(",")}`);
    const children = await client.must(getChildren(path));
    for (const name of children.vector(() => children.string() ?? "") ?? []) {
      paths.push(path === "/" ? `/${name}` : `${path}/${name}`);
    }
  }
  await client.endSession();
  return lines.sort();
}

function statText(decoder: JuteDecoder): string {
  const longs = ["czxid", "mzxid", "ctime", "mtime"].map((name) => `${name}=${decoder.long()}`);
  const ints = ["version", "cversion", "aversion"].map((name) => `${name}=${decoder.int()}`);
  const owner = `owner=${decoder.long().toString(16)}`;
  const counts = ["dataLength", "numChildren"].map((name) => `${name}=${decoder.int()}`);
  return [...longs, ...ints, owner, ...counts, `pzxid=${decoder.long()}`].join(" ");
}
