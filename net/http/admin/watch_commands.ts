/**
 * Commands about watches: data watches, never child watches, as with the four-letter words.
 *
 * @module
 */
import type { AdminContext } from "../../admin_context.ts";
import { type AdminCommand, command } from "./command.ts";
import { type Json, JsonMap } from "./json_text.ts";

export const WATCH_COMMANDS: readonly AdminCommand[] = [
  command(["watches", "wchc"], ({ context }) => ({
    session_id_to_watched_paths: new JsonMap(bySession(context)),
  })),
  command(["watches_by_path", "wchp"], ({ context }) => ({
    path_to_session_ids: new JsonMap(byPath(context)),
  })),
  command(["watch_summary", "wchs"], ({ context }) => {
    const { connectionCount, pathCount, watchCount } = context.watchSummary();
    return {
      num_connections: connectionCount,
      num_paths: pathCount,
      num_total_watches: watchCount,
    };
  }),
];

function* bySession(context: AdminContext): Generator<[string, Json]> {
  for (const { sessionId, paths } of context.watchesBySession()) {
    yield [String(sessionId), oneByOne(paths)];
  }
}

function* byPath(context: AdminContext): Generator<[string, Json]> {
  for (const { path, sessionIds } of context.watchesByPath()) {
    yield [path, oneByOne(sessionIds)];
  }
}

/** A list that is not made before it is printed. */
function* oneByOne(values: Iterable<string | bigint>): Generator<Json> {
  yield* values;
}
