/**
 * The runtime that a self-extracting file carries: the one at hand, or another machine's from the npm registry.
 *
 * @module
 */

/** Name, the triple of `deno compile`, and the npm package that holds the runtime. */
const PACKAGES = {
  "linux-x64": { triple: "x86_64-unknown-linux-gnu", npm: "@deno/linux-x64-glibc" },
  "linux-arm64": { triple: "aarch64-unknown-linux-gnu", npm: "@deno/linux-arm64-glibc" },
  "darwin-x64": { triple: "x86_64-apple-darwin", npm: "@deno/darwin-x64" },
  "darwin-arm64": { triple: "aarch64-apple-darwin", npm: "@deno/darwin-arm64" },
} as const;

export type Target = keyof typeof PACKAGES;

export const TARGETS = Object.keys(PACKAGES) as Target[];

export const HOST_TARGET = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;

export function isTarget(name: string): name is Target {
  return Object.hasOwn(PACKAGES, name);
}

export function tripleOf(target: Target): string {
  return PACKAGES[target].triple;
}

/**
 * A file with the runtime, of the version that runs us.
 *
 * @throws {Error} when it cannot be had, or is not what the registry says it is
 */
export async function runtimeOf(target: Target, workDir: string): Promise<string> {
  if (target === HOST_TARGET) return Deno.execPath();
  const registry = (Deno.env.get("NPM_CONFIG_REGISTRY") ?? "https://registry.npmjs.org")
    .replace(/\/$/, "");
  const name = `${PACKAGES[target].npm}@${Deno.version.deno}`;
  const described = await fetched(`${registry}/${PACKAGES[target].npm}/${Deno.version.deno}`);
  const { dist: { tarball, integrity } } = await described.json();
  const bytes = await (await fetched(tarball)).bytes();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
  if (integrity !== `sha512-${digest.toBase64()}`) {
    throw new Error(`${tarball} is not what the registry describes: its SHA-512 differs`);
  }
  const archive = `${workDir}/runtime.tgz`;
  Deno.writeFileSync(archive, bytes);
  const { success } = await new Deno.Command("tar", {
    args: ["-xzf", archive, "-C", workDir, "package/deno"],
  }).output();
  if (!success) throw new Error(`Cannot unpack package/deno of ${name}`);
  return `${workDir}/package/deno`;
}

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Cannot download ${url}: ${response.status}`);
  return response;
}
