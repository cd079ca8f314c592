/**
 * Manifests as text.
 *
 * @module
 */

import { stringify } from "yaml";
import type { ManifestKind } from "../commands/manifests_commands.ts";
import { compose } from "./compose.ts";
import { dockerfile } from "./container_image.ts";
import { sidecar, statefulSet } from "./kubernetes.ts";
import type { ManifestOptions } from "./manifest_options.ts";
import { systemdUnit } from "./systemd_unit.ts";

export function manifestOf(kind: ManifestKind, options: ManifestOptions): string {
  switch (kind) {
    case "dockerfile":
      return dockerfile();
    case "compose":
      return yamlOf(compose(options));
    case "statefulset":
      return statefulSet(options).map(yamlOf).join("---\n");
    case "sidecar":
      return yamlOf(sidecar(options));
    case "systemd":
      return systemdUnit(options);
  }
}

function yamlOf(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
