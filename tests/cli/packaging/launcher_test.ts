/**
 * The script before a self-extracting file, on machines that have little: with a runtime that only says how it was
 * started, since it is the launcher that can go wrong here. That the real one works is for `one_file_test.ts`.
 */
import assert from "node:assert/strict";
import { makeSelfExtracting } from "../../../cli/packaging/self_extracting.ts";
import { BareMachine } from "../../support/bare_machine.ts";
import { eventually } from "../../support/eventually.ts";
import { MemoryGroup } from "../../support/memory_group.ts";
import { testWith } from "../../support/prerequisites.ts";
import { canMountDisks, SmallDisk } from "../../support/small_disk.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

/** Says what it gets, then does what its program is asked for. */
const RUNTIME = `#!/bin/sh
heap=none
for word; do
  case $word in
    --version) exit 0 ;;
    *max-old-space-size=*) heap=\${word##*=} ;;
  esac
done
echo "heap=$heap"
echo "executable=$DENKEEPER_EXECUTABLE"
until [ "\${1%/app/main.js}" != "$1" ]; do shift; done
shift
for word; do echo "<$word>"; done
case \${1-} in
  exit) exit "$2" ;;
  wait) trap 'echo stopped; exit 7' TERM; echo waits >"$2"; while :; do /bin/sleep 0.02; done ;;
esac
`;

interface Made {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

async function madeFile(payloadBytes: number): Promise<Made> {
  using dir = makeTempDir();
  const work = dir.path;
  Deno.mkdirSync(`${work}/bundle`);
  Deno.writeTextFileSync(`${work}/runtime`, RUNTIME);
  Deno.writeTextFileSync(`${work}/bundle/main.js`, "");
  const large = crypto.getRandomValues(new Uint8Array(65_536));
  Deno.writeFileSync(
    `${work}/bundle/large.js`,
    Uint8Array.from({ length: payloadBytes }, (_, i) => large[i % large.length]! ^ i >> 16),
  );
  await makeSelfExtracting({
    app: { dir: `${work}/bundle`, files: ["main.js", "large.js"], version: "0.0.0 (test)" },
    runtime: `${work}/runtime`,
    target: "linux-x64",
    output: `${work}/denkeeper`,
    compression: "gzip",
    level: 1,
    workDir: work,
  });
  const bytes = Deno.readFileSync(`${work}/denkeeper`);
  const script = new TextDecoder().decode(bytes.subarray(0, 4096));
  return { bytes, hash: /^hash=(\w+)$/m.exec(script)![1]! };
}

const made = await madeFile(300_000);

function write(path: string, bytes: Uint8Array = made.bytes): string {
  Deno.writeFileSync(path, bytes, { mode: 0o755 });
  return path;
}

/** Blanks, quotes and a line's end get through as they are. */
const WORDS = ["ls", "/a b", "", "it's", "$HOME", "*", "two\nlines"];
const printed = (executable: string, words: readonly string[], heap = "none") =>
  `heap=${heap}\nexecutable=${executable}\n${words.map((word) => `<${word}>\n`).join("")}`;

testWith(
  ["busybox"],
  "a file that unpacks itself runs under each shell, and unpacks once",
  async () => {
    const shells = [null, ["/usr/bin/dash"], ["/bin/bash"], ["/usr/bin/busybox", "sh"]];
    for (const shell of shells) {
      using machine = new BareMachine(shell?.[0]?.endsWith("busybox") ? shell[0] : null);
      const file = write(`${machine.folder}/denkeeper`);
      const wrapper = shell ?? [];
      assert.deepEqual(await machine.run([file, ...WORDS], { wrapper }), {
        code: 0,
        signal: null,
        stdout: printed(file, WORDS),
        stderr: "",
      }, String(shell));
      assert.equal(machine.cached.length, 1);
      // from now on it needs no program but the shell
      for (const tool of ["tail", "tar", "gzip", "sha256sum", "mktemp"]) {
        machine.replace(
          tool,
          "exit 9",
        );
      }
      assert.equal((await machine.run([file, ...WORDS], { wrapper })).stdout, printed(file, WORDS));
      assert.equal((await machine.run([file, "exit", "42"], { wrapper })).code, 42);
    }
  },
);

Deno.test("a file that unpacks itself knows where it is, however it is called", async () => {
  using machine = new BareMachine();
  const dir = `${machine.folder}/a folder's`;
  Deno.mkdirSync(dir);
  const file = write(`${dir}/denkeeper`);
  Deno.symlinkSync(file, `${machine.folder}/link`);
  const cases: [words: string[], cwd: string, env: Record<string, string>, executable: string][] = [
    [[file], "/", {}, file],
    [["sh", "-c", "./denkeeper"], dir, {}, file],
    [["sh", "-c", "../link"], dir, {}, `${dir}/../link`],
    [["sh", "denkeeper"], dir, {}, `${dir}/denkeeper`],
    [["sh", "-c", "denkeeper"], "/", { PATH: `${machine.bin}:${dir}` }, file],
    [
      ["sh", "-c", "link"],
      "/",
      { PATH: `${machine.bin}:${machine.folder}` },
      `${machine.folder}/link`,
    ],
  ];
  for (const [[program, ...args], cwd, env, executable] of cases) {
    const words = [program === "sh" ? `${machine.bin}/sh` : program!, ...args];
    const { stdout, stderr } = await machine.run(words, { cwd, env });
    assert.equal(stdout, printed(executable, []), `${words} ${stderr}`);
  }
});

Deno.test("a file that unpacks itself leaves one folder when many start at once", async () => {
  using machine = new BareMachine();
  const file = write(`${machine.folder}/denkeeper`);
  const runs = await Promise.all(Array.from({ length: 6 }, () => machine.run([file, "x"])));
  for (const run of runs) {
    assert.deepEqual(run, { code: 0, signal: null, stdout: printed(file, ["x"]), stderr: "" });
  }
  assert.equal(machine.cached.length, 1);
  const inside = [...Deno.readDirSync(`${machine.cache}/${machine.cached[0]}`)].map(({ name }) =>
    name
  );
  assert.deepEqual(inside.sort(), ["app", "complete", "denkeeper"]);
});

Deno.test("a file that is damaged or cut off says so, and nothing of it is run", async () => {
  using machine = new BareMachine();
  const flipped = made.bytes.slice();
  flipped[flipped.length - 10_000]! ^= 1;
  for (
    const bytes of [flipped, made.bytes.slice(0, -1), made.bytes.slice(0, made.bytes.length / 2)]
  ) {
    const file = write(`${machine.folder}/denkeeper`, bytes);
    const { code, stdout, stderr } = await machine.run([file, "version"]);
    assert.deepEqual([code, stdout, machine.cached], [1, "", []]);
    assert.match(
      stderr,
      /^denkeeper: .*\/denkeeper is damaged \(SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}\): download it again\n$/,
    );
  }
});

