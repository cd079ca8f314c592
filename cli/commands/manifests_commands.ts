/**
 * The commands that print what containers, Kubernetes and systemd need to run a server.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import type { CommandLine } from "../command_line.ts";
import { MANIFEST_DEFAULTS, type ManifestOptions } from "../manifests/manifest_options.ts";

/** Kind, what it is for, and what it loads. */
const KINDS = [
  ["dockerfile", "of an image that can take the place of the official ZooKeeper image"],
  ["compose", "an ensemble on one machine, for Docker Compose"],
  ["statefulset", "an ensemble on Kubernetes, with a volume for each member"],
  ["sidecar", "a Kubernetes pod whose application has a server beside it"],
  ["systemd", "a unit for systemd"],
] as const;

export type ManifestKind = (typeof KINDS)[number][0];

export function declareManifestsCommands(program: Command, commandLine: CommandLine): void {
  const manifests = program.command("manifests")
    .summary("print what containers, Kubernetes and systemd need")
    .description(
      "Prints files to run servers with. Look at them, and keep them with your own: nothing here is applied.",
    );
  for (const [kind, summary] of KINDS) {
    const command = manifests.command(kind).summary(summary)
      .description(`Prints ${summary.replace(/^of/, "the Dockerfile of")}.`);
    declareOptions(command, kind);
    command.action(commandLine.action(async (options: Partial<ManifestOptions>) => {
      const { manifestOf } = await import("../manifests/manifest.ts");
      commandLine.world.print(manifestOf(kind, { ...MANIFEST_DEFAULTS, ...options }));
      return 0;
    }));
  }
  manifests.addHelpText(
    "after",
    `
Examples:
  denkeeper manifests dockerfile >Dockerfile && docker build -t denkeeper .
  denkeeper manifests statefulset --members 5 >zookeeper.yaml
  denkeeper manifests systemd >/etc/systemd/system/denkeeper.service
`,
  );
}

function declareOptions(command: Command, kind: ManifestKind): void {
  const { name, image, members, storage, memory, executable, config } = MANIFEST_DEFAULTS;
  if (kind === "systemd") {
    command
      .option("--executable <file>", "where the program is", executable)
      .option("--config <file>", "the settings it starts with", config)
      .option(
        "--memory-max <size>",
        "all that it may take, such as 1G (default: no limit)",
        memoryText,
      );
    return;
  }
  if (kind === "dockerfile") return;
  command
    .option("--name <name>", "of all that is made", dnsLabel, name)
    .option("--image <image>", "the image, as dockerfile makes it", image);
  if (kind !== "sidecar") {
    command.option("--members <number>", "how many servers", memberCount, members);
  }
  if (kind === "statefulset") {
    command
      .option("--storage <size>", "of each member's volume", quantity, storage)
      .option("--storage-class <name>", "of the volumes (default: the cluster's)");
  }
  if (kind !== "compose") {
    command.option("--memory <size>", "that each may take", quantity, memory);
  }
}

function dnsLabel(text: string): string {
  if (/^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a DNS label of at most 42 letters, as in zk-test.");
}

function memberCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= 9) return count;
  throw new InvalidArgumentError("It must be a number from 1 to 9; an odd one makes sense.");
}

function quantity(text: string): string {
  if (/^[1-9]\d*(Ki|Mi|Gi|Ti)$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a number and Ki, Mi, Gi or Ti, as in 512Mi.");
}

function memoryText(text: string): string {
  if (/^[1-9]\d*[KMGT]?$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a number of bytes, or one with K, M, G or T.");
}
