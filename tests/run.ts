/**
 * What `deno task test` runs: installs the real peers where it can, then all tests, then says how
 * many passed. Arguments go to `deno test` (`deno task test tests/core`, `--filter=/Jute/`).
 *
 * The last line is always `N passed, N failed`, with `, N skipped` behind it when tests were left
 * out because a peer is missing. Exit code 0 means that none failed.
 *
 * @module
 */
import { missingPackages } from "./support/prerequisites.ts";
import { makeTempDir } from "./support/temp_dir.ts";

/**
 * Tests start servers and clients as processes, which could do anything anyway; and Deno opens
 * /dev/full, a disk without room, for nobody who may less. The servers get those of `deno task start`.
 */
const TEST_PERMISSIONS = ["--allow-all"];

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Far more than they take: a test that hangs is a failed one, and the last line is printed. */
const TESTS_MS_MAX = 30 * 60_000;
/** For what a process that has ended printed last. */
const OUTPUT_MS_MAX = 1000;

/**
 * All tests at once take two processes: those with other programs mostly wait for them, and leave a processor to the
 * rest. What the second one prints follows when it has ended.
 */
const LANES: readonly (readonly string[])[] = [["tests/compat/"], [
  "tests/",
  "--ignore=tests/compat",
]];

Deno.exit(await main());

async function main(): Promise<number> {
  try {
    await installPeers();
    return await runTests();
  } catch (error) {
    console.error(error);
    console.log("0 passed, 1 failed");
    return 1;
  }
}

/** Installs the Debian packages with the real peers, if we are root on a machine with apt. */
async function installPeers(): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const list = missing.join(" ");
  const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;
  if (!isRoot || !await succeeds("apt-get", ["--version"])) {
    console.log(`Tests that need ${list} are skipped: installing needs root and apt-get`);
    return;
  }
  console.log(`Installing the real peers for the tests: ${list}`);
  const wait = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...missing];
  if (
    await succeeds("apt-get", [...wait, "update", "-qq"], "show") &&
    await succeeds("apt-get", [...wait, ...install], "show")
  ) return;
  console.log(`Cannot install ${list} with apt-get: the tests that need them are skipped`);
}

async function succeeds(command: string, args: string[], output?: "show"): Promise<boolean> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
    }).output();
    if (!success && output === "show") {
      Deno.stderr.writeSync(stdout);
      Deno.stderr.writeSync(stderr);
    }
    return success;
  } catch {
    return false; // there is no such program
  }
}

async function runTests(): Promise<number> {
  using dir = makeTempDir();
  const isAll = !Deno.args.some((arg) => !arg.startsWith("-"));
  const lanes = isAll ? LANES : [[]];
  const all = await Promise.all(
    lanes.map((places, i) =>
      runLane([...places, ...Deno.args], { reportFile: `${dir.path}/${i}.xml`, isFirst: i === 0 })
    ),
  );
  const sum = (key: keyof Counts) => all.reduce((total, counts) => total + counts[key], 0);
  const skipped = sum("skipped") === 0 ? "" : `, ${sum("skipped")} skipped`;
  console.log(`${sum("passed")} passed, ${sum("failed")} failed${skipped}`);
  return sum("failed") === 0 ? 0 : 1;
}

async function runLane(
  args: readonly string[],
  { reportFile, isFirst }: { reportFile: string; isFirst: boolean },
): Promise<Counts> {
  const output = isFirst ? "inherit" : "piped";
  const tests = new Deno.Command(Deno.execPath(), {
    args: ["test", ...TEST_PERMISSIONS, `--junit-path=${reportFile}`, ...args],
    cwd: new URL("../", import.meta.url),
    stdin: "null",
    stdout: output,
    stderr: output,
  }).spawn();
  const timer = setTimeout(() => {
    console.log(`The tests are not done after ${TESTS_MS_MAX / 60_000} minutes: they are ended`);
    tests.kill("SIGKILL");
  }, TESTS_MS_MAX);
  const { success } = isFirst ? await tests.status : await printed(tests);
  clearTimeout(timer);
  const report = readReport(reportFile);
  if (report === "") console.log(); // it may have died in the middle of a line
  const counts = countResults(report);
  // A file that does not compile, or a run that dies, fails without a failed test.
  return success ? counts : { ...counts, failed: Math.max(1, counts.failed) };
}

/** Ends with the process, not with whoever inherited its output. */
async function printed(tests: Deno.ChildProcess): Promise<Deno.CommandStatus> {
  const pieces: Uint8Array[] = [];
  const keep = () => new WritableStream<Uint8Array>({ write: (piece) => void pieces.push(piece) });
  const kept = Promise.allSettled([tests.stdout.pipeTo(keep()), tests.stderr.pipeTo(keep())]);
  const status = await tests.status;
  await Promise.race([kept, new Promise((resolve) => setTimeout(resolve, OUTPUT_MS_MAX))]);
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) at += await Deno.stdout.write(piece.subarray(at));
  }
  return status;
}

function readReport(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return ""; // the run ended before it could be written
  }
}

/** Counts tests and their steps; a test that failed only through its steps counts as those. */
function countResults(junitXml: string): Counts {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const [, testcase = ""] of junitXml.matchAll(/<testcase [^>]*>([^]*?)<\/testcase>/g)) {
    if (testcase.includes("<skipped")) skipped++;
    else if (/<failure message="\d+ test steps? failed"/.test(testcase)) continue;
    else if (/<(failure|error)/.test(testcase)) failed++;
    else passed++;
  }
  return { passed, failed, skipped };
}
