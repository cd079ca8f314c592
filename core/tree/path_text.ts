/**
 * Znode paths as text, taken apart and put together.
 *
 * @module
 */

/** The path of a znode's child. */
export function childPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

/** The path of a znode's parent; of those at the top, and of the root, it is the root. */
export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
