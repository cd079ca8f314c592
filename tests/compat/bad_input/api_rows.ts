/**
 * Bad requests to the HTTP API, and the answer to each.
 *
 * `~` stands for `/api/v1`; what stands in braces is filled in by the test: tokens of sessions, bodies of a size.
 *
 * @module
 */
import type { Outcome, ProblemName } from "../../../net/http/problem.ts";

/** Which server is asked; default: one. */
export type At = "one" | "alone" | "readOnlyMode" | "readOnlyApi" | "strict" | "ensembleOfOne";

export interface BadRequest {
  /** First line without the version, header fields, an empty line, the body. */
  readonly request: string;
  readonly problem: ProblemName;
  /** Of what `detail` says: what is wrong, and what to do. */
  readonly detail: RegExp;
  readonly outcome?: Outcome;
  readonly at?: At;
}

type Row = readonly [
  request: string,
  problem: ProblemName,
  detail: RegExp,
  more?: Outcome | { outcome?: Outcome; at: At },
];

const SUPER = `Authorization: Basic ${btoa("super:secret")}`;
const ANN = `Authorization: Basic ${btoa("ann:secret")}`;

const JSON_ROWS: readonly Row[] = [
  ["POST ~/txn\n\n{", "bad-json", /Cannot read the body as JSON: .*position 1/],
  ["POST ~/txn\n\n\xff", "bad-json", /not valid UTF-8/],
  ["POST ~/txn\n\n[]", "bad-request", /expected object/],
  ["POST ~/txn\n\nnull", "bad-request", /expected object/],
  ["POST ~/txn\n\n", "bad-request", /ops: .*expected array/],
  ['POST ~/txn\n\n{"ops":[]}', "bad-request", /ops: .*>=1/],
  ['POST ~/txn\n\n{"ops":{}}', "bad-request", /ops: .*expected array/],
  ['POST ~/txn\n\n{"ops":[{"op":"move"}]}', "bad-request", /ops\[0\]\.op: /],
  ['POST ~/txn\n\n{"ops":[{"op":"create"}]}', "bad-request", /ops\[0\]\.path: /],
  ['POST ~/txn\n\n{"ops":[{"op":"create","path":"a"}]}', "bad-request", /ops\[0\].*"a".*none/],
  ['POST ~/txn\n\n{"ops":[{"op":"create","path":"/a","type":"ttl"}]}', "bad-request", /ttlMs/],
  [
    'POST ~/txn\n\n{"ops":[{"op":"create","path":"/a","type":"ephemeral"}]}',
    "session-required",
    /ops\[0\].*X-Zk-Session/,
    "not-applied",
  ],
  [
    'POST ~/txn\n\n{"ops":[{"op":"set","path":"/a"}]}',
    "bad-request",
    /ops\[0\]\.data: /,
  ],
  [
    'POST ~/txn\n\n{"ops":[{"op":"set","path":"/a","data":{"encoding":"base64","data":"!"}}]}',
    "bad-request",
    /ops\[0\].*base64/,
  ],
  [
    'POST ~/txn\n\n{"ops":[{"op":"delete","path":"/a","version":1.5}]}',
    "bad-request",
    /ops\[0\]\.version: /,
  ],
  [
    'POST ~/txn\n\n{"ops":[{"op":"delete","path":"/a","version":2147483648}]}',
    "bad-request",
    /ops\[0\]\.version: /,
  ],
  [
    'POST ~/txn\n\n{"ops":[{"op":"check","path":"/a","version":1,"etag":"1.2"}]}',
    "bad-request",
    /version and etag: send one/,
  ],
  ['POST ~/txn\n\n{"ops":[{"op":"check","path":"/a","more":1}]}', "bad-request", /"more"/],
  ['POST ~/txn\n\n{"ops":[],"__proto__":{}}', "bad-request", /__proto__|>=1/],
  [
    'POST ~/txn\n\n{"ops":[{"op":"delete","path":"/none"}]}',
    "txn-failed",
    /ops\[0\]/,
    "not-applied",
  ],
  ['POST ~/read\n\n{"paths":[1]}', "bad-request", /paths\[0\]: /],
  ['POST ~/read\n\n{"paths":["/a"],"what":"all"}', "bad-request", /what: /],
  ['POST ~/sessions\n\n{"ttl":"soon"}', "bad-request", /ttl: /],
  ['POST ~/sessions\n\n{"ttl":-1}', "bad-request", /ttl: /],
  ['POST ~/locks/l\n\n{"wait":"1 year","ttl":"5s"}', "bad-request", /wait: /],
  [
    'POST ~/txn\nContent-Type: text/plain\n\n{"ops":[]}',
    "unsupported-media-type",
    /send application\/json/,
  ],
  ["PUT ~/acl/kept\n\nnonsense", "invalid-acl", /"nonsense" is not a list of scheme:id:perms/],
  ["PUT ~/tree/t\n\nnonsense", "bad-json", /Line 1/],
];

