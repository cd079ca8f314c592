/**
 * Streams of events over HTTP (SSE): of a znode or all below one, and of a session.
 *
 * @module
 */
import * as z from "zod";
import { sessionIdToHex, type Zxid, zxidText } from "../../../core/zxid.ts";
import type { SessionKey } from "../gateway.ts";
import { Problem } from "../problem.ts";
import { Flag, ZxidText } from "../query_values.ts";
import { CURRENT_HEADERS, sessionOfUrl } from "../resources/request_session.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { isZnodePath } from "../znode_path.ts";
import type { WatchScope } from "./change.ts";
import { plainEvent, VALUE_FORMS, type ValueForm } from "./event_text.ts";
import { holdSession } from "./session_lease.ts";
import { hubOf } from "./watch_hub.ts";

/** Streams that lose their server together do not all come back at once. */
const RETRY_MS_MIN = 1000;
const RETRY_MS_SPREAD = 3000;

const SCOPE_QUERY = {
  recursive: Flag.meta({ description: "all znodes below it too" }),
  since: ZxidText.optional().meta({
    description: "go on behind this zxid: all through it was seen; Last-Event-ID comes before it",
  }),
  value: z.enum(VALUE_FORMS).default("none").meta({
    description:
      "how `created` and `changed` tell stat and value; one that is no UTF-8 comes as base64",
  }),
};
const WatchQuery = z.strictObject({
  path: z.string().meta({ description: "of the znode, which need not be there" }),
  ...SCOPE_QUERY,
});
const SessionEventsQuery = z.strictObject({
  path: z.string().optional().meta({ description: "a znode to be watched as well" }),
  ...SCOPE_QUERY,
});

const LAST_EVENT_ID = {
  "Last-Event-ID": "the id of the last event that was seen, as EventSource sends it by itself",
};
const STREAM_RESPONSES = {
  200: { description: "The events, as they happen", body: { contentType: "text/event-stream" } },
};

export const watchRoutes: AnyRoute[] = [
  route({
    method: "GET",
    path: "/api/v1/watch",
    operationId: "watch",
    tag: "watch",
    summary: "Follow what happens to a znode, or to all below it",
    description:
      "Begins with `open`, whose zxid is where the stream begins. Then `created`, `changed`, `deleted` and, for a " +
      "watch that is not recursive, `children`, in the order of the transactions: `{path, type, zxid}`, with " +
      "`value` also stat and value unless a later transaction has changed them again. The `id` of an event is its " +
      "zxid; of several events of one transaction only the last one has it, so that a client that goes on behind " +
      "its last id misses nothing and sees nothing twice. `resync`: from here on events were lost or cannot be " +
      "told, read the znodes anew. `session` with state `disconnected`: the server has no quorum, nothing is told " +
      "until `connected`, and then nothing is left out. Changes of ACLs are no events. The caller hears of znodes " +
      "that it may READ. With `X-Zk-Session` the stream keeps the session alive, and ends with it.",
    query: WatchQuery,
    headers: { ...LAST_EVENT_ID, "X-Zk-Session": "a session to be kept alive" },
    body: null,
    responses: STREAM_RESPONSES,
    problems: ["bad-path", "no-quorum", "too-many-streams", "session-expired"],
    isWrite: false,
    handle: (call) => {
      const { path, recursive, value } = call.query;
      return openStream(call, {
        scope: { path: checkedPath(path), isRecursive: recursive },
        form: value,
        session: call.caller.session,
      });
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/sessions/{token}/events",
    operationId: "sessionEvents",
    tag: "sessions",
    summary: "Keep a session alive for as long as the stream is open",
    description:
      "When the stream breaks off, the session has its whole ttl from its last sign of life. `session` events say " +
      "what becomes of it: `disconnected` and `connected` of the server's quorum, `ended` when it has expired or " +
      "was closed, which ends the stream. With `path` the events of a watch are among them.",
    query: SessionEventsQuery,
    headers: { ...LAST_EVENT_ID, ...CURRENT_HEADERS },
    body: null,
    responses: STREAM_RESPONSES,
    problems: [
      "bad-path",
      "no-quorum",
      "too-many-streams",
      "session-required",
      "session-expired",
    ],
    isWrite: false,
    handle: async (call) => {
      const { path, recursive, value } = call.query;
      const { key } = await call.gateway.touch(sessionOfUrl(call));
      return openStream(call, {
        scope: path === undefined ? null : { path: checkedPath(path), isRecursive: recursive },
        form: value,
        session: key,
      });
    },
  }),
];

type StreamCall = Pick<Call, "request" | "caller" | "gateway" | "signal"> & {
  readonly query: { since?: Zxid | undefined };
};

function openStream(
  { request, caller, gateway, signal, query }: StreamCall,
  { scope, form, session }: {
    scope: WatchScope | null;
    form: ValueForm;
    session: SessionKey | null;
  },
): Response {
  const hub = hubOf(gateway);
  const since = lastEventId(request) ?? query.since ?? null;
  if (since !== null && !Number.isSafeInteger(since)) {
    throw new Problem("bad-request", {
      detail: "since is beyond every zxid: leave it out, or send the id of an event",
    });
  }
  let release = () => {};
  const stream = hub.open({ caller, scope, form, since, signal, over: () => release() });
  const { position } = stream;
  const retryMs = RETRY_MS_MIN + Math.floor(Math.random() * RETRY_MS_SPREAD);
  const opened = {
    zxid: zxidText(position),
    resumed: since !== null,
    ...(session === null ? {} : { session: sessionIdToHex(session.id) }),
  };
  stream.write(
    `retry: ${retryMs}\n${plainEvent("open", opened, scope === null ? null : position)}`,
  );
  stream.start(hub.aheadUntilMs);
  if (session !== null && stream.output.isOpen) {
    release = holdSession(gateway, session, () => {
      stream.end(plainEvent("session", { state: "ended" }, null));
    });
  }
  return new Response(stream.output.body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no", // nginx would keep events back
    },
  });
}

function lastEventId({ headers }: Request): Zxid | null {
  const text = headers.get("last-event-id");
  if (text === null || text === "") return null;
  const parsed = ZxidText.safeParse(text);
  if (parsed.success && Number.isSafeInteger(parsed.data)) return parsed.data;
  throw new Problem("bad-request", {
    detail: `Last-Event-ID ${
      JSON.stringify(text)
    } is none of ours: leave it out, or send 0x and hex digits`,
  });
}

function checkedPath(path: string): string {
  if (isZnodePath(path)) return path;
  throw new Problem("bad-path", {
    path,
    detail:
      `Cannot watch ${
        JSON.stringify(path)
      }: a path begins with a slash and does not end with one, ` +
      "and has neither empty names nor control characters",
  });
}
