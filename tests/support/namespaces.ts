/**
 * A machine of its own for each member of an ensemble, as far as the network goes: a Linux network
 * namespace with one address, joined by a bridge on which this process stands too.
 *
 *     using network = NamespaceNetwork.create([1, 2, 3]);
 *     network.cut(2); // the other members and 2 do not hear of each other; clients here still do
 *     network.block({ from: 1, to: 3 }); // one direction only
 *     network.heal();
 *
 * Packets vanish on the way: connections stay open, and nobody is told.
 *
 * Needs root and `ip`: {@linkcode whyNoNamespaces} says what is in the way.
 *
 * @module
 */

let networkCount = 0;

export class NamespaceNetwork implements Disposable {
  readonly #name: string;
  readonly #subnet: string;
  readonly #ids: readonly number[];

  private constructor(ids: readonly number[]) {
    const number = Deno.pid * 8 + networkCount++ % 8;
    this.#name = `dk${(number % 0xffffff).toString(36)}`;
    this.#subnet = `10.${64 + (number >> 8) % 64}.${number % 256}`;
    this.#ids = ids;
  }

  static create(ids: readonly number[]): NamespaceNetwork {
    const network = new NamespaceNetwork(ids);
    try {
      network.#build();
    } catch (error) {
      network[Symbol.dispose]();
      throw error;
    }
    return network;
  }

  /** The address of a member, reachable from here and from the other members. */
  hostname(id: number): string {
    return `${this.#subnet}.${10 + id}`;
  }

  /** Words before a command that make it run on the machine of this member. */
  wrapper(id: number): string[] {
    return ["ip", "netns", "exec", this.#namespace(id)];
  }

  /** Between this member and all others nothing gets through. */
  cut(id: number): void {
    for (const other of this.#ids) {
      if (other === id) continue;
      this.block({ from: id, to: other });
      this.block({ from: other, to: id });
    }
  }

  /** What one member sends to another goes to a network card that does not exist. */
  block({ from, to }: { from: number; to: number }): void {
    const nobody = ["lladdr", "02:00:00:00:00:00", "nud", "permanent", "dev", "eth0"];
    ip("-n", this.#namespace(from), "neigh", "replace", this.hostname(to), ...nobody);
  }

  /** Everything gets through again. */
  heal(): void {
    for (const from of this.#ids) {
      ip("-n", this.#namespace(from), "neigh", "flush", "dev", "eth0", "nud", "permanent");
    }
  }

  [Symbol.dispose](): void {
    for (const id of this.#ids) {
      ipResult("link", "del", this.#port(id));
      ipResult("netns", "del", this.#namespace(id));
    }
    ipResult("link", "del", this.#name);
  }

  #build(): void {
    ip("link", "add", this.#name, "type", "bridge");
    ip("addr", "add", `${this.#subnet}.1/24`, "dev", this.#name);
    ip("link", "set", this.#name, "up");
    for (const id of this.#ids) {
      const [namespace, port] = [this.#namespace(id), this.#port(id)];
      const inside = ["-n", namespace];
      ip("netns", "add", namespace);
      ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace);
      ip(...inside, "addr", "add", `${this.hostname(id)}/24`, "dev", "eth0");
      ip(...inside, "link", "set", "lo", "up");
      ip(...inside, "link", "set", "eth0", "up");
      ip("link", "set", port, "master", this.#name);
      ip("link", "set", port, "up");
    }
  }

  #namespace(id: number): string {
    return `${this.#name}n${id}`;
  }

  #port(id: number): string {
    return `${this.#name}p${id}`;
  }
}

/** Why namespaces cannot be made here; null when they can. */
export function whyNoNamespaces(): string | null {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "network namespaces need root on Linux";
  try {
    NamespaceNetwork.create([1])[Symbol.dispose]();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : `${error}`;
  }
}

function ip(...args: string[]): void {
  const problem = ipResult(...args);
  if (problem !== null) throw new Error(`Cannot run "ip ${args.join(" ")}": ${problem}`);
}

function ipResult(...args: string[]): string | null {
  try {
    const { success, stderr } = new Deno.Command("ip", { args, stdin: "null" }).outputSync();
    return success ? null : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return `${error}`;
  }
}
