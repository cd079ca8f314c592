/**
 * The program as a few files of JavaScript, of which each command loads what it needs.
 *
 * @module
 */

import process from "node:process";
import { BUILD, DENKEEPER_VERSION } from "../../core/version.ts";

export interface BundledProgram {
  /** Holds `main.js`, and what it loads. */
  readonly dir: string;
  readonly files: readonly string[];
  /** With the commit it was made of. */
  readonly version: string;
}

const PROJECT_DIR = new URL("../../", import.meta.url).pathname;

/** @throws {Error} with what `deno bundle` says */
export async function bundleProgram(dir: string): Promise<BundledProgram> {
  await run(Deno.execPath(), [
    ...["bundle", "--quiet", "--minify", "--platform", "deno", "--code-splitting"],
    ...["--outdir", dir, `${PROJECT_DIR}main.ts`, `${PROJECT_DIR}cli/packaging/light_events.ts`],
  ]);
  const commit = await run("git", [
    "-C",
    PROJECT_DIR,
    "describe",
    "--always",
    "--dirty",
    "--abbrev=10",
  ])
    .catch(() => "unknown"); // a copy without its history
  const files = filesOf(dir).sort();
  let stampCount = 0;
  for (const file of files) {
    const text = Deno.readTextFileSync(`${dir}/${file}`);
    stampCount += text.split(BUILD).length - 1;
    Deno.writeTextFileSync(
      `${dir}/${file}`,
      withLazyNodeModules(text.replaceAll(BUILD, commit)),
    );
  }
  if (stampCount !== 1) {
    throw new Error(`The version is stamped in ${stampCount} places, not in one`);
  }
  return { dir, files, version: `${DENKEEPER_VERSION} (${commit})` };
}

/** Paths from the folder on. */
function filesOf(dir: string): string[] {
  return [...Deno.readDirSync(dir)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesOf(`${dir}/${name}`).map((inner) => `${name}/${inner}`) : [name]
  );
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${command} ${args[0]} failed:\n${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trim();
}

/** The one whose class is extended where it is imported. */
const EVENTS_MODULE = "node:events";
const LIGHT_EVENTS = "./cli/packaging/light_events.js";

/**
 * Keeps the runtime from looking for what is loaded later: it reads and parses, at each start, all files that it finds
 * named in an `import()`, the whole program (`denkeeper version`: 30 of 110 ms). Not for `deno compile`, which finds so
 * what to take along.
 */
export function withHiddenImports(code: string): string {
  return code.replace(/\bimport\(("\.[^"\\]*")\)/g, "import(String($1))");
}

/**
 * Loads Node.js modules when something of them is used first: packages import more of them than they use, which takes
 * as long as all else that a small command does (`denkeeper version`: 30 of 85 ms). Where a class or a constant is among
 * the names the import stays as it is: nothing that is called can stand for those.
 *
 * @throws {Error} for a form of import it does not know
 */
export function withLazyNodeModules(code: string): string {
  // Of packages in CommonJS everything is in the bundle, but what the runtime has.
  const withoutRequire = code.replace(
    /=__deno_internal_createRequire\(import\.meta\.url\)/g,
    "=(id)=>process.getBuiltinModule(id)",
  );
  return withoutRequire.replace(
    /\bimport\s*([^;"'()]*?)\s*from\s*"(node:[\w/]+)"/g,
    (statement, names: string, module: string) => {
      if (module === EVENTS_MODULE) return statement.replace(EVENTS_MODULE, LIGHT_EVENTS);
      const load = `process.getBuiltinModule(${JSON.stringify(module)})`;
      if (/^[\w$]+$/.test(names)) {
        // node:assert is a function, with others as its properties
        const target = typeof process.getBuiltinModule(module) === "function" ? "()=>{}" : "{}";
        const call = `apply:(_,self,args)=>${load}(...args)`;
        return `const ${names}=new Proxy(${target},{get:(_,name)=>${load}[name],${call}})`;
      }
      const [, list] = /^\{([^}]*)\}$/.exec(names) ?? [];
      if (list === undefined) throw new Error(`Cannot make this import lazy: ${statement}`);
      const items = list.split(",").map((item) => {
        const [, name, as = name] = /^\s*([\w$]+)(?:\s+as\s+([\w$]+))?\s*$/.exec(item) ?? [];
        return { name: name ?? "", as };
      });
      if (!items.every(({ name }) => isFunction(module, name))) return statement;
      const functions = items.map(({ name, as }) => `${as}=(...args)=>${load}.${name}(...args)`);
      return `const ${functions.join(",")}`;
    },
  );
}

function isFunction(module: string, name: string): boolean {
  const loaded = process.getBuiltinModule(module) as Record<string, unknown> | undefined;
  return typeof loaded?.[name] === "function" && !/^[A-Z]/.test(name);
}
