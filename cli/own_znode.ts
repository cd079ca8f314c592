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

/** Makes it. @throws {Error} saying so when it is the chroot that is not there */
export async function makeOwnZnode(
  client: ZooKeeperClient,
  path: string,
  { chroot }: Pick<ConnectString, "chroot">,
): Promise<void> {
  try {
    await client.create(path, null);
  } catch (cause) {
    const isNoNode = cause instanceof KeeperError && cause.code === ErrorCode.NoNode;
    if (!isNoNode || chroot === "") throw cause;
    throw new Error(
      `there is no znode "${chroot}", the chroot of the connect string: make it first`,
      {
        cause,
      },
    );
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
export async function deleteTree(client: ZooKeeperClient, path: string): Promise<void> {
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
