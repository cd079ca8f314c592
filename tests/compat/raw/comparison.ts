/**
 * Compares two transcripts of one conversation and says where they part, with what was asked before.
 *
 * @module
 */
import type { Difference } from "./conversation.ts";

/** Differences that may show in any conversation. */
const EVERYWHERE: readonly Difference[] = [{
  java: /^event xid=-1 zxid=-1 /,
  denkeeper: /^event xid=-1 zxid=(z\+)?\d+ /,
  why: "since 3.9 an event carries the zxid of the txn that fired it; before that -1",
}];

export interface Comparison {
  /** One text a difference that is not accepted; empty when the transcripts agree. */
  readonly differences: readonly string[];
  /** Accepted differences that did not show: the list should lose them. */
  readonly unused: readonly Difference[];
}

export function compareTranscripts(
  java: readonly string[],
  ours: readonly string[],
  accepted: readonly Difference[],
): Comparison {
  const differences: string[] = [];
  const unused = new Set(accepted);
  let lastRequest = "";
  const lineCount = Math.max(java.length, ours.length);
  for (let i = 0; i < lineCount; i++) {
    const [theirs = "nothing", own = "nothing"] = [java[i], ours[i]];
    // What we send may hold zxids and session ids of the run: it is shown, not compared.
    if (isRequest(theirs) && isRequest(own)) {
      lastRequest = own;
      continue;
    }
    if (theirs === own) continue;
    const rule = [...accepted, ...EVERYWHERE].find((rule) => accepts(rule, theirs, own));
    if (rule === undefined) {
      differences.push(`after ${lastRequest}\n  java:      ${theirs}\n  denkeeper: ${own}`);
      // The rest of a transcript that lost or gained a line says nothing.
      if (isRequest(theirs) !== isRequest(own)) break;
    } else {
      unused.delete(rule);
    }
  }
  return { differences, unused: [...unused] };
}

function isRequest(line: string): boolean {
  return /^\w+ > /.test(line);
}

function accepts(rule: Difference, theirs: string, own: string): boolean {
  const [name, ownName] = [theirs, own].map((line) => line.split(" < ")[0]);
  if (name !== ownName || !matches(rule.java, theirs) || !matches(rule.denkeeper, own)) {
    return false;
  }
  if (!EVERYWHERE.includes(rule)) return true;
  // But for the zxid the event is the same.
  const withoutZxid = (line: string) => line.replace(/ zxid=\S+/, "");
  return withoutZxid(theirs) === withoutZxid(own);
}

function matches(pattern: string | RegExp, line: string): boolean {
  const text = line.slice(line.indexOf(" < ") + 3);
  return typeof pattern === "string" ? text === pattern : pattern.test(text);
}
