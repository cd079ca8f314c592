/**
 * A znode that a tool makes for itself, and everything below it.
 *
 * @module
 */
import { ErrorCode } from "../core/errors.ts";
import { KeeperError } from "../net/client/client_errors.ts";
import type { ZooKeeperClient } from "../net/client/client_types.ts";
import type { ConnectString } from "../net/client/connect_string.ts";

/** Requests under way at a time. */
const IN_FLIGHT_COUNT = 200;

/** @param purpose what stands in its name, for who finds it after a crash */
export function ownZnodePath(purpose: string): string {
  return `/denkeeper-${purpose}-${crypto.randomUUID()}`;
}

/** Makes it. @throws {Error} saying what to do when it cannot be made there */
export async function makeOwnZnode(
  client: ZooKeeperClient,
  path: string,
  { chroot }: Pick<ConnectString, "chroot">,
): Promise<void> {
  try {
    await client.create(path, null);
  } catch (cause) {
    const code = cause instanceof KeeperError ? cause.code : ErrorCode.Ok;
    if (code === ErrorCode.NoNode && chroot !== "") {
      const what = `there is no znode "${chroot}", the chroot of the connect string: make it first`;
      throw new Error(what, { cause });
    }
    if (code !== ErrorCode.NoAuth) throw cause;
    throw new Error(
      `NoAuth: no znode may be made below "${
        chroot || "/"
      }": name who may with --auth, or a chroot ` +
        "where anybody may in the connect string",
      { cause },
    );
  }
}

/** Removes it, with everything below. */
export async function removeOwnZnode(client: ZooKeeperClient, path: string): Promise<void> {
  try {
    await deleteTree(client, path);
  } catch (error) {
    if (!(error instanceof KeeperError) || error.code !== ErrorCode.NoAuth) throw error;
    await client.sync(path);
    if (await client.exists(path) !== null) throw error; // it could not be made either
  }
}

/** Calls `run` for 0 to `count` - 1, many at a time. @throws the first error */
export async function forEachOf(
  count: number,
  run: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT_COUNT, count) }, worker));
}

/** Children first. What is gone already is no fault: ephemerals and containers go by themselves. */
async function deleteTree(client: ZooKeeperClient, path: string): Promise<void> {
  const children = async () => {
    const { children } = await client.getChildren(path);
    await forEachOf(children.length, (i) => deleteTree(client, `${path}/${children[i]}`));
  };
  await except(children(), ErrorCode.NoNode, ErrorCode.NoAuth); // what may not be read may be deleted
  await except(client.delete(path), ErrorCode.NoNode);
}

async function except(request: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof KeeperError) || !codes.some((code) => code === error.code)) throw error;
  }
}
