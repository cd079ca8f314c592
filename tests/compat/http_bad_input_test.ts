/**
 * Bad requests over sockets to real servers, and the exact answer to each: what `detail` says included.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ProblemName, PROBLEMS } from "../../net/http/problem.ts";
import { errorNameOf } from "../../net/http/problem_response.ts";
import { parseSessionToken, sessionTokenOf } from "../../net/http/session_token.ts";
import { callApi } from "../support/json_api.ts";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { startLoneMember } from "../support/lone_member.ts";
import { ServerProcess } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { SUPER_PROPERTIES } from "../support/tree_dump.ts";
import { type At, BAD_REQUESTS, PROVOKED_ELSEWHERE } from "./bad_input/api_rows.ts";
import { ABUSES } from "./bad_input/protocol_rows.ts";

const BODY_LIMIT = 20_000;
const REQUEST_TIMEOUT_MS = 1000;
const DEFINES = Object.entries(SUPER_PROPERTIES).map(([key, value]) => `${key}=${value}`);
const SUPER = { Authorization: `Basic ${btoa("super:secret")}` };
/** Digest of super:secret. */
const SECRET_ACL = `digest:${
  SUPER_PROPERTIES["zookeeper.DigestAuthenticationProvider.superDigest"]
}:cdrwa`;

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends letters as bytes, and takes all that comes until the other side closes. */
async function exchange(url: string, text: string, pieces = 1): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  connection.setNoDelay(true);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const sent = sendInPieces(connection, bytes, pieces).catch(() => {});
  const answer = new TextDecoder("latin1").decode(await readAll(connection));
  await sent;
  return answer;
}

async function sendInPieces(
  connection: Deno.Conn,
  bytes: Uint8Array,
  pieces: number,
): Promise<void> {
  const size = Math.ceil(bytes.length / pieces);
  for (let start = 0; start < bytes.length; start += size) {
    const end = Math.min(bytes.length, start + size);
    for (let at = start; at < end;) at += await connection.write(bytes.subarray(at, end));
    if (end < bytes.length) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function readAll(connection: Deno.Conn): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const buffer = new Uint8Array(65536);
  for (;;) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return await new Blob(parts).bytes();
    parts.push(buffer.slice(0, count));
  }
}

function answerOf(text: string): Answer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  return { status: Number(head.slice(9, 12)), head, body: rest.join("\r\n\r\n") };
}

