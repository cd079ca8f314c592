/**
 * ZooKeeper's commands in the OpenAPI document.
 *
 * @module
 */
import type { OpenApiItem } from "../openapi.ts";
import { CONNECTION_COMMANDS } from "./connection_commands.ts";
import { ENSEMBLE_COMMANDS } from "./ensemble_commands.ts";
import { SERVER_COMMANDS } from "./server_commands.ts";
import { WATCH_COMMANDS } from "./watch_commands.ts";

const TAGS = ["ZooKeeper's commands"];

const CONTENT = {
  "application/json": {
    schema: {
      type: "object",
      required: ["command", "error"],
      properties: { command: { type: "string" }, error: { type: ["string", "null"] } },
    },
  },
};

const ANSWER = {
  description: "What the command tells. `error` says what failed: the status is 200 then, too",
  content: CONTENT,
};

const REFUSED = {
  "401": {
    description: "Credentials are needed: `Authorization: digest user:password`, or Basic",
    content: CONTENT,
  },
  "403": {
    description: "The caller may not do everything on the root, or it is turned off",
    content: CONTENT,
  },
  "429": {
    description: "Not so soon after the one before: admin.rateLimiterIntervalInMS",
    content: CONTENT,
  },
};

/** @param commandUrl `admin.commandURL` */
export function commandsOpenApi(commandUrl: string): Record<string, OpenApiItem> {
  const base = commandUrl.replace(/\/$/, "");
  const names = [SERVER_COMMANDS, CONNECTION_COMMANDS, WATCH_COMMANDS, ENSEMBLE_COMMANDS].flat()
    .flatMap((command) => command.names).sort();
  const list: Record<string, OpenApiItem> = base === "" ? {} : {
    [base]: {
      get: {
        operationId: "listCommands",
        tags: TAGS,
        summary: "The commands of ZooKeeper's AdminServer, as links",
        responses: { "200": { description: "A page, which does not say that it is one" } },
      },
    },
  };
  return {
    ...list,
    [`${base}/{command}`]: {
      get: {
        operationId: "runCommand",
        tags: TAGS,
        summary: "Runs a command of ZooKeeper's AdminServer",
        parameters: [
          { name: "command", in: "path", required: true, schema: { type: "string", enum: names } },
        ],
        responses: { "200": ANSWER },
      },
    },
    [`${base}/snapshot`]: {
      get: {
        operationId: "takeSnapshot",
        tags: TAGS,
        summary: "Takes a snapshot, and sends it",
        parameters: [{
          name: "streaming",
          in: "query",
          description: "false: it is only written to the server's disk",
          schema: { type: "string", enum: ["true", "false"], default: "true" },
        }],
        responses: {
          "200": { description: "The snapshot", content: { "application/octet-stream": {} } },
          ...REFUSED,
        },
      },
    },
    [`${base}/restore`]: {
      post: {
        operationId: "restoreSnapshot",
        tags: TAGS,
        summary: "Replaces the server's data by a snapshot",
        requestBody: { content: { "application/octet-stream": {} } },
        responses: { "200": ANSWER, ...REFUSED },
      },
    },
  };
}
