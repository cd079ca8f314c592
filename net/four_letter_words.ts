/**
 * The four-letter words: which exist, which are enabled, and the text each is answered with.
 *
 * Text only, byte for byte ZooKeeper's; what is told comes from a {@linkcode FourLetterContext}.
 * Answers are pieces of text to be written one after another, each some kilobytes long and made when
 * it is asked for, so that a million watches neither fill memory nor hold up other clients.
 *
 * @module
 */
import { formatDecimal } from "../core/metrics/decimal.ts";
import { formatMetricValue } from "../core/metrics/metric_registry.ts";
import type { Logger } from "../core/ports.ts";
import { zxidToHex } from "../core/zxid.ts";
import { briefConnectionLine, connectionLine } from "./four_letter_connections.ts";
import type { FourLetterContext, ServerConfiguration } from "./four_letter_context.ts";
import { dumpLines, watchesByPathLines, watchesBySessionLines } from "./four_letter_dumps.ts";

export const FOUR_LETTER_WORDS = [
  "conf",
  "cons",
  "crst",
  "dirs",
  "dump",
  "envi",
  "gtmk",
  "hash",
  "isro",
  "mntr",
  "ruok",
  "srst",
  "srvr",
  "stat",
  "stmk",
  "wchc",
  "wchp",
  "wchs",
] as const;

export type FourLetterWord = (typeof FOUR_LETTER_WORDS)[number];

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";

/** Pieces of an answer are at least this long, the last one excepted. */
const CHUNK_CHARS_MIN = 16 * 1024;

export interface FourLetterWordsOptions {
  readonly context: FourLetterContext;
  /** `4lw.commands.whitelist`; `srvr` is enabled even when it is not among them. */
  readonly enabledWords: ReadonlySet<string> | "*";
  readonly logger: Logger;
}

export class FourLetterWords {
  readonly #context: FourLetterContext;
  readonly #enabledWords: ReadonlySet<string> | "*";
  readonly #logger: Logger;
  /** Words whose refusal was logged: a probe asks again every few seconds. */
  readonly #refusedWords = new Set<FourLetterWord>();

  constructor({ context, enabledWords, logger }: FourLetterWordsOptions) {
    this.#context = context;
    this.#enabledWords = enabledWords;
    this.#logger = logger;
  }

  /** The words that are answered, in alphabetical order. */
  get enabledWords(): FourLetterWord[] {
    return FOUR_LETTER_WORDS.filter((word) => this.isEnabled(word));
  }

  isEnabled(word: FourLetterWord): boolean {
    return word === "srvr" || this.#enabledWords === "*" || this.#enabledWords.has(word);
  }

  /**
   * The text to send before the connection is closed.
   *
   * @param argument the eight bytes after `stmk` as a signed long; null when there were fewer, and
   *   for all other words
   * @param remoteAddress for the log line that names the setting, when the word is not enabled
   */
  answer(
    word: FourLetterWord,
    { argument, remoteAddress }: { argument: bigint | null; remoteAddress: string },
  ): Iterable<string> {
    if (!this.isEnabled(word)) {
      this.#logRefusal(word, remoteAddress);
      return [`${word} is not executed because it is not in the whitelist.\n`];
    }
    const context = this.#context;
    switch (word) {
      case "ruok":
        return ["imok"];
      case "gtmk":
        return [String(context.traceMask)];
      case "stmk":
        return setTraceMask(context, argument);
      case "envi":
        return inChunks(environmentLines(context));
      case "isro":
        return [context.isServing ? context.isReadOnly ? "ro" : "rw" : "null"];
      case "hash":
        return context.isServing ? inChunks(digestLines(context)) : [NOT_SERVING];
      default:
        return context.isServing ? inChunks(linesOf(word, context)) : [`${NOT_SERVING}\n`];
    }
  }

  #logRefusal(word: FourLetterWord, remoteAddress: string): void {
    if (this.#refusedWords.has(word)) return;
    this.#refusedWords.add(word);
    this.#logger.warn(
      "refused a four-letter word: to enable it, add it to 4lw.commands.whitelist; " +
        "said once for each word",
      { word, remoteAddress, setting: "4lw.commands.whitelist" },
    );
  }
}

type ServingWord = Exclude<FourLetterWord, "ruok" | "gtmk" | "stmk" | "envi" | "isro" | "hash">;

function linesOf(word: ServingWord, context: FourLetterContext): Iterable<string> {
  switch (word) {
    case "conf":
      return configurationLines(context);
    case "cons":
      return connectionLines(context);
    case "crst":
      context.resetConnectionStats();
      return ["Connection stats reset.\n"];
    case "dirs":
      return dataDirLines(context);
    case "dump":
      return dumpLines(context);
    case "mntr":
      return monitorLines(context);
    case "srst":
      context.resetServerStats();
      return ["Server stats reset.\n"];
    case "srvr":
      return serverLines(context, { withClients: false });
    case "stat":
      return serverLines(context, { withClients: true });
    case "wchc":
      return watchesBySessionLines(context);
    case "wchp":
      return watchesByPathLines(context);
    case "wchs":
      return watchSummaryLines(context);
  }
}

