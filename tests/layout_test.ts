/**
 * Keeps the map of the project true: who may import whom, what the pure folders may not use, how a
 * file begins, how long it gets, and what stands in the top folder.
 *
 * Looks at code only: words in comments and strings count for nothing.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { importsOf, parseSource } from "./support/source_code.ts";

const PROJECT_DIR = fileURLToPath(new URL("../", import.meta.url));
/** Each may import itself and what stands before it. */
const LAYERS = ["core", "cluster", "net", "cli", "main.ts"];
const PURE_LAYERS = ["core", "cluster"];
const LINE_COUNT_MAX = 600;

const TOP_LEVEL = new Set([
  ...["deno.json", "deno.lock", "config.example.cfg", "main.ts"],
  ...["core", "cluster", "net", "cli", "tests"],
  ...["README.md", "CHANGELOG.md", "LICENSE", ".ci", ".gitignore", ".git"],
]);

/** What brings in the world; members and parameters may have these names. */
const IMPURE = new RegExp(
  "(?<![\\w$#])(?<!(?:^|[^.])\\.\\s*)(" +
    [
      ...["Deno", "Date", "performance", "crypto", "console", "process", "globalThis", "fetch"],
      ...["Worker", "Temporal", "async", "await", "Promise", "queueMicrotask"],
      ...["setTimeout", "setInterval", "setImmediate"],
      ...["clearTimeout", "clearInterval", "clearImmediate"],
      String.raw`Math\s*(?:\?\.|\.)\s*random`,
      String.raw`Math\s*(?:\?\.)?\s*\[`,
    ].join("|") +
    ")(?![\\w$])(?!(?<=(?:[{,;(]|readonly|^)\\s*\\w+)\\s*\\??:)",
  "g",
);

interface SourceFile {
  /** From the project's folder on. */
  readonly path: string;
  readonly text: string;
}

Deno.test("layout: imports point one way, core <- cluster <- net <- cli <- main.ts", () => {
  assert.deepEqual(sourceFiles().flatMap(wrongImports), []);
});

Deno.test("layout: core and cluster touch nothing of the outside world", () => {
  assert.deepEqual(sourceFiles().flatMap(impurities), []);
});

Deno.test("layout: every file says what it is for, in a comment that ends with @module", () => {
  assert.deepEqual(sourceFiles().flatMap(wrongBeginning), []);
});

Deno.test(`layout: no file of the program has more than ${LINE_COUNT_MAX} lines`, () => {
  const long = sourceFiles().filter(({ path }) => !path.startsWith("tests/"))
    .map(({ path, text }) => ({ path, lineCount: text.split("\n").length - 1 }))
    .filter(({ lineCount }) => lineCount > LINE_COUNT_MAX);
  assert.deepEqual(long, []);
});

Deno.test("layout: files are named in snake_case after an idea", () => {
  const wrong = sourceFiles().map(({ path }) => path.split("/").at(-1)!)
    .filter((name) => !/^[a-z0-9_]+\.ts$/.test(name) || /^(index|utils?|helpers?)\.ts$/.test(name));
  assert.deepEqual(wrong, []);
});

Deno.test("layout: the top folder holds nothing unexpected", () => {
  assert.deepEqual(topLevelEntries().filter((name) => !TOP_LEVEL.has(name)), []);
});

Deno.test("layout: the README starts a server with the permissions of the start task", () => {
  const read = (name: string) => Deno.readTextFileSync(`${PROJECT_DIR}${name}`);
  const flagsOf = (command: string) => command.match(/--(no-prompt|allow-\S+)/g)?.sort();
  const [command = ""] = /^deno run --no-prompt [^]*?main\.ts/m.exec(read("README.md")) ?? [];
  const { tasks } = JSON.parse(read("deno.json"));
  assert.deepEqual(flagsOf(command.replaceAll("'", "")), flagsOf(tasks.start));
  assert.equal(`${tasks.server} config.example.cfg`, tasks.start);
});

Deno.test("layout: the links of the README lead somewhere", () => {
  const text = Deno.readTextFileSync(`${PROJECT_DIR}README.md`);
  const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    `#${title!.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-")}`
  );
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link!);
  const broken = links.filter((link) => {
    if (link.startsWith("https://")) return false;
    if (link.startsWith("#")) return !anchors.includes(link);
    return !isFile(`${PROJECT_DIR}${link}`);
  });
  assert.deepEqual(broken, []);
});

