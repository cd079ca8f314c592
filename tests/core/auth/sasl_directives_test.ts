import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { parseDirectives } from "../../../core/auth/sasl_directives.ts";
import { DIRECTIVES_BYTES_MAX } from "../../../core/limits.ts";

Deno.test("parseDirectives() reads what the JDK reads", () => {
  const cases: [message: string, parsed: Record<string, string> | null][] = [
    ["", {}],
    ["a=b", { a: "b" }],
    ["A=b", { a: "b" }],
    ['a="b,c=d",e=f', { a: "b,c=d", e: "f" }],
    [",a=b,,c=d,", { a: "b", c: "d" }],
    ["  a=b \t,\r\n c = d  ", { a: "b", c: "d" }],
    ['a="b" \t,c=d', { a: "b", c: "d" }],
    ['a="b\\"c\\\\d\\e"', { a: 'b"c\\de' }],
    ['a=""', { a: "" }],
    ["a=,b=c", { a: "", b: "c" }],
    ["a=b=c", { a: "b=c" }],
    ['a=b"c', { a: 'b"c' }],
    ["a=b(c;d@e", { a: "b(c;d@e" }],
    ["a/b=1", { "a/b": "1" }],
    ['a="é"', { a: "é" }],
    ['a="\x01\x00"', { a: "\x01\x00" }],
    ["nc=1,nc=2", { nc: "1" }],
    ["foo=1,foo=2", { foo: "1" }],
    ["username=a,username=a", null],
    ["qop=auth,qop=auth", null],
    ["maxbuf=1,maxbuf=1", null],
    ["=x", null],
    ["a", null],
    ["a,b=c", null],
    ["a b=c", null],
    ["a=b c", null],
    ['a="b', null],
    ['a="b\\', null],
    ['a="b"c', null],
    ['a="b"="c"', null],
  ];
  for (const [message, parsed] of cases) {
    const directives = parseDirectives(Buffer.from(message));
    assert.deepEqual(directives && Object.fromEntries(directives), parsed, message);
  }
});

Deno.test("parseDirectives() refuses messages over the limit", () => {
  const longest = `a=${"b".repeat(DIRECTIVES_BYTES_MAX - 2)}`;
  assert.equal(parseDirectives(Buffer.from(longest))?.size, 1);
  assert.equal(parseDirectives(Buffer.from(`${longest}b`)), null);
});
