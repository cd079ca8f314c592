/**
 * Who the server takes the sender of a request for, as ZooKeeper's whoAmI tells it: no hashes of passwords.
 *
 * @module
 */
import * as z from "zod";
import { SUPER_SCHEME } from "../../../core/auth/auth_provider.ts";
import type { Id } from "../../../core/tree/acl_list.ts";
import { sessionIdToHex } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";

const WhoAmI = z.object({
  identities: z.array(z.object({
    scheme: z.string(),
    user: z.string().meta({ description: "empty where the scheme has no name to show" }),
  })).meta({ description: "of all of them, those count that a znode's ACL has" }),
  super: z.boolean().meta({ description: "may do anything" }),
  remoteAddress: z.string(),
  session: HexText.nullable().meta({ description: "of X-Zk-Session" }),
}).meta({ id: "WhoAmI" });

export const whoAmIRoutes: AnyRoute[] = [
  route({
    method: "GET",
    path: "/api/v1/whoami",
    operationId: "whoAmI",
    tag: "identity",
    summary: "The identities that this request carries",
    query: z.strictObject({}),
    headers: { "Authorization": "Basic or digest: user and password" },
    body: null,
    responses: { 200: { description: "Who asks", body: WhoAmI } },
    problems: ["auth-failed"],
    isWrite: false,
    handle: ({ request, caller: { ids, remoteAddress, session } }) => {
      const answer: z.input<typeof WhoAmI> = {
        identities: ids.map((id) => ({ scheme: id.scheme, user: userOf(id) })),
        super: ids.some(({ scheme }) => scheme === SUPER_SCHEME),
        remoteAddress,
        session: session === null ? null : sessionIdToHex(session.id),
      };
      return jsonResponse(request, answer, { headers: { "cache-control": "no-store" } });
    },
  }),
];

/** What may be shown of an identity: of `digest` the name without the hash. */
function userOf({ scheme, id }: Id): string {
  return scheme === "digest" ? id.split(":", 1)[0]! : id;
}
