/**
 * What can be chosen in manifests, and what is taken where nothing is.
 *
 * @module
 */

export interface ManifestOptions {
  /** Of all objects, and of members behind a dash. */
  readonly name: string;
  readonly image: string;
  readonly members: number;
  /** A Kubernetes quantity. */
  readonly storage: string;
  readonly storageClass?: string;
  /** A Kubernetes quantity. */
  readonly memory: string;
  /** Of systemd, in its form: no more than it. Default: no limit. */
  readonly memoryMax?: string;
  /** Of systemd. */
  readonly executable: string;
  readonly config: string;
}

export const MANIFEST_DEFAULTS: ManifestOptions = {
  name: "zookeeper",
  image: "denkeeper:latest",
  members: 3,
  storage: "8Gi",
  memory: "512Mi",
  executable: "/usr/local/bin/denkeeper",
  config: "/etc/denkeeper/zoo.cfg",
};