/** Joins lines to pieces worth a write. */
function* inChunks(lines: Iterable<string>): IterableIterator<string> {
  let chunk = "";
  for (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_CHARS_MIN) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

function setTraceMask(context: FourLetterContext, argument: bigint | null): string[] {
  if (argument === null) return [];
  context.traceMask = argument;
  return [String(argument)];
}

function* environmentLines(context: FourLetterContext): IterableIterator<string> {
  yield "Environment:\n";
  for (const [key, value] of context.environment()) yield `${key}=${value}\n`;
}

function* digestLines(context: FourLetterContext): IterableIterator<string> {
  for (const { zxid, digest } of context.digests()) {
    yield `${zxidToHex(zxid)}: ${BigInt.asIntN(64, digest)}\n`;
  }
}

function* configurationLines(context: FourLetterContext): IterableIterator<string> {
  const configuration = context.configuration();
  const { dataDirBytes, dataLogDirBytes } = context.dataDirSizes();
  yield `clientPort=${configuration.clientPort}\n`;
  yield `secureClientPort=${configuration.secureClientPort}\n`;
  yield `dataDir=${configuration.dataDir}\n`;
  yield `dataDirSize=${dataDirBytes}\n`;
  yield `dataLogDir=${configuration.dataLogDir}\n`;
  yield `dataLogSize=${dataLogDirBytes}\n`;
  yield `tickTime=${configuration.tickTimeMs}\n`;
  yield `maxClientCnxns=${configuration.maxClientCnxns}\n`;
  yield `minSessionTimeout=${configuration.minSessionTimeoutMs}\n`;
  yield `maxSessionTimeout=${configuration.maxSessionTimeoutMs}\n`;
  yield `clientPortListenBacklog=${configuration.clientPortListenBacklog}\n`;
  yield `serverId=${configuration.serverId}\n`;
  yield* ensembleLines(configuration);
}

function* ensembleLines({ ensemble }: ServerConfiguration): IterableIterator<string> {
  if (ensemble === null) return;
  yield `initLimit=${ensemble.initLimit}\n`;
  yield `syncLimit=${ensemble.syncLimit}\n`;
  yield `electionAlg=${ensemble.electionAlg}\n`;
  yield `electionPort=${ensemble.electionPorts.join("|")}\n`;
  yield `quorumPort=${ensemble.quorumPorts.join("|")}\n`;
  yield `peerType=${ensemble.isObserver ? 1 : 0}\n`;
  if (ensemble.membership !== null) yield `membership: \n${ensemble.membership}`;
}

function* connectionLines(context: FourLetterContext): IterableIterator<string> {
  for (const connection of context.connections()) yield connectionLine(connection);
  yield "\n";
}

function* dataDirLines(context: FourLetterContext): IterableIterator<string> {
  const { dataDirBytes, dataLogDirBytes } = context.dataDirSizes();
  yield `datadir_size: ${dataDirBytes}\nlogdir_size: ${dataLogDirBytes}\n`;
}

function* monitorLines(context: FourLetterContext): IterableIterator<string> {
  yield `zk_version\t${context.version}\n`;
  yield `zk_server_state\t${context.mode}\n`;
  if (context.peerState !== null) yield `zk_peer_state\t${context.peerState}\n`;
  for (const value of context.metrics.values()) {
    yield `zk_${value.name}\t${formatMetricValue(value)}\n`;
  }
}

function* serverLines(
  context: FourLetterContext,
  { withClients }: { withClients: boolean },
): IterableIterator<string> {
  const { stats } = context;
  yield `Zookeeper version: ${context.version}\n`;
  if (context.isReadOnly) yield "READ-ONLY mode; serving only read-only clients\n";
  if (withClients) {
    yield "Clients:\n";
    for (const connection of context.connections()) yield briefConnectionLine(connection);
    yield "\n";
  }
  const average = formatDecimal(stats.avgLatencyMs);
  yield `Latency min/avg/max: ${stats.minLatencyMs}/${average}/${stats.maxLatencyMs}\n`;
  yield `Received: ${stats.packetsReceived}\n`;
  yield `Sent: ${stats.packetsSent}\n`;
  yield `Connections: ${context.connectionCount}\n`;
  yield `Outstanding: ${context.outstandingRequestCount}\n`;
  yield `Zxid: 0x${zxidToHex(context.lastProcessedZxid)}\n`;
  yield `Mode: ${context.mode}\n`;
  yield `Node count: ${context.nodeCount}\n`;
  if (context.mode === "leader") yield `Proposal sizes last/min/max: ${stats.proposal}\n`;
}

function* watchSummaryLines(context: FourLetterContext): IterableIterator<string> {
  const { connectionCount, pathCount, watchCount } = context.watchSummary();
  yield `${connectionCount} connections watching ${pathCount} paths\n`;
  yield `Total watches:${watchCount}\n`;
}
