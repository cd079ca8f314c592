/**
 * What `deno task bench` runs: `compare.py` with this server as A and the Java server as B.
 *
 *     deno task bench --quick            a look at regressions, about a minute and a half
 *     deno task bench                    the whole table, about three quarters of an hour
 *     deno task bench --ensemble         three members, about an hour; also with --quick
 *     deno task bench --http             the HTTP API beside etcd, about three minutes; also with --quick
 *     deno task bench --startup          dist/denkeeper's start and `cli ls /` beside zkServer.sh and zkCli.sh
 *     deno task bench --json=out.json    any option of compare.py or http.py; given twice, the last one counts
 *
 * Builds the load generators when they are missing or older than their sources.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const PROJECT_DIR = fileURLToPath(new URL("../../", import.meta.url));
const BENCH_DIR = `${PROJECT_DIR}tests/bench/`;
const JAVA_SERVER = "/usr/share/java/zookeeper.jar";

/** The table of the README. */
const WHOLE_TABLE = [
  "--workloads=get,set,create,exists,children,mixed,multi",
  "--shapes=16x64,100x10,8x1,1x1",
  "--values=100",
  "--more=connect,ephemeral,watch",
  "--extras=startup,reload,memory,snapshot",
  "--rounds=5",
];
const QUICK = [
  "--workloads=get,set,create,multi",
  "--shapes=16x64,1x1",
  "--values=100",
  "--more=connect,watch",
  "--extras=startup",
  "--rounds=1",
  "--duration=2",
  "--warmup=0.5",
  "--jit-warmup=5",
  "--repeats=1",
];
/** Three members on this machine; Java needs longer to get warm. */
const ENSEMBLE = [
  "--mode=ensemble",
  "--workloads=get,set,create,multi,mixed",
  "--shapes=16x64,100x10,8x1",
  "--values=100",
  "--more=",
  "--extras=failover",
  "--jit-warmup=40",
  "--rounds=5",
];
const QUICK_HTTP = ["--rounds=1", "--duration=2", "--jit-warmup=5"];
const QUICK_ENSEMBLE = [...QUICK, "--mode=ensemble", "--more=", "--extras=failover"];

Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const given = args.filter((arg) =>
    !["--quick", "--ensemble", "--http", "--startup"].includes(arg)
  );
  const has = (option: string) => given.some((arg) => arg.split("=", 1)[0] === option);
  const measures = !["--show", "--help", "-h"].some(has);
  if (args.includes("--startup")) return await runStartup(args, given);
  if (args.includes("--http")) return await runHttp(args, given, { measures, has });
  const needsJava = measures && !has("--only-a") && !has("--b-cmd");
  if (!await runs("python3", "--version")) {
    return complain("Cannot run compare.py: there is no python3; install Python 3");
  }
  if (needsJava && !(await runs("java", "-version") && isFile(JAVA_SERVER))) {
    return complain(
      `Cannot compare with the Java server: it needs java and "${JAVA_SERVER}"; install the ` +
        "Debian packages default-jre-headless and zookeeper, name another server with --b-cmd, " +
        "or measure this one alone with --only-a",
    );
  }
  if (measures && !has("--zkload") && !await build("zkload")) return 1;
  const options = optionsFor(args);
  const names = ["--a-name=denkeeper", `--a-cmd=${serverCommand()}`, "--b-name=java"];
  const command = [
    `${BENCH_DIR}compare.py`,
    ...names,
    `--zkload=${BENCH_DIR}zkload`,
    ...options,
    ...given,
  ];
  const { code } = await new Deno.Command("python3", { args: command }).spawn().status;
  return code;
}

async function runStartup(args: readonly string[], given: readonly string[]): Promise<number> {
  const executable = `${PROJECT_DIR}dist/denkeeper`;
  if (!isFile(executable)) {
    return complain(`There is no ${executable}: make it with deno task compile`);
  }
  const options = [
    `--executable=${executable}`,
    ...(args.includes("--quick") ? ["--rounds=3"] : []),
  ];
  const command = [`${BENCH_DIR}startup.py`, ...options, ...given];
  const { code } = await new Deno.Command("python3", { args: command }).spawn().status;
  return code;
}

async function runHttp(
  args: readonly string[],
  given: readonly string[],
  { measures, has }: { measures: boolean; has: (option: string) => boolean },
): Promise<number> {
  if (measures && !has("--alone") && !has("--etcd") && !await runs("etcd", "--version")) {
    return complain(
      "Cannot compare with etcd: there is none; install the Debian package etcd-server, name " +
        "another with --etcd, or measure this server alone with --alone",
    );
  }
  if (measures && !has("--httpload") && !await build("httpload")) return 1;
  const options = [`--server=${serverCommand()}`, `--httpload=${BENCH_DIR}httpload`];
  if (args.includes("--quick")) options.push(...QUICK_HTTP);
  const command = [`${BENCH_DIR}http.py`, ...options, ...given];
  const { code } = await new Deno.Command("python3", { args: command }).spawn().status;
  return code;
}

function optionsFor(args: readonly string[]): readonly string[] {
  const isQuick = args.includes("--quick");
  if (args.includes("--ensemble")) return isQuick ? QUICK_ENSEMBLE : ENSEMBLE;
  return isQuick ? QUICK : WHOLE_TABLE;
}

/** As in `deno task start`, but for its config file: compare.py puts one of its own at the end. */
function serverCommand(): string {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${PROJECT_DIR}deno.json`));
  const flags = String(tasks.start).split(/\s+/).filter((word) => word.startsWith("-"));
  const config = ["--config", `${PROJECT_DIR}deno.json`];
  const words = [Deno.execPath(), "run", ...config, ...flags, `${PROJECT_DIR}main.ts`];
  return [...words, "start-foreground"].map(shellQuoted).join(" ");
}

function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

async function build(name: "zkload" | "httpload"): Promise<boolean> {
  const source = `${BENCH_DIR}${name}.c`;
  const binary = `${BENCH_DIR}${name}`;
  if (isFile(binary) && modifiedMs(binary) >= modifiedMs(source)) return true;
  for (const compiler of ["cc", "gcc"]) {
    if (!await runs(compiler, "--version")) continue;
    console.log(`Building the load generator with ${compiler}`);
    const args = ["-O2", "-o", binary, source];
    const { code } = await new Deno.Command(compiler, { args }).spawn().status;
    if (code === 0) return true;
    complain(`Cannot build "${source}": ${compiler} ended with code ${code}`);
    return false;
  }
  complain(
    `Cannot build "${source}": there is no cc or gcc; install a C compiler (Debian: gcc libc6-dev)`,
  );
  return false;
}

function complain(message: string): number {
  console.error(message);
  return 1;
}

async function runs(command: string, arg: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, {
      args: [arg],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false; // there is no such program
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function modifiedMs(path: string): number {
  return Deno.statSync(path).mtime?.getTime() ?? 0;
}
