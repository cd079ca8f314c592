import assert from "node:assert/strict";
import { z } from "zod";
import { readBytes, readJson } from "../../../net/http/body.ts";
import { BodyBudget } from "../../../net/http/body_budget.ts";
import { Problem } from "../../../net/http/problem.ts";

const LIMIT = {
  bytesMax: 10,
  because: "some.setting",
  timeoutMs: 60_000,
  budget: new BodyBudget(),
};
const Schema = z.strictObject({ ops: z.array(z.object({ version: z.int() })).default([]) });

function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request("http://h/", { method: "POST", body, headers });
}

/** Comes in pieces, and says nothing of its length. */
function pieces(...texts: string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(texts.map((text) => new TextEncoder().encode(text)));
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error;
  }
  assert.fail("it was taken");
}

Deno.test("readBytes() takes bodies up to the limit, with and without a length", async () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(text(await readBytes(post(null), LIMIT)), "");
  assert.equal(text(await readBytes(post("", { "content-length": "0" }), LIMIT)), "");
  assert.equal(
    text(await readBytes(post("0123456789", { "content-length": "10" }), LIMIT)),
    "0123456789",
  );
  assert.equal(text(await readBytes(post(pieces("01234", "56789")), LIMIT)), "0123456789");
});

Deno.test("readBytes() refuses more, and names limit and setting", async () => {
  let isRead = false;
  const unread = new ReadableStream({ pull: () => void (isRead = true) }, { highWaterMark: 0 });
  const declared = await problemOf(readBytes(post(unread, { "content-length": "11" }), LIMIT));
  assert.equal(isRead, false);
  const counted = await problemOf(readBytes(post(pieces("012345", "6789a")), LIMIT));
  for (const { problem, message } of [declared, counted]) {
    assert.equal(problem, "too-large");
    assert.match(message, /the limit is 10 bytes, some\.setting/);
  }
});

Deno.test("readBytes() gives up on a body that does not arrive in time", async () => {
  for (const headers of [{}, { "content-length": "5" }]) {
    const never = new ReadableStream({ start: (out) => out.enqueue(new Uint8Array(1)) });
    const body = post(never, headers as Record<string, string>);
    const { problem, message } = await problemOf(readBytes(body, { ...LIMIT, timeoutMs: 5 }));
    assert.equal(problem, "slow-request");
    assert.match(message, /within 5 ms, http\.requestTimeout/);
  }
});

Deno.test("readBytes() says when a body breaks off", async () => {
  const broken = new ReadableStream({ pull: (out) => out.error(new Error("reset")) });
  const { problem, message } = await problemOf(readBytes(post(broken), LIMIT));
  assert.equal(problem, "bad-request");
  assert.match(message, /broke off: .*reset/);
});

Deno.test("readJson() takes what is said to be JSON, or nothing, or what curl -d sends", async () => {
  const types = [
    ...["application/json", "application/json; charset=utf-8", "application/merge-patch+json"],
    ...["application/x-www-form-urlencoded", ""],
  ];
  const limit = { ...LIMIT, bytesMax: 1000, schema: Schema };
  for (const type of types) {
    const request = post(new TextEncoder().encode('{"ops":[{"version":1}]}'), {
      "content-type": type,
    });
    assert.deepEqual(await readJson(request, limit), { ops: [{ version: 1 }] }, type);
  }
  assert.deepEqual(await readJson(post(null), limit), { ops: [] });
});

Deno.test("readJson() tells other types, broken JSON and wrong values apart", async () => {
  const limit = { ...LIMIT, bytesMax: 1000, schema: Schema };
  const json = { "content-type": "application/json" };
  const cases = [
    { body: "{}", headers: { "content-type": "text/plain" }, problem: "unsupported-media-type" },
    { body: "{", headers: json, problem: "bad-json" },
    { body: new Uint8Array([0x22, 0xff, 0x22]), headers: json, problem: "bad-json" },
    { body: '{"ops":[{"version":"x"}]}', headers: json, problem: "bad-request" },
    { body: '{"other":1}', headers: json, problem: "bad-request" },
    { body: "[]", headers: json, problem: "bad-request" },
  ] as const;
  for (const { body, headers, problem } of cases) {
    const found = await problemOf(readJson(post(body, headers), limit));
    assert.equal(found.problem, problem, `${body}: ${found.message}`);
  }
  const wrong = post('{"ops":[{"version":1},{"version":"x"}]}', json);
  const { message, details } = await problemOf(readJson(wrong, limit));
  assert.match(message, /^The body is not what is expected: ops\[1\]\.version: /);
  const issues = details.members?.["issues"] as { at: string }[];
  assert.deepEqual(issues.map(({ at }) => at), ["ops[1].version"]);
});
