/**
 * The files in which a member keeps who its ensemble's members are, beside the config file (disk format
 * section 3): `.dynamic.<version>` what is committed, `.dynamic.next` what was proposed, `.bak` the
 * config file as the operator wrote it.
 *
 * The names and the bytes of all three are ZooKeeper's. The config file is changed where ZooKeeper writes
 * it anew: there, comments and the order of lines get lost, and escapes in values break. Here only the
 * lines about members go, so that both servers read the same from it.
 *
 * Each file is replaced as a whole. The config file comes after the dynamic file that it names, and
 * `.dynamic.next` goes last: a crash in between leaves a configuration that holds.
 *
 * @module
 */
import { dirname } from "./file_path.ts";
import { QuorumConfig } from "../cluster/quorum_config.ts";
import type { ServerId } from "../cluster/server_id.ts";
import { DecodeError } from "../core/errors.ts";
import {
  decodeLatin1,
  encodeLatin1,
  escapeValue,
  removeProperties,
} from "../core/java_properties.ts";
import type { FileSystem } from "../core/ports.ts";
import { type Zxid, zxidToHex } from "../core/zxid.ts";
import { replaceFile } from "./file_system.ts";

export interface DynamicConfigFilesOptions {
  /** Of the config file, absolute. */
  configPath: string;
  serverId: ServerId;
  fileSystem: FileSystem;
}

/** All methods return when what they did is durable, and throw what the system throws. */
export class DynamicConfigFiles {
  readonly #options: DynamicConfigFilesOptions;

  constructor(options: DynamicConfigFilesOptions) {
    this.#options = options;
  }

  /** Copies the config file, at start and while it holds the members itself. */
  backUp(): void {
    this.#replace(`${this.#options.configPath}.bak`, this.#readConfig());
  }

  /** Keeps members that are proposed, or that came with NEWLEADER, for the next start. */
  writeNext(config: QuorumConfig): void {
    const lines = [...config.toLines(), `version=${zxidToHex(config.version)}`];
    this.#replace(this.#nextPath, textOf(lines));
  }

  /** Members that were proposed never will be committed. */
  removeNext(): void {
    const { configPath, fileSystem } = this.#options;
    if (fileSystem.remove(this.#nextPath)) fileSystem.syncDirectory(dirname(configPath));
  }

  /** Keeps members that are committed; those proposed before are forgotten. */
  writeCommitted(config: QuorumConfig): void {
    const { configPath, serverId } = this.#options;
    const dynamicPath = `${configPath}.dynamic.${zxidToHex(config.version)}`;
    this.#replace(dynamicPath, textOf(config.toLines()));

    const own = config.members.get(serverId);
    const hasClientPort = own !== undefined && own.clientPort !== null;
    const hasSecurePort = own !== undefined && own.secureClientPort !== null;
    const kept = removeProperties(this.#readConfig(), (key) => {
      if (key === "clientPort" || key === "clientPortAddress") return hasClientPort;
      if (key === "secureClientPort" || key === "secureClientPortAddress") return hasSecurePort;
      return isAboutMembers(key);
    });
    const lineEnd = kept === "" || /[\r\n]$/.test(kept) ? "" : "\n";
    const pointer = `dynamicConfigFile=${escapeValue(dynamicPath)}\n`;
    this.#replace(configPath, kept + lineEnd + pointer);

    if (!this.#isNextNewerThan(config.version)) this.removeNext();
  }

  /** One that other members told of may be committed while a newer one is proposed. */
  #isNextNewerThan(version: Zxid): boolean {
    try {
      return QuorumConfig.parse(decodeLatin1(Deno.readFileSync(this.#nextPath))).version > version;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof DecodeError) return false;
      throw error;
    }
  }

  get #nextPath(): string {
    return `${this.#options.configPath}.dynamic.next`;
  }

  #readConfig(): string {
    return decodeLatin1(Deno.readFileSync(this.#options.configPath));
  }

  /** A config file may hold secrets: what is made of it is open to nobody else than it is. */
  #replace(path: string, text: string): void {
    const { configPath, fileSystem } = this.#options;
    const { mode } = Deno.statSync(configPath);
    replaceFile(fileSystem, {
      path,
      bytes: encodeLatin1(text),
      prepare: (unfinished) => {
        if (mode !== null && Deno.build.os !== "windows") {
          Deno.chmodSync(unfinished, mode & 0o777);
        }
      },
    });
  }
}

/** In the order of text, as ZooKeeper writes them, and without a final newline. */
function textOf(lines: readonly string[]): string {
  return [...lines].sort().join("\n");
}

function isAboutMembers(key: string): boolean {
  return key.startsWith("server.") || key.startsWith("group") || key.startsWith("weight") ||
    key === "dynamicConfigFile" || key === "peerType";
}
