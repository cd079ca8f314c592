import assert from "node:assert/strict";
import type { LogFields } from "../../core/ports.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { lastOperationCode } from "../../net/four_letter_connections.ts";
import type { FourLetterContext } from "../../net/four_letter_context.ts";
import {
  FOUR_LETTER_WORDS,
  type FourLetterWord,
  FourLetterWords,
} from "../../net/four_letter_words.ts";
import { formatJavaDate } from "../../net/java_date.ts";
import { silentLogger } from "../support/silent_logger.ts";
import {
  connectionOf,
  connectionsAfterCrst,
  expiryDumpOf,
  FIRST,
  recordedContext,
  SECOND,
} from "./four_letter_fixture.ts";

const TESTDATA = new URL("../testdata/four_letter_words/", import.meta.url);

function recorded(name: string): string {
  return Deno.readTextFileSync(new URL(`${name}.txt`, TESTDATA));
}

function ask(
  context: FourLetterContext,
  word: FourLetterWord,
  argument: bigint | null = null,
): string {
  const words = new FourLetterWords({ context, enabledWords: "*", logger: silentLogger });
  return [...words.answer(word, { argument, remoteAddress: "127.0.0.1" })].join("");
}

/** Dates in answers are local; those of the recording are UTC. */
function withLocalDates(text: string): string {
  return text.replace(/\w+ \w+ \d+ [\d:]+ UTC \d+/g, (date) => formatJavaDate(Date.parse(date)));
}

Deno.test("FourLetterWords.answer() is what a real server answered", () => {
  const context = recordedContext();
  const words: FourLetterWord[] = [
    "conf",
    "cons",
    "crst",
    "dirs",
    "gtmk",
    "hash",
    "isro",
    "ruok",
    "srst",
    "srvr",
    "wchc",
    "wchp",
    "wchs",
  ];
  for (const word of words) assert.equal(ask(context, word), recorded(word), word);
  assert.equal(ask(context, "dump"), withLocalDates(recorded("dump")));
  assert.equal(ask(context, "stmk", 306n), recorded("stmk"));
});

Deno.test("FourLetterWords.answer() lists connections in stat, and in cons after crst", () => {
  const context = recordedContext({
    connections: () =>
      [
        connectionOf(35068, { received: 1, sent: 0 }, null),
        connectionOf(34970, { received: 3, sent: 3 }, null),
        connectionOf(34956, { received: 136, sent: 136 }, null),
      ].map((connection, index) => ({ ...connection, interestOps: index === 0 ? 0 : 1 })),
  });
  context.stats.packetsReceived += 1;
  context.stats.packetsSent += 1;
  assert.equal(ask(context, "stat"), recorded("stat"));
  const afterCrst = recordedContext({ connections: connectionsAfterCrst });
  assert.equal(ask(afterCrst, "cons"), recorded("cons_after_crst"));
});

Deno.test("FourLetterWords.answer() to mntr begins with version and state", () => {
  const lines = ask(recordedContext(), "mntr").split("\n");
  assert.equal(lines[0], "zk_version\t3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC");
  assert.equal(lines[1], "zk_server_state\tstandalone");
  assert.equal(lines.pop(), "", "the last line ends");
  for (const line of lines.slice(2)) assert.match(line, /^zk_\w+\t-?\d+(\.\d+(E-?\d+)?)?$/);
  const names = new Set(lines.map((line) => line.split("\t")[0]));
  const realNames = recorded("mntr_names").trim().split("\n").map((line) => line.split("\t")[0]!);
  const missing = realNames.filter((name) => !names.has(name));
  assert.deepEqual(missing.filter((name) => !name.endsWith("_per_namespace")), []);

  const member = recordedContext({ mode: "follower", peerState: "following - broadcast" });
  assert.match(
    ask(member, "mntr"),
    /\nzk_server_state\tfollower\nzk_peer_state\tfollowing - broadcast\n/,
  );
});

