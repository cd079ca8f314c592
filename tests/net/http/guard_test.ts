import assert from "node:assert/strict";
import { Guard } from "../../../net/http/guard.ts";
import { Problem } from "../../../net/http/problem.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";

function guardOf(allowedHosts = "") {
  const settings = allowedHosts === "" ? {} : { "http.allowedHosts": allowedHosts };
  return new Guard(makeConfig({ settings }).http, ["here"]);
}

interface Given {
  readonly headers: Record<string, string>;
  readonly method?: string;
  readonly peer?: string;
  readonly isPublic?: boolean;
  /** Null: it passes. */
  readonly problem: string | null;
}

function check(guard: Guard, { headers, method = "GET", peer, isPublic, problem }: Given): void {
  // what fetch may not set, a client may
  const sent = {
    method,
    headers: { get: (name: string) => headers[name] ?? null },
  } as unknown as Request;
  let found: string | null = null;
  try {
    guard.check(sent, { peerAddress: peer ?? "10.0.0.1", isPublic: isPublic ?? false });
  } catch (error) {
    assert.ok(error instanceof Problem);
    found = error.problem;
  }
  assert.equal(found, problem, JSON.stringify({ headers, method, peer, isPublic }));
}

Deno.test("Guard.check() refuses requests of other sites' pages", () => {
  const host = "server:8080";
  const cases: Given[] = [
    { headers: {}, problem: null },
    { headers: { "sec-fetch-site": "none" }, problem: null },
    { headers: { "sec-fetch-site": "same-origin" }, problem: null },
    { headers: { "sec-fetch-site": "cross-site" }, problem: "cross-site" },
    { headers: { "sec-fetch-site": "same-site" }, problem: "cross-site" },
    { headers: { "sec-fetch-site": "cross-site" }, isPublic: true, problem: null },
    { headers: { host, origin: "http://evil" }, method: "PUT", problem: "cross-site" },
    { headers: { host, origin: "null" }, method: "POST", problem: "cross-site" },
    { headers: { host, origin: "http://server:8081" }, method: "DELETE", problem: "cross-site" },
    { headers: { host, origin: "http://Server:8080" }, method: "PUT", problem: null },
    { headers: { host, origin: "https://server:8080" }, method: "PUT", problem: null },
    { headers: { host, origin: "http://evil" }, problem: null }, // reads nothing without CORS
  ];
  const guard = guardOf();
  for (const given of cases) check(guard, given);
});

Deno.test("Guard.check() takes only names of its own over the loopback interface", () => {
  const problem = "wrong-host";
  const cases: Given[] = [
    { headers: { host: "evil.example:8080" }, peer: "127.0.0.1", problem },
    { headers: { host: "evil.example" }, peer: "::1", problem },
    { headers: { host: "127.0.0.1.evil.example" }, peer: "127.0.0.1", problem },
    { headers: { host: "evil.example" }, peer: "::ffff:127.0.0.1", problem },
    { headers: { host: "evil.example" }, peer: "127.0.0.1", isPublic: true, problem },
    { headers: { host: "evil.example" }, peer: "10.0.0.1", problem: null },
    { headers: { host: "localhost:8080" }, peer: "127.0.0.1", problem: null },
    { headers: { host: "127.0.0.2" }, peer: "127.0.0.1", problem: null },
    { headers: { host: "[::1]:8080" }, peer: "::1", problem: null },
    { headers: { host: "HERE:8080" }, peer: "127.0.0.1", problem: null },
    { headers: {}, peer: "127.0.0.1", problem: null },
    { headers: { host: "zk.example.com" }, peer: "127.0.0.1", problem: null },
  ];
  const guard = guardOf("zk.example.com");
  for (const given of cases) check(guard, given);
});
