import assert from "node:assert/strict";
import { health } from "../../../net/http/health.ts";
import {
  type EnsembleHealth,
  type HealthCheck,
  type HealthSource,
  liveChecks,
  readyChecks,
  startupChecks,
  strictChecks,
} from "../../../net/http/health_checks.ts";
import { freePort } from "../../support/free_port.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const GIB = 1 << 30;
const NOW_MS = 1_000_000;

const ALONE: HealthSource = {
  nowMs: NOW_MS,
  stage: "running",
  znodeCount: 5000,
  tickedMs: NOW_MS - 100,
  loopDelayMs: 2,
  syncingSinceMs: null,
  logDir: "/var/log/zk",
  isServing: true,
  isReadOnly: false,
  acceptsWrites: true,
  hasServed: true,
  mode: "standalone",
  peerState: null,
  ensemble: null,
  disks: () => [{ use: "data", directory: "/data", freeBytes: 10 * GIB, sizeBytes: 20 * GIB }],
};
const FOLLOWING: EnsembleHealth = {
  voterCount: 3,
  connectedVoterCount: 3,
  leader: 2,
  leaderHeardMs: NOW_MS - 500,
  uncommittedCount: 3,
  syncLimitMs: 10_000,
};
const FOLLOWER: HealthSource = {
  ...ALONE,
  mode: "follower",
  peerState: "following - broadcast",
  ensemble: FOLLOWING,
};
const LOOKING: HealthSource = {
  ...FOLLOWER,
  isServing: false,
  mode: "looking",
  peerState: "looking",
  ensemble: { ...FOLLOWING, connectedVoterCount: 1, leader: null, leaderHeardMs: null },
};

interface Case {
  readonly what: string;
  readonly ask: (source: HealthSource) => HealthCheck[];
  readonly source: HealthSource;
  /** The checks that fail, each with a part of what it says; none: all is well. */
  readonly fails: Readonly<Record<string, RegExp>>;
}