Deno.test("FourLetterWords.answer() to envi is key=value lines", () => {
  assert.equal(
    ask(recordedContext(), "envi"),
    "Environment:\nzookeeper.version=3.8.0\nhost.name=localhost\n",
  );
});

Deno.test("FourLetterWords.answer() refuses words that are not enabled, as a real server does", () => {
  const logged: [string, LogFields | undefined][] = [];
  const logger = {
    ...silentLogger,
    warn: (text: string, fields?: LogFields) => logged.push([text, fields]),
  };
  const context = recordedContext({
    resetServerStats: () => assert.fail("srst was refused and done"),
  });
  const words = new FourLetterWords({ context, enabledWords: new Set(), logger });
  const answers = FOUR_LETTER_WORDS.filter((word) => word !== "srvr").map((word) =>
    [...words.answer(word, { argument: 1n, remoteAddress: "10.0.0.9" })].join("")
  );
  assert.equal(answers.join(""), recorded("refused"));
  assert.deepEqual(words.enabledWords, ["srvr"]);
  assert.equal(logged.length, FOUR_LETTER_WORDS.length - 1);
  assert.match(logged[0]![0], /4lw\.commands\.whitelist/);
  assert.deepEqual(logged[0]![1], {
    word: "conf",
    remoteAddress: "10.0.0.9",
    setting: "4lw.commands.whitelist",
  });
  words.answer("conf", { argument: null, remoteAddress: "10.0.0.9" });
  assert.equal(logged.length, FOUR_LETTER_WORDS.length - 1, "a word is logged once");
});

Deno.test("FourLetterWords.answer() says so when the server does not serve", () => {
  const context = recordedContext({ isServing: false });
  const answers = FOUR_LETTER_WORDS.filter((word) => word !== "envi" && word !== "stmk")
    .map((word) => `${word}: ${ask(context, word)}|\n`).join("");
  assert.equal(answers, recorded("not_serving"));
  assert.match(ask(context, "envi"), /^Environment:\n/);
  assert.equal(ask(context, "stmk", 5n), "5");
});

Deno.test("FourLetterWords.answer() to a read-only server says ro", () => {
  const context = recordedContext({ isReadOnly: true, mode: "read-only" });
  assert.equal(ask(context, "isro"), "ro");
  const [, second] = ask(context, "srvr").split("\n");
  assert.equal(second, "READ-ONLY mode; serving only read-only clients");
  const stat = ask(context, "stat").split("\n");
  assert.deepEqual(stat.slice(1, 3), [
    "READ-ONLY mode; serving only read-only clients",
    "Clients:",
  ]);
});

Deno.test("FourLetterWords.answer() to srvr has a leader's proposal sizes", () => {
  const context = recordedContext({ mode: "leader" });
  assert.match(ask(context, "srvr"), /Node count: 8\nProposal sizes last\/min\/max: -1\/-1\/-1\n$/);
});

Deno.test("FourLetterWords.answer() to conf has an ensemble member's settings", () => {
  const configuration = {
    ...recordedContext().configuration(),
    ensemble: {
      initLimit: 10,
      syncLimit: 5,
      electionAlg: 3,
      electionPorts: [3888, 3889],
      quorumPorts: [2888, 2889],
      isObserver: false,
      membership: "server.1=a:2888:3888:participant\nversion=0",
    },
  };
  const context = recordedContext({ configuration: () => configuration });
  const [, tail] = ask(context, "conf").split("serverId=0\n");
  assert.equal(
    tail,
    "initLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=3888|3889\nquorumPort=2888|2889\n" +
      "peerType=0\nmembership: \nserver.1=a:2888:3888:participant\nversion=0",
  );
});

