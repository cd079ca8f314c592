/**
 * Which member this server takes itself for.
 *
 * @module
 */
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";

export const MYID_FINDINGS = findingKinds({
  "DK-MYID-001": {
    severity: "error",
    title: "The file myid is missing",
    meaning: "A member of an ensemble does not know which of the server lines is its own.",
    action: "Write the N of this server's line server.N into the file, and nothing else.",
  },
  "DK-MYID-002": {
    severity: "error",
    title: "The file myid is empty",
    meaning:
      "A member of an ensemble does not know which of the server lines is its own; a full disk " +
      "may have emptied it.",
    action: "Write the N of this server's line server.N into the file, and nothing else.",
  },
  "DK-MYID-003": {
    severity: "error",
    title: "The file myid holds no usable number",
    meaning: "The server does not start.",
    action:
      "Write the N of this server's line server.N into its first line, from 0 up, and from 1 to " +
      "254 with extendedTypesEnabled=true.",
  },
  "DK-MYID-004": {
    severity: "error",
    title: "No server line has this server's number",
    meaning: "The server does not start: it is no member of the ensemble that is configured.",
    action: "Add the line server.N with this number, or correct myid.",
  },
  "DK-MYID-005": {
    severity: "error",
    title: "myid is the number of another machine",
    meaning:
      "Two servers take themselves for one member: votes are counted twice, and data can be lost.",
    action:
      "Write the number of the line that names this machine into myid; if data came with a copied " +
      "disk, empty version-2 before the start.",
  },
  "DK-MYID-006": {
    severity: "warning",
    title: "myid is not what ZOO_MY_ID says",
    meaning: "The file wins. The volume may be another member's.",
    action: "Mount the volume that belongs to this member, or correct the variable.",
  },
});

const EXTENDED_TYPES_SERVER_ID_MAX = 254;

export function checkMyid(
  { subject, machine, resolved }: Examination,
  report: Report<typeof MYID_FINDINGS>,
): void {
  const { values, isMember, servers, myidText, myid, own, myidOfEnvironment } = subject;
  if (values === null) return;
  const path = `${values.dataDir}/myid`;
  const numbers = servers.map(({ serverId }) => serverId).join(", ");
  const isNumber = myid !== null &&
    (!values.extendedTypesEnabled || myid <= EXTENDED_TYPES_SERVER_ID_MAX);

  if (myidText !== null && myidText.trim() === "") {
    if (isMember) report("DK-MYID-002", `"${path}" is empty; there are the lines of ${numbers}`);
  } else if (myidText !== null && !isNumber) {
    const found = JSON.stringify(myidText.split(/\r?\n/, 1)[0]!.slice(0, 40));
    report("DK-MYID-003", `"${path}" holds ${found}`);
  } else if (isMember && myid === null) {
    report("DK-MYID-001", `"${path}" is not there; there are the lines of ${numbers}`);
  } else if (isMember && own === null) {
    report("DK-MYID-004", `"${path}" says ${myid}; there are the lines of ${numbers}`);
  }
  if (
    myidText !== null && myid !== null && myidOfEnvironment !== null &&
    String(myid) !== myidOfEnvironment.trim()
  ) {
    report("DK-MYID-006", `"${path}" says ${myid}, and ZOO_MY_ID is ${myidOfEnvironment}`);
  }

  if (!isMember || own === null) return;
  const ours = new Set(machine.addresses);
  const addressesOf = ({ addresses }: typeof own) =>
    addresses.flatMap(({ host }) => {
      const found = resolved.get(host);
      return found === undefined || found instanceof Error ? [] : found;
    });
  const isHere = (server: typeof own) => addressesOf(server).some((address) => ours.has(address));
  if (isHere(own) || addressesOf(own).length === 0) return;
  const here = servers.find(isHere);
  if (here === undefined) return;
  const hosts = own.addresses.map(({ host }) => host).join(", ");
  report(
    "DK-MYID-005",
    `"${path}" says ${myid}, whose line names ${hosts} (${addressesOf(own).join(", ")}); this ` +
      `machine has the addresses of server.${here.serverId}`,
  );
}
