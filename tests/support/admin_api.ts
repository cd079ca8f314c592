/**
 * Asks the HTTP API of a server that knows `SUPER_PROPERTIES`, as super unless told otherwise.
 *
 * @module
 */
import { callApi, type JsonReply, type JsonRequest } from "./json_api.ts";

const SUPER = { Authorization: `Basic ${btoa("super:secret")}` };

/**
 * @param url of the server, without a path
 * @param request its headers take the place of super's
 */
export async function askApi(
  url: string,
  method: string,
  path: string,
  request: JsonRequest = {},
): Promise<JsonReply> {
  return await callApi(url, method, path, { headers: SUPER, ...request });
}
