/**
 * What Kubernetes needs: an ensemble as a StatefulSet, and a pod with a server as its sidecar.
 *
 * @module
 */

import { COMMAND, FOLDERS, PORTS, USER_ID } from "./container_image.ts";
import type { ManifestOptions } from "./manifest_options.ts";
import { serverLines } from "./members.ts";

type Resource = Record<string, unknown>;

/** Under all of them together a rolling update waits for each member to be back in the quorum. */
const PROBES = {
  startupProbe: { ...probe("/startupz"), periodSeconds: 2, failureThreshold: 300 },
  livenessProbe: { ...probe("/livez"), periodSeconds: 10, failureThreshold: 6 },
  readinessProbe: { ...probe("/readyz"), periodSeconds: 5, failureThreshold: 2 },
};

const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: USER_ID,
  runAsGroup: USER_ID,
  fsGroup: USER_ID,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
};

/** A server asks Kubernetes nothing, and needs no variables that tell of the services around it. */
const POD_ISOLATION = { automountServiceAccountToken: false, enableServiceLinks: false };

export function statefulSet(options: ManifestOptions): Resource[] {
  const { name, image, members, memory } = options;
  const labels = { "app.kubernetes.io/name": "denkeeper", "app.kubernetes.io/instance": name };
  const headless = `${name}-headless`;
  const hosts = Array.from({ length: members }, (_, i) => `${name}-${i}.${headless}`);
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, labels },
      spec: { selector: labels, ports: [servicePort("client"), servicePort("http")] },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: headless, labels },
      spec: {
        clusterIP: "None",
        // Members must find each other before they can be ready.
        publishNotReadyAddresses: true,
        selector: labels,
        ports: [servicePort("client"), servicePort("quorum"), servicePort("election")],
      },
    },
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name, labels },
      spec: { selector: { matchLabels: labels }, maxUnavailable: 1 },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name, labels },
      spec: {
        serviceName: headless,
        replicas: members,
        podManagementPolicy: "Parallel", // one alone would wait for a quorum, and so never be ready
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            ...POD_ISOLATION,
            terminationGracePeriodSeconds: 30,
            securityContext: POD_SECURITY,
            affinity: { podAntiAffinity: apart(labels) },
            containers: [{
              name: "denkeeper",
              image,
              // The ids of members begin with 1, the numbers of pods with 0.
              command: ["/bin/sh", "-c"],
              args: [`export ZOO_MY_ID=$((\${POD_NAME##*-} + 1)); exec ${COMMAND.join(" ")}`],
              env: [
                { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
                { name: "ZOO_SERVERS", value: serverLines(hosts) },
                { name: "ZOO_4LW_COMMANDS_WHITELIST", value: "srvr,ruok,mntr" },
              ],
              ports: Object.entries(PORTS).map(([port, containerPort]) => ({
                name: port,
                containerPort,
              })),
              ...PROBES,
              resources: resources(memory),
              securityContext: CONTAINER_SECURITY,
              volumeMounts: [
                { name: "data", mountPath: FOLDERS.data, subPath: "data" },
                { name: "data", mountPath: FOLDERS.log, subPath: "datalog" },
              ],
            }],
          },
        },
        volumeClaimTemplates: [{
          metadata: { name: "data" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            ...(options.storageClass === undefined
              ? {}
              : { storageClassName: options.storageClass }),
            resources: { requests: { storage: options.storage } },
          },
        }],
      },
    },
  ];
}

/** Alone, and for its own pod only: it listens on the pod's loopback, and is gone with the pod's disk. */
export function sidecar({ name, image, memory }: ManifestOptions): Resource {
  const variables = {
    // Where a server's line names its client port, the address is taken from there too.
    ZOO_SERVERS: `server.1=localhost:${PORTS.quorum}:${PORTS.election};127.0.0.1:${PORTS.client}`,
    ZOO_CFG_EXTRA: "admin.serverAddress=127.0.0.1",
  };
  const health = (condition: string) => ({
    exec: { command: ["denkeeper", "health", condition] },
    periodSeconds: 10,
    timeoutSeconds: 5,
  });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { "app.kubernetes.io/name": name } },
    spec: {
      securityContext: POD_SECURITY,
      // It is up before the application begins, and goes after it.
      initContainers: [{
        name: "denkeeper",
        image,
        restartPolicy: "Always",
        env: Object.entries(variables).map(([variable, value]) => ({ name: variable, value })),
        startupProbe: { ...health("--startup"), periodSeconds: 1, failureThreshold: 60 },
        livenessProbe: { ...health("--live"), failureThreshold: 6 },
        readinessProbe: health("--ready"),
        resources: resources(memory),
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          { name: "coordination", mountPath: FOLDERS.data, subPath: "data" },
          { name: "coordination", mountPath: FOLDERS.log, subPath: "datalog" },
        ],
      }],
      containers: [{
        name: "application",
        image: "your-application:latest",
        env: [
          { name: "ZOOKEEPER_CONNECT", value: `127.0.0.1:${PORTS.client}` },
          { name: "DENKEEPER_URL", value: `http://127.0.0.1:${PORTS.http}` },
        ],
      }],
      volumes: [{ name: "coordination", emptyDir: {} }],
    },
  };
}

function servicePort(name: keyof typeof PORTS): Resource {
  return { name, port: PORTS[name], targetPort: name };
}

function probe(path: string): Resource {
  return { httpGet: { path, port: "http" }, timeoutSeconds: 5 };
}

/** What it may take is what it is sure to get: memory that is taken away again ends it. */
function resources(memory: string): Resource {
  return { requests: { cpu: "100m", memory }, limits: { memory } };
}

function apart(labels: Resource): Resource {
  return {
    preferredDuringSchedulingIgnoredDuringExecution: [{
      weight: 100,
      podAffinityTerm: {
        topologyKey: "kubernetes.io/hostname",
        labelSelector: { matchLabels: labels },
      },
    }],
  };
}
