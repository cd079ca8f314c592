/**
 * Walks of a znode and all below it, in the orders of zkCli.sh. What is deleted meanwhile is passed over.
 *
 * @module
 */

import { ErrorCode } from "../../core/errors.ts";
import { childPath } from "../../core/tree/path_text.ts";
import { KeeperError } from "../../net/client/client_errors.ts";
import type { ShellContext } from "./shell_command.ts";

const IN_FLIGHT_COUNT_MAX = 100;

/** The znode, its children in order, then what is below each of them in turn. */
export async function visitSubtree(
  context: ShellContext,
  path: string,
  visit: (path: string) => Promise<void> | void,
): Promise<void> {
  await context.connectedClient().get(path, { signal: context.signal }); // it exists, and may be read
  await visit(path);
  /** What is below them was not visited yet. The last one is next. */
  const parents = [path];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    const names = await childrenOf(context, parent, { isRoot: parent === path });
    const children = names.sort().map((name) => childPath(parent!, name));
    for (const child of children) await visit(child);
    parents.push(...children.reverse());
  }
}

/** The znode and all below it, level by level. */
export async function listLevels(context: ShellContext, path: string): Promise<string[]> {
  const paths = [path];
  for (let at = 0; at < paths.length;) {
    const parents = paths.slice(at, at + IN_FLIGHT_COUNT_MAX);
    const lists = await Promise.all(
      parents.map((parent) => childrenOf(context, parent, { isRoot: parent === path })),
    );
    for (const [i, names] of lists.entries()) {
      for (const name of names) paths.push(childPath(parents[i]!, name));
    }
    at += parents.length;
  }
  return paths;
}

async function childrenOf(
  context: ShellContext,
  path: string,
  { isRoot }: { isRoot: boolean },
): Promise<string[]> {
  try {
    const { signal } = context;
    const { children } = await context.connectedClient().getChildren(path, { signal });
    return children;
  } catch (error) {
    if (isRoot || !(error instanceof KeeperError) || error.code !== ErrorCode.NoNode) throw error;
    return [];
  }
}
