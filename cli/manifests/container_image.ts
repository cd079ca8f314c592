/**
 * What the image is: the official ZooKeeper image's folders, ports, user and variables, so that volumes and settings of
 * one serve the other.
 *
 * @module
 */

/** The official image's user and group. */
export const USER_ID = 1000;

export const PORTS = { client: 2181, quorum: 2888, election: 3888, http: 8080 } as const;

export const FOLDERS = { config: "/conf", data: "/data", log: "/datalog", logs: "/logs" } as const;

/** Unpacked when the image is made: its root file system may then be read-only. */
const CACHE = "/opt/denkeeper";

export const IMAGE_VARIABLES: Readonly<Record<string, string>> = {
  DENKEEPER_CACHE: CACHE,
  ZOOCFGDIR: FOLDERS.config,
  ZOO_CONF_DIR: FOLDERS.config,
  ZOO_DATA_DIR: FOLDERS.data,
  ZOO_DATA_LOG_DIR: FOLDERS.log,
  ZOO_LOG_DIR: FOLDERS.logs,
};

/** What a container runs, unless told otherwise. */
export const COMMAND: readonly string[] = ["denkeeper", "start-foreground"];

const SCRIPTS = { "zkServer.sh": 'exec denkeeper "$@"', "zkCli.sh": 'exec denkeeper cli "$@"' };

export function dockerfile(): string {
  const folders = Object.values(FOLDERS).join(" ");
  const variables = Object.entries(IMAGE_VARIABLES).map(([name, value]) => `${name}=${value}`);
  const scripts = Object.entries(SCRIPTS).map(([name, line]) =>
    `    printf '#!/bin/sh\\n${line}\\n' >/usr/local/bin/${name}; \\\n` +
    `    chmod 755 /usr/local/bin/${name}; \\\n`
  );
  return `\
# Denkeeper with the folders, ports, user and variables of the official ZooKeeper image.
# Build it in a folder that holds the executable file:  docker build -t denkeeper .
FROM debian:bookworm-slim

COPY --chmod=755 denkeeper /usr/local/bin/denkeeper

RUN set -eu; \\
    groupadd --gid ${USER_ID} zookeeper; \\
    useradd --uid ${USER_ID} --gid zookeeper --no-create-home --home-dir / zookeeper; \\
    mkdir -p ${folders}; \\
    chown zookeeper:zookeeper ${folders}; \\
${scripts.join("")}\
    DENKEEPER_CACHE=${CACHE} denkeeper version; \\
    chmod -R a+rX ${CACHE}

ENV ${variables.join(" \\\n    ")}

USER ${USER_ID}:${USER_ID}
WORKDIR /
VOLUME ${JSON.stringify([FOLDERS.data, FOLDERS.log, FOLDERS.logs])}
EXPOSE ${Object.values(PORTS).join(" ")}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["denkeeper", "health"]
CMD ${JSON.stringify(COMMAND)}
`;
}
