/**
 * The four-letter words: the same text from both servers, but for numbers, versions and places.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withBoth } from "../support/compared.ts";
import { eventually } from "../support/eventually.ts";
import { testWith } from "../support/prerequisites.ts";
import { RawClient } from "../support/raw_client.ts";
import {
  addWatchPersistent,
  create,
  exists,
  Flags,
  getChildren,
  getData,
} from "../support/requests.ts";
import { type ServerProcess, word } from "../support/server_process.ts";
import { compareSections } from "./sections.ts";

const needs = ["java", "javaServer"] as const;
const WORDS = [
  "ruok",
  "isro",
  "srvr",
  "stat",
  "cons",
  "dump",
  "conf",
  "wchs",
  "wchc",
  "wchp",
  "dirs",
  "gtmk",
  "crst",
  "cons",
  "srst",
  "srvr",
];

/**
 * Sessions that end in the same tick share such a line: how many there are depends on the moment when
 * each was touched. What our `dump` counts is in `tests/net/server_view_test.ts`.
 */
const EXPIRY_LINE = /^\d+ expire at \w{3} \w{3} \d\d \d\d:\d\d:\d\d \S+ \d{4}:$/gm;

testWith(needs, "four-letter words, all of them whitelisted", async (t) => {
  const options = { config: { "4lw.commands.whitelist": "*" } };
  const transcripts = await withBoth(options, async (server) => {
    await eventually("the probes of the start are gone", async () => {
      return (await word(server.clientPort, "srvr")).includes("\nConnections: 1\n");
    });
    using client = await someState(server.clientPort);
    let transcript = "";
    for (const [i, letters] of WORDS.entries()) {
      transcript += `== ${i} ${letters}\n${
        normalized(await word(server.clientPort, letters), server)
      }\n`;
    }
    const mask = new Uint8Array(12);
    mask.set(new TextEncoder().encode("stmk"));
    new DataView(mask.buffer).setBigInt64(4, 306n);
    transcript += `== stmk\n${await answerTo(server.clientPort, mask)}\n`;
    transcript += `== gtmk after stmk\n${await word(server.clientPort, "gtmk")}\n`;
    transcript += `== ruok and a line end\n${await word(server.clientPort, "ruok\r\n")}\n`;
    transcript += `== ruok in pieces\n${await inPieces(server.clientPort, "ruok")}\n`;
    await client.endSession();
    return transcript;
  });
  await compareSections(t, ...transcripts);
});

testWith(needs, "four-letter words, only srvr whitelisted", async (t) => {
  const transcripts = await withBoth({}, async ({ clientPort }) => {
    let transcript = "";
    for (const letters of new Set([...WORDS, "mntr", "envi", "abcd", "RUOK"])) {
      if (letters === "srvr") continue;
      transcript += `== ${letters}\n${await word(clientPort, letters)}\n`;
    }
    return transcript;
  });
  await compareSections(t, ...transcripts);
});

testWith(needs, "mntr and envi have every key of the Java server's", async (t) => {
  const options = { config: { "4lw.commands.whitelist": "*" } };
  const [java, ours] = await withBoth(options, async ({ clientPort }) => {
    using client = await someState(clientPort);
    const [mntr, envi] = [await word(clientPort, "mntr"), await word(clientPort, "envi")];
    await client.endSession();
    return { mntr: keysOf(mntr, "\t"), envi: keysOf(envi, "=") };
  });
  for (const name of ["mntr", "envi"] as const) {
    await t.step(name, () => {
      const missing = [...java[name]].filter((key) => !ours[name].has(key));
      assert.deepEqual(missing, []);
    });
  }
});

testWith(needs, "conf tells the whole path of a relative dataDir", async (t) => {
  const options = {
    config: { dataDir: "./data", dataLogDir: "logs/txns", "4lw.commands.whitelist": "conf" },
  };
  const transcripts = await withBoth(options, async ({ clientPort }) => {
    const [dir, logDir] = (await word(clientPort, "conf")).match(/(?<=Dir=).*/g)!;
    return `== dataDir\n${pathIn(dir!)}\n== dataLogDir\n${pathIn(logDir!)}\n`;
  });
  await compareSections(t, ...transcripts);
});

testWith(needs, "four-letter words are counted as packets, and by no queue", async (t) => {
  const options = { config: { "4lw.commands.whitelist": "srvr, srst, ruok, envi, mntr" } };
  const transcripts = await withBoth(options, async ({ clientPort }) => {
    let transcript = "";
    // the first resets; isro is not enabled, and xxxx is no word
    for (const letters of ["srst", "ruok", "isro", "xxxx", "envi", "srvr", "mntr"]) {
      const answer = await word(clientPort, letters);
      const counts = answer.match(/^(Received|Sent|zk_packets_\w+|zk_prep_\w+_queued)\b.*$/gm) ??
        [];
      transcript += `== ${letters}\n${counts.sort().join("\n")}\n`;
    }
    return transcript;
  });
  await compareSections(t, ...transcripts);
});

/** A session with nodes, an ephemeral and watches, for the words to tell of. */
async function someState(port: number): Promise<RawClient> {
  const client = await RawClient.session(port);
  await client.must(create("/words"));
  await client.must(create("/words/e", { flags: Flags.ephemeral }));
  await client.must(getData("/words", true));
  await client.must(getChildren("/words", true));
  await client.must(addWatchPersistent("/words/e"));
  await client.call(exists("/words/none", true));
  return client;
}

async function answerTo(port: number, bytes: Uint8Array): Promise<string> {
  using client = await RawClient.open(port);
  await client.sendBytes(bytes);
  return new TextDecoder().decode(await client.receiveAll());
}

async function inPieces(port: number, letters: string): Promise<string> {
  using client = await RawClient.open(port);
  for (const letter of letters) await client.sendBytes(new TextEncoder().encode(letter));
  return new TextDecoder().decode(await client.receiveAll());
}

function keysOf(text: string, separator: string): Set<string> {
  return new Set(
    text.split("\n").filter((line) => line.includes(separator)).map((line) =>
      line.slice(0, line.indexOf(separator))
    ),
  );
}

/** Without the server's own directory, which differs. */
function pathIn(path: string): string {
  return path.replace(/^\/.*\/denkeeper-test-[^/]*/, "DIR");
}

function normalized(text: string, { dataDir }: ServerProcess): string {
  return text
    .replaceAll(dataDir, "DATADIR")
    .replace(/^Zookeeper version: .*$/m, "Zookeeper version: V")
    .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replace(/0x[1-9a-f][0-9a-f]{10,}/g, "SESSION")
    .replace(/^clientPort=.*$/m, "clientPort=PORT")
    // Latencies, sizes, counts of bytes and packets, and times.
    .replace(/(Latency min\/avg\/max: |\w+_size: |data\w+Size=).*$/gm, "$1N")
    .replace(/(Received: |Sent: )\d+/g, "$1N")
    .replace(/(recved|sent|est|llat|minlat|avglat|maxlat|lresp)=[\d.]+/g, "$1=N")
    .replace(/Sets \(\d+\)/g, "Sets (N)")
    .replace(EXPIRY_LINE, "N expire at TIME:")
    .split("\n").sort()
    .filter((line, i, lines) => line !== "N expire at TIME:" || line !== lines[i - 1])
    .join("\n");
}
