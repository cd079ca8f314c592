/**
 * The real peers that compatibility tests need, and what to call a test whose peer is not here.
 *
 * `tests/run.ts` installs what is missing where it can; a test only looks and never installs.
 *
 * @module
 */

export interface Prerequisite {
  /** Debian package that brings it. */
  readonly debianPackage: string;
  /** A file of that package the tests use. */
  readonly file: string;
}

/** Debian's Python: another `python3` may come first on the PATH and lack the package. */
export const PYTHON = "/usr/bin/python3";
export const ZK_CLI = "/usr/share/zookeeper/bin/zkCli.sh";
export const C_CLIENT = "/usr/lib/zookeeper/bin/cli_mt";

export const prerequisites = {
  java: { debianPackage: "default-jre-headless", file: "/usr/bin/java" },
  /** Runs single files of source. */
  javaCompiler: { debianPackage: "default-jdk-headless", file: "/usr/bin/javac" },
  javaServer: { debianPackage: "zookeeper", file: "/usr/share/java/zookeeper.jar" },
  jetty: { debianPackage: "libjetty9-java", file: "/usr/share/java/jetty9-server.jar" },
  jackson: {
    debianPackage: "libjackson2-databind-java",
    file: "/usr/share/java/jackson-databind.jar",
  },
  zkCli: { debianPackage: "zookeeper", file: ZK_CLI },
  snappyJava: { debianPackage: "libsnappy-java", file: "/usr/share/java/snappy-java.jar" },
  curatorClient: {
    debianPackage: "libcurator-client-java",
    file: "/usr/share/java/curator-client.jar",
  },
  curatorFramework: {
    debianPackage: "libcurator-framework-java",
    file: "/usr/share/java/curator-framework.jar",
  },
  curatorRecipes: {
    debianPackage: "libcurator-recipes-java",
    file: "/usr/share/java/curator-recipes.jar",
  },
  cClient: { debianPackage: "zookeeper-bin", file: C_CLIENT },
  kazoo: {
    debianPackage: "python3-kazoo",
    file: "/usr/lib/python3/dist-packages/kazoo/__init__.py",
  },
  curl: { debianPackage: "curl", file: "/usr/bin/curl" },
  jq: { debianPackage: "jq", file: "/usr/bin/jq" },
  /** A terminal whose screen can be read. */
  tmux: { debianPackage: "tmux", file: "/usr/bin/tmux" },
  /** Another shell, and other tools, than Debian's own. */
  busybox: { debianPackage: "busybox", file: "/usr/bin/busybox" },
  /** Brings systemd-analyze. */
  systemd: { debianPackage: "systemd", file: "/usr/bin/systemd-analyze" },
  pkill: { debianPackage: "procps", file: "/usr/bin/pkill" },
  prometheusClient: {
    debianPackage: "python3-prometheus-client",
    file: "/usr/lib/python3/dist-packages/prometheus_client/parser.py",
  },
} as const satisfies Record<string, Prerequisite>;

export type PrerequisiteName = keyof typeof prerequisites;

/** The Debian packages that are not installed, each once. */
export function missingPackages(
  names: readonly PrerequisiteName[] = Object.keys(prerequisites) as PrerequisiteName[],
): string[] {
  const missing = names.map((name) => prerequisites[name]).filter(({ file }) => !isFile(file));
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))];
}

/** Registers a test that needs real peers; without them it is ignored and its name says why. */
export function testWith(
  needs: readonly PrerequisiteName[],
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
): void {
  const missing = missingPackages(needs);
  if (missing.length === 0) {
    Deno.test({ name, fn });
  } else {
    const reason = `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed`;
    Deno.test({ name: `${name} (skipped: ${reason})`, ignore: true, fn });
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