const CASES: Case[] = [
  { what: "alive", ask: liveChecks, source: ALONE, fails: {} },
  { what: "alive without a quorum", ask: liveChecks, source: LOOKING, fails: {} },
  {
    what: "alive while it loads",
    ask: liveChecks,
    source: { ...ALONE, stage: "loading", tickedMs: null, isServing: false },
    fails: {},
  },
  {
    what: "a sync that takes long",
    ask: liveChecks,
    source: { ...ALONE, syncingSinceMs: NOW_MS - 30_000 },
    fails: {},
  },
  {
    what: "a sync that never ends",
    ask: liveChecks,
    source: { ...ALONE, syncingSinceMs: NOW_MS - 30_001 },
    fails: { fsync: /30\.0 s.*\/var\/log\/zk does not answer/ },
  },
  {
    what: "a timer that does not run",
    ask: liveChecks,
    source: { ...ALONE, tickedMs: NOW_MS - 31_000 },
    fails: { "event-loop": /31\.0 s.*restart/ },
  },

  { what: "ready alone", ask: readyChecks, source: ALONE, fails: {} },
  { what: "ready as a follower", ask: readyChecks, source: FOLLOWER, fails: {} },
  {
    what: "no leader",
    ask: readyChecks,
    source: LOOKING,
    fails: { serving: /no leader: 1 of 3 voters are connected/ },
  },
  {
    what: "not in sync",
    ask: readyChecks,
    source: { ...FOLLOWER, isServing: false, peerState: "following - tree" },
    fails: { serving: /not in sync with its leader, server 2 \(following - tree\)/ },
  },
  {
    what: "elected and not followed",
    ask: readyChecks,
    source: { ...FOLLOWER, isServing: false, mode: "leader", peerState: "leading - discovery" },
    fails: { serving: /waits for a quorum/ },
  },
  {
    what: "a leader without clients",
    ask: readyChecks,
    source: { ...FOLLOWER, isServing: false, mode: "leader", peerState: "leading - broadcast" },
    fails: { serving: /leaderServes=no/ },
  },
  {
    what: "read-only",
    ask: readyChecks,
    source: { ...LOOKING, isServing: true, isReadOnly: true, mode: "read-only" },
    fails: { serving: /read-only mode: there is no quorum/ },
  },
  {
    what: "a full disk",
    ask: readyChecks,
    source: { ...ALONE, acceptsWrites: false },
    fails: { "disk-full": /\/var\/log\/zk is full/ },
  },
  ...(["loading", "restoring", "stopping"] as const).map((stage): Case => ({
    what: stage,
    ask: readyChecks,
    source: { ...ALONE, stage },
    fails: { serving: /being loaded|being restored|stops/ },
  })),

  { what: "strictly ready alone", ask: strictChecks, source: ALONE, fails: {} },
  { what: "strictly ready as a follower", ask: strictChecks, source: FOLLOWER, fails: {} },
  {
    what: "behind",
    ask: strictChecks,
    source: { ...FOLLOWER, ensemble: { ...FOLLOWING, uncommittedCount: 10_001 } },
    fails: { lag: /10001 txns.*10000/ },
  },
  {
    what: "a leader that is silent",
    ask: strictChecks,
    source: { ...FOLLOWER, ensemble: { ...FOLLOWING, leaderHeardMs: NOW_MS - 5001 } },
    fails: { "leader-contact": /5\.0 s.*10\.0 s.*server 2/ },
  },
  {
    what: "a sync that is not stuck yet",
    ask: strictChecks,
    source: { ...ALONE, syncingSinceMs: NOW_MS - 5001 },
    fails: { fsync: /5\.0 s.*writes that need this server wait.*\/var\/log\/zk/ },
  },
  {
    what: "a slow event loop",
    ask: strictChecks,
    source: { ...ALONE, loopDelayMs: 1500 },
    fails: { "event-loop-delay": /1\.5 s late/ },
  },
  {
    what: "little room on a large disk",
    ask: strictChecks,
    source: {
      ...ALONE,
      disks: () => [
        { use: "data", directory: "/data", freeBytes: GIB - 1, sizeBytes: 1000 * GIB },
        { use: "log", directory: "/log", freeBytes: GIB, sizeBytes: 1000 * GIB },
      ],
    },
    fails: { "disk-room-data": /1023 MiB are free in \/data, and 1024 MiB/ },
  },
  {
    what: "room enough on a small disk",
    ask: strictChecks,
    source: {
      ...ALONE,
      disks: () => [{ use: "log", directory: "/log", freeBytes: GIB / 10, sizeBytes: GIB }],
    },
    fails: {},
  },
  {
    what: "a disk that tells nothing",
    ask: strictChecks,
    source: {
      ...ALONE,
      disks: () => [
        { use: "log", directory: "/log", freeBytes: Infinity, sizeBytes: Infinity },
      ],
    },
    fails: {},
  },

  { what: "started", ask: startupChecks, source: ALONE, fails: {} },
  {
    what: "loading",
    ask: startupChecks,
    source: { ...ALONE, stage: "loading", hasServed: false },
    fails: { loaded: /being loaded, 5000 znodes so far/, joined: /before the data/ },
  },
  {
    what: "loaded and not joined",
    ask: startupChecks,
    source: { ...LOOKING, hasServed: false },
    fails: { joined: /no leader/ },
  },
  { what: "it has joined and lost its leader", ask: startupChecks, source: LOOKING, fails: {} },
];

for (const { what, ask, source, fails } of CASES) {
  Deno.test(`${ask.name}(): ${what}`, () => {
    const failed = ask(source).filter(({ ok }) => !ok);
    assert.deepEqual(failed.map(({ name }) => name), Object.keys(fails));
    for (const { name, detail } of failed) assert.match(detail, fails[name]!);
  });
}

// ---------------------------------------------------------------- over HTTP

interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
}

