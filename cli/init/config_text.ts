/**
 * The text of a zoo.cfg that `init` writes: what a server needs, each with the reason, for ours and for Java's.
 *
 * @module
 */

import { escapeValue } from "../../core/java_properties.ts";

export interface ConfigChoices {
  /** Absolute. */
  readonly dataDir: string;
  /** Null: dataDir. */
  readonly dataLogDir: string | null;
  /** Null: the own server line has it. */
  readonly clientPort: number | null;
  /** Null: all. */
  readonly address: string | null;
  readonly httpPort: number;
  /** Of an ensemble; empty: the server stands alone. */
  readonly serverLines: readonly string[];
}

export function configTextOf(choices: ConfigChoices): string {
  const { dataDir, dataLogDir, clientPort, address, httpPort, serverLines } = choices;
  const lines = [
    "# Written by denkeeper init; ZooKeeper's own server takes it too.",
    "",
    "# Snapshots, and txn logs unless dataLogDir names another place: a disk of their own makes writes faster.",
    `dataDir=${escapeValue(dataDir)}`,
    dataLogDir === null ? "#dataLogDir=" : `dataLogDir=${escapeValue(dataLogDir)}`,
    "",
    "# Where clients connect.",
    clientPort === null ? "# (the server line below says)" : `clientPort=${clientPort}`,
    address === null ? "#clientPortAddress=127.0.0.1" : `clientPortAddress=${escapeValue(address)}`,
    "",
    "# HTTP: the API, ZooKeeper's commands, health and metrics.",
    `admin.serverPort=${httpPort}`,
    address === null
      ? "#admin.serverAddress=127.0.0.1"
      : `admin.serverAddress=${escapeValue(address)}`,
    "",
    "# The unit of time, in milliseconds: sessions last 2 to 20 of it.",
    "tickTime=2000",
    "",
    "# Old snapshots and txn logs are removed, else they fill the disk: so many are kept, looked at every so many hours.",
    "autopurge.snapRetainCount=3",
    "autopurge.purgeInterval=24",
    "",
    "# Four-letter words for those who watch over the server.",
    "4lw.commands.whitelist=srvr, ruok, mntr",
    "",
  ];
  if (serverLines.length > 0) {
    lines.push(
      "# The members, the same lines on each: server.<myid>=host:quorumPort:electionPort. A file myid in dataDir holds",
      "# the number of this one.",
      ...serverLines,
      "",
      "# Ticks that a member may take to connect to the leader and to be sent what it lacks, and to answer it.",
      "initLimit=10",
      "syncLimit=5",
      "",
    );
  }
  return lines.join("\n");
}
