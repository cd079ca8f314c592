/**
 * Shows that the tests of known bugs find them: `deno task regressions [number]`.
 *
 * Copies the project, takes one fix out of the copy at a time (`mutations.ts`), and expects the test of
 * that bug to fail, as it must not without. Exit code 1: a test passed that should not have, or failed
 * before anything was taken out, or a change does not fit the source any more.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type Mutation, MUTATIONS } from "./mutations.ts";

const PROJECT_DIR = fileURLToPath(new URL("../../", import.meta.url));
/** Not needed, or not ours to copy. */
const LEFT_OUT = new Set([".git", "node_modules", "bench", "compat"]);

/** A change that lets a test run for ever proves nothing, and may fill the memory. */
const TEST_MS_MAX = 90_000;

interface Outcome {
  /** Every test that was asked for ran and passed. */
  hasPassed: boolean;
  /** A test ran and failed: it was no error of types or syntax. */
  hasFailed: boolean;
  output: string;
}

/** What ran before, by test, in a copy that was not changed. */
const unchanged = new Map<string, Outcome>();

Deno.exit(await main());

async function main(): Promise<number> {
  const [only] = Deno.args;
  const mutations = MUTATIONS.filter(({ jira }) =>
    only === undefined || jira.split(", ").includes(only)
  );
  const dir = await Deno.makeTempDir({ prefix: "denkeeper-regressions-" });
  try {
    copy(PROJECT_DIR, dir);
    const rows: string[][] = [];
    let isFine = mutations.length > 0;
    for (const mutation of mutations) {
      const verdict = await judge(dir, mutation);
      if (verdict !== "found") isFine = false;
      rows.push([mutation.jira, verdict, mutation.file, mutation.brings]);
      console.log(verdict === "found" ? "." : `${mutation.jira}: ${verdict}`);
    }
    print([["ZOOKEEPER", "verdict", "changed", "what it brings back"], ...rows]);
    return isFine ? 0 : 1;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** "found", or what is wrong. */
async function judge(dir: string, mutation: Mutation): Promise<string> {
  const { file, find, replace } = mutation;
  const path = `${dir}/${file}`;
  const text = Deno.readTextFileSync(path);
  const count = text.split(find).length - 1;
  if (count !== 1) return `the place is there ${count} times`;
  const before = await run(dir, mutation);
  if (!before.hasPassed) return told("its test fails as it is", before);
  Deno.writeTextFileSync(path, text.replace(find, () => replace));
  const after = await run(dir, mutation);
  Deno.writeTextFileSync(path, text);
  if (after.hasFailed) return "found";
  return after.hasPassed ? "NOT FOUND" : told("the change does not compile", after);
}

function told(verdict: string, { output }: Outcome): string {
  console.log(output);
  return verdict;
}

async function run(dir: string, { file, test, filter }: Mutation): Promise<Outcome> {
  const isChanged = Deno.readTextFileSync(`${dir}/${file}`) !==
    Deno.readTextFileSync(`${PROJECT_DIR}${file}`);
  const key = `${test} ${filter}`;
  const known = isChanged ? undefined : unchanged.get(key);
  if (known !== undefined) return known;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", `--filter=${filter}`, test],
    cwd: dir,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(TEST_MS_MAX),
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const [, passed = "0", failed = "0"] = /(\d+) passed .*?\| (\d+) failed/.exec(output) ?? [];
  const outcome = {
    hasPassed: code === 0 && Number(passed) > 0,
    hasFailed: code !== 0 && Number(failed) > 0,
    output,
  };
  if (!isChanged) unchanged.set(key, outcome);
  return outcome;
}

function copy(from: string, to: string): void {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(from)) {
    if (LEFT_OUT.has(name)) continue;
    if (isFile) Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
    if (!isDirectory) continue;
    Deno.mkdirSync(`${to}/${name}`);
    copy(`${from}/${name}`, `${to}/${name}`);
  }
}

function print(rows: readonly string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    console.log(row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trim());
  }
}
