/**
 * A directory for one test, gone when the test ends: `using dir = makeTempDir()`.
 *
 * @module
 */

export interface TempDir extends Disposable {
  readonly path: string;
}

/** Makes an empty directory under the system's temporary directory. */
export function makeTempDir(): TempDir {
  const path = Deno.makeTempDirSync({ prefix: "denkeeper-test-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
