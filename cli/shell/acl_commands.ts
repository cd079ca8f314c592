/**
 * zkCli.sh's commands about who may do what: `getAcl`, `setAcl`, `addauth`, `whoami`.
 *
 * @module
 */

import { ErrorCode } from "../../core/errors.ts";
import { encodeUtf8 } from "../../core/wire/jute.ts";
import { KeeperError } from "../../net/client/client_errors.ts";
import type { ClientAcl } from "../../net/client/client_types.ts";
import { statJson } from "../../net/stat_json.ts";
import { parseAclWords, permissionLetters } from "./acl_words.ts";
import { type CommandWords, printJson, zooKeeperCommand } from "./command_words.ts";
import { intOption } from "./java_options.ts";
import { aclJson } from "./json_texts.ts";
import { keeperErrorCodeText } from "./keeper_error_text.ts";
import type { ShellCommand, ShellContext } from "./shell_command.ts";
import { statText } from "./stat_text.ts";
import { visitSubtree } from "./subtree.ts";

export const ACL_COMMANDS: readonly ShellCommand[] = [
  zooKeeperCommand({
    name: "getAcl",
    usage: "[-s] path",
    summary: "print the ACL of a znode",
    details: "  -s  and its stat",
    options: { flags: ["s"] },
    operandCount: 1,
    run: async (context, words) => {
      const path = words.operand(0);
      const { acl, stat } = await context.connectedClient().getAcl(path, context);
      if (context.isJson) {
        return printJson(context, { path, acl: aclJson(acl), stat: statJson(stat) });
      }
      const lines = acl.map(({ scheme, id, permissions }) =>
        `'${scheme},'${id}\n: ${permissionLetters(permissions)}\n`
      );
      context.print(`${lines.join("")}${words.has("s") ? statText(stat) : ""}`);
    },
  }),
  zooKeeperCommand({
    name: "setAcl",
    usage: "[-s] [-v version] [-R] path acl",
    summary: "change the ACL of a znode",
    details: `  -s          print its stat
  -v version  only if this is the version of its ACL
  -R          of all below it, too; what cannot be changed is told and passed over

An ACL is a list of scheme:id:perms with perms of r read, w write, c create, d delete, a admin:
  setAcl /app world:anyone:r,auth::cdrwa`,
    options: { flags: ["s", "R"], values: ["v"] },
    operandCount: 2,
    run: setAcl,
  }),
  zooKeeperCommand({
    name: "addauth",
    usage: "scheme auth",
    summary: "say who you are: addauth digest user:password",
    operandCount: 1,
    run: async (context, words) => {
      const [scheme = "", auth] = words.operands;
      const adding = context.connectedClient()
        .addAuth({ scheme, auth: auth === undefined ? null : encodeUtf8(auth) }, context);
      if (context.isJson) {
        await adding;
        printJson(context, { scheme });
      } else adding.catch(() => {}); // a refusal ends the session, and its event says so
    },
  }),
  {
    name: "whoami",
    usage: "",
    summary: "print whom the server takes you for",
    isOurs: false,
    run: async (context) => {
      const identities = await context.connectedClient().whoAmI(context);
      if (context.isJson) printJson(context, { identities });
      else {
        const lines = identities.map(({ scheme, user }) => `${scheme}: ${user}\n`);
        context.print(`Auth scheme: User\n${lines.join("")}`);
      }
      return 0;
    },
  },
];

async function setAcl(context: ShellContext, words: CommandWords): Promise<void> {
  const [path = "", text = ""] = words.operands;
  const acl = parseAclWords(text, (line) => context.complain(line));
  if (acl.length === 0) throw new KeeperError(ErrorCode.InvalidAcl, null);
  const version = intOption(words.value("v"), { option: "v", otherwise: -1 });
  if (words.has("R")) return await setAclBelow(context, { path, acl, version });
  const { signal } = context;
  const stat = await context.connectedClient().setAcl(path, acl, { version, signal });
  if (context.isJson) printJson(context, { path, acl: aclJson(acl), stat: statJson(stat) });
  else if (words.has("s")) context.print(statText(stat));
}

async function setAclBelow(
  context: ShellContext,
  { path, acl, version }: { path: string; acl: readonly ClientAcl[]; version: number },
): Promise<void> {
  const client = context.connectedClient();
  const { signal } = context;
  const failed: { path: string; code: number }[] = [];
  let changed = 0;
  await visitSubtree(context, path, async (found) => {
    try {
      await client.setAcl(found, acl, { version, signal });
      changed += 1;
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      failed.push({ path: found, code: error.code });
      // as zkCli.sh, on stdout and in one line
      if (!context.isJson) context.print(keeperErrorCodeText(error));
    }
  });
  if (context.isJson) printJson(context, { path, acl: aclJson(acl), changed, failed });
}
