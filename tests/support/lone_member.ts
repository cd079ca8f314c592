/**
 * A member of an ensemble whose other members are not there.
 *
 * @module
 */
import { freePort } from "./free_port.ts";
import { InProcessServer } from "./in_process_server.ts";

/**
 * @param dir for its dataDir, which has to have its id
 * @param x.memberCount 1: it is a quorum by itself; 2: it has none
 */
export async function startLoneMember(
  dir: string,
  x: {
    memberCount: 1 | 2;
    defines?: readonly string[];
    config?: Readonly<Record<string, string | number | boolean>>;
  },
): Promise<InProcessServer> {
  const dataDir = `${dir}/member-${x.memberCount}-${freePort()}`;
  Deno.mkdirSync(dataDir, { recursive: true });
  Deno.writeTextFileSync(`${dataDir}/myid`, "1\n");
  const members = Array.from({ length: x.memberCount }, (_, i) => [
    `server.${i + 1}`,
    `127.0.0.1:${freePort()}:${freePort()}`,
  ]);
  return await InProcessServer.start({
    http: true,
    dataDir,
    defines: x.defines ?? [],
    config: {
      ...{ initLimit: 5, syncLimit: 5, standaloneEnabled: false },
      ...Object.fromEntries(members),
      ...x.config,
    },
  });
}
