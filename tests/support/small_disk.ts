/**
 * A disk of a few megabytes, to be filled: a tmpfs, which only root may mount.
 *
 * @module
 */
import { runProcess } from "./run_process.ts";

export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(megabytes: number): Promise<SmallDisk> {
    const path = Deno.makeTempDirSync({ prefix: "denkeeper-test-disk-" });
    const { code, output } = await runProcess(
      ["mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "denkeeper-test", path],
    );
    if (code === 0) return new SmallDisk(path);
    Deno.removeSync(path);
    throw new Error(`No disk to fill: ${output}`);
  }

  /** Writes a file until nothing more fits, and takes `freeBytes` of it back. */
  fill(name: string, freeBytes = 0): void {
    const file = Deno.openSync(`${this.path}/${name}`, { write: true, create: true });
    const chunk = new Uint8Array(4096);
    let bytes = 0;
    try {
      for (;;) bytes += file.writeSync(chunk);
    } catch {
      file.truncateSync(Math.max(0, bytes - freeBytes));
    } finally {
      file.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runProcess(["umount", "--lazy", this.path]); // also when something still has a file open
    Deno.removeSync(this.path);
  }
}

/** Whether this process may mount one. */
export async function canMountDisks(): Promise<boolean> {
  try {
    await using _disk = await SmallDisk.mount(1);
    return true;
  } catch {
    return false;
  }
}
