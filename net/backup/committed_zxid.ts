/**
 * Asks a running server which txn it has committed last, by the word `srvr`.
 *
 * @module
 */
import type { Zxid } from "../../core/zxid.ts";
import { askWord } from "../server_questions.ts";

/** Far beyond what an answer takes; a server that needs longer is taken for one that does not answer. */
const TIMEOUT_MS = 5000;

export interface CommittedZxid {
  /** Null: the server stands alone, and what it has logged is committed. */
  readonly throughZxid: Zxid | null;
}

/** @throws when nothing, or no ZooKeeper server that serves, answers */
export async function committedZxidOf(
  { host, port }: { host: string; port: number },
): Promise<CommittedZxid> {
  const answer = await askWord({ host, port }, { word: "srvr", timeoutMs: TIMEOUT_MS });
  const zxid = /^Zxid: 0x([0-9a-f]+)$/m.exec(answer)?.[1];
  const mode = /^Mode: (.+)$/m.exec(answer)?.[1];
  if (zxid === undefined || mode === undefined) {
    throw new Error(`it answers "${answer.trim().split("\n")[0]}" to the word srvr`);
  }
  return { throughZxid: mode === "standalone" ? null : parseInt(zxid, 16) };
}
