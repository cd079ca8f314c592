/**
 * Asks the HTTP API of a server that knows `SUPER_PROPERTIES`, as super unless told otherwise.
 *
 * @module
 */

export interface ApiAnswer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

export interface ApiRequest {
  /** Default: those of super. */
  readonly headers?: Readonly<Record<string, string>>;
  /** As JSON. */
  readonly body?: unknown;
}

const SUPER = { Authorization: `Basic ${btoa("super:secret")}` };

/** @param url of the server, without a path */
export async function askApi(
  url: string,
  method: string,
  path: string,
  { headers = SUPER, body }: ApiRequest = {},
): Promise<ApiAnswer> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...headers, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}