async function ask(
  source: HealthSource,
  url: string,
  { method = "GET", accept }: { method?: string; accept?: string } = {},
): Promise<Answer> {
  const question = url.slice(1).split("?")[0] as keyof ReturnType<typeof health>;
  const request = new Request(`http://localhost${url}`, {
    method,
    headers: accept === undefined ? {} : { accept },
  });
  const response = health(source)[question](request);
  return {
    status: response.status,
    contentType: response.headers.get("content-type"),
    text: await response.text(),
  };
}

Deno.test("health() answers in text or JSON as it is asked", async () => {
  const json = "application/json";
  const text = "text/plain; charset=utf-8";
  const cases: [url: string, accept: string | undefined, contentType: string][] = [
    ["/livez", undefined, text],
    ["/livez?verbose", undefined, json],
    ["/livez?verbose=0", undefined, text],
    ["/livez", "*/*", text],
    ["/livez", json, json],
    ["/readyz", undefined, json],
    ["/readyz", "*/*", json],
    ["/readyz", "text/plain", text],
    ["/readyz?verbose", "text/plain", json],
    ["/startupz", undefined, json],
  ];
  for (const [url, accept, contentType] of cases) {
    const answer = await ask(ALONE, url, accept === undefined ? {} : { accept });
    assert.equal(answer.status, 200);
    assert.equal(answer.contentType, contentType, `${url} ${accept}`);
    if (contentType === text) assert.equal(answer.text, "ok\n");
    else assert.equal(JSON.parse(answer.text).status, "ok");
  }
});

Deno.test("health() answers 503 with each check and what to do", async () => {
  const { status, text } = await ask(LOOKING, "/readyz");
  assert.equal(status, 503);
  const { checks, ...rest } = JSON.parse(text);
  assert.deepEqual(rest, { status: "failed" });
  assert.deepEqual(
    checks.map(({ name, ok }: HealthCheck) => [name, ok]),
    [["serving", false], ["disk-full", true]],
  );
  const plain = await ask(LOOKING, "/readyz", { accept: "text/plain" });
  assert.match(plain.text, /^serving: there is no leader: [^\n]+\n$/);
});

Deno.test("health() asks more when it is asked strictly", async () => {
  const slow = { ...ALONE, loopDelayMs: 5000 };
  for (const [query, status] of [["", 200], ["?strict", 503], ["?strict=false", 200]] as const) {
    assert.equal((await ask(slow, `/readyz${query}`)).status, status, query);
  }
  const names = JSON.parse((await ask(slow, "/readyz?strict=1")).text).checks
    .map(({ name }: HealthCheck) => name);
  assert.deepEqual(names, ["serving", "disk-full", "fsync", "event-loop-delay", "disk-room-data"]);
});

Deno.test("health() answers HEAD without a body, and refuses what changes something", async () => {
  const head = await ask(LOOKING, "/readyz", { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [503, ""]);
  for (const method of ["POST", "PUT", "DELETE"]) {
    assert.equal((await ask(ALONE, "/livez", { method })).status, 405, method);
  }
});

// ---------------------------------------------------------------- of real servers

function statusOf(server: InProcessServer, url: string): Promise<number> {
  return ask(server.probe, url).then(({ status }) => status);
}

Deno.test("a server that stands alone is live, ready and started, until it stops", async () => {
  await using server = await InProcessServer.start();
  for (const url of ["/livez", "/readyz", "/startupz"]) {
    assert.equal(await statusOf(server, url), 200, url);
  }
  await server.close();
  assert.equal(await statusOf(server, "/readyz"), 503);
});

Deno.test("a member without a quorum is live, and neither ready nor started", async () => {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/myid`, "1");
  const address = () => `127.0.0.1:${freePort()}:${freePort()}`;
  await using server = await InProcessServer.start({
    dataDir: dir.path,
    config: {
      initLimit: 10,
      syncLimit: 5,
      "server.1": address(),
      "server.2": address(),
      "server.3": address(),
    },
  });
  assert.equal(await statusOf(server, "/livez"), 200);
  for (const url of ["/readyz", "/startupz"]) {
    const { status, text } = await ask(server.probe, url);
    assert.equal(status, 503, url);
    assert.match(text, /there is no leader: 1 of 3 voters are connected/);
  }
});