Deno.test("the launcher's settings decide where it unpacks, and only there is anything made", async () => {
  using machine = new BareMachine();
  const file = write(`${machine.folder}/denkeeper`);
  const [named, xdg] = [machine.path("named"), machine.path("xdg")];
  const hash = async (env: Record<string, string>, dir: string) => {
    const { code, stderr } = await machine.run([file], { env });
    assert.equal(code, 0, stderr);
    const [only, ...others] = [...Deno.readDirSync(dir)];
    assert.match(only!.name, /^[0-9a-f]{64}$/);
    assert.deepEqual(others, []);
    Deno.removeSync(dir, { recursive: true });
  };
  await hash({ DENKEEPER_CACHE: named, XDG_CACHE_HOME: xdg }, named);
  await hash({ DENKEEPER_CACHE: "relative" }, `${machine.folder}/relative`);
  await hash({ XDG_CACHE_HOME: xdg }, `${xdg}/denkeeper`);
  await hash({ XDG_CACHE_HOME: "relative" }, machine.cache);
  const fallback = `/var/tmp/denkeeper-${Deno.uid()}`;
  const wasThere = isThere(fallback);
  for (const HOME of ["", "/nonexistent/home", "/dev/null"]) {
    assert.equal((await machine.run([file], { env: { HOME } })).code, 0);
    assert.equal(isThere(fallback), true);
  }
  const own = [...Deno.readDirSync(fallback)].filter(({ name }) => made.hash === name);
  assert.equal(own.length, 1);
  Deno.removeSync(wasThere ? `${fallback}/${made.hash}` : fallback, { recursive: true });
  assert.equal(isThere("/nonexistent"), false);
});

Deno.test("the launcher does not run what others may have written", async () => {
  using machine = new BareMachine();
  const file = write(`${machine.folder}/denkeeper`);
  const failure = async (env: Record<string, string>, expected: RegExp, wrapper: string[] = []) => {
    const { code, stdout, stderr } = await machine.run([file], { env, wrapper });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, expected);
  };
  Deno.mkdirSync(`${machine.home}/.cache`);
  Deno.symlinkSync(machine.folder, machine.cache);
  await failure({}, /belongs to someone else, or is a link: set DENKEEPER_CACHE/);
  Deno.writeTextFileSync(machine.path("file"), "");
  await failure(
    { DENKEEPER_CACHE: machine.path("file") },
    /cannot make the folder .*file to unpack to/,
  );
  if (Deno.uid() !== 0) return; // for what follows one must be able to be somebody else
  const nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  Deno.removeSync(machine.cache);
  const shared = machine.path("shared");
  Deno.mkdirSync(shared);
  await failure({ DENKEEPER_CACHE: shared }, /cannot write to .*shared: make room there/, nobody);
  // ... but an image's cache is made by root for others, who cannot change it.
  const env = { DENKEEPER_CACHE: shared };
  assert.equal((await machine.run([file], { env })).code, 0);
  await failure(env, /cannot write to/, nobody); // who may not even look there
  await machine.run(["/bin/chmod", "-R", "a+rX", shared]);
  assert.equal(
    (await machine.run([file, "x"], { env, wrapper: nobody })).stdout,
    printed(file, ["x"]),
  );
});

