/**
 * A unit for systemd.
 *
 * @module
 */

import type { ManifestOptions } from "./manifest_options.ts";

const USER = "zookeeper";

/** The data directory that its settings are to name is among the folders it may write to. */
const STATE_DIR = "/var/lib/zookeeper";

export function systemdUnit({ executable, config, memoryMax }: ManifestOptions): string {
  return `\
# Denkeeper as a service. It needs the user ${USER}, and dataDir=${STATE_DIR} in ${config}:
#   useradd --system --home-dir ${STATE_DIR} --shell /usr/sbin/nologin ${USER}
#   systemctl daemon-reload && systemctl enable --now denkeeper
# A dataLogDir elsewhere must be named in ReadWritePaths= too. Logs go to the journal: journalctl -u denkeeper
[Unit]
Description=Denkeeper, a coordination server that speaks ZooKeeper's protocols
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
User=${USER}
Group=${USER}
ExecStart=${executable} start-foreground ${config}
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
StateDirectory=zookeeper
StateDirectoryMode=0750
CacheDirectory=denkeeper
Environment=DENKEEPER_CACHE=/var/cache/denkeeper
LimitNOFILE=65536
${memoryMax === undefined ? "" : `MemoryMax=${memoryMax}\n`}\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK

[Install]
WantedBy=multi-user.target
`;
}