Deno.test("FourLetterWords.answer() to dump has the sessions that the role knows", () => {
  const local = expiryDumpOf([["2026-11-22T21:56:41Z", [FIRST]]]);
  const global = expiryDumpOf([["2026-11-22T21:56:43Z", [SECOND]]]);
  const rest = {
    ephemerals: () => ({ sessionCount: 0, sessions: [] }),
    connectionExpiry: () => null,
  };
  const end = "ephemeral nodes dump:\nSessions with Ephemerals (0):\nConnections dump:\n";
  const leader = recordedContext({
    ...rest,
    sessions: () => ({ kind: "ownerWithLocal", local, global }),
  });
  assert.equal(
    ask(leader, "dump"),
    withLocalDates(
      "SessionTracker dump:\n" +
        "Local Session Sets (1)/(1):\n1 expire at Sun Nov 22 21:56:41 UTC 2026:\n\t0x100001e3d0c0000\n" +
        "Global Session Sets (1)/(1):\n1 expire at Sun Nov 22 21:56:43 UTC 2026:\n\t0x100001e3d0c0001\n" +
        end,
    ),
  );
  const follower = recordedContext({
    ...rest,
    sessions: () => ({
      kind: "learner",
      local: null,
      globalCount: 1,
      global: [{ sessionId: FIRST, timeoutMs: 10000 }],
    }),
  });
  assert.equal(
    ask(follower, "dump"),
    "SessionTracker dump:\nGlobal Sessions(1):\n0x100001e3d0c0000\t10000ms\n" + end,
  );
});

Deno.test("FourLetterWords.answer() to stmk sets the mask, and is silent without one", () => {
  const context = recordedContext();
  assert.equal(ask(context, "stmk", -2n), "-2");
  assert.equal(ask(context, "gtmk"), "-2");
  assert.equal(ask(context, "stmk", null), "");
  assert.equal(ask(context, "gtmk"), "-2");
});

Deno.test("FourLetterWords.answer() resets through the context", () => {
  const reset: string[] = [];
  const context = recordedContext({
    resetConnectionStats: () => reset.push("connections"),
    resetServerStats: () => reset.push("server"),
  });
  ask(context, "crst");
  ask(context, "srst");
  assert.deepEqual(reset, ["connections", "server"]);
});

Deno.test("FourLetterWords.answer() comes in pieces, each made when it is asked for", () => {
  let made = 0;
  const watchCount = 100_000;
  const context = recordedContext({
    *watchesByPath() {
      for (; made < watchCount; made += 1) {
        yield { path: `/fan-out/${made}`, sessionIds: [FIRST] };
      }
    },
  });
  const words = new FourLetterWords({ context, enabledWords: "*", logger: silentLogger });
  const options = { argument: null, remoteAddress: "127.0.0.1" };
  let chunkCount = 0;
  let lineCount = 0;
  for (const chunk of words.answer("wchp", options)) {
    if (chunkCount === 0) assert.ok(made < 2000, "the first piece needs few watches");
    assert.ok(chunk.length < 64 * 1024);
    chunkCount += 1;
    lineCount += chunk.split("\n").length - 1;
  }
  assert.equal(lineCount, 2 * watchCount + 1);
  assert.ok(chunkCount > 100);
});

Deno.test("lastOperationCode() names operations as connection lines of a real server do", () => {
  const cases: [number, string][] = [
    [OpCode.Create, "CREA"],
    [OpCode.Create2, "CREA"],
    [OpCode.CreateContainer, "CREA"],
    [OpCode.CreateTtl, "CREA"],
    [OpCode.GetChildren2, "GETC"],
    [OpCode.SetWatches2, "STW2"],
    [OpCode.GetAllChildrenNumber, "GETACN"],
    [OpCode.WhoAmI, "HOMI"],
    [OpCode.CreateSession, "SESS"],
    [OpCode.Sasl, "NA"],
    [OpCode.Error, "NA"],
    [77, "NA"],
  ];
  for (const [opCode, code] of cases) assert.equal(lastOperationCode(opCode), code);
});