Deno.test("layout: the checks find what they look for, and nothing else", () => {
  const path = "core/some.ts";
  const cases: [check: (file: SourceFile) => string[], text: string, found: boolean][] = [
    [impurities, "const now = Date.now();", true],
    [impurities, "// Date.now()\n/* await */ const text = 'Deno' + \"console\";", false],
    [impurities, "const text = `Date ${1 + 2} performance`;", false],
    [impurities, "const text = `now ${`is ${Date.now()}`} await`;", true],
    [impurities, "const object = `${ { a: 1 }.a }`; await done;", true],
    [impurities, "const quote = /[\"'/]/; const now = Date.now();", true],
    [impurities, "const half = total / 2; const text = 'x'; // / Date", false],
    [impurities, "return /`/.test(x) ? console : 1;", true],
    [impurities, "const roll = Math . random();", true],
    [impurities, 'const roll = Math["random"]();', true],
    [impurities, "const most = Math.max(1, 2);", false],
    [impurities, "this.process(); a?.performance; #console = 1; const dated = updateDate;", false],
    [impurities, "interface A { date: 1; performance: number; process?: string }", false],
    [impurities, "const all = [...Date.parse(x)];", true],
    [impurities, "globalThis['De' + 'no'].exit();", true],
    [impurities, "for await (const a of b) {}", true],
    [impurities, "const wait = async () => {};", true],
    [wrongImports, 'import { a } from "../net/clock.ts";', true],
    [wrongImports, 'import type { A } from "../cli/world.ts";', true],
    [wrongImports, 'export * from "../net/clock.ts";', true],
    [wrongImports, 'type A = import("../net/clock.ts").A;', true],
    [wrongImports, 'import fs from "node:fs";', true],
    [wrongImports, 'import "npm:left-pad";', true],
    [wrongImports, 'import { a } from "../tests/support/seeded_random.ts";', true],
    [wrongImports, 'import { a } from "../../elsewhere/a.ts";', true],
    [wrongImports, 'import { a } from "./tree/stat";', true],
    [wrongImports, 'import { a } from "./tree/stat.ts"; import { b } from "snappyjs";', false],
    [wrongImports, '// import { a } from "../net/clock.ts";', false],
    [wrongImports, 'const text = `import { a } from "../net/clock.ts"`;', false],
    [wrongBeginning, "/**\n * What it is.\n *\n * @module\n */\n\nconst a = 1;\n", false],
    [wrongBeginning, "/**\n * @module\n */\n", true],
    [wrongBeginning, "/**\n * What it is.\n */\n", true],
    [wrongBeginning, "import a from 'a';\n/**\n * What it is.\n *\n * @module\n */\n", true],
  ];
  for (const [check, text, found] of cases) {
    assert.equal(check({ path, text }).length > 0, found, `${check.name}: ${text}`);
  }
  assert.deepEqual(wrongImports({ path: "main.ts", text: 'import "./cli/commands.ts";' }), []);
  assert.deepEqual(impurities({ path: "net/clock.ts", text: "Date.now();" }), []);
});

function wrongImports({ path, text }: SourceFile): string[] {
  const own = LAYERS.indexOf(path.split("/")[0]!);
  if (own === -1) return []; // tests may import everything
  const isPure = PURE_LAYERS.includes(LAYERS[own]!);
  return importsOf(parseSource(text)).flatMap((specifier) => {
    const wrong = `${path} imports "${specifier}"`;
    if (!/^[./]/.test(specifier)) {
      const isBare = !specifier.includes(":"); // of the import map in deno.json
      const isNode = specifier.startsWith("node:");
      return isBare || (isNode && !isPure) ? [] : [wrong];
    }
    const target = new URL(specifier, `file:///project/${path}`).pathname;
    const [, root, layer = ""] = target.split("/");
    const their = LAYERS.indexOf(layer);
    const isAllowed = root === "project" && their !== -1 && their <= own && target.endsWith(".ts");
    return isAllowed ? [] : [wrong];
  });
}

function impurities({ path, text }: SourceFile): string[] {
  if (!PURE_LAYERS.includes(path.split("/")[0]!)) return [];
  const { code } = parseSource(text);
  return [...code.matchAll(IMPURE)].map(({ 1: word, index }) =>
    `${path}:${code.slice(0, index).split("\n").length} uses ${word}`
  );
}

function wrongBeginning({ path, text }: SourceFile): string[] {
  if (/^tests\/(core|cluster|net|cli)\/.*_test\.ts$/.test(path)) return []; // their name says it
  const comment = /^\/\*\*\n((?: \*(?: .*)?\n)*?) \* @module\n \*\/\n/.exec(text)?.[1];
  return comment === undefined || !/\w/.test(comment) ? [path] : [];
}

function sourceFiles(): SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (path: string) => {
    if (path.endsWith(".ts")) {
      files.push({ path, text: Deno.readTextFileSync(`${PROJECT_DIR}${path}`) });
      return;
    }
    for (const { name, isDirectory } of Deno.readDirSync(`${PROJECT_DIR}${path}`)) {
      if (isDirectory || name.endsWith(".ts")) visit(`${path}/${name}`);
    }
  };
  const present = [...Deno.readDirSync(PROJECT_DIR)].map(({ name }) => name);
  for (const root of [...LAYERS, "tests"]) if (present.includes(root)) visit(root);
  assert(files.length > 100, "the files were found");
  return files;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Of what is in git; without it, of what is there and not ignored. */
function topLevelEntries(): string[] {
  try {
    const { success, stdout } = new Deno.Command("git", {
      args: ["ls-files", "-z"],
      cwd: PROJECT_DIR,
      stderr: "null",
    }).outputSync();
    const paths = new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
    if (success && paths.length > 0) return [...new Set(paths.map((path) => path.split("/")[0]!))];
  } catch {
    // there is no git
  }
  const ignored = Deno.readTextFileSync(`${PROJECT_DIR}.gitignore`).split("\n")
    .map((line) => line.replace(/^\/|\/$/g, ""));
  return [...Deno.readDirSync(PROJECT_DIR)].map(({ name }) => name)
    .filter((name) => !ignored.includes(name));
}
