/**
 * The client's side of SASL DIGEST-MD5 (RFC 2831), as ZooKeeper's clients do it.
 *
 * @module
 */
import { createHash } from "node:crypto";

export interface SaslUser {
  readonly name: string;
  readonly password: string;
}

/** The response to a server's challenge; `cnonce` is fixed, the server chooses its own nonce. */
export function digestMd5Response(challenge: string, { name, password }: SaslUser): string {
  const nonce = /nonce="([^"]*)"/.exec(challenge)?.[1] ?? "";
  const realm = /realm="([^"]*)"/.exec(challenge)?.[1] ?? "";
  const cnonce = "ZGVua2VlcGVyIHRlc3Rz";
  const uri = "zookeeper/zk-sasl-md5";
  const secret = createHash("md5").update(`${name}:${realm}:${password}`).digest();
  const a1 = createHash("md5").update(secret).update(`:${nonce}:${cnonce}`).digest("hex");
  const a2 = md5Hex(`AUTHENTICATE:${uri}`);
  const response = md5Hex(`${a1}:${nonce}:00000001:${cnonce}:auth:${a2}`);
  return `charset=utf-8,username="${name}",realm="${realm}",nonce="${nonce}",nc=00000001,` +
    `cnonce="${cnonce}",digest-uri="${uri}",maxbuf=65536,response=${response},qop=auth`;
}

function md5Hex(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