const PATH_ROWS: readonly Row[] = [
  ["GET ~/data/a%2Fb", "bad-path", /write \/ between names, not %2F/],
  ["GET ~/data/a%2fb", "bad-path", /write \/ between names, not %2F/],
  ["GET ~/data/a%00b", "bad-path", /U\+0000 .*leave it out/],
  ["GET ~/data/a%0Ab", "bad-path", /U\+000A/],
  ["GET ~/data/a%7Fb", "bad-path", /U\+007F/],
  ["GET ~/data/a%C2%85b", "bad-path", /U\+0085/],
  ["GET ~/data/a/../b", "bad-path", /\.\. is not a name: write the path from the root on/],
  ["GET ~/data/a/%2e%2E/b", "bad-path", /\.\. is not a name/],
  ["GET ~/data/./a", "bad-path", /\. is not a name/],
  ["GET ~/data//a", "bad-path", /there is none between: a znode's name has at least one letter/],
  ["GET ~/data/a//b", "bad-path", /there is none between/],
  ["GET ~/data/a/", "bad-path", /it ends with a slash/],
  ["GET ~/data/a%", "bad-path", /write % itself as %25/],
  ["GET ~/data/a%4", "bad-path", /write % itself as %25/],
  ["GET ~/data/a%zz", "bad-path", /write % itself as %25/],
  ["GET ~/data/a%FF", "bad-path", /not percent-encoded UTF-8/],
  ["GET ~/data/a%C0%AF", "bad-path", /not percent-encoded UTF-8/],
  ["GET ~/data/a%ED%A0%80", "bad-path", /not percent-encoded UTF-8/],
  ["GET ~/data/a%EF%BF%BF", "bad-path", /U\+FFFF/],
  ["GET ~/data/a%EE%80%80", "bad-path", /U\+E000/],
  ["GET ~/data/a\xff", "bad-path", /not percent-encoded UTF-8/],
  ["GET ~/watch?path=a", "bad-path", /begins with a slash/],
  ["GET ~/sessions/%zz", "bad-path", /write % as %25/],
  ["GET ~/nothing", "not-found", /\/docs tells what there is/],
  ["GET /", "not-found", /\/docs/],
  ["GET ~/whoami/", "not-found", /perhaps without the slash at the end/],
  ["PATCH ~/data/a", "method-not-allowed", /there are DELETE, GET, HEAD, OPTIONS, POST, PUT/],
  ["TRACE ~/whoami", "method-not-allowed", /there are GET, HEAD, OPTIONS/],
];

const QUERY_ROWS: readonly Row[] = [
  ["GET ~/data/a?nothing=1", "bad-request", /no query parameter "nothing" here: there are .*sniff/],
  ["GET ~/data/a?sniff=1&sniff=1", "bad-request", /"sniff" twice: give it once/],
  ["GET ~/data/a?consistency=strong", "bad-request", /local, sync, linearizable/],
  ["GET ~/data/a?sniff=perhaps", "bad-request", /sniff: /],
  ["GET ~/data/a?since=5", "bad-request", /since: must be 0x and hex digits/],
  ["GET ~/data/a?wait=soon", "bad-request", /wait: /],
  ["GET ~/node/a?encoding=rot13", "bad-request", /encoding: /],
  ["GET ~/children/a?limit=0", "bad-request", /limit: /],
  ["GET ~/children/a?limit=-1", "bad-request", /limit: must be a whole number/],
  ["GET ~/children/a?limit=1e3", "bad-request", /limit: must be a whole number/],
  [`GET ~/server/sessions?limit=1e2\n${SUPER}`, "bad-request", /limit: must be a whole number/],
  [
    `POST ~/cluster/leader:transfer?wait=2m\n${SUPER}\n\n{}`,
    "bad-request",
    /wait: 2m is not within/,
  ],
  ["GET ~/children/a?type=large", "bad-request", /type: /],
  ["GET ~/tree/a?depth=x", "bad-request", /depth: /],
  ["GET ~/tree/a?format=xml", "bad-request", /format: /],
  ["PUT ~/tree/a?conflict=win\n\n", "bad-request", /conflict: /],
  ["PUT ~/data/a?type=solid\n\n", "bad-request", /type: /],
  ["PUT ~/data/a?type=ttl\n\n", "bad-request", /type=ttl and ttlMs need each other/],
  ["PUT ~/data/a?ttlMs=1\n\n", "bad-request", /need each other/],
  ["PUT ~/data/a?type=ttl&ttlMs=0\n\n", "bad-request", /ttlMs: /],
  ["PUT ~/data/a?acl=world\n\n", "invalid-acl", /scheme:id:perms/],
  ["PUT ~/data/a?takeover=1\n\n", "bad-request", /send type=ephemeral too/],
  ["POST ~/data/a\n\n", "bad-request", /send sequence=1, or PUT/, "not-applied"],
  ["DELETE ~/data/a?max=0&recursive=1", "bad-request", /max: /],
  ["DELETE ~/data/a?plan=1", "bad-request", /send recursive=1 too/, "not-applied"],
  ["GET ~/watch", "bad-request", /path: /],
  ["GET ~/watch?path=/a&value=all", "bad-request", /value: /],
  ["GET ~/locks/l?limit=x", "bad-request", /limit: /],
  [`GET ~/server/watches?by=name\n${SUPER}`, "bad-request", /by: /],
];

const HEADER_ROWS: readonly Row[] = [
  ["PUT ~/data/kept\nIf-Match: 3\n\n", "bad-request", /\* or ETags in double quotes/],
  ['PUT ~/data/kept\nIf-Match: W/"3"\n\n', "bad-request", /send it without W\//],
  ['PUT ~/data/kept\nIf-Match: "1", x\n\n', "bad-request", /ETags in double quotes/],
  ['PUT ~/data/kept\nIf-None-Match: "1"\n\n', "bad-request", /it can only be \*/],
  ["PUT ~/data/kept\nIf-Match: *\nIf-None-Match: *\n\n", "bad-request", /send one of them/],
  ['PUT ~/data/kept\nIf-Match: "77"\n\n', "bad-version", /77/, "not-applied"],
  ['PUT ~/data/kept\nIf-Match: "nonsense"\n\n', "bad-version", /nonsense/, "not-applied"],
  ['DELETE ~/data/kept\nIf-Match: "0.1"', "bad-version", /0\.1/, "not-applied"],
  ['PUT ~/acl/kept\nIf-Match: "9"\n\nworld:anyone:r', "bad-version", /9/, "not-applied"],
  ["PUT ~/data/kept\nX-Zk-Null: 1\n\nx", "bad-request", /there are 1 bytes of data/],
  ["GET ~/data/kept\nX-Zk-Min-Zxid: 12", "bad-request", /send what X-Zk-Zxid told/],
  ["GET ~/data/kept\nX-Zk-Min-Zxid: 0xffffffffffffffff", "bad-request", /send what X-Zk-Zxid told/],
  ["GET ~/data/kept\nX-Zk-Min-Zxid: 0xffffffff", "behind", /0xffffffff/],
  ["GET ~/watch?path=/a\nLast-Event-ID: x", "bad-request", /leave it out, or send 0x/],
  ["POST ~/data/a-?sequence=1\nIdempotency-Key: \n\n", "bad-request", /1 to 200/, "not-applied"],
  [
    "GET ~/data/kept\nHost: evil.example",
    "wrong-host",
    /use localhost, or add the name to http\.allowedHosts/,
  ],
  [
    "GET ~/data/kept\nSec-Fetch-Site: cross-site",
    "cross-site",
    /only pages of this server may/,
  ],
  [
    "PUT ~/data/kept\nOrigin: http://evil.example\n\n",
    "cross-site",
    /only pages of this server may/,
    "not-applied",
  ],
];

const WHO_ROWS: readonly Row[] = [
  ["GET ~/data/secret", "auth-required", /send Authorization: Basic/],
  [`GET ~/data/secret\n${ANN}`, "no-auth", /ask who has ADMIN on it/],
  [`PUT ~/data/secret\n${ANN}\n\nx`, "no-auth", /./, "not-applied"],
  ["DELETE ~/data/secret/child", "auth-required", /./, "not-applied"],
  [
    "GET ~/whoami\nAuthorization: Bearer x",
    "auth-failed",
    /"bearer" is not known here: use Basic, or digest/,
  ],
  [
    "GET ~/whoami\nAuthorization: Basic !!",
    "auth-failed",
    /user:password in base64, as curl -u makes it/,
  ],
  [
    `GET ~/whoami\nAuthorization: Basic ${btoa("nocolon")}`,
    "auth-failed",
    /user:password/,
  ],
  ["GET ~/whoami\nAuthorization: digest nocolon", "auth-failed", /user:password/],
  ['GET ~/whoami\nAuthorization: Digest username="a"', "auth-failed", /use Basic/],
  [
    `GET ~/whoami\nAuthorization: Basic ${"A".repeat(9000)}`,
    "auth-failed",
    /8192 letters/,
  ],
  ["GET ~/whoami\nAuthorization: Basic", "auth-failed", /user:password/],
  ["GET ~/server/config", "auth-required", /superDigest/],
  [`GET ~/server/config\n${ANN}`, "no-auth", /http\.adminPath/],
  ["GET ~/whoami", "session-requires-auth", /Authorization: Basic/, { at: "strict" }],
];

const SESSION_ROWS: readonly Row[] = [
  ["PUT ~/data/e?type=ephemeral\n\n", "session-required", /send X-Zk-Session/, "not-applied"],
  ["GET ~/sessions/current", "session-required", /X-Zk-Session/],
  ["POST ~/locks/l\n\n{}", "session-required", /or give a ttl/],
  [
    "GET ~/whoami\nX-Zk-Session: nonsense",
    "bad-request",
    /send it as POST \/api\/v1\/sessions gave it/,
  ],
  ["GET ~/sessions/nonsense", "bad-request", /POST \/api\/v1\/sessions gave it/],
  ["GET ~/whoami\nX-Zk-Session: {damaged}", "bad-request", /send it as/],
  [
    "PUT ~/data/e?type=ephemeral\nX-Zk-Session: {wrongPassword}\n\n",
    "session-expired",
    /make a new one/,
    "not-applied",
  ],
  ["GET ~/sessions/{wrongPassword}", "session-expired", /make a new one/],
  [
    "PUT ~/data/e?type=ephemeral\nX-Zk-Session: {closed}\n\n",
    "session-expired",
    /make a new one/,
    "not-applied",
  ],
  [
    "PUT ~/data/kept\nX-Zk-Session: {expired}\n\n",
    "session-expired",
    /make a new one/,
    "not-applied",
  ],
  ["DELETE ~/sessions/{closed}", "session-expired", /make a new one/],
  ['POST ~/locks/l\nX-Zk-Session: {token}\n\n{"ttl":"5s"}', "bad-request", /leave one out/],
  ['POST ~/locks/held\n\n{"ttl":"5s"}', "lock-held", /ask again with a longer wait/, "not-applied"],
  [
    'POST ~/locks/delayed\n\n{"ttl":"5s"}',
    "lock-delayed",
    /ask again with a longer wait/,
    "not-applied",
  ],
  ["DELETE ~/locks/l\nX-Zk-Session: {token}", "lock-not-held", /neither holds the lock/],
  ["DELETE ~/elections/e\nX-Zk-Session: {token}", "not-a-candidate", /./],
];

const STATE_ROWS: readonly Row[] = [
  ["GET ~/data/none", "no-node", /none/],
  ["PUT ~/data/none\nIf-Match: *\n\n", "no-node", /none/, "not-applied"],
  ["PUT ~/data/none/a\n\n", "parent-missing", /parents=1|make it first/, "not-applied"],
  ["POST ~/data/none/a?sequence=1\n\n", "parent-missing", /make it first/, "not-applied"],
  ["PUT ~/data/kept\nIf-None-Match: *\n\n", "node-exists", /exists/, "not-applied"],
  ["DELETE ~/data/full", "not-empty", /recursive=1/, "not-applied"],
  ["DELETE ~/data/full?recursive=1&max=1", "not-empty", /Send a larger max/, "not-applied"],
  [
    "PUT ~/data/ephemeral/a\n\n",
    "no-children-for-ephemerals",
    /beside the ephemeral/,
    "not-applied",
  ],
  ["DELETE ~/data", "bad-arguments", /root/, "not-applied"],
  [
    "PUT ~/data/t?type=ttl&ttlMs=1000\n\n",
    "unimplemented",
    /extendedTypesEnabled=true/,
    "not-applied",
  ],
  [
    "PUT ~/data/limited/a\n\n",
    "quota-exceeded",
    /raise it under \/zookeeper\/quota/,
    "not-applied",
  ],
  [
    "PUT ~/data/large\n\n{tooLarge}",
    "too-large",
    /the limit is 20000 bytes, jute\.maxbuffer/,
    "not-applied",
  ],
  [
    "PUT ~/data/large\nTransfer-Encoding: chunked\n\n{tooLargeChunked}",
    "too-large",
    /the limit is 20000 bytes/,
    "not-applied",
  ],
  [
    "POST ~/txn\n\n{twiceTooLarge}",
    "too-large",
    /the limit is 40000 bytes, 2 x jute\.maxbuffer/,
    "not-applied",
  ],
  [
    "PUT ~/data/slow\nContent-Length: 5\n\nabc",
    "slow-request",
    /within 1000 ms, http\.requestTimeout: send it faster/,
    "not-applied",
  ],
  [
    "PUT ~/data/slow\nTransfer-Encoding: chunked\n\n5\r\nabc",
    "slow-request",
    /http\.requestTimeout/,
    "not-applied",
  ],
  [`DELETE ~/server/connections/127.0.0.1:1\n${SUPER}`, "no-connection", /lists them/],
  [`DELETE ~/server/connections/nonsense\n${SUPER}`, "bad-request", /./],
  [`DELETE ~/server/sessions/0x1\n${SUPER}`, "no-session", /lists them/],
  [`DELETE ~/server/sessions/nonsense\n${SUPER}`, "bad-request", /./],
  [`GET ~/backups\n${SUPER}`, "backups-disabled", /backup\.dir/],
  [`POST ~/members\n${SUPER}\n\n{"remove":[1]}`, "no-membership", /./],
  [`POST ~/members\n${SUPER}\n\n{"add":["nonsense"]}`, "reconfig-disabled", /reconfigEnabled/, {
    at: "ensembleOfOne",
  }],
  [`POST ~/members\n${SUPER}\n\n{"add":["a\\nb"]}`, "bad-request", /server\.4=host:2888:3888/],
  [`POST ~/members\n${SUPER}\n\n{}`, "bad-request", /add, remove or both/],
  [`POST ~/cluster/leader:transfer\n${SUPER}\n\n{}`, "lead-transfer-refused", /stands alone/],
  ["GET ~/data/kept", "no-quorum", /ask again, or another server/, { at: "alone" }],
  ["PUT ~/data/kept\n\nx", "no-quorum", /./, { at: "alone", outcome: "not-applied" }],
  ["POST ~/sync", "no-quorum", /./, { at: "alone" }],
  ["PUT ~/data/kept\n\nx", "not-read-only", /ask again, or another server/, {
    at: "readOnlyMode",
    outcome: "not-applied",
  }],
  ["PUT ~/data/kept\n\nx", "read-only-api", /http\.readOnly is true/, {
    at: "readOnlyApi",
    outcome: "not-applied",
  }],
  ["POST ~/sessions\n\n{}", "read-only-api", /http\.readOnly is true/, {
    at: "readOnlyApi",
    outcome: "not-applied",
  }],
  [`POST ~/members\n${SUPER}\n\n{"remove":[1]}`, "reconfig-disabled", /reconfigEnabled/, {
    at: "ensembleOfOne",
  }],
];

const ROWS = [JSON_ROWS, PATH_ROWS, QUERY_ROWS, HEADER_ROWS, WHO_ROWS, SESSION_ROWS, STATE_ROWS];

export const BAD_REQUESTS: readonly BadRequest[] = ROWS.flat()
  .map(([request, problem, detail, more]): BadRequest => ({
    ...{ request, problem, detail },
    // what may change something is told that it did not
    ...(isWrite(request) ? { outcome: "not-applied" } : {}),
    ...(typeof more === "string" ? { outcome: more } : more),
  }));

function isWrite(request: string): boolean {
  return /^(PUT|POST|DELETE) /.test(request) && !request.startsWith("POST ~/read");
}

/** Problems that no single request to a server brings about, and why. */
export const PROVOKED_ELSEWHERE: Readonly<Partial<Record<ProblemName, string>>> = {
  "contended":
    "others have to change the same again and again: tests/net/http/resources_delete_test.ts",
  "marshalling-error": "the server itself writes what it asks its ensemble for",
  "session-moved":
    "a session has to be used through two members at one moment: tests/core/server/write_pipeline_test.ts has the rule",
  "ephemeral-on-local-session": "sessions that are made over HTTP are global",
  "new-config-no-quorum": "members have to be away: tests/cluster/reconfig_test.ts has the rule",
  "reconfig-in-progress":
    "two changes have to meet: tests/cluster/leader_reconfig_test.ts has the rule",
  "operation-timeout": "the quorum has to fall silent: tests/net/http/server_gateway_test.ts",
  "system-error": "the server has to fail: tests/net/http/http_server_test.ts",
  "no-backup": "a backup.dir has to be there: tests/net/http/backups_test.ts",
  "backup-in-progress": "another process has to be at work: tests/net/http/backups_test.ts",
  "backup-failed": "the folder has to be damaged: tests/net/http/backups_test.ts",
  "disk-full": "tests/net/http/health_test.ts",
  "memory-full": "tests/net/memory_test.ts",
  "not-leader": "it takes a follower: tests/net/http/cluster_test.ts, tests/compat/openapi_test.ts",
  "unavailable": "the server has to be starting or stopping: tests/net/http/health_test.ts",
  "throttled": "many have to ask at once: tests/compat/http_bad_input_test.ts, below the table",
  "too-many-streams": "ten thousand have to be open: tests/net/http/watch_hub_test.ts",
};