Deno.test("the launcher says that there is no room, or that nothing may be run there", async () => {
  if (!await canMountDisks()) return; // only root may
  using machine = new BareMachine();
  const file = write(`${machine.folder}/denkeeper`);
  await using disk = await SmallDisk.mount(1);
  disk.fill("others", 100_000);
  const env = { DENKEEPER_CACHE: disk.path };
  const full = await machine.run([file], { env });
  assert.equal(full.code, 1);
  assert.match(
    full.stderr,
    /denkeeper: cannot unpack to .*, which takes 1 MB: make room there, or set DENKEEPER_CACHE\n$/,
  );
  assert.deepEqual([...Deno.readDirSync(disk.path)].map(({ name }) => name), ["others"]);
  await machine.run(["/bin/mount", "-o", "remount,noexec,size=10m", disk.path]);
  const noexec = await machine.run([file], { env });
  assert.equal(noexec.code, 1);
  assert.match(
    noexec.stderr,
    /cannot run what was unpacked to .*: is it mounted noexec, or this not linux-x64\?/,
  );
  assert.deepEqual([...Deno.readDirSync(disk.path)].map(({ name }) => name), ["others"]);
});

Deno.test("Ctrl-C and SIGTERM while it unpacks leave nothing behind; later they are the program's", async () => {
  using machine = new BareMachine();
  const file = write(`${machine.folder}/denkeeper`);
  const begun = machine.path("begun");
  machine.replace("gzip", `echo >${begun}; exec /bin/sleep 600`);
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    // in a group of its own, which gets the signal as from a terminal
    const child = machine.spawn([file], { wrapper: ["/usr/bin/setsid"] });
    await eventually("it unpacks", () => isThere(begun));
    assert.equal(machine.cached.length, 1);
    Deno.kill(-child.pid, signal);
    const ended = await child.output();
    assert.equal(ended.code, code, new TextDecoder().decode(ended.stderr));
    assert.deepEqual(machine.cached, []);
    Deno.removeSync(begun);
  }
  Deno.removeSync(`${machine.bin}/gzip`);
  Deno.symlinkSync("/usr/bin/gzip", `${machine.bin}/gzip`);
  const child = machine.spawn([file, "wait", begun]);
  await eventually("the program runs", () => isThere(begun));
  child.kill("SIGTERM"); // of the process that was started: the launcher has become the program
  const { code, stdout } = await child.output();
  assert.deepEqual([code, new TextDecoder().decode(stdout).endsWith("stopped\n")], [7, true]);
});

Deno.test("a server's heap is what operators say, the last one first, and never too little to start", async () => {
  using machine = new BareMachine();
  const file = write(`${machine.folder}/denkeeper`);
  // This machine may be a container with a limit itself.
  const { stdout: first } = await machine.run([file, "start-foreground"]);
  const unsaid = /^heap=(\w+)$/m.exec(first)![1]!;
  const cases: [env: Record<string, string>, heap: string][] = [
    [{ ZK_SERVER_HEAP: "700" }, "700"],
    [{ ZK_SERVER_HEAP: "12" }, "128"],
    [{ ZK_SERVER_HEAP: "much" }, unsaid],
    [{ SERVER_JVMFLAGS: "-Xms1g -Xmx2g -Dx=*" }, "2048"],
    [{ ZK_SERVER_HEAP: "700", SERVER_JVMFLAGS: "-Xmx800M", JVMFLAGS: "-Da=b -Xmx921600k" }, "900"],
    [{ JVMFLAGS: "-Xmx1073741824" }, "1024"],
    [{ ZK_SERVER_HEAP: "700", DENO_V8_FLAGS: "--max-old-space-size=300" }, "none"],
  ];
  for (const [env, heap] of cases) {
    const { stdout } = await machine.run([file, "start-foreground"], { env });
    assert.equal(stdout, printed(file, ["start-foreground"], heap), JSON.stringify(env));
  }
  await using group = MemoryGroup.create(256 * 2 ** 20);
  const inGroup: typeof cases = [
    [{}, "128"],
    [{ ZK_SERVER_HEAP: "700" }, "700"],
    [{ DENO_V8_FLAGS: "--max-old-space-size=300" }, "none"],
  ];
  for (const [env, heap] of group === null ? [] : inGroup) { // only root may make one
    const { wrapper } = group!;
    const { stdout } = await machine.run([file, "start-foreground"], { env, wrapper });
    assert.equal(stdout, printed(file, ["start-foreground"], heap), JSON.stringify(env));
  }
  const { stdout } = await machine.run([file, "ls"], { env: { ZK_SERVER_HEAP: "700" } });
  assert.equal(stdout, printed(file, ["ls"]), "tools have what the runtime gives them");
});

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