/** Makes the bytes of a row: Host, length and Connection are added where it has none. */
function wireOf(request: string, values: Readonly<Record<string, string>>): string {
  const filled = request.replaceAll(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  const [head, ...rest] = filled.split("\n\n");
  const [first, ...fields] = head!.split("\n");
  const body = rest.length === 0 ? null : rest.join("\n\n");
  const has = (name: string) => fields.some((field) => field.startsWith(`${name}:`));
  return [
    `${first!.replace("~", "/api/v1")} HTTP/1.1`,
    ...(has("Host") ? [] : ["Host: localhost"]),
    ...(body === null || has("Content-Length") || has("Transfer-Encoding")
      ? []
      : [`Content-Length: ${body.length}`]),
    "Connection: close",
    ...fields,
    "",
    body ?? "",
  ].join("\r\n");
}

/** What the rows speak of. */
async function prepare(url: string): Promise<Record<string, string>> {
  const put = async (path: string, body = "", query = "") => {
    const response = await fetch(`${url}/api/v1/data${path}${query}`, {
      method: "PUT",
      headers: SUPER,
      body,
    });
    assert.equal(response.status, 201, await response.text());
  };
  await put("/kept", "as it was");
  await put("/full/child", "", "?parents=1");
  await put("/secret", "", `?acl=${encodeURIComponent(SECRET_ACL)}`);
  await put("/secret/child", "", `?acl=${encodeURIComponent(SECRET_ACL)}`);
  await put("/limited");
  const quota = "/zookeeper/quota/limited";
  await put(
    `${quota}/zookeeper_limits`,
    "count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=1",
    "?parents=1",
  );
  await put(`${quota}/zookeeper_stats`, "count=1,bytes=0");
  const newSession = async (ttl: string): Promise<string> =>
    (await callApi(url, "POST", "/sessions", { body: { ttl } })).body.token;
  const token = await newSession("60s");
  const closed = await newSession("60s");
  await callApi(url, "DELETE", `/sessions/${closed}`);
  const expired = await newSession("1s");
  const made = await callApi(url, "PUT", "/data/ephemeral?type=ephemeral", { session: token });
  assert.equal(made.status, 201);
  await callApi(url, "POST", "/locks/held", { session: token, body: {} });
  const holder = await newSession("1s");
  await callApi(url, "POST", "/locks/delayed", { session: holder, body: { lockDelay: "60s" } });
  await eventually("sessions expire", async () => {
    const { body } = await callApi(url, "GET", "/server/sessions", { headers: SUPER });
    const ids = body.sessions.map((session: { id: string }) => BigInt(session.id));
    return [expired, holder].every((it) =>
      !ids.includes(BigInt.asUintN(64, parseSessionToken(it)!.id))
    );
  });
  const { id } = parseSessionToken(token)!;
  const large = (size: number) => "x".repeat(size);
  return {
    ...{ token, closed, expired },
    wrongPassword: sessionTokenOf({ id, password: new Uint8Array(16) }),
    damaged: token.slice(0, -1) + (token.endsWith("A") ? "B" : "A"),
    tooLarge: large(BODY_LIMIT + 1),
    tooLargeChunked: `${(BODY_LIMIT + 1).toString(16)}\r\n${large(BODY_LIMIT + 1)}\r\n0\r\n\r\n`,
    twiceTooLarge: large(2 * BODY_LIMIT + 1),
  };
}

Deno.test("every bad request to the HTTP API is answered with its problem, and what to do", async () => {
  using dir = makeTempDir();
  await using one = await ServerProcess.start("denkeeper", {
    http: true,
    properties: SUPER_PROPERTIES,
    config: {
      tickTime: 100,
      "jute.maxbuffer": BODY_LIMIT,
      enforceQuota: true,
      "http.requestTimeout": REQUEST_TIMEOUT_MS,
      "http.maxSessionTimeout": 60_000,
    },
  });
  const start = (config: Record<string, string | number | boolean>) =>
    InProcessServer.start({ http: true, defines: DEFINES, config });
  await using alone = await startLoneMember(dir.path, { memberCount: 2 });
  await using readOnlyMode = await startLoneMember(dir.path, {
    memberCount: 2,
    defines: ["readonlymode.enabled=true"],
  });
  await using readOnlyApi = await start({ "http.readOnly": true });
  await using strict = await start({ sessionRequireClientSASLAuth: true });
  await using ensembleOfOne = await startLoneMember(dir.path, { memberCount: 1, defines: DEFINES });
  const servers: Record<At, string> = {
    one: one.httpUrl,
    alone: alone.httpUrl,
    readOnlyMode: readOnlyMode.httpUrl,
    readOnlyApi: readOnlyApi.httpUrl,
    strict: strict.httpUrl,
    ensembleOfOne: ensembleOfOne.httpUrl,
  };
  const values = await prepare(one.httpUrl);
  await eventually("read-only mode begins", async () => {
    const { body } = await callApi(readOnlyMode.httpUrl, "GET", "/cluster");
    return body?.readOnly === true;
  });
  await eventually("one member leads itself", async () => {
    const { body } = await callApi(ensembleOfOne.httpUrl, "GET", "/cluster");
    return body?.serving === true;
  });

  const wrong: string[] = [];
  await Promise.all(BAD_REQUESTS.map(async ({ request, problem, detail, outcome, at = "one" }) => {
    const url = servers[at];
    const { status, head, body } = answerOf(await exchange(url, wireOf(request, values)));
    const kind = PROBLEMS[problem];
    try {
      assert.match(head, /content-type: application\/problem\+json/);
      const told = JSON.parse(body);
      // a transaction has the code of the operation that failed
      const { code }: { title: string; code?: number } =
        PROBLEMS[(told.problem ?? problem) as ProblemName];
      assert.deepEqual({
        status,
        type: told.type,
        title: told.title,
        code: told.code,
        name: told.name,
        outcome: told.outcome,
      }, {
        status: kind.status,
        type: `urn:denkeeper:problem:${problem}`,
        title: kind.title,
        code,
        name: code === undefined ? undefined : errorNameOf(code),
        outcome,
      });
      assert.match(told.detail, detail);
    } catch (error) {
      wrong.push(
        `${at}: ${request.slice(0, 100)}: ${head.slice(0, 20)} ${body}\n${
          (error as Error).message
        }`,
      );
    }
  }));
  assert.deepEqual(wrong, []);
});

Deno.test("every problem that there is has a bad request, or a reason why not", () => {
  const provoked = new Set<string>(BAD_REQUESTS.map(({ problem }) => problem));
  for (const name of Object.keys(PROBLEMS) as ProblemName[]) {
    const reason = PROVOKED_ELSEWHERE[name];
    assert.equal(provoked.has(name), reason === undefined, `${name}: ${reason}`);
  }
});

Deno.test("what is no good HTTP is refused, with nothing behind it taken for a request", async () => {
  await using server = await ServerProcess.start("denkeeper", { http: true });
  const url = server.httpUrl;
  const made = await callApi(url, "PUT", "/data/kept");
  assert.equal(made.status, 201);
  await Promise.all(ABUSES.map(async ({ what, text, statuses, says }) => {
    for (const pieces of [1, 2, 7]) {
      const answer = await exchange(url, text, pieces);
      const given = [...answer.matchAll(/(?:^|[^])HTTP\/1\.1 (\d{3}) [A-Z]/g)]
        .map(([, status]) => Number(status)).filter((status) => status !== 100);
      assert.deepEqual(given, statuses, `${what}: ${answer.slice(-500)}`);
      const last = answer.slice(answer.lastIndexOf("HTTP/1.1 "));
      if (says !== undefined) assert.match(last, says, what);
      assert.match(last, /\r\nconnection: close\r\n/, what);
    }
  }));
  assert.equal((await callApi(url, "GET", "/node/kept")).status, 200, "nobody deleted it");
  assert.doesNotMatch(server.log(), /error/i);
});

Deno.test("bodies of exactly the limit are taken, and one byte more is not, whatever the framing", async () => {
  await using server = await InProcessServer.start({
    http: true,
    config: { "jute.maxbuffer": BODY_LIMIT },
  });
  for (const [size, status] of [[BODY_LIMIT, 201], [BODY_LIMIT + 1, 413]] as const) {
    const body = "x".repeat(size);
    const head = "PUT /api/v1/data/large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    const wires = [
      `${head}Content-Length: ${size}\r\n\r\n${body}`,
      `${head}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ];
    for (const wire of wires) {
      assert.equal(answerOf(await exchange(server.httpUrl, wire)).status, status, `${size}`);
      await callApi(server.httpUrl, "DELETE", "/data/large");
    }
  }
});

Deno.test("more exports than may be under way are told to come again", async () => {
  await using server = await InProcessServer.start({ http: true });
  for (let i = 0; i < 12; i++) {
    const { status } = await callApi(server.httpUrl, "PUT", `/data/n${i}`, {
      body: "x".repeat(1_000_000),
    });
    assert.equal(status, 201);
  }
  const port = Number(new URL(server.httpUrl).port);
  const readers: Deno.TcpConn[] = [];
  try {
    for (let i = 0; i < 16; i++) { // which begin, and read nothing of it
      const reader = await Deno.connect({ hostname: "127.0.0.1", port });
      readers.push(reader);
      await reader.write(
        new TextEncoder().encode("GET /api/v1/tree/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
      );
      await reader.read(new Uint8Array(10));
    }
    const { status, headers, body } = await callApi(server.httpUrl, "GET", "/tree/");
    assert.deepEqual([status, body.type], [429, "urn:denkeeper:problem:throttled"]);
    assert.match(body.detail, /16 exports are under way already: ask again later/);
    assert.equal(headers.get("retry-after"), "5");
  } finally {
    for (const reader of readers) reader.close();
  }
  await eventually("there is room again", async () => {
    const response = await fetch(`${server.httpUrl}/api/v1/tree/?depth=0`);
    await response.body?.cancel();
    return response.status === 200;
  });
});

Deno.test("slow clients, half-closed ones and those that read nothing are let go", async () => {
  await using server = await InProcessServer.start({
    http: true,
    config: { "http.requestTimeout": 200 },
  });
  const port = Number(new URL(server.httpUrl).port);
  const connect = async (text: string) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(text));
    return connection;
  };
  const head = "PUT /api/v1/data/a HTTP/1.1\r\nHost: localhost\r\n";
  // a letter now and then does not help
  for (const text of [head, `${head}Content-Length: 100000\r\n\r\n`]) {
    using slow = await connect(text);
    const drip = setInterval(() => void slow.write(new Uint8Array([0x61])).catch(() => {}), 50);
    const answer = new TextDecoder().decode(await readAll(slow));
    clearInterval(drip);
    assert.match(answer, text === head ? /^$/ : /^HTTP\/1\.1 408 /);
  }
  using half = await connect("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await half.closeWrite();
  assert.match(new TextDecoder().decode(await readAll(half)), /^HTTP\/1\.1 200 /);
  using cut = await connect(`${head}Content-Length: 10\r\n\r\nabc`);
  await cut.closeWrite();
  assert.match(new TextDecoder().decode(await readAll(cut)), /^(HTTP\/1\.1 400 [^]*broke off|$)/);
  const large = await callApi(server.httpUrl, "PUT", "/data/large", {
    body: "x".repeat(1_000_000),
  });
  assert.equal(large.status, 201);
  using deaf = await connect(
    "GET /api/v1/data/large HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100),
  );
  await eventually("it is closed", async () => {
    const { status, body } = await callApi(server.httpUrl, "GET", "/whoami");
    assert.equal(status, 200, JSON.stringify(body));
    return await deaf.write(new Uint8Array(1)).then(() => false, () => true);
  });
});
