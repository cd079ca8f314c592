/**
 * A server whose writes are known, with a folder for its backups.
 *
 * @module
 */
import { InProcessServer } from "../../support/in_process_server.ts";
import type { SeededRandom } from "../../support/seeded_random.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { KnownWrites } from "./known_writes.ts";
import { SESSION_TIMEOUT_MS, SUPER, superSession } from "./restored_tree.ts";

export interface WrittenServer extends AsyncDisposable {
  readonly writes: KnownWrites;
  /** Removed with the server; the backups are in its `backups`. */
  readonly dir: string;
  readonly folder: string;
  /** The words behind `backup` that make one. */
  readonly create: readonly string[];
}

/** @param writeCount made already */
export async function startWritten(
  random: SeededRandom,
  writeCount: number,
): Promise<WrittenServer> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(makeTempDir()).path;
  const folder = `${dir}/backups`;
  const server = stack.use(
    await InProcessServer.start({
      defines: SUPER,
      config: { maxSessionTimeout: SESSION_TIMEOUT_MS },
    }),
  );
  const writes = new KnownWrites(stack.use(await superSession(server.clientPort)), random);
  await writes.begin();
  await writes.run(writeCount);
  const owned = stack.move();
  return {
    writes,
    dir,
    folder,
    create: ["create", "--to", folder, "--data-dir", server.dataDir],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
