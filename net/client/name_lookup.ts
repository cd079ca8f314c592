/**
 * Finds the addresses of a name as the operating system does, /etc/hosts included.
 *
 * @module
 */

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** All addresses of a name, each once; an address is its own. */
export async function lookUpName(hostname: string): Promise<readonly string[]> {
  // the system connects to its own name without being asked for the address
  if (hostname === "localhost" || IPV4.test(hostname) || hostname.includes(":")) return [hostname];
  // loaded when it is needed: most clients of a command line connect to an address or to localhost
  const { lookup } = await import("node:dns");
  return await new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) resolve([...new Set(addresses.map(({ address }) => address))]);
      else reject(new Error(`cannot look "${hostname}" up: ${error.code ?? error.message}`));
    });
  });
}
