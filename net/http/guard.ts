/**
 * Keeps web pages from using a browser to speak to this server: requests of other sites are refused, and so are
 * names that point to this machine without being its own (DNS rebinding).
 *
 * Programs send none of the headers that browsers do, and are not concerned. There is no CORS.
 *
 * @module
 */
import type { HttpConfig } from "../../core/server_config.ts";
import { Problem } from "./problem.ts";

const LOOPBACK_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export interface Visitor {
  /** The other end of the connection. */
  readonly peerAddress: string;
  /** The request changes nothing and what it gets is known to everyone. */
  readonly isPublic: boolean;
}

export class Guard {
  readonly #allowedHosts: ReadonlySet<string>;
  #lastAddress = "";
  #isLastLoopback = false;
  /** The last one that was right. */
  #lastHost: string | null = null;

  /** @param ownHosts names of this machine */
  constructor(config: HttpConfig, ownHosts: readonly string[]) {
    const names = [...config.allowedHosts, ...ownHosts];
    this.#allowedHosts = new Set(names.map((name) => name.toLowerCase()));
  }

  /** @throws {Problem} `cross-site`, `wrong-host` */
  check(request: Request, { peerAddress, isPublic }: Visitor): void {
    const { headers, method } = request;
    if (!isPublic) {
      const site = headers.get("sec-fetch-site");
      if (site === "cross-site" || site === "same-site") {
        throw crossSite(`A page of another site made this request (Sec-Fetch-Site: ${site})`);
      }
      if (method !== "GET" && method !== "HEAD") this.#checkOrigin(headers);
    }
    if (this.#isLoopback(peerAddress)) this.#checkHost(headers.get("host"));
  }

  #checkOrigin(headers: Headers): void {
    const origin = headers.get("origin");
    if (origin === null) return;
    const host = headers.get("host") ?? "";
    if (origin.toLowerCase() === `http://${host.toLowerCase()}`) return;
    // a proxy that speaks TLS passes on what the browser was told
    if (origin.toLowerCase() === `https://${host.toLowerCase()}`) return;
    throw crossSite(`A page of ${JSON.stringify(origin)} made this request to ${host}`);
  }

  #checkHost(host: string | null): void {
    if (host === null || host === this.#lastHost) return; // browsers always send it
    const name = host.replace(/:\d*$/, "").toLowerCase();
    if (LOOPBACK_HOST.test(name) || this.#allowedHosts.has(name)) {
      this.#lastHost = host;
      return;
    }
    throw new Problem("wrong-host", {
      detail:
        `The Host header names ${JSON.stringify(name)}, which is not known as this machine: ` +
        `use localhost, or add the name to http.allowedHosts`,
      outcome: "not-applied",
    });
  }

  #isLoopback(address: string): boolean {
    if (address !== this.#lastAddress) {
      this.#lastAddress = address;
      this.#isLastLoopback = LOOPBACK_ADDRESS.test(address);
    }
    return this.#isLastLoopback;
  }
}

function crossSite(what: string): Problem {
  return new Problem("cross-site", {
    detail: `${what}: only pages of this server may, and programs that are no browsers`,
    outcome: "not-applied",
  });
}
