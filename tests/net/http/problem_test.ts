/**
 * The table from ZooKeeper's codes to what HTTP answers, row by row, as the design of the API has it: also of codes
 * that no request can be made to provoke.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import { Problem, problemOfCode, PROBLEMS } from "../../../net/http/problem.ts";
import { problemResponse } from "../../../net/http/problem_response.ts";

const ROWS: readonly (readonly [code: number, status: number, problem: string, name: string])[] = [
  [-1, 500, "system-error", "SYSTEMERROR"],
  [-2, 500, "system-error", "SYSTEMERROR"], // of an operation behind the one that failed: never told alone
  [-3, 500, "system-error", "SYSTEMERROR"],
  [-4, 503, "no-quorum", "CONNECTIONLOSS"],
  [-5, 400, "marshalling-error", "MARSHALLINGERROR"],
  [-6, 501, "unimplemented", "UNIMPLEMENTED"],
  [-7, 504, "operation-timeout", "OPERATIONTIMEOUT"],
  [-8, 400, "bad-arguments", "BADARGUMENTS"],
  [-12, 500, "system-error", "SYSTEMERROR"],
  [-13, 409, "new-config-no-quorum", "NEWCONFIGNOQUORUM"],
  [-14, 409, "reconfig-in-progress", "RECONFIGINPROGRESS"],
  [-101, 404, "no-node", "NONODE"],
  [-102, 403, "no-auth", "NOAUTH"],
  [-103, 412, "bad-version", "BADVERSION"],
  [-108, 409, "no-children-for-ephemerals", "NOCHILDRENFOREPHEMERALS"],
  [-110, 409, "node-exists", "NODEEXISTS"],
  [-111, 409, "not-empty", "NOTEMPTY"],
  [-112, 410, "session-expired", "SESSIONEXPIRED"],
  [-114, 400, "invalid-acl", "INVALIDACL"],
  [-115, 401, "auth-failed", "AUTHFAILED"],
  [-118, 409, "session-moved", "SESSIONMOVED"],
  [-119, 503, "not-read-only", "NOTREADONLY"],
  [-120, 409, "ephemeral-on-local-session", "EPHEMERALONLOCALSESSION"],
  [-121, 500, "system-error", "SYSTEMERROR"], // watches over HTTP are none of a connection's
  [-123, 403, "reconfig-disabled", "RECONFIGDISABLED"],
  [-124, 401, "session-requires-auth", "SESSIONCLOSEDREQUIRESASLAUTH"],
  [-125, 507, "quota-exceeded", "QUOTAEXCEEDED"],
  [-127, 429, "throttled", "THROTTLEDOP"],
];
const CONTEXT = { instance: "/api/v1/data/a", path: "/a", zxid: "0x1", method: "PUT" };

Deno.test("problemOfCode() and problemResponse() answer each of ZooKeeper's codes as the table says", async () => {
  for (const [code, status, problem, name] of ROWS) {
    const found = problemOfCode(code);
    assert.equal(found, problem, `code ${code}`);
    const response = problemResponse(new Problem(found, { path: "/a" }), CONTEXT);
    assert.equal(response.status, status, problem);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal(response.headers.get("x-zk-error"), name);
    assert.equal(response.headers.has("www-authenticate"), status === 401, problem);
    if (status === 429 || status === 503) assert(response.headers.has("retry-after"), problem);
    const body = await response.json();
    const told = [body.type, body.status, body.name, body.path, body.zxid, body.instance];
    const expected = [`urn:denkeeper:problem:${problem}`, status, name, "/a", "0x1"];
    assert.deepEqual(told, [...expected, "/api/v1/data/a"]);
    assert.equal(body.title, PROBLEMS[found].title);
  }
});

Deno.test("problemOfCode() has a row for every code that a server may answer", () => {
  const rows = new Set(ROWS.map(([code]) => code));
  const missing = Object.values(ErrorCode).filter((code) => code !== 0 && !rows.has(code));
  assert.deepEqual(missing, []);
});
