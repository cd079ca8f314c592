/**
 * A control group with a memory limit, as a container is in: of version 1 or 2, which only root may make.
 *
 * @module
 */
import { eventually } from "./eventually.ts";

const PLACES = [
  { root: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes" },
  { root: "/sys/fs/cgroup", limit: "memory.max" },
] as const;

export class MemoryGroup implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @returns null where none can be made */
  static create(bytes: number): MemoryGroup | null {
    for (const { root, limit } of PLACES) {
      const path = `${root}/denkeeper-test-${Deno.pid}`;
      try {
        Deno.mkdirSync(path);
      } catch {
        continue;
      }
      const group = new MemoryGroup(path);
      try {
        Deno.writeTextFileSync(`${path}/${limit}`, String(bytes), { create: false });
        return group;
      } catch {
        Deno.removeSync(path); // no memory controller here
      }
    }
    return null;
  }

  /** Words before a command that make it run in the group. */
  get wrapper(): string[] {
    return ["/bin/sh", "-c", `echo $$ >${this.#path}/cgroup.procs; exec "$@"`, "sh"];
  }

  /** Its processes must have ended; for the system that takes a moment longer. */
  async [Symbol.asyncDispose](): Promise<void> {
    await eventually("nobody is in the group", () => {
      try {
        Deno.removeSync(this.#path);
        return true;
      } catch {
        return false;
      }
    });
  }
}
