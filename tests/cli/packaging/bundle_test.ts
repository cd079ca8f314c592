/**
 * Imports of Node.js modules that load nothing until something of them is used.
 */
import assert from "node:assert/strict";
import { withHiddenImports, withLazyNodeModules } from "../../../cli/packaging/bundle.ts";

/** Runs code as a module, which has nothing but what it imports. */
async function resultOf(code: string): Promise<unknown> {
  const process = await import("node:process");
  const loaded: string[] = [];
  Object.assign(globalThis, {
    process: {
      getBuiltinModule: (id: string) => {
        loaded.push(id);
        return process.default.getBuiltinModule(id);
      },
    },
  });
  const url = `data:text/javascript,${encodeURIComponent(withLazyNodeModules(code))}`;
  const { result } = await import(url);
  return { value: result(), loaded };
}

Deno.test("withLazyNodeModules() loads a module when something of it is used, and not before", async () => {
  const cases: [code: string, value: unknown, loaded: string[]][] = [
    ['import{join}from"node:path";export const result=()=>1', 1, []],
    ['import{join}from"node:path";export const result=()=>join("a","b")', "a/b", ["node:path"]],
    ['import{join as j,dirname as d}from"node:path";export const result=()=>j("a","b")', "a/b", [
      "node:path",
    ]],
    ['import p from"node:path/posix";export const result=()=>p.join("a","b")+p.sep', "a/b/", [
      "node:path/posix",
      "node:path/posix",
    ]],
    ['import a from"node:assert";export const result=()=>{a(true,"x");a.equal(1,1);return 2}', 2, [
      "node:assert",
      "node:assert",
    ]],
    ['import $p from "node:path"; export const result = () => typeof $p', "object", []],
    [
      'const r=__deno_internal_createRequire(import.meta.url);export const result=()=>r("path").sep',
      "/",
      [
        "path",
      ],
    ],
    ['export const result=()=>"import{x}from"', "import{x}from", []],
  ];
  for (const [code, value, loaded] of cases) {
    assert.deepEqual(await resultOf(code), { value, loaded }, code);
  }
});

Deno.test("withLazyNodeModules() leaves others alone, and refuses what it cannot do", () => {
  for (
    const code of [
      'import{a}from"./chunk.js";',
      'import("node:fs")',
      'import a from"npm:b"',
      'import{Socket}from"node:net"',
      'import{join,sep as s}from"node:path"',
    ]
  ) {
    assert.equal(withLazyNodeModules(code), code);
  }
  assert.equal(
    withLazyNodeModules('import{EventEmitter as E}from"node:events";'),
    'import{EventEmitter as E}from"./cli/packaging/light_events.js";',
  );
  for (
    const code of [
      'import*as fs from"node:fs"',
      'import d,{join}from"node:path"',
      'import*as p,{sep}from"node:path"',
    ]
  ) {
    assert.throws(() => withLazyNodeModules(code), /Cannot make this import lazy/, code);
  }
});

Deno.test("withHiddenImports() leaves what is loaded later to be found when it is", () => {
  assert.equal(
    withHiddenImports('import{a}from"./a.js";const b=()=>import("./b.js"),c=import("../c.js")'),
    'import{a}from"./a.js";const b=()=>import(String("./b.js")),c=import(String("../c.js"))',
  );
  const others = 'import("node:zlib");import(name);reimport("./b.js")';
  assert.equal(withHiddenImports(others), others);
});
