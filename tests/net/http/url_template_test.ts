import assert from "node:assert/strict";
import { Problem } from "../../../net/http/problem.ts";
import { paramNamesOf, paramsOf, rawPathOf } from "../../../net/http/url_template.ts";

Deno.test("rawPathOf() takes the path out of a URL as it came", () => {
  const cases = [
    ["http://h/a/b?x=/y", "/a/b"],
    ["http://h:8080//a/../b%2Fc", "//a/../b%2Fc"],
    ["http://[::1]:1/", "/"],
    ["http://h", "/"],
  ] as const;
  for (const [url, path] of cases) assert.equal(rawPathOf(url), path);
});

Deno.test("paramsOf() gives the parts of a URL by their names, but for the znode's path", () => {
  assert.deepEqual(paramNamesOf("/s/{token}/keepalive"), ["token"]);
  assert.deepEqual(paramsOf("/s/{token}/keepalive", "/s/a%20b/keepalive"), { token: "a b" });
  assert.deepEqual(paramNamesOf("/q/{owner}/{path}"), ["owner"]);
  assert.deepEqual(paramsOf("/q/{owner}/{path}", "/q/me/a/b"), { owner: "me" });
  assert.throws(() => paramsOf("/s/{token}", "/s/%zz"), Problem);
});
