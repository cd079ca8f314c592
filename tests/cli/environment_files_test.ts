import assert from "node:assert/strict";
import { environmentOfFiles } from "../../cli/environment_files.ts";
import { heapLimitOf, heapVariables } from "../../cli/service/heap_limit.ts";
import { makeTempDir } from "../support/temp_dir.ts";

/** What a file assigns to A, or null where it is not understood. */
function valueOf(text: string, outer: Readonly<Record<string, string>> = {}): string | null {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/java.env`, text);
  const { environment, notUnderstood } = environmentOfFiles(dir.path, (name) => outer[name]);
  return notUnderstood.length > 0 ? null : environment("A") ?? "";
}

Deno.test("environmentOfFiles() reads assignments as a shell does, and runs nothing", () => {
  const cases: [text: string, value: string | null][] = [
    ["A=1", "1"],
    ["export A=1", "1"],
    ["  export A=1; export B=2", "1"],
    ["A=1\nexport A B", "1"],
    ["A='a $B \"c\"'", 'a $B "c"'],
    ['A="a $B ${B} ${NONE:-else} ${EMPTY:-other} ${EMPTY-}"', "a b b else other "],
    ['A="-Xmx1g $A"', "-Xmx1g outer"],
    ["A=a\\ b\"c\"'d'", "a bcd"],
    ['A="a\\"b"', 'a"b'],
    ['A="one \\\n two"', "one  two"],
    ["# A=1\n\nA=2 # three", "2"],
    ["A=", ""],
    ["A=1\r\n", "1"],
    ["A=$(date)", null],
    ["A=`date`", null],
    ['A="open', null],
    ["A=1 | cat", null],
    ["if [ -f x ]; then A=1; fi", null],
    ["A=${B##x}", null],
    ["A=1 command", null],
  ];
  for (const [text, value] of cases) {
    assert.equal(valueOf(text, { A: "outer", B: "b", EMPTY: "" }), value, text);
  }
});

Deno.test("environmentOfFiles() tells which lines it does not understand", () => {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/zookeeper-env.sh`, "A=1\n. other\nB=$A$A\n");
  Deno.writeTextFileSync(`${dir.path}/java.env`, "C=$B\n");
  const read = environmentOfFiles(dir.path, () => undefined);
  assert.deepEqual(read.notUnderstood, [`${dir.path}/zookeeper-env.sh:2`]);
  assert.equal(read.environment("C"), "11");
});

Deno.test("heapLimitOf() takes ZK_SERVER_HEAP, and above it the last -Xmx", () => {
  const cases: [variables: Record<string, string>, mebibytes: number | undefined][] = [
    [{}, undefined],
    [{ ZK_SERVER_HEAP: "2000" }, 2000],
    [{ ZK_SERVER_HEAP: "lots" }, undefined],
    [{ ZK_SERVER_HEAP: "2000", JVMFLAGS: "-Xmx1g" }, 1024],
    [{ SERVER_JVMFLAGS: "-Xmx512m -Xms64m", JVMFLAGS: "-Xmx524288k" }, 512],
    [{ SERVER_JVMFLAGS: '-Da="b c" -Xmx1G' }, 1024],
    [{ JVMFLAGS: "-Xmx16m" }, 128], // V8 would end for want of memory before it serves
  ];
  for (const [variables, mebibytes] of cases) {
    const limit = heapLimitOf((name) => variables[name]);
    assert.equal(limit?.mebibytes, mebibytes, JSON.stringify(variables));
  }
  const limit = { mebibytes: 300, origin: "" };
  assert.deepEqual(heapVariables(limit, () => "--stack-size=900"), {
    DENO_V8_FLAGS: "--stack-size=900,--max-old-space-size=300",
  });
});
